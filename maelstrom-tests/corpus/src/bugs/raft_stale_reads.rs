//! A leader answers reads from its state without asking whether it still leads: one that was cut off
//! serves what has long been overwritten.

use crate::raft::{self, Rules};
use crate::{Bug, runs};

#[derive(Default)]
struct StaleReads;

impl Rules for StaleReads {
    fn reads_at_once() -> bool {
        true
    }
}

pub(super) const BUG: Bug = Bug {
    name: "raft-stale-reads",
    what: "a leader answers reads at once, from its state",
    source: "Jepsen, etcd and Consul (2014); Jepsen, Redis-Raft 1b3fbf6 (2020); adjoint-io/raft#41",
    seen_by: "linearizability",
    ..raft::bug::<StaleReads>(runs::STORE)
};
