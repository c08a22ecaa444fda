//! The keys that a transaction writes change one after the other, and others see that.

use crate::Bug;
use crate::txn::{self, Rules};

#[derive(Default)]
struct HalfVisible;

impl Rules for HalfVisible {
    fn writes_at_once() -> usize {
        1
    }
}

pub(super) const BUG: Bug = Bug {
    name: "txn-half-visible",
    what: "a transaction becomes visible key by key",
    source: "Jepsen, Percona XtraDB Cluster and MariaDB Galera (2015): read skew",
    ..txn::bug::<HalfVisible>()
};
