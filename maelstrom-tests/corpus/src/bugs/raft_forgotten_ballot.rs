//! Term and vote are not stored: after a restart a node votes once more in the same term.

use crate::raft::{self, Rules};
use crate::{Bug, runs};

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
    source: "bakwc/PySyncObj#202; Ongaro and Ousterhout (2014), figure 2 (persistent state)",
    seen_by: "invariant",
    ..raft::bug::<ForgottenBallot>(runs::STORE)
};
