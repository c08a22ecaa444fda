//! What is committed is whatever was said last, also if that is less.

use crate::Bug;
use crate::logs::{self, Rules};

#[derive(Default)]
struct CommitFalls;

impl Rules for CommitFalls {
    fn committed(_: u64, now: u64) -> u64 {
        now
    }
}

pub(super) const BUG: Bug = Bug {
    name: "log-commit-falls",
    what: "committed offsets go back",
    source: "Gossip Glomers, challenge 5, where two consumers commit",
    ..logs::bug::<CommitFalls>()
};
