//! A follower cuts its log at each message, also where it agrees: one that comes late erases entries that
//! were acknowledged since.

use crate::raft::{self, Rules};
use crate::{Bug, runs};

#[derive(Default)]
struct ErasesWhatAgrees;

impl Rules for ErasesWhatAgrees {
    fn keeps_what_agrees() -> bool {
        false
    }
}

pub(super) const BUG: Bug = Bug {
    name: "raft-erases-what-agrees",
    what: "entries that agree are erased by a late message",
    source: "zhebrak/raftos#26, found by SandTable (EuroSys 2024); the Students' Guide to Raft (2016)",
    seen_by: "invariant",
    ..raft::bug::<ErasesWhatAgrees>(runs::STORE)
};
