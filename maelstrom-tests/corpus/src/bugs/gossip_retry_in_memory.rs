//! What is to be told again is in memory only, and nothing is compared: a restart forgets who lacks what.

use crate::Bug;
use crate::gossip::{self, Rules};

#[derive(Default)]
struct RetryInMemory;

impl Rules for RetryInMemory {
    fn compares() -> bool {
        false
    }
}

pub(super) const BUG: Bug = Bug {
    name: "gossip-retry-in-memory",
    what: "a restart forgets who has to be told again",
    source: "hinted hand-off that is lost with its node: Dynamo (2007), section 4.6",
    ..gossip::bug::<RetryInMemory>()
};
