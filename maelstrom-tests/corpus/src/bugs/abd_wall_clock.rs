//! The last write is the one with the highest time, by the clocks of the nodes.

use crate::Bug;
use crate::quorum::{self, Rules};

#[derive(Default)]
struct WallClock;

impl Rules for WallClock {
    fn number(_: u64, wall_clock_ms: u64) -> u64 {
        wall_clock_ms
    }
}

pub(super) const BUG: Bug = Bug {
    name: "abd-wall-clock",
    what: "the wall clock says which write is last",
    source: "Jepsen, Cassandra (2013); Jepsen, Riak (2013), last write wins",
    ..quorum::bug::<WallClock>()
};
