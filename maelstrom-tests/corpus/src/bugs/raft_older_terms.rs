//! A leader commits entries of earlier terms because a majority has them (figure 8 of the paper): such an
//! entry can still be overwritten.

use crate::Bug;
use crate::raft::{self, Rules};

#[derive(Default)]
struct OlderTerms;

impl Rules for OlderTerms {
    fn may_commit(_: u64, _: u64) -> bool {
        true
    }
}

pub(super) const BUG: Bug = Bug {
    name: "raft-older-terms",
    what: "entries of earlier terms are committed by counting",
    source: "Ongaro and Ousterhout (2014), figure 8; logcabin/logcabin#44; bakwc/PySyncObj#169",
    seen_by: "invariant",
    ..raft::bug::<OlderTerms>(raft::RUN)
};
