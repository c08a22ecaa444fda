//! Values travel along a spanning tree, many in one message (task 3-4): the first one for a neighbour
//! waits for an interval, or until so many are waiting with it.
//!
//! Of r values a second those of one interval i share a message along each of n - 1 edges, the first of
//! them waiting for up to two more to come its way: at least (n - 1) / (r i + 2) messages a value.

use std::time::Duration;

use proto::Time;

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

    fn overlay(&self) -> Option<&Overlay> {
        Some(&self.overlay)
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
