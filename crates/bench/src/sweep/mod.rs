//! Many seeds: which of them, and on how many threads.

pub mod search;
pub mod seeds;
