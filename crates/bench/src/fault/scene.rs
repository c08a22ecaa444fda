//! What a fault is drawn from.

use proto::NodeId;
use serde_json::{Map, Value, json};
use simulator::{Cut, NetworkOptions, Random};

/// The cluster that a fault is brought to, and chance.
pub(crate) struct Scene<'a> {
    /// The names of the nodes.
    pub(crate) nodes: &'a [NodeId],
    /// The network as the options want it, which is in force while no fault is.
    pub(crate) network: &'a NetworkOptions,
    /// The nodes that may lie.
    pub(crate) liars: &'a [usize],
    /// The node that leads, where that is known.
    pub(crate) primary: Option<usize>,
    pub(crate) random: &'a mut Random,
}

impl Scene<'_> {
    /// One node, or a minority.
    pub(super) fn draw_few(&mut self) -> Vec<usize> {
        let most = (self.nodes.len().saturating_sub(1) / 2).max(1);
        let count = 1 + self.random.index(most);
        self.draw(count)
    }

    /// One node, a minority, a majority, or all of them.
    pub(super) fn draw_targets(&mut self) -> Vec<usize> {
        let nodes = self.nodes.len();
        let count = match self.random.below(4) {
            0 => 1,
            1 => nodes.saturating_sub(1) / 2,
            2 => nodes / 2 + 1,
            _ => nodes,
        };
        self.draw(count.max(1))
    }

    /// So many nodes, in their order.
    fn draw(&mut self, count: usize) -> Vec<usize> {
        let mut targets: Vec<usize> = (0..self.nodes.len()).collect();
        self.random.shuffle(&mut targets);
        targets.truncate(count);
        targets.sort_unstable();
        targets
    }

    /// Nodes as the history tells them.
    pub(super) fn tell_nodes(&self, nodes: &[usize]) -> Value {
        nodes.iter().map(|node| json!(self.nodes[*node])).collect()
    }

    /// `["isolated", {receiver: [refused senders]}]`, as in Jepsen's histories.
    pub(super) fn tell_cut(&self, cut: &Cut) -> Value {
        let refused: Map<String, Value> = cut
            .isolated()
            .map(|(receiver, senders)| {
                (self.nodes[receiver].to_string(), self.tell_nodes(&senders))
            })
            .collect();
        json!(["isolated", refused])
    }
}
