//! A follower believes any message about how far is committed, also a late one.

use crate::raft::{self, Rules};
use crate::{Bug, runs};

#[derive(Default)]
struct CommitFalls;

impl Rules for CommitFalls {
    fn committed_after(_: usize, now: usize) -> usize {
        now
    }
}

pub(super) const BUG: Bug = Bug {
    name: "raft-commit-falls",
    what: "the commit index of a follower falls",
    source: "bakwc/PySyncObj#166, found by SandTable (EuroSys 2024)",
    seen_by: "invariant",
    ..raft::bug::<CommitFalls>(runs::STORE)
};
