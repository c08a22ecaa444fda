//! A leader commits entries of earlier terms because a majority has them (figure 8 of the paper): such an
//! entry can still be overwritten.

use crate::raft::{self, Rules};
use crate::{Bug, runs};

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
    source: "logcabin/logcabin#44; canonical/raft#220; bakwc/PySyncObj#169; Ongaro and Ousterhout (2014), figure 8",
    seen_by: "invariant",
    ..raft::bug::<OlderTerms>(runs::STORE)
};
