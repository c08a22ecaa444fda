//! What is heard of a replica replaces what is known, also when it is older.

use crate::Bug;
use crate::counter::{self, Rules};

#[derive(Default)]
struct LastHeard;

impl Rules for LastHeard {
    fn merge(_: u64, other: u64) -> u64 {
        other
    }
}

pub(super) const BUG: Bug = Bug {
    name: "counter-last-heard",
    what: "a state that is heard replaces what is known",
    source: "Shapiro and others (2011), on a merge that is no least upper bound",
    ..counter::bug::<LastHeard>()
};
