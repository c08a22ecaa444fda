//! A follower takes entries without comparing the term of the one before them.

use crate::Bug;
use crate::raft::{self, Rules};

#[derive(Default)]
struct PreviousNotCompared;

impl Rules for PreviousNotCompared {
    fn follows(own: Option<u64>, _: u64) -> bool {
        own.is_some()
    }
}

pub(super) const BUG: Bug = Bug {
    name: "raft-previous-not-compared",
    what: "the entry before those sent is not compared",
    source: "Ongaro and Ousterhout (2014), section 5.3; willemt/raft#118",
    seen_by: "invariant",
    ..raft::bug::<PreviousNotCompared>(raft::RUN)
};
