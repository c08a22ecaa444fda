//! A write is acknowledged when one node has it.

use crate::Bug;
use crate::quorum::{self, Rules};

#[derive(Default)]
struct WriteOne;

impl Rules for WriteOne {
    fn write_quorum(_: usize) -> usize {
        1
    }
}

pub(super) const BUG: Bug = Bug {
    name: "abd-write-one",
    what: "a write waits for one node",
    source: "Jepsen, Cassandra (2013) and MongoDB (2013): writes that a fail-over loses",
    ..quorum::bug::<WriteOne>()
};
