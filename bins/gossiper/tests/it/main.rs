//! The gossiper in virtual time, and as a real process.

#![expect(clippy::unwrap_used, reason = "a test fails where it finds nothing")]

mod challenges;
mod faults;
mod heal;
mod process;
mod tree_failure;
mod world;
