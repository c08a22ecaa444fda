//! Counting majorities: of one set of voters, or of two while the members change.

pub mod joint;
pub mod majority;

pub use majority::{quorum, reached_by_quorum};
