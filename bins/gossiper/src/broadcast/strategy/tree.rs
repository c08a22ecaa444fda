//! The default: values travel along a spanning tree of the topology, each edge once, at once (tasks
//! 3-2, 3-3-1, 3-3-2). Round a failed neighbour they go directly to everyone behind it.
//!
//! A value takes 2 (n - 1) messages in a cluster of n nodes: one along each edge, and its
//! acknowledgement.

use proto::Time;

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

    fn overlay(&self) -> Option<&Overlay> {
        Some(&self.overlay)
    }

    fn form(&self) -> Form {
        Form::Single
    }

    fn ack_departure(&mut self, _: Peer, view: View<'_>) -> Time {
        view.now
    }
}
