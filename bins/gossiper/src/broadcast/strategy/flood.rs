//! Values go to every neighbour that a node's own list in the topology has, at once (task 3-1): more
//! messages than a tree, but a failed node is felt only where the graph falls apart without it.
//!
//! A value crosses each of E edges between n nodes twice but for those by which it came first, and is
//! acknowledged each time: 2 (2 E - n + 1) messages.

use proto::Time;
use rand::rngs::Xoshiro256PlusPlus;

use super::{Form, Overlay, Strategy, View};
use crate::topology::{Cluster, Peer, Topology};

/// Along every edge.
#[derive(Debug, Default)]
pub(super) struct Flood {
    overlay: Overlay,
    /// As this node's own list has them.
    neighbours: Vec<Peer>,
}

impl Strategy for Flood {
    fn arrange(&mut self, cluster: &Cluster, topology: &Topology) {
        self.overlay = Overlay::graph(topology);
        self.neighbours = topology.listed(cluster.me()).collect();
    }

    fn overlay(&self) -> Option<&Overlay> {
        Some(&self.overlay)
    }

    fn targets(
        &mut self,
        source: Peer,
        _: View<'_>,
        _: &mut Xoshiro256PlusPlus,
        targets: &mut Vec<Peer>,
    ) {
        targets.extend(self.neighbours.iter().filter(|peer| **peer != source));
    }

    fn form(&self) -> Form {
        Form::Single
    }

    fn ack_departure(&mut self, _: Peer, view: View<'_>) -> Time {
        view.now
    }
}
