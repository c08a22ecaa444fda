//! Term and vote are not stored: after a restart a node votes once more in the same term.

use crate::Bug;
use crate::raft::{self, Rules};

#[derive(Default)]
struct ForgottenBallot;

impl Rules for ForgottenBallot {
    fn stores_ballot() -> bool {
        false
    }
}

pub(super) const BUG: Bug = Bug {
    name: "raft-forgotten-ballot",
    what: "term and vote are not stored",
    source: "Ongaro and Ousterhout (2014), figure 2 (persistent state); ktoso/akka-raft, found by DEMi (NSDI 2016)",
    seen_by: "invariant",
    ..raft::bug::<ForgottenBallot>(raft::RUN)
};
