//! A transaction writes what it made of an old state, whatever has been written since.

use crate::Bug;
use crate::txn::{self, Rules};

#[derive(Default)]
struct LostUpdate;

impl Rules for LostUpdate {
    fn validates_reads() -> bool {
        false
    }

    fn validates_writes() -> bool {
        false
    }
}

pub(super) const BUG: Bug = Bug {
    name: "txn-lost-update",
    what: "a transaction overwrites what it has not seen",
    source: "Jepsen, TiDB 2.1.7 (2019): automatic retries; Berenson and others (1995), P4",
    ..txn::bug::<LostUpdate>()
};
