//! `gossiper hybrid`: a tree for speed and gossip for safety (task 3-3-3), the idea of Leitão, Pereira
//! and Rodrigues, "Epidemic broadcast trees" (2007).
//!
//! A new value goes along a spanning tree of the topology at once, each edge once, and nobody waits
//! for an acknowledgement: n - 1 messages, and whatever breaks the tree loses the value for all
//! behind. In the background each node compares notes with a random one now and then ([`Digest`]),
//! which moves what is missing and nothing else, whatever was broken and for how long. While notes
//! differ that is every `--gossip-interval`, and ever more rarely, up to two seconds, while they
//! agree.
//!
//! For each value a node remembers how it came: along the tree or by gossip, and in how many hops
//! from the node whose client gave it. A value of its own client came along the tree, in none.

use std::collections::BTreeMap;
use std::time::Duration;

use proto::{Arguments, Caller, Context, Error, ErrorCode, Json, Manual, Node, NodeId, Records};
use proto::{TimerId, UsageError};
use rand::RngExt as _;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::flags;
use crate::log::Snapshot;
use crate::records::ValueRecords;
use crate::topology::{Cluster, Peer, Topology};
use crate::value_set::{Position, ValueSet};

/// What the node says about itself.
pub const MANUAL: Manual = Manual {
    name: "hybrid",
    summary: "broadcast along a tree, with gossip for what the tree loses",
    usage: "[--gossip-interval TIME]",
    help: "\
It serves Maelstrom's `broadcast` workload, `delivery_info` and `hybrid_stats` of task 3-3-3, and
`gossip_sync` of task 3-2-3.

  --gossip-interval TIME  time between two comparisons while they find something (default: 500ms)
  --state-dir DIR         keep the values in DIR/<node id>/, stored before a client hears of them,
                          so that a node that is killed and started again still has them
",
};

/// The longest time between two comparisons that find nothing, unless the interval is longer.
const QUIET_INTERVAL: Duration = Duration::from_secs(2);

/// The messages of the node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    /// Tells the node who its neighbours are.
    Topology {
        /// The neighbours of every node.
        topology: BTreeMap<NodeId, Vec<NodeId>>,
    },
    /// Answer to `topology`.
    TopologyOk,
    /// A value: from a client, or along the tree.
    Broadcast {
        /// Any JSON.
        message: Json,
        /// Between nodes: in how many hops it has come to the receiver.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        hops: Option<u64>,
    },
    /// Answer to `broadcast`, before the value is passed on.
    BroadcastOk,
    /// Asks for all values.
    Read,
    /// Answer to `read`.
    ReadOk {
        /// Each value once, in the order in which this node got them.
        messages: Snapshot,
    },
    /// Asks how a value came here.
    DeliveryInfo {
        /// The value.
        value: Json,
    },
    /// Answer to `delivery_info`; for a value that is not here it is error 20.
    DeliveryInfoOk {
        /// The value.
        value: Json,
        /// Which way it came first.
        delivered_via: Way,
        /// In how many hops.
        hops: u64,
    },
    /// Asks for totals.
    HybridStats,
    /// Answer to `hybrid_stats`.
    HybridStatsOk {
        /// Values that came along the tree or from a client.
        tree_deliveries: u64,
        /// Values that came by gossip.
        gossip_deliveries: u64,
        /// All values.
        total: u64,
    },
    /// Values of another node, by gossip of another make (task 3-2-3).
    GossipSync {
        /// Any JSON each.
        messages: Vec<Json>,
    },
    /// Answer to `gossip_sync`.
    GossipSyncOk {
        /// How many of them were new.
        new_count: u64,
    },
    /// A step of comparing what two nodes have.
    Digest(Box<Digest>),
}

/// How a value came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// Along the tree, or from a client.
    Tree,
    /// By gossip.
    Gossip,
}

/// How a value came here first.
#[derive(Clone, Copy, Debug)]
struct Delivery {
    way: Way,
    hops: u64,
}

/// The node.
#[derive(Debug)]
pub struct HybridNode {
    interval: Duration,
    cluster: Cluster,
    tree: Topology,
    set: ValueSet,
    /// By position.
    deliveries: Vec<Delivery>,
    records: ValueRecords,
    /// Drawn when the node starts: digests of its lives are told apart.
    life: u32,
    /// How often the interval is doubled, because notes agree.
    doublings: u32,
    timer: Option<TimerId>,
    refusal: Option<Error>,
}

impl HybridNode {
    /// A node of these arguments.
    ///
    /// # Errors
    /// If they are wrong.
    pub fn from_arguments(arguments: &mut Arguments) -> Result<Self, UsageError> {
        let mut interval = Duration::from_millis(500);
        while let Some(flag) = arguments.next_flag()? {
            match &*flag {
                "--gossip-interval" => interval = flags::time(arguments)?,
                _ => return Err(arguments.unknown(&flag)),
            }
        }
        Ok(Self {
            interval,
            cluster: Cluster::default(),
            tree: Topology::default(),
            set: ValueSet::default(),
            deliveries: Vec::new(),
            records: ValueRecords,
            life: 0,
            doublings: 0,
            timer: None,
            refusal: None,
        })
    }

    /// The values that this node has.
    pub fn values(&self) -> &ValueSet {
        &self.set
    }

    fn learn(
        &mut self,
        value: Json,
        delivery: Delivery,
        ctx: &mut Context<'_, Self>,
    ) -> Option<Position> {
        let text = ctx.is_durable().then(|| value.text().into_owned());
        let position = self.set.insert(value)?;
        self.deliveries.push(delivery);
        if let Some(text) = text {
            self.records.keep(position, text, ctx);
        }
        self.hurry(ctx);
        Some(position)
    }

    fn broadcast(
        &mut self,
        from: &Caller,
        message: Json,
        hops: Option<u64>,
        ctx: &mut Context<'_, Self>,
    ) {
        let source = self.cluster.peer(&from.id);
        // A client is no hop away, and a node that does not count is one.
        let hops = if source.is_some() { hops.unwrap_or(1) } else { 0 };
        let is_new = self.learn(message.clone(), Delivery { way: Way::Tree, hops }, ctx).is_some();
        ctx.reply(from, Body::BroadcastOk);
        if is_new {
            let hops = Some(hops.saturating_add(1));
            for peer in self.tree.neighbours(self.cluster.me()) {
                if Some(peer) != source {
                    let body = Body::Broadcast { message: message.clone(), hops };
                    ctx.send(self.cluster.id(peer), body);
                }
            }
        }
    }

    fn delivery_info(&self, value: Json) -> Result<Body, Error> {
        let Some(position) = self.set.position(&value) else {
            let text = format!("field `value`: this node does not have {value}");
            return Err(Error::new(ErrorCode::KeyDoesNotExist, text));
        };
        let Delivery { way, hops } = self.deliveries[position as usize];
        Ok(Body::DeliveryInfoOk { value, delivered_via: way, hops })
    }

    fn stats(&self) -> Body {
        let by_tree = self.deliveries.iter().filter(|delivery| delivery.way == Way::Tree).count();
        let total = self.deliveries.len() as u64;
        let tree_deliveries = by_tree as u64;
        Body::HybridStatsOk { tree_deliveries, gossip_deliveries: total - tree_deliveries, total }
    }

    /// A turn of a comparison.
    fn digest(&mut self, from: &Caller, digest: &Digest, ctx: &mut Context<'_, Self>) {
        for (index, value) in digest.messages.iter().enumerate() {
            // The giver says how far it is away from the origin itself.
            let hops = digest.hops.get(index).copied().unwrap_or(0).saturating_add(1);
            self.learn(value.clone(), Delivery { way: Way::Gossip, hops }, ctx);
        }
        if digest.done {
            return;
        }
        let mut answer = digest.answer(&self.set, self.life);
        if !answer.done || answer.partial {
            self.hurry(ctx);
        }
        let hops = |value: &Json| {
            let position = self.set.position(value)?;
            Some(self.deliveries.get(position as usize)?.hops)
        };
        answer.hops = answer.messages.iter().map(|value| hops(value).unwrap_or(0)).collect();
        ctx.send(&from.id, Body::Digest(Box::new(answer)));
    }

    /// Something is missing somewhere: the next comparison comes soon.
    fn hurry(&mut self, ctx: &mut Context<'_, Self>) {
        if self.doublings > 0 {
            self.doublings = 0;
            self.arm(ctx);
        }
    }

    fn arm(&mut self, ctx: &mut Context<'_, Self>) {
        if let Some(timer) = self.timer.take() {
            ctx.cancel_timer(timer);
        }
        if self.cluster.size() > 1 {
            let longest = QUIET_INTERVAL.max(self.interval);
            let wait = self.interval.saturating_mul(1 << self.doublings.min(16)).min(longest);
            // By chance a little more, so that nodes that started together do not all speak at once.
            let wait = wait.mul_f64(ctx.random().random_range(1.0..1.25));
            self.timer = Some(ctx.set_timer(wait, ()));
        }
    }
}

impl Node for HybridNode {
    type Body = Body;
    type Token = ();

    fn init(&mut self, restored: Records, ctx: &mut Context<'_, Self>) {
        self.cluster = Cluster::new(ctx.id(), ctx.node_ids());
        self.life = ctx.random().random();
        // Until a topology comes, and for a node that is restarted and gets none: the same small
        // tree at every node.
        self.tree = Topology::complete(&self.cluster).spanning_tree(&self.cluster);
        match self.records.restore(&restored) {
            Ok(set) => self.set = set,
            Err(error) => {
                ctx.log(format!("no values can be taken: {}", error.text));
                self.refusal = Some(error);
                return;
            }
        }
        let kept = Delivery { way: Way::Tree, hops: 0 };
        self.deliveries = vec![kept; self.set.len() as usize];
        self.arm(ctx);
    }

    fn request(&mut self, from: Caller, body: Body, ctx: &mut Context<'_, Self>) {
        if let Some(error) = &self.refusal {
            ctx.reply_error(&from, error.clone());
            return;
        }
        match body {
            Body::Topology { topology } => {
                let graph = Topology::new(&mut self.cluster, &topology);
                self.tree = graph.spanning_tree(&self.cluster);
                ctx.reply(&from, Body::TopologyOk);
            }
            Body::Broadcast { message, hops } => self.broadcast(&from, message, hops, ctx),
            Body::Read => ctx.reply(&from, Body::ReadOk { messages: self.set.snapshot() }),
            Body::DeliveryInfo { value } => match self.delivery_info(value) {
                Ok(body) => ctx.reply(&from, body),
                Err(error) => ctx.reply_error(&from, error),
            },
            Body::HybridStats => ctx.reply(&from, self.stats()),
            Body::GossipSync { messages } => {
                // It does not say how far they have come: this far at least.
                let delivery = Delivery { way: Way::Gossip, hops: 1 };
                let is_new = |value| self.learn(value, delivery, ctx).is_some();
                let new_count = messages.into_iter().map(is_new).map(u64::from).sum();
                ctx.reply(&from, Body::GossipSyncOk { new_count });
            }
            Body::Digest(digest) => match self.cluster.peer(&from.id) {
                Some(_) => self.digest(&from, &digest, ctx),
                None => {
                    let text = "this type is for messages between nodes of the cluster";
                    ctx.reply_error(&from, Error::new(ErrorCode::NotSupported, text));
                }
            },
            // Replies: they never come as requests.
            _ => {}
        }
    }

    fn timer(&mut self, (): (), ctx: &mut Context<'_, Self>) {
        self.timer = None;
        let peers: Vec<Peer> = self.cluster.others().collect();
        // A node without values has nothing to tell; whoever has some will compare notes with it.
        if !peers.is_empty() && !self.set.is_empty() {
            let peer = peers[ctx.random().random_range(0..peers.len())];
            let opening = Digest::open(&self.set, self.life, ctx.now());
            ctx.send(self.cluster.id(peer), Body::Digest(Box::new(opening)));
        }
        // Until somebody has something else, all is well.
        self.doublings = self.doublings.saturating_add(1);
        self.arm(ctx);
    }
}
