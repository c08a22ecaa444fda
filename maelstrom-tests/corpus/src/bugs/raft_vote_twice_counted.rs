//! A candidate counts votes and not voters: one that arrives twice counts twice.

use proto::NodeId;

use crate::raft::{self, Rules};
use crate::{Bug, runs};

#[derive(Default)]
struct VoteTwiceCounted;

impl Rules for VoteTwiceCounted {
    fn add_vote(votes: &mut Vec<NodeId>, from: NodeId) {
        votes.push(from);
    }
}

pub(super) const BUG: Bug = Bug {
    name: "raft-vote-twice-counted",
    what: "a vote that arrives twice counts twice",
    source: "ktoso/akka-raft#45, found by DEMi (NSDI 2016)",
    seen_by: "invariant",
    ..raft::bug::<VoteTwiceCounted>(runs::STORE)
};
