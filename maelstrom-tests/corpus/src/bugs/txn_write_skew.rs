//! Only what a transaction writes is compared, not what it read: snapshot isolation.

use crate::Bug;
use crate::txn::{self, Rules};

#[derive(Default)]
struct WriteSkew;

impl Rules for WriteSkew {
    fn validates_reads() -> bool {
        false
    }
}

pub(super) const BUG: Bug = Bug {
    name: "txn-write-skew",
    what: "what was read is not validated",
    source: "Jepsen, PostgreSQL 12.3 (2020): G2-item; Berenson and others (1995), A5B",
    ..txn::bug::<WriteSkew>()
};
