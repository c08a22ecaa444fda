//! Values travel along every edge of the topology, at once (task 3-1): more messages than a tree, but a
//! failed node is felt only where the graph falls apart without it.
//!
//! A value crosses each of E edges between n nodes twice but for those by which it came first, and is
//! acknowledged each time: 2 (2 E - n + 1) messages.

use proto::Time;

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
