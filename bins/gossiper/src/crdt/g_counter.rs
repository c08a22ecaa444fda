//! `gossiper g-counter`: a counter that only grows.

use crdt::GCounter;
use proto::Manual;

use super::counter::{self, Count, CounterNode};
use super::replica::ReplicaName;

/// What the node says about itself.
pub const MANUAL: Manual = Manual {
    name: "g-counter",
    summary: "a counter that only grows",
    usage: "[--gossip-interval TIME]",
    help: help!(
        "\
It serves Maelstrom's `g-counter` workload (`add`, `read`). A negative `delta` is refused.

"
    ),
};

/// The messages of the node.
pub type Body = counter::Body<u128>;
/// The node.
pub type GCounterNode = CounterNode<GCounter<ReplicaName>>;

impl Count for GCounter<ReplicaName> {
    type Value = u128;

    fn count(&mut self, name: &ReplicaName, delta: i64) -> Result<Self, String> {
        let amount = u64::try_from(delta)
            .map_err(|_| format!("{delta} is negative, and this counter only grows"))?;
        self.add(name.clone(), amount).map_err(|error| error.to_string())
    }

    fn value(&self) -> u128 {
        Self::value(self)
    }
}
