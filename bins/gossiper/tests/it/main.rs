//! The gossiper in virtual time, and as a real process.

mod challenges;
mod faults;
mod heal;
mod tree_failure;
mod world;
