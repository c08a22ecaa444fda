//! Every node tells every other one what its clients tell it, at once, and nobody passes anything on:
//! the lowest latency there is, one hop. Acknowledgements wait for values that go the other way, so
//! they cost next to nothing (the latency challenge).
//!
//! A value takes n - 1 messages in a cluster of n nodes, and as many acknowledgements at most.

use std::time::Duration;

use proto::Time;
use rand::rngs::Xoshiro256PlusPlus;

use super::{Form, Strategy, View};
use crate::broadcast::config::Config;
use crate::topology::{Cluster, Peer, Topology};

/// From everyone to everyone.
#[derive(Debug)]
pub(super) struct Direct {
    ack_delay: Duration,
}

impl Direct {
    /// With the settings' delay of acknowledgements.
    pub(super) fn new(config: &Config) -> Self {
        Self { ack_delay: config.ack_delay }
    }
}

impl Strategy for Direct {
    fn arrange(&mut self, _: &Cluster, _: &Topology) {}

    fn targets(
        &mut self,
        source: Peer,
        view: View<'_>,
        _: &mut Xoshiro256PlusPlus,
        targets: &mut Vec<Peer>,
    ) {
        if source == view.cluster.me() {
            targets.extend(view.cluster.others());
        }
    }

    fn form(&self) -> Form {
        Form::Batch
    }

    fn ack_departure(&mut self, _: Peer, view: View<'_>) -> Time {
        view.now + self.ack_delay
    }

    fn ack_delay_max(&self) -> Duration {
        self.ack_delay
    }
}
