//! A command that the network doubles on its way to the leader is carried out twice.

use crate::raft::{self, Rules};
use crate::{Bug, runs};

#[derive(Default)]
struct AppliedTwice;

impl Rules for AppliedTwice {
    fn applies_once() -> bool {
        false
    }
}

pub(super) const BUG: Bug = Bug {
    name: "raft-applied-twice",
    what: "a command that comes twice is carried out twice",
    source: "Ongaro's thesis (2014), section 6.3; TiDB's automatic retries, Jepsen (2019)",
    seen_by: "linearizability",
    ..raft::bug::<AppliedTwice>(runs::STORE)
};
