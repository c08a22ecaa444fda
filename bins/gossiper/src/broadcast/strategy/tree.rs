//! The default: values travel along a spanning tree of the topology, each edge once, at once (tasks
//! 3-2, 3-3-1, 3-3-2). Round a failed neighbour they go directly to everyone behind it.

use proto::Time;
use rand::rngs::Xoshiro256PlusPlus;

use super::{Form, Overlay, Strategy, View};
use crate::topology::{Cluster, Peer, Topology};

/// Along a spanning tree.
#[derive(Debug, Default)]
pub(super) struct Tree {
    overlay: Overlay,
}

impl Strategy for Tree {
    fn arrange(&mut self, cluster: &Cluster, topology: &Topology) {
        self.overlay = Overlay::tree(cluster, topology);
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
