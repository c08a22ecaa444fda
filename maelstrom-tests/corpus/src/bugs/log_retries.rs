//! A send of which no answer came is sent again: it may be in the log already.

use crate::Bug;
use crate::logs::{self, Rules};

#[derive(Default)]
struct Retries;

impl Rules for Retries {
    fn retries() -> bool {
        true
    }
}

pub(super) const BUG: Bug = Bug {
    name: "log-retries",
    what: "a send without an answer is sent once more",
    source: "Jepsen, Redpanda 21.10.1 (2022), redpanda-data/redpanda#3039: duplicates; Kafka before idempotent producers (KIP-98)",
    ..logs::bug::<Retries>()
};
