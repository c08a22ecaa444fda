//! Raft in whole clusters: golden scripts and random schedules.

mod golden;
mod late;
mod members;
mod random_schedule;
mod script_cluster;
mod single;
mod store;
