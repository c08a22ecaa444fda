//! The checkers from outside: against brute force, against an independent crate, and on histories
//! that were tampered with.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod brute_force;
mod generator;
mod linearizable;
mod mutation;
