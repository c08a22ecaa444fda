//! A candidate counts votes that were given to it in an earlier term.

use crate::raft::{self, Rules};
use crate::{Bug, runs};

#[derive(Default)]
struct VoteOfAnyTerm;

impl Rules for VoteOfAnyTerm {
    fn counts_vote(_: u64, _: u64) -> bool {
        true
    }
}

pub(super) const BUG: Bug = Bug {
    name: "raft-vote-of-any-term",
    what: "votes of earlier terms are counted",
    source: "eatonphil/raft-rs#3; xnnyygn/xraft#33, found by SandTable (EuroSys 2024)",
    seen_by: "invariant",
    ..raft::bug::<VoteOfAnyTerm>(runs::STORE)
};
