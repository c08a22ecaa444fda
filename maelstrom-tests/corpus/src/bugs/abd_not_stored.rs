//! A node answers that it has a value that is in its memory only.

use crate::Bug;
use crate::quorum::{self, Rules};

#[derive(Default)]
struct NotStored;

impl Rules for NotStored {
    fn stores() -> bool {
        false
    }
}

pub(super) const BUG: Bug = Bug {
    name: "abd-not-stored",
    what: "values are acknowledged and not stored",
    source: "Jepsen, NATS 2.12.1 (2025); Jepsen, Elasticsearch 1.5.0 (2015): acknowledged before a sync",
    ..quorum::bug::<NotStored>()
};
