//! `gossiper anti-entropy`: rumours and rounds, with everything about them to be seen and set (tasks
//! 3-2-3, 3-2-4 and 3-2-5).
//!
//! A new value is told to K random nodes at once (*rumour mongering*), which reaches most. The rest
//! is left to rounds (*anti-entropy*, both in Demers and others, "Epidemic algorithms for replicated
//! database maintenance", 1987): now and then a node sends the digest of its values to K random
//! nodes; one whose digest differs answers with its own values, and gets those it lacks. Rounds in
//! which all digests agree become rarer, up to one in two seconds. A node without values asks nobody:
//! those who have some ask it.

use std::time::Duration;

use proto::UsageError;
use proto::{Arguments, Caller, Context, Error, Json, Manual, Node, NodeId, Records, TimerId};
use rand::seq::SliceRandom as _;
use serde::{Deserialize, Serialize};

use crate::flags;
use crate::log::Snapshot;
use crate::records::ValueRecords;
use crate::value_set::{Hash, ValueSet};

/// What the node says about itself.
pub const MANUAL: Manual = Manual {
    name: "anti-entropy",
    summary: "broadcast by rumours and rounds, to be tuned while it runs",
    usage: "[--fan-out K] [--gossip-interval TIME]",
    help: "\
It serves Maelstrom's `broadcast` workload, and `gossip_round`, `gossip_sync`, `digest`,
`digest_sync`, `configure`, `gossip_stats` and `bandwidth_stats` of tasks 3-2-3 to 3-2-5.

  --fan-out K             how many nodes are told a new value, and asked in a round (default: 2)
  --gossip-interval TIME  time between two rounds while digests differ (default: 200ms)
  --state-dir DIR         keep the values in DIR/<node id>/, stored before a client hears of them,
                          so that a node that is killed and started again still has them
",
};

/// The longest time between two rounds in which all digests agree, unless the interval is longer.
const QUIET_INTERVAL: Duration = Duration::from_secs(2);
/// The longest interval that can be set: a day.
const INTERVAL_MAX_MS: u64 = 86_400_000;

/// The messages of the node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    /// Maelstrom's topology. Peers are chosen from all nodes, so it changes nothing.
    Topology {
        /// The neighbours of every node.
        topology: std::collections::BTreeMap<NodeId, Vec<NodeId>>,
    },
    /// Answer to `topology`.
    TopologyOk,
    /// A value: from a client, or as a rumour.
    Broadcast {
        /// Any JSON.
        message: Json,
    },
    /// Answer to `broadcast`.
    BroadcastOk,
    /// Asks for all values.
    Read,
    /// Answer to `read`.
    ReadOk {
        /// Each value once, in the order in which this node got them.
        messages: Snapshot,
    },
    /// Sends all values to K random nodes.
    GossipRound,
    /// Answer to `gossip_round`, which leaves before the values.
    GossipRoundOk {
        /// How many nodes that were.
        peers_contacted: u64,
        /// How many values each of them is sent.
        messages_sent: u64,
    },
    /// Values of another node.
    GossipSync {
        /// Any JSON each.
        messages: Vec<Json>,
    },
    /// Answer to `gossip_sync`.
    GossipSyncOk {
        /// How many of them were new.
        new_count: u64,
    },
    /// Asks for the digest.
    Digest,
    /// Answer to `digest`.
    DigestOk {
        /// The same for the same values, in whatever order they came: 16 hexadecimal digits.
        digest: Hash,
        /// How many values there are.
        count: u64,
    },
    /// Compares digests, and exchanges values if they differ.
    DigestSync {
        /// The other node's digest.
        remote_digest: String,
        /// Its values, if it sends them at once.
        #[serde(default)]
        remote_messages: Option<Vec<Json>>,
    },
    /// Answer to `digest_sync`.
    DigestSyncOk {
        /// Whether the digests were equal.
        r#match: bool,
        /// How many of the values that came along were new here.
        transferred: u64,
        /// If not: the values that were here before.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        local_messages: Option<Snapshot>,
    },
    /// Sets how this node gossips from now on.
    Configure {
        /// How many nodes are told and asked, at least 1; all others if there are fewer.
        fanout: u64,
        /// Milliseconds between two rounds, at least 1.
        gossip_interval_ms: u64,
    },
    /// Answer to `configure`.
    ConfigureOk,
    /// Asks for the figures.
    GossipStats,
    /// Answer to `gossip_stats`: the figures of this node since it started.
    GossipStatsOk {
        /// How many times clients gave a value, the same one again included.
        broadcasts_received: u64,
        /// Messages to other nodes, answers included.
        gossip_messages_sent: u64,
        /// Of the latter for each of the former; 0 without any.
        #[serde(serialize_with = "crate::ratio::serialize")]
        messages_per_op: f64,
        /// Values that this node has.
        unique_messages: u64,
    },
    /// Asks what digests have saved.
    BandwidthStats,
    /// Answer to `bandwidth_stats`.
    BandwidthStatsOk {
        /// Bytes of values that were not sent because digests agreed, as JSON text.
        bytes_saved: u64,
    },
}

/// The node.
#[derive(Debug)]
pub struct AntiEntropyNode {
    fanout: usize,
    interval: Duration,
    set: ValueSet,
    records: ValueRecords,
    /// The bytes of all values as JSON text.
    text_bytes: u64,
    broadcasts: u64,
    messages_sent: u64,
    bytes_saved: u64,
    /// How often the interval is doubled, because digests agree.
    doublings: u32,
    timer: Option<TimerId>,
    refusal: Option<Error>,
}

impl AntiEntropyNode {
    /// A node of these arguments.
    ///
    /// # Errors
    /// If they are wrong.
    pub fn from_arguments(arguments: &mut Arguments) -> Result<Self, UsageError> {
        let mut node = Self {
            fanout: 2,
            interval: Duration::from_millis(200),
            set: ValueSet::default(),
            records: ValueRecords,
            text_bytes: 0,
            broadcasts: 0,
            messages_sent: 0,
            bytes_saved: 0,
            doublings: 0,
            timer: None,
            refusal: None,
        };
        while let Some(flag) = arguments.next_flag()? {
            match &*flag {
                "--fan-out" => node.fanout = flags::positive(arguments)?,
                "--gossip-interval" => node.interval = flags::time(arguments)?,
                _ => return Err(arguments.unknown(&flag)),
            }
        }
        Ok(node)
    }

    /// The values that this node has.
    pub fn values(&self) -> &ValueSet {
        &self.set
    }

    /// Adds a value. Returns whether it was new.
    fn learn(&mut self, value: Json, ctx: &mut Context<'_, Self>) -> bool {
        let text = value.text().into_owned();
        let Some(position) = self.set.insert(value) else { return false };
        self.text_bytes += text.len() as u64;
        self.records.keep(position, text, ctx);
        self.hurry(ctx);
        true
    }

    fn learn_all(&mut self, values: Vec<Json>, ctx: &mut Context<'_, Self>) -> u64 {
        values.into_iter().map(|value| u64::from(self.learn(value, ctx))).sum()
    }

    /// K random nodes, never this one and never `source`.
    fn peers(&self, source: &NodeId, ctx: &mut Context<'_, Self>) -> Vec<NodeId> {
        let mut peers: Vec<_> = ctx.peers().filter(|peer| *peer != source).cloned().collect();
        let (chosen, _) = peers.partial_shuffle(ctx.random(), self.fanout);
        chosen.to_vec()
    }

    fn send(&mut self, peer: &NodeId, body: Body, ctx: &mut Context<'_, Self>) {
        self.messages_sent += 1;
        ctx.send(peer, body);
    }

    fn reply(&mut self, to: &Caller, body: Body, ctx: &mut Context<'_, Self>) {
        self.messages_sent += u64::from(ctx.peers().any(|peer| *peer == to.id));
        ctx.reply(to, body);
    }

    fn broadcast(&mut self, from: &Caller, message: Json, ctx: &mut Context<'_, Self>) {
        self.broadcasts += u64::from(ctx.peers().all(|peer| *peer != from.id));
        let is_new = self.learn(message.clone(), ctx);
        self.reply(from, Body::BroadcastOk, ctx);
        if is_new {
            for peer in self.peers(&from.id, ctx) {
                self.send(&peer, Body::Broadcast { message: message.clone() }, ctx);
            }
        }
    }

    fn gossip_round(&mut self, from: &Caller, ctx: &mut Context<'_, Self>) {
        let peers = self.peers(&ctx.id().clone(), ctx);
        // Where there is nobody to send them to, no values are sent.
        let messages_sent = if peers.is_empty() { 0 } else { u64::from(self.set.len()) };
        let peers_contacted = peers.len() as u64;
        self.reply(from, Body::GossipRoundOk { peers_contacted, messages_sent }, ctx);
        if !self.set.is_empty() {
            let messages: Vec<_> = self.set.snapshot().iter().cloned().collect();
            for peer in peers {
                self.send(&peer, Body::GossipSync { messages: messages.clone() }, ctx);
            }
        }
    }

    fn digest_sync(
        &mut self,
        remote_digest: &str,
        remote: Option<Vec<Json>>,
        ctx: &mut Context<'_, Self>,
    ) -> Body {
        if remote_digest == format!("{:?}", self.set.sum()) {
            self.bytes_saved += self.text_bytes;
            return Body::DigestSyncOk { r#match: true, transferred: 0, local_messages: None };
        }
        let local_messages = Some(self.set.snapshot());
        let transferred = self.learn_all(remote.unwrap_or_default(), ctx);
        self.hurry(ctx);
        Body::DigestSyncOk { r#match: false, transferred, local_messages }
    }

    /// The answer of a peer whose digest differed: takes what is new, gives what it lacks.
    fn differed(&mut self, peer: &NodeId, theirs: &Snapshot, ctx: &mut Context<'_, Self>) {
        let mut known = ValueSet::default();
        for value in theirs.iter() {
            known.insert(value.clone());
        }
        let lacking: Vec<_> = self
            .set
            .snapshot()
            .iter()
            .filter(|value| known.position(value).is_none())
            .cloned()
            .collect();
        self.learn_all(theirs.iter().cloned().collect(), ctx);
        self.hurry(ctx);
        if !lacking.is_empty() {
            self.send(peer, Body::GossipSync { messages: lacking }, ctx);
        }
    }

    fn configure(&mut self, fanout: u64, interval_ms: u64) -> Result<(), Error> {
        if fanout == 0 {
            return Err(Error::malformed_request("field `fanout` has to be at least 1, not 0"));
        }
        if !(1..=INTERVAL_MAX_MS).contains(&interval_ms) {
            return Err(Error::malformed_request(format!(
                "field `gossip_interval_ms` has to be from 1 to {INTERVAL_MAX_MS}, not {interval_ms}"
            )));
        }
        self.fanout = usize::try_from(fanout).unwrap_or(usize::MAX);
        self.interval = Duration::from_millis(interval_ms);
        Ok(())
    }

    fn stats(&self) -> Body {
        let messages_per_op = match self.broadcasts {
            0 => 0.0,
            broadcasts => self.messages_sent as f64 / broadcasts as f64,
        };
        Body::GossipStatsOk {
            broadcasts_received: self.broadcasts,
            gossip_messages_sent: self.messages_sent,
            messages_per_op,
            unique_messages: u64::from(self.set.len()),
        }
    }

    /// Something differs: the next round comes soon.
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
        if ctx.peers().next().is_some() {
            let longest = QUIET_INTERVAL.max(self.interval);
            let wait = self.interval.saturating_mul(1 << self.doublings.min(16)).min(longest);
            self.timer = Some(ctx.set_timer(wait, ()));
        }
    }
}

impl Node for AntiEntropyNode {
    type Body = Body;
    type Token = ();

    fn init(&mut self, restored: Records, ctx: &mut Context<'_, Self>) {
        match self.records.restore(&restored) {
            Ok(set) => {
                self.text_bytes =
                    set.snapshot().iter().map(|value| value.text().len() as u64).sum();
                self.set = set;
            }
            Err(error) => {
                ctx.log(format!("no values can be taken: {}", error.text));
                self.refusal = Some(error);
                return;
            }
        }
        self.arm(ctx);
    }

    fn request(&mut self, from: Caller, body: Body, ctx: &mut Context<'_, Self>) {
        if let Some(error) = &self.refusal {
            ctx.reply_error(&from, error.clone());
            return;
        }
        match body {
            Body::Topology { .. } => self.reply(&from, Body::TopologyOk, ctx),
            Body::Broadcast { message } => self.broadcast(&from, message, ctx),
            Body::Read => {
                let messages = self.set.snapshot();
                self.reply(&from, Body::ReadOk { messages }, ctx);
            }
            Body::GossipRound => self.gossip_round(&from, ctx),
            Body::GossipSync { messages } => {
                let new_count = self.learn_all(messages, ctx);
                self.reply(&from, Body::GossipSyncOk { new_count }, ctx);
            }
            Body::Digest => {
                let (digest, count) = (self.set.sum(), u64::from(self.set.len()));
                self.reply(&from, Body::DigestOk { digest, count }, ctx);
            }
            Body::DigestSync { remote_digest, remote_messages } => {
                let answer = self.digest_sync(&remote_digest, remote_messages, ctx);
                self.reply(&from, answer, ctx);
            }
            Body::Configure { fanout, gossip_interval_ms } => {
                match self.configure(fanout, gossip_interval_ms) {
                    Ok(()) => {
                        self.reply(&from, Body::ConfigureOk, ctx);
                        self.arm(ctx);
                    }
                    Err(error) => ctx.reply_error(&from, error),
                }
            }
            Body::GossipStats => {
                let stats = self.stats();
                self.reply(&from, stats, ctx);
            }
            Body::BandwidthStats => {
                let bytes_saved = self.bytes_saved;
                self.reply(&from, Body::BandwidthStatsOk { bytes_saved }, ctx);
            }
            // Replies come to `reply`.
            _ => {}
        }
    }

    fn reply(&mut self, from: Caller, reply: Result<Body, Error>, ctx: &mut Context<'_, Self>) {
        if let Ok(Body::DigestSyncOk { local_messages: Some(theirs), .. }) = reply
            && ctx.peers().any(|peer| *peer == from.id)
        {
            self.differed(&from.id, &theirs, ctx);
        }
    }

    fn timer(&mut self, (): (), ctx: &mut Context<'_, Self>) {
        self.timer = None;
        // A node without values has nothing to tell; whoever has some will compare them with it.
        if !self.set.is_empty() {
            let remote_digest = format!("{:?}", self.set.sum());
            for peer in self.peers(&ctx.id().clone(), ctx) {
                let remote_digest = remote_digest.clone();
                self.send(&peer, Body::DigestSync { remote_digest, remote_messages: None }, ctx);
            }
        }
        // Until an answer says otherwise, all is well.
        self.doublings = self.doublings.saturating_add(1);
        self.arm(ctx);
    }
}
