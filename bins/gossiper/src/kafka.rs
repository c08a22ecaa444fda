//! Maelstrom's `kafka` workload: a log of messages for each key.

pub use proto::kafka::{Message as Body, Offset};

pub mod services;
pub mod single;

/// How many messages of one key a poll brings at most.
pub const POLL_MAX: usize = 100;
