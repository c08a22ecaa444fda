//! A leader that is deposed tells clients that their writes failed; its successor may commit them.

use crate::raft::{self, Rules};
use crate::{Bug, runs};

#[derive(Default)]
struct RefusesWhatWaited;

impl Rules for RefusesWhatWaited {
    fn refuses_what_waited() -> bool {
        true
    }
}

pub(super) const BUG: Bug = Bug {
    name: "raft-refuses-what-waited",
    what: "writes that may still be committed are refused",
    source: "Jepsen, Redis-Raft 1b3fbf6 (2020), aborted reads",
    seen_by: "linearizability",
    ..raft::bug::<RefusesWhatWaited>(runs::STORE)
};
