//! Every node answers reads from its own state, however far behind it is.

use crate::Bug;
use crate::raft::{self, Rules};

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
    source: "ZooKeeper's documented reads; Jepsen, etcd and Consul (2014), reads with `consistent=false`",
    seen_by: "linearizability",
    ..raft::bug::<FollowerReads>(raft::RUN)
};
