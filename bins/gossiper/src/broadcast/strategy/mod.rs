//! Whom a new value is told, and when: the one thing in which the strategies differ. Everything else
//! (acknowledgements, failures, comparing digests) is shared, and makes any of them lose nothing.

mod batched;
mod direct;
mod fan_out;
mod flood;
mod star;
mod tree;

use std::fmt::Debug;
use std::time::Duration;

use proto::Time;
use rand::rngs::Xoshiro256PlusPlus;

use crate::broadcast::config::{Config, StrategyKind};
use crate::broadcast::link::Kind;
use crate::broadcast::links::Links;
use crate::broadcast::message::HubRound;
use crate::topology::{Cluster, Peer, Topology};
use crate::value_set::Hash;

/// How values travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// One by one, as `broadcast`, each acknowledged at once.
    Single,
    /// Many at once, as `gossip`.
    Batch,
}

/// What a strategy may look at.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// The nodes.
    pub cluster: &'a Cluster,
    /// This node's links.
    pub links: &'a Links,
    /// The time.
    pub now: Time,
}

impl View<'_> {
    /// Whether the peer answers, as far as this node knows.
    pub fn is_up(&self, peer: Peer) -> bool {
        !self.links[peer].failed
    }

    /// Whether a peer is told what is new, be it up or not (see [`Link::waits`](super::link::Link::waits)).
    pub fn is_told(&self, peer: Peer) -> bool {
        !self.links[peer].waits()
    }
}

/// A round of a hub as it has arrived.
#[derive(Clone, Copy, Debug)]
pub struct Round {
    /// What the hub says.
    pub hub: HubRound,
    /// When the last batch was sent that the round acknowledges.
    pub answered: Option<Time>,
}

/// A way to spread values.
pub trait Strategy: Debug + Send {
    /// Learns the graph: once at the start (everyone beside everyone) and with every `topology`.
    fn arrange(&mut self, cluster: &Cluster, topology: &Topology);

    /// The graph along which values travel, if they travel along one.
    fn overlay(&self) -> Option<&Overlay> {
        None
    }

    /// Whom to tell a value that came from `source` (this node itself: from a client), in this order.
    /// Never the source; failed peers included. By default the neighbours in the overlay.
    fn targets(
        &mut self,
        source: Peer,
        view: View<'_>,
        random: &mut Xoshiro256PlusPlus,
        targets: &mut Vec<Peer>,
    ) {
        let _ = random;
        if let Some(overlay) = self.overlay() {
            overlay.targets(source, view, targets);
        }
    }

    /// Whom to tell it directly because `neighbour`, one of the targets, has failed.
    fn detour(&self, neighbour: Peer, source: Peer, view: View<'_>) -> Vec<Peer> {
        self.overlay().map(|overlay| overlay.detour(neighbour, source, view)).unwrap_or_default()
    }

    /// With whom to compare notes because `peer` has failed: it may have acknowledged values that
    /// it told nobody.
    fn beyond(&self, peer: Peer, view: View<'_>) -> Vec<Peer> {
        self.overlay().map(|overlay| overlay.beyond(peer, view)).unwrap_or_default()
    }

    /// How values travel.
    fn form(&self) -> Form;

    /// When a value that is queued for the peer now leaves.
    fn departure(&mut self, peer: Peer, queued: usize, now: Time) -> Time {
        let _ = (peer, queued);
        now
    }

    /// When the acknowledgement of a batch that has just come from the peer leaves at the latest.
    fn ack_departure(&mut self, peer: Peer, view: View<'_>) -> Time;

    /// How long a peer may hold back the acknowledgement of a batch.
    fn ack_delay_max(&self) -> Duration {
        Duration::ZERO
    }

    /// The peer that this node compares notes with when nothing new has come for a while. All nodes
    /// do so, and whatever one of them lacks is found, if the pairs connect everyone. By default they
    /// form a ring: the next node that answers.
    fn anchor(&self, view: View<'_>) -> Option<Peer> {
        view.cluster.ring().find(|peer| {
            let link = &view.links[*peer];
            !link.failed && link.kind != Kind::Foreign
        })
    }

    /// How long nothing new has to come before this node compares notes with its anchor. Until then
    /// what is on its way would look like something missing.
    fn quiet(&self) -> Duration {
        Duration::from_secs(1)
    }

    /// How long a node waits at most before it compares notes with its anchor, however busy it is.
    fn patience(&self) -> Duration {
        Duration::from_secs(10)
    }

    /// A peer has failed or come back. Returns with whom to compare notes because of that.
    fn links_changed(&mut self, view: View<'_>) -> Vec<Peer> {
        let _ = view;
        Vec::new()
    }

    /// What goes to the peer with a batch besides values, when this node is a hub.
    fn round(&mut self, peer: Peer, sum: Hash, view: View<'_>) -> Option<HubRound> {
        let _ = (peer, sum, view);
        None
    }

    /// A `gossip` has come from the peer, with a batch or without, in its round if it is a hub. The
    /// round comes with the time at which the last batch that it acknowledges was sent.
    fn gossip_received(&mut self, peer: Peer, has_batch: bool, round: Option<Round>, now: Time) {
        let _ = (peer, has_batch, round, now);
    }
}

/// The strategy that the settings name.
pub fn new(config: &Config) -> Box<dyn Strategy> {
    match config.strategy {
        StrategyKind::Flood => Box::new(flood::Flood::default()),
        StrategyKind::Tree => Box::new(tree::Tree::default()),
        StrategyKind::FanOut => Box::new(fan_out::FanOut::new(config)),
        StrategyKind::Batched => Box::new(batched::Batched::new(config)),
        StrategyKind::Direct => Box::new(direct::Direct::new(config)),
        StrategyKind::Star => Box::new(star::Star::new(config)),
    }
}

/// A graph along which values travel, and the way round a failed node in it: what flood, tree and
/// batched share.
#[derive(Debug, Default)]
pub struct Overlay {
    graph: Topology,
}

impl Overlay {
    /// The graph as it is given.
    pub fn graph(topology: &Topology) -> Self {
        Self { graph: topology.clone() }
    }

    /// A spanning tree of the graph.
    pub fn tree(cluster: &Cluster, topology: &Topology) -> Self {
        Self { graph: topology.spanning_tree(cluster) }
    }

    /// The neighbours, without the one that the value came from.
    pub fn targets(&self, source: Peer, view: View<'_>, targets: &mut Vec<Peer>) {
        let neighbours = self.graph.neighbours(view.cluster.me());
        targets.extend(neighbours.filter(|peer| *peer != source));
    }

    /// Every node behind the failed neighbour. A value that came from there needs no detour: whoever
    /// sent it has told that whole side, directly or along the graph.
    pub fn detour(&self, neighbour: Peer, source: Peer, view: View<'_>) -> Vec<Peer> {
        let behind = self.graph.behind(view.cluster.me(), neighbour);
        if behind.contains(&source) { Vec::new() } else { behind }
    }

    /// The other neighbours of the failed node.
    pub fn beyond(&self, peer: Peer, view: View<'_>) -> Vec<Peer> {
        let me = view.cluster.me();
        self.graph.neighbours(peer).filter(|other| *other != me).collect()
    }
}
