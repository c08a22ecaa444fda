//! A leader believes any answer about how far a follower agrees, also a late one.

use crate::raft::{self, Rules};
use crate::{Bug, runs};

#[derive(Default)]
struct MatchFalls;

impl Rules for MatchFalls {
    fn matched_after(_: usize, now: usize) -> usize {
        now
    }
}

pub(super) const BUG: Bug = Bug {
    name: "raft-match-falls",
    what: "a leader unlearns how far a follower agrees",
    source: "bakwc/PySyncObj#167 and zhebrak/raftos#25, found by SandTable (EuroSys 2024); wenweihu86/raft-java#53",
    seen_by: "invariant",
    ..raft::bug::<MatchFalls>(runs::STORE)
};
