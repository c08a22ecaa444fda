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
}

impl ClusterOptions {
    /// `count` nodes `n0`, `n1`, ... on a perfect network, without state directories.
    pub fn new(count: usize, seed: u64) -> Self {
        let node_ids = (0..count).map(|index| NodeId::new(&format!("n{index}"))).collect();
        Self { node_ids, network: NetworkOptions::default(), durable: None, seed }
    }
}
