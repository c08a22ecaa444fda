//! The node: what clients ask of it, and who handles what.
//!
//! What the numbers mean that clients can ask for:
//!
//! | field | counts |
//! |---|---|
//! | `check_acks.pending` | forwards to neighbours that are not acknowledged, within the time-out (`--ack-timeout`, or more where round trips take longer) |
//! | `check_acks.timed_out` | forwards to neighbours that are not acknowledged, past it, until the neighbour acknowledges or the two have compared notes |
//! | `check_acks.direct_sent` | direct copies that were sent for those in `timed_out` |
//! | `failure_stats.total_failures` | forwards to neighbours that ever timed out |
//! | `failure_stats.direct_deliveries` | direct copies that were ever sent: those for forwards that timed out, and those of later values while the neighbour was known to have failed |
//! | `partition_status.messages_dropped` | messages to and from blocked nodes that were dropped, ever |
//! | `convergence_status.convergence_ms` | from the last `heal` (or `partition`) that unblocked a node of the cluster to the comparison with the last of those nodes |
//!
//! A direct copy that is not acknowledged is no further failure: the two nodes compare notes.
//! `check_acks` looks for overdue forwards itself before it answers, as the timer does.

use std::collections::BTreeMap;
use std::time::Duration;

use proto::{Caller, Context, Error, ErrorCode, Json, Node, NodeId, Records, Time, TimerId};
use rand::RngExt as _;

use crate::broadcast::config::Config;
use crate::broadcast::link::Timeouts;
use crate::broadcast::links::Links;
use crate::broadcast::message::Body;
use crate::broadcast::partition::Partition;
use crate::broadcast::strategy::{self, Strategy, View};
use crate::records::{self, ValueRecords};
use crate::round_trip::RoundTrip;
use crate::topology::{Cluster, Peer, Topology};
use crate::value_set::ValueSet;

/// The record of the topology.
const TOPOLOGY_KEY: &[u8] = b"topology";
/// A node that has got no `topology` for so long was restarted, or is in a cluster that has none:
/// it compares notes with its peers.
const GREETING_DELAY: Duration = Duration::from_millis(700);
/// How long after a heal notes are compared: the other side has to hear of the heal too.
const REJOIN_DELAY: Duration = Duration::from_millis(100);
/// The text of the error for a client that sends `gossip` or the like.
const NOT_FOR_CLIENTS: &str = "this type is for messages between nodes of the cluster";

/// A node that broadcasts.
#[derive(Debug)]
pub struct Gossiper {
    pub(crate) config: Config,
    pub(crate) strategy: Box<dyn Strategy>,
    pub(crate) cluster: Cluster,
    /// The topology as clients gave it, which is what is stored and what peers get that were restarted.
    /// As JSON, because maps and lists of names would take most of the memory of a large cluster.
    pub(crate) topology_record: Option<Vec<u8>>,
    pub(crate) set: ValueSet,
    /// Who brought each value first, by position; this node itself stands for clients.
    pub(crate) sources: Vec<Peer>,
    /// The one to this node is not used.
    pub(crate) links: Links,
    /// What links that have not measured anything themselves go by: the measurements of all others,
    /// see [`Link::prompt`] and [`Link::held`].
    pub(crate) prompt: RoundTrip,
    /// See `prompt`.
    pub(crate) held: RoundTrip,
    pub(crate) partition: Partition,
    pub(crate) totals: Totals,
    /// Drawn when the node starts, so that peers can tell its lives apart.
    pub(crate) life: u32,
    pub(crate) batches_sent: u64,
    pub(crate) settling: Settling,
    /// When to compare notes with the peers after a restart.
    pub(crate) greet_at: Option<Time>,
    /// Links that may have something to send, in the order in which they got it.
    pub(crate) ready: Vec<Peer>,
    pub(crate) timer: Option<(TimerId, Time)>,
    /// Why this node takes no part: what it kept in an earlier life is damaged.
    refusal: Option<Error>,
    /// Room for a list that is made for every new value.
    pub(crate) targets: Vec<Peer>,
}

/// Totals since the node started.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Totals {
    /// Forwards to neighbours that timed out.
    pub(crate) failures: u64,
    /// Direct copies.
    pub(crate) direct: u64,
}

/// How far this node has made sure that its anchor has what it has.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Settling {
    /// When the last new value came.
    pub(crate) changed_at: Time,
    /// When the first value came that the anchor may lack.
    pub(crate) open_since: Option<Time>,
}

impl Gossiper {
    /// A node with these settings.
    pub fn new(config: Config) -> Self {
        Self {
            strategy: strategy::new(&config),
            config,
            cluster: Cluster::default(),
            topology_record: None,
            set: ValueSet::default(),
            sources: Vec::new(),
            links: Links::default(),
            prompt: RoundTrip::default(),
            held: RoundTrip::default(),
            partition: Partition::default(),
            totals: Totals::default(),
            life: 0,
            batches_sent: 0,
            settling: Settling::default(),
            greet_at: None,
            ready: Vec::new(),
            timer: None,
            refusal: None,
            targets: Vec::new(),
        }
    }

    /// The values this node has.
    pub fn values(&self) -> &ValueSet {
        &self.set
    }

    pub(crate) fn view(&self, now: Time) -> View<'_> {
        View { cluster: &self.cluster, links: &self.links, now }
    }

    /// How long a peer may take to answer.
    pub(crate) fn timeouts(&self, peer: Peer) -> Timeouts {
        self.strangers_timeouts().of_link(&self.links[peer])
    }

    /// How long a peer may take to answer of whose round trips nothing is known.
    pub(crate) fn strangers_timeouts(&self) -> Timeouts {
        Timeouts {
            prompt: self.prompt,
            held: self.held,
            ack_least: self.config.ack_timeout,
            answer_least: self.config.answer_timeout(),
            hold: self.strategy.ack_delay_max(),
        }
    }

    /// A peer has answered what was sent at `sent_at`, and may not have waited with that. Says whether
    /// anything may be due at another time because of it.
    pub(crate) fn measure(&mut self, peer: Peer, sent_at: Time, now: Time) -> bool {
        let (took, least) = (now.since(sent_at), self.config.ack_timeout);
        let of_peer = self.links[peer].prompt.measure(sent_at, took, now, least);
        let before = self.prompt;
        let of_all = self.prompt.measure(sent_at, took, now, least);
        if of_all {
            self.shorten(&Timeouts { prompt: before, ..self.strangers_timeouts() });
        }
        of_peer || of_all
    }

    /// What waits for strangers may be due earlier than by the time-outs of before.
    pub(crate) fn shorten(&mut self, before: &Timeouts) {
        if self.strangers_timeouts().are_shorter_than(before) {
            self.links.change_all();
        }
    }

    /// A peer has acknowledged a batch that was sent at `sent_at`.
    pub(crate) fn measure_held(&mut self, peer: Peer, sent_at: Time, now: Time) {
        let beyond = now.since(sent_at).saturating_sub(self.strategy.ack_delay_max());
        let least = self.config.answer_timeout();
        self.links[peer].held.measure(sent_at, beyond, now, least);
        let before = self.strangers_timeouts();
        self.held.measure(sent_at, beyond, now, least);
        self.shorten(&before);
    }

    /// The neighbours of every node in the last `topology`, if there was one.
    pub(crate) fn topology_lists(&self) -> Option<BTreeMap<NodeId, Vec<NodeId>>> {
        serde_json::from_slice(self.topology_record.as_ref()?).ok()
    }

    /// Learns the graph from a `topology`, of a client or of a peer.
    pub(crate) fn learn_topology(
        &mut self,
        lists: BTreeMap<NodeId, Vec<NodeId>>,
        ctx: &mut Context<'_, Self>,
    ) {
        let topology = Topology::new(&mut self.cluster, &lists);
        self.links.resize(self.cluster.size());
        self.strategy.arrange(&self.cluster, &topology);
        self.topology_record = serde_json::to_vec(&lists).ok();
        if ctx.is_durable()
            && let Some(record) = &self.topology_record
        {
            ctx.put(TOPOLOGY_KEY, record.clone());
        }
        if self.set.is_empty() {
            self.greet_at = None;
        } else {
            // Neighbours that are new to this node may lack what it has.
            self.compare_with_targets(ctx);
        }
    }

    /// Compares notes with everyone who would be told a value of a client, and with the anchor.
    pub(crate) fn compare_with_targets(&mut self, ctx: &mut Context<'_, Self>) {
        let mut peers = Vec::new();
        let me = self.cluster.me();
        let view = View { cluster: &self.cluster, links: &self.links, now: ctx.now() };
        self.strategy.targets(me, view, ctx.random(), &mut peers);
        peers.extend(self.strategy.anchor(self.view(ctx.now())));
        for peer in peers {
            self.links[peer].compare(ctx.now());
        }
    }

    /// Takes up what an earlier life has kept.
    fn restore(&mut self, records: &Records) -> Result<(), Error> {
        for (key, record) in records {
            if key == TOPOLOGY_KEY {
                let name = "topology";
                let lists = serde_json::from_slice(record).map_err(|_| records::damaged(name))?;
                let topology = Topology::new(&mut self.cluster, &lists);
                self.links.resize(self.cluster.size());
                self.strategy.arrange(&self.cluster, &topology);
                self.topology_record = Some(record.to_vec());
            } else {
                ValueRecords.take_up(key, record, &mut self.set)?;
                self.sources.push(self.cluster.me());
            }
        }
        Ok(())
    }

    pub(crate) fn client_request(
        &mut self,
        from: &Caller,
        body: Body,
        ctx: &mut Context<'_, Self>,
    ) {
        match body {
            Body::Topology { topology } => {
                ctx.reply(from, Body::TopologyOk);
                self.learn_topology(topology, ctx);
            }
            Body::Broadcast { message } => {
                // Stored first: the reply leaves only when the value is on disk.
                self.learn(message, self.cluster.me(), ctx);
                ctx.reply(from, Body::BroadcastOk);
            }
            Body::Read => ctx.reply(from, Body::ReadOk { messages: self.set.snapshot() }),
            Body::TreeInfo => {
                let lists = self.topology_lists();
                let own = lists.and_then(|mut lists| lists.remove(ctx.id()));
                let neighbors = own.unwrap_or_default();
                let message_count = u64::from(self.set.len());
                ctx.reply(from, Body::TreeInfoOk { neighbors, message_count });
            }
            Body::CheckAcks => {
                self.check_forwards(self.links.used().collect::<Vec<_>>(), ctx);
                ctx.reply(from, self.acknowledgements());
            }
            Body::FailureStats => {
                let Totals { failures, direct } = self.totals;
                let stats =
                    Body::FailureStatsOk { total_failures: failures, direct_deliveries: direct };
                ctx.reply(from, stats);
            }
            Body::Partition { blocked } => {
                let before = self.partition.blocked_peers(&self.cluster);
                match self.partition.block(blocked, ctx.id()) {
                    Ok(()) => ctx.reply(from, Body::PartitionOk),
                    Err(error) => ctx.reply_error(from, error),
                }
                self.rejoin(before, ctx);
            }
            Body::Heal => {
                let before = self.partition.blocked_peers(&self.cluster);
                // An empty list names nobody, so not this node either.
                let _ = self.partition.block(Vec::new(), ctx.id());
                ctx.reply(from, Body::HealOk);
                self.rejoin(before, ctx);
            }
            Body::PartitionStatus => {
                let blocked = self.partition.blocked().to_vec();
                let is_partitioned = !blocked.is_empty();
                let messages_dropped = self.partition.dropped();
                ctx.reply(
                    from,
                    Body::PartitionStatusOk { blocked, is_partitioned, messages_dropped },
                );
            }
            Body::ConvergenceStatus => {
                let convergence = self.partition.convergence();
                let waiting_for: Vec<_> = convergence
                    .waiting_for()
                    .iter()
                    .map(|peer| self.cluster.id(*peer).clone())
                    .collect();
                let converged = waiting_for.is_empty();
                let milliseconds =
                    |took: Duration| u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
                let convergence_ms = convergence.took().map(milliseconds);
                ctx.reply(
                    from,
                    Body::ConvergenceStatusOk { converged, waiting_for, convergence_ms },
                );
            }
            // Replies come to `reply`, and these are words among nodes of the cluster.
            _ => ctx.reply_error(from, Error::new(ErrorCode::NotSupported, NOT_FOR_CLIENTS)),
        }
    }

    /// Compares notes with the peers that were blocked and no longer are.
    fn rejoin(&mut self, before: Vec<Peer>, ctx: &mut Context<'_, Self>) {
        let after = self.partition.blocked_peers(&self.cluster);
        let unblocked: Vec<_> = before.into_iter().filter(|peer| !after.contains(peer)).collect();
        self.partition.unblocked(&unblocked, ctx.now());
        for peer in unblocked {
            let link = &mut self.links[peer];
            link.comparison = None;
            link.compare(ctx.now() + REJOIN_DELAY);
        }
    }

    /// Adds a value; if it is new, stores it and queues it for those who are to be told.
    pub(crate) fn learn(&mut self, value: Json, source: Peer, ctx: &mut Context<'_, Self>) {
        let text = ctx.is_durable().then(|| value.text().into_owned());
        let Some(position) = self.set.insert(value) else { return };
        if let Some(text) = text {
            ValueRecords.keep(position, text, ctx);
        }
        self.sources.push(source);
        self.settling.changed_at = ctx.now();
        if self.strategy.anchor(self.view(ctx.now())) != Some(source) {
            self.settling.open_since.get_or_insert_with(|| ctx.now());
        }
        self.spread(position, source, ctx);
    }
}

impl Node for Gossiper {
    type Body = Body;
    /// All timers of a node are one: when it is due, whatever is due by then is done.
    type Token = ();

    fn init(&mut self, restored: Records, ctx: &mut Context<'_, Self>) {
        self.cluster = Cluster::new(ctx.id(), ctx.node_ids());
        self.links.resize(self.cluster.size());
        self.life = ctx.random().random();
        self.strategy.arrange(&self.cluster, &Topology::complete(&self.cluster));
        if let Err(error) = self.restore(&restored) {
            ctx.log(format!("no values can be taken: {}", error.text));
            self.refusal = Some(error);
            return;
        }
        if self.cluster.size() > 1 {
            let jitter = ctx.random().random_range(0.0..0.3);
            self.greet_at = Some(ctx.now() + GREETING_DELAY.mul_f64(1.0 + jitter));
        }
        self.arm(ctx);
    }

    fn request(&mut self, from: Caller, body: Body, ctx: &mut Context<'_, Self>) {
        if let Some(error) = &self.refusal {
            ctx.reply_error(&from, error.clone());
            return;
        }
        // Nothing becomes due by the most frequent request.
        let is_read = body == Body::Read;
        match self.cluster.peer(&from.id) {
            Some(_) if self.partition.blocks(&from.id) => self.partition.count_dropped(),
            Some(peer) => self.peer_request(peer, &from, body, ctx),
            None => self.client_request(&from, body, ctx),
        }
        if !is_read {
            self.flush(ctx);
        }
    }

    fn reply(&mut self, from: Caller, reply: Result<Body, Error>, ctx: &mut Context<'_, Self>) {
        match self.cluster.peer(&from.id) {
            _ if self.refusal.is_some() => {}
            Some(_) if self.partition.blocks(&from.id) => self.partition.count_dropped(),
            Some(peer) => self.peer_reply(peer, &from, reply, ctx),
            None => {}
        }
        if !self.ready.is_empty() {
            self.flush(ctx);
        }
    }

    fn timer(&mut self, (): (), ctx: &mut Context<'_, Self>) {
        self.timer = None;
        self.work(ctx);
        self.flush(ctx);
    }
}
