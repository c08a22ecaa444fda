//! A candidate that becomes a follower forgets that it voted for itself, and votes again in that term.

use crate::raft::{self, Rules};
use crate::{Bug, runs};

#[derive(Default)]
struct VoteDroppedInTerm;

impl Rules for VoteDroppedInTerm {
    fn forgets_vote_in_term() -> bool {
        true
    }
}

pub(super) const BUG: Bug = Bug {
    name: "raft-vote-dropped-in-term",
    what: "a candidate that follows forgets its vote of that term",
    source: "ktoso/akka-raft#56 (a candidate), found by DEMi (NSDI 2016); hazelcast/hazelcast#16643 (a leader)",
    seen_by: "invariant",
    ..raft::bug::<VoteDroppedInTerm>(runs::STORE)
};
