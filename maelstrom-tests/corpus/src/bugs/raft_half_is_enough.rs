//! Half of the nodes elect a leader, so that in a cluster of four both halves have one.

use crate::raft::{self, Rules};
use crate::{Bug, runs};

#[derive(Default)]
struct HalfIsEnough;

impl Rules for HalfIsEnough {
    fn majority(nodes: usize) -> usize {
        nodes.div_ceil(2)
    }
}

pub(super) const BUG: Bug = Bug {
    name: "raft-half-is-enough",
    what: "half of the nodes elect a leader",
    source: "mgodave/barge#64 and #68 (a majority that is not strict)",
    seen_by: "invariant",
    ..raft::bug::<HalfIsEnough>(runs::STORE_OF_FOUR)
};
