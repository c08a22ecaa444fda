//! Rumour mongering: whoever hears a value for the first time tells K random neighbours, at once (task
//! 3-3). Until a topology comes all nodes are neighbours (task 3-2-1). That reaches most nodes; the
//! rest are found when notes are compared.
//!
//! Each of n nodes tells K others, who acknowledge it: 2 n K messages a value, and few to compare notes.

use std::time::Duration;

use proto::Time;
use rand::RngExt as _;
use rand::rngs::Xoshiro256PlusPlus;
use rand::seq::SliceRandom;

use super::{Form, Strategy, View};
use crate::broadcast::config::Config;
use crate::topology::{Cluster, Peer, Topology};

/// How many draws a target may take, so that choosing costs the same in any cluster. Mostly one does.
const DRAWS_MAX: usize = 8;

/// To K random neighbours.
#[derive(Debug)]
pub(super) struct FanOut {
    fan_out: usize,
    /// In the topology, as this node's own list has them.
    neighbours: Vec<Peer>,
    /// Where the nodes are shuffled.
    nodes: Vec<Peer>,
}

impl FanOut {
    /// With the settings' fan-out.
    pub(super) fn new(config: &Config) -> Self {
        Self { fan_out: config.fan_out, neighbours: Vec::new(), nodes: Vec::new() }
    }
}

impl Strategy for FanOut {
    fn arrange(&mut self, cluster: &Cluster, topology: &Topology) {
        self.neighbours = topology.listed(cluster.me()).collect();
    }

    fn targets(
        &mut self,
        source: Peer,
        view: View<'_>,
        random: &mut Xoshiro256PlusPlus,
        targets: &mut Vec<Peer>,
    ) {
        let may_be = |peer: Peer, chosen: &[Peer]| peer != source && !chosen.contains(&peer);
        let count = self.neighbours.len();
        // Among few it is not worth a try.
        let draws = if count > self.fan_out { DRAWS_MAX * self.fan_out } else { 0 };
        for _ in 0..draws {
            if targets.len() == self.fan_out {
                return;
            }
            let peer = self.neighbours[random.random_range(0..count)];
            if may_be(peer, targets) && view.is_up(peer) {
                targets.push(peer);
            }
        }
        // Few are there to be chosen: from a list of them. Those that never answered come last.
        for is_wanted in [View::is_up, View::is_told] {
            let neighbours = self.neighbours.iter().copied();
            let wanted = |peer: &Peer| may_be(*peer, targets) && is_wanted(&view, *peer);
            self.nodes.clear();
            self.nodes.extend(neighbours.filter(wanted));
            let (chosen, _) = self.nodes.partial_shuffle(random, self.fan_out - targets.len());
            targets.extend_from_slice(chosen);
        }
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
