//! The checkers from outside: against brute force, against an independent crate, and on histories
//! that were tampered with.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bounds;
mod brute_force;
mod clusters;
mod explained;
mod generator;
mod independent;
mod linearizable;
mod log;
mod membership;
mod models;
mod mutation;
mod set;
mod transactions;
