//! A read asks its own node only.

use crate::Bug;
use crate::quorum::{self, Rules};

#[derive(Default)]
struct ReadOne;

impl Rules for ReadOne {
    fn read_quorum(_: usize) -> usize {
        1
    }
}

pub(super) const BUG: Bug = Bug {
    name: "abd-read-one",
    what: "a read asks one node",
    source: "Jepsen, Riak (2013) and Cassandra (2013): R + W of no more than N",
    ..quorum::bug::<ReadOne>()
};
