//! A leader holds what it has sent for stored: it commits what nobody else has.

use crate::raft::{self, Rules};
use crate::{Bug, runs};

#[derive(Default)]
struct SentIsMatched;

impl Rules for SentIsMatched {
    fn matched_when_sent(before: usize, sent: usize) -> usize {
        before.max(sent)
    }
}

pub(super) const BUG: Bug = Bug {
    name: "raft-sent-is-matched",
    what: "what was sent counts as stored",
    source: "Redis' asynchronous replication, Jepsen (2013)",
    seen_by: "invariant",
    ..raft::bug::<SentIsMatched>(runs::STORE)
};
