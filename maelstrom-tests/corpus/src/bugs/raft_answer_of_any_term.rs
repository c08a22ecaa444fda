//! A leader counts an acknowledgement of what it sent when it led before, and which was overwritten since.

use crate::raft::{self, Rules};
use crate::{Bug, runs};

#[derive(Default)]
struct AnswerOfAnyTerm;

impl Rules for AnswerOfAnyTerm {
    fn counts_answer(_: u64, _: u64) -> bool {
        true
    }
}

pub(super) const BUG: Bug = Bug {
    name: "raft-answer-of-any-term",
    what: "acknowledgements of earlier terms count",
    source: "atomix/copycat#29 (what followers had in an earlier term counts); a mutation of this project's own Raft that its tests once let live",
    seen_by: "invariant",
    ..raft::bug::<AnswerOfAnyTerm>(runs::STORE)
};
