//! The node in whole clusters, in virtual time.

mod faults;
