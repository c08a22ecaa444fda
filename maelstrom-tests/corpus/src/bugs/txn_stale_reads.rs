//! Transactions that only read see the state of two commits ago.

use crate::Bug;
use crate::txn::{self, Rules};

#[derive(Default)]
struct StaleReads;

impl Rules for StaleReads {
    fn age(reads_only: bool) -> usize {
        if reads_only { 2 } else { 0 }
    }
}

pub(super) const BUG: Bug = Bug {
    name: "txn-stale-reads",
    what: "transactions that only read see an old state",
    source: "Jepsen, VoltDB 6.3 (2016); Jepsen, Dgraph 1.0.2 (2018)",
    ..txn::bug::<StaleReads>()
};
