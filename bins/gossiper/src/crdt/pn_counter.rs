//! `gossiper pn-counter`: a counter that goes up and down.

use crdt::PnCounter;
use proto::Manual;

use super::counter::{self, Count, CounterNode};
use super::replica::ReplicaName;

/// What the node says about itself.
pub const MANUAL: Manual = Manual {
    name: "pn-counter",
    summary: "a counter that goes up and down",
    usage: "[--gossip-interval TIME]",
    help: help!(
        "\
It serves Maelstrom's `pn-counter` workload (`add`, `read`).

"
    ),
};

/// The messages of the node.
pub type Body = counter::Body<i128>;
/// The node.
pub type PnCounterNode = CounterNode<PnCounter<ReplicaName>>;

impl Count for PnCounter<ReplicaName> {
    type Value = i128;

    fn count(&mut self, name: &ReplicaName, delta: i64) -> Result<Self, String> {
        self.add(name.clone(), delta).map_err(|error| error.to_string())
    }

    fn value(&self) -> i128 {
        Self::value(self)
    }
}
