//! A voter gives its vote to everybody who asks in a term.

use proto::NodeId;

use crate::raft::{self, Rules};
use crate::{Bug, runs};

#[derive(Default)]
struct TwoVotes;

impl Rules for TwoVotes {
    fn may_vote(_: Option<&NodeId>, _: &NodeId) -> bool {
        true
    }
}

pub(super) const BUG: Bug = Bug {
    name: "raft-two-votes",
    what: "a node votes for two candidates in a term",
    source: "camunda/camunda#5356 and #5368; vesoft-inc/nebula#2405",
    seen_by: "invariant",
    ..raft::bug::<TwoVotes>(runs::STORE)
};
