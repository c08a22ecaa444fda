//! Each node is told each message once: what a partition swallows is gone.

use crate::Bug;
use crate::gossip::{self, Rules};

#[derive(Default)]
struct FireAndForget;

impl Rules for FireAndForget {
    fn repeats() -> bool {
        false
    }

    fn compares() -> bool {
        false
    }
}

pub(super) const BUG: Bug = Bug {
    name: "gossip-fire-and-forget",
    what: "a message is told once, and never compared",
    source: "Gossip Glomers, challenge 3d without 3c; Demers and others (1987): direct mail alone",
    ..gossip::bug::<FireAndForget>()
};
