//! What each clock promises, against explicit causal histories: every run is drawn from a seed.

#![expect(clippy::unwrap_used, reason = "a test fails where it finds nothing")]

mod history;
mod hybrid;
mod lamport;
mod snowflake;
mod vector;
mod version;
