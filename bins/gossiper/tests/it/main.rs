//! The gossiper in virtual time, and as a real process.

#![expect(clippy::unwrap_used, reason = "a test fails where it finds nothing")]

mod challenges;
mod crdt;
mod crdt_stores;
mod damage;
mod detour;
mod faults;
mod heal;
mod latency;
mod neighbours;
mod process;
mod rounds;
mod scale;
mod siblings;
mod tree_failure;
mod world;
