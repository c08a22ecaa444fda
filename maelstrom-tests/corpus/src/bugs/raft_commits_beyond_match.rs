//! A follower commits as far as its leader, also where it has entries that are not the leader's.

use crate::raft::{self, Rules};
use crate::{Bug, runs};

#[derive(Default)]
struct CommitsBeyondMatch;

impl Rules for CommitsBeyondMatch {
    fn follower_commits(leader: usize, _: usize, length: usize) -> usize {
        leader.min(length)
    }
}

pub(super) const BUG: Bug = Bug {
    name: "raft-commits-beyond-match",
    what: "a follower commits beyond what it knows to agree",
    source: "atomix/copycat#265; the Students' Guide to Raft (2016)",
    seen_by: "invariant",
    ..raft::bug::<CommitsBeyondMatch>(runs::STORE)
};
