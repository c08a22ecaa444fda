//! Values travel along a spanning tree, many in one message (task 3-4): the first one for a neighbour
//! waits for an interval, or until so many are waiting with it.

use std::time::Duration;

use proto::Time;
use rand::rngs::Xoshiro256PlusPlus;

use super::{Form, Overlay, Strategy, View};
use crate::broadcast::config::Config;
use crate::topology::{Cluster, Peer, Topology};

/// Along a spanning tree, in batches.
#[derive(Debug)]
pub(super) struct Batched {
    overlay: Overlay,
    interval: Duration,
    size: usize,
    ack_delay: Duration,
}

impl Batched {
    /// With the settings' interval and size of a batch.
    pub(super) fn new(config: &Config) -> Self {
        Self {
            overlay: Overlay::default(),
            interval: config.batch_interval,
            size: config.batch_size,
            ack_delay: config.ack_delay,
        }
    }
}

impl Strategy for Batched {
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
        Form::Batch
    }

    fn departure(&mut self, _: Peer, queued: usize, now: Time) -> Time {
        if queued + 1 >= self.size { now } else { now + self.interval }
    }

    fn ack_departure(&mut self, _: Peer, view: View<'_>) -> Time {
        view.now + self.ack_delay
    }

    fn ack_delay_max(&self) -> Duration {
        self.ack_delay
    }
}
