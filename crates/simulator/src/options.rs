//! What a cluster is made of.

use std::time::Duration;

use proto::NodeId;

use crate::network::NetworkOptions;

/// What a cluster is made of.
#[derive(Clone, Debug)]
pub struct ClusterOptions {
    /// The names of the nodes.
    pub node_ids: Vec<NodeId>,
    /// What the network does.
    pub network: NetworkOptions,
    /// Whether nodes have a state directory, and how long a sync takes.
    pub durable: Option<Duration>,
    /// Where all chance comes from.
    pub seed: u64,
    /// What a run may cost.
    pub limits: Limits,
}

/// What a run may cost at most. A cluster that reaches a limit stops: see
/// [`AnyCluster::overload`](crate::AnyCluster::overload).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Messages on their way, or kept for a node that is paused or waits for its disk.
    pub in_flight: usize,
    /// Events in one second of virtual time: nodes that answer each other for ever in a network
    /// without latency would keep the second from ending.
    pub events_a_second: u64,
}

impl Default for Limits {
    /// Half a million messages, some hundred MB with bodies of usual size, and two million events
    /// a second: about ten times what the busiest sensible run needs (25 nodes that flood every
    /// value to all others at 100 values and a second of latency: 65,000 messages on their way).
    fn default() -> Self {
        Self { in_flight: 500_000, events_a_second: 2_000_000 }
    }
}

impl ClusterOptions {
    /// `count` nodes `n0`, `n1`, ... on a perfect network, without state directories.
    pub fn new(count: usize, seed: u64) -> Self {
        let node_ids = (0..count).map(|index| NodeId::new(&format!("n{index}"))).collect();
        Self {
            node_ids,
            network: NetworkOptions::default(),
            durable: None,
            seed,
            limits: Limits::default(),
        }
    }
}
