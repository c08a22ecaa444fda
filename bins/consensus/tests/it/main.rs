//! The node in whole clusters, in virtual time, and alone against a script, and as processes.

#![expect(clippy::unwrap_used, reason = "a test fails where it finds nothing")]

mod bft_store;
mod bounds;
mod faults;
mod figures;
mod lonely;
mod membership;
mod multi_paxos;
mod network;
mod processes;
mod promise;
mod refusals;
mod services;
mod sometimes;
mod storage;
mod store_cluster;
mod strangers;
