//! The node in whole clusters, in virtual time, and alone against a script.

mod bounds;
mod faults;
mod figures;
mod lonely;
mod promise;
mod refusals;
mod storage;
mod strangers;
