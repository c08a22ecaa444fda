//! Every node answers reads from its own state, however far behind it is.

use crate::raft::{self, Rules};
use crate::{Bug, runs};

#[derive(Default)]
struct FollowerReads;

impl Rules for FollowerReads {
    fn follower_reads() -> bool {
        true
    }
}

pub(super) const BUG: Bug = Bug {
    name: "raft-follower-reads",
    what: "every node answers reads at once, from its state",
    source: "xnnyygn/xraft#39, found by SandTable (EuroSys 2024); reads of etcd with `consistent=false`, Jepsen (2014)",
    seen_by: "linearizability",
    ..raft::bug::<FollowerReads>(runs::STORE)
};
