//! A node notes that a peer has a message when it sends it, and never gives it again.

use crate::Bug;
use crate::gossip::{self, Rules};

#[derive(Default)]
struct KnownWhenSent;

impl Rules for KnownWhenSent {
    fn repeats() -> bool {
        false
    }

    fn gives_again(sent: bool) -> bool {
        !sent
    }
}

pub(super) const BUG: Bug = Bug {
    name: "gossip-known-when-sent",
    what: "what was sent counts as known",
    source: "delta-state replication with an acknowledgement too early: Almeida, Shoker and Baquero (2018), section 7",
    ..gossip::bug::<KnownWhenSent>()
};
