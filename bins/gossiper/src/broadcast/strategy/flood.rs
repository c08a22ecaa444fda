//! Values travel along every edge of the topology, at once (task 3-1): more messages than a tree, but a
//! failed node is felt only where the graph falls apart without it.

use proto::Time;
use rand::rngs::Xoshiro256PlusPlus;

use super::{Form, Overlay, Strategy, View};
use crate::topology::{Cluster, Peer, Topology};

/// Along every edge.
#[derive(Debug, Default)]
pub(super) struct Flood {
    overlay: Overlay,
}

impl Strategy for Flood {
    fn arrange(&mut self, _: &Cluster, topology: &Topology) {
        self.overlay = Overlay::graph(topology);
    }

    fn targets(
        &mut self,
        source: Peer,
        view: View<'_>,
        _: &mut Xoshiro256PlusPlus,
        targets: &mut Vec<Peer>,
    ) {
        self.overlay.targets(source, view, targets);
    }

    fn detour(&self, neighbour: Peer, source: Peer, view: View<'_>) -> Vec<Peer> {
        self.overlay.detour(neighbour, source, view)
    }

    fn beyond(&self, peer: Peer, view: View<'_>) -> Vec<Peer> {
        self.overlay.beyond(peer, view)
    }

    fn form(&self) -> Form {
        Form::Single
    }

    fn ack_departure(&mut self, _: Peer, view: View<'_>) -> Time {
        view.now
    }
}
