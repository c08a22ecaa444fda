//! A voter compares the length of logs before their terms: not the order that the proof needs.

use crate::raft::{self, Last, Rules};
use crate::{Bug, runs};

#[derive(Default)]
struct LongestLog;

impl Rules for LongestLog {
    fn is_up_to_date(candidate: Last, voter: Last) -> bool {
        (candidate.index, candidate.term) >= (voter.index, voter.term)
    }
}

pub(super) const BUG: Bug = Bug {
    name: "raft-longest-log",
    what: "logs are compared by length before term",
    source: "ZOOKEEPER-1419 (an election by an order that is none); the Students' Guide to Raft (2016)",
    seen_by: "invariant",
    ..raft::bug::<LongestLog>(runs::STORE)
};
