//! Rumour mongering: whoever hears a value for the first time tells K random nodes, at once (tasks
//! 3-3, 3-2-1). That reaches most nodes; the rest are found when notes are compared.

use std::time::Duration;

use proto::Time;
use rand::rngs::Xoshiro256PlusPlus;
use rand::seq::SliceRandom;

use super::{Form, Strategy, View};
use crate::broadcast::config::Config;
use crate::topology::{Cluster, Peer, Topology};

/// To K random nodes.
#[derive(Debug)]
pub(super) struct FanOut {
    fan_out: usize,
    /// Where the nodes are shuffled.
    nodes: Vec<Peer>,
}

impl FanOut {
    /// With the settings' fan-out.
    pub(super) fn new(config: &Config) -> Self {
        Self { fan_out: config.fan_out, nodes: Vec::new() }
    }
}

impl Strategy for FanOut {
    fn arrange(&mut self, _: &Cluster, _: &Topology) {}

    fn targets(
        &mut self,
        source: Peer,
        view: View<'_>,
        random: &mut Xoshiro256PlusPlus,
        targets: &mut Vec<Peer>,
    ) {
        self.nodes.clear();
        self.nodes
            .extend(view.cluster.others().filter(|peer| *peer != source && view.is_up(*peer)));
        let (chosen, _) = self.nodes.partial_shuffle(random, self.fan_out);
        targets.extend_from_slice(chosen);
    }

    fn form(&self) -> Form {
        Form::Single
    }

    fn ack_departure(&mut self, _: Peer, view: View<'_>) -> Time {
        view.now
    }

    /// What a rumour has not reached is found by comparing notes, so that is done all the time (the
    /// anti-entropy of Demers et al., "Epidemic algorithms", 1987).
    fn patience(&self) -> Duration {
        Duration::from_secs(1)
    }
}
