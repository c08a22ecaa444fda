//! A follower removes entries in memory and not on disk: after a restart they are back, behind those that
//! took their place.

use crate::raft::{self, Rules};
use crate::{Bug, runs};

#[derive(Default)]
struct TruncationNotStored;

impl Rules for TruncationNotStored {
    fn stores_truncation() -> bool {
        false
    }
}

pub(super) const BUG: Bug = Bug {
    name: "raft-truncation-not-stored",
    what: "the removal of entries is not stored",
    source: "a mutation of this project's own Raft that its tests once let live; baidu/braft#119 (a truncation that a crash cuts short)",
    seen_by: "invariant",
    ..raft::bug::<TruncationNotStored>(runs::STORE)
};
