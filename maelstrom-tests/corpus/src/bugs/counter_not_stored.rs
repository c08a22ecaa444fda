//! What was added is acknowledged before anybody else has it, and kept in memory only.

use crate::Bug;
use crate::counter::{self, Rules};

#[derive(Default)]
struct NotStored;

impl Rules for NotStored {
    fn stores() -> bool {
        false
    }
}

pub(super) const BUG: Bug = Bug {
    name: "counter-not-stored",
    what: "additions are acknowledged and not stored",
    source: "Jepsen, NATS 2.12.1 (2025): acknowledged before a sync",
    ..counter::bug::<NotStored>()
};
