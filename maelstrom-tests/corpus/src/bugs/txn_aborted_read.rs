//! The writes of a transaction that is aborted stay.

use crate::Bug;
use crate::txn::{self, Rules};

#[derive(Default)]
struct AbortedRead;

impl Rules for AbortedRead {
    fn keeps_aborted() -> bool {
        true
    }
}

pub(super) const BUG: Bug = Bug {
    name: "txn-aborted-read",
    what: "the writes of an aborted transaction stay",
    source: "Jepsen, MongoDB 4.2.6 (2020) and Redis-Raft 1b3fbf6 (2020): G1a",
    ..txn::bug::<AbortedRead>()
};
