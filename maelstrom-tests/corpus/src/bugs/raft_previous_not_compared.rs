//! A follower takes entries without comparing the term of the one before them.

use crate::raft::{self, Rules};
use crate::{Bug, runs};

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
    source: "jasonrogena/lightraft#11; Ongaro and Ousterhout (2014), section 5.3",
    seen_by: "invariant",
    ..raft::bug::<PreviousNotCompared>(runs::STORE)
};
