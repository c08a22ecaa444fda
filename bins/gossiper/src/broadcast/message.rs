//! The messages of this node: what clients ask and what nodes say to each other.
//!
//! A node tells a new value to its neighbours as a plain `broadcast`, which any other Maelstrom node
//! understands. `gossip` (many values in one message, with acknowledgements riding on them) and
//! `digest` (see [`digest`](crate::digest)) are our own; a peer that answers them with an error
//! gets plain broadcasts only.

use std::collections::BTreeMap;

use proto::{Json, NodeId};
use serde::{Deserialize, Deserializer, Serialize};
use smallvec::SmallVec;

use crate::digest::Digest;
use crate::log::Snapshot;

/// A message of a gossiper.
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
    /// A value: from a client, or passed on by a peer.
    Broadcast {
        /// Any JSON.
        message: Json,
    },
    /// Answer to a `broadcast`.
    BroadcastOk,
    /// Answer to a peer's `broadcast` with `--answer broadcast_ack` (task 3-3-2), and taken for one
    /// always. Never answered itself.
    BroadcastAck {
        /// The value that has arrived. One that answers a message may leave it out, as `broadcast_ok`
        /// does: the number says which.
        #[serde(default, deserialize_with = "named", skip_serializing_if = "Option::is_none")]
        message: Option<Json>,
    },
    /// Asks for all values.
    Read,
    /// Answer to `read`.
    ReadOk {
        /// Each value once, in the order in which this node got them.
        messages: Snapshot,
    },
    /// Asks whom this node has for neighbours (task 3-3-1).
    TreeInfo,
    /// Answer to `tree_info`.
    TreeInfoOk {
        /// The node's own list in the last `topology`, as it came; empty before the first.
        neighbors: Vec<NodeId>,
        /// How many values this node has.
        message_count: u64,
    },
    /// Looks for overdue forwards now instead of waiting for the timer.
    CheckAcks,
    /// Answer to `check_acks`: how things stand.
    CheckAcksOk {
        /// Forwards to neighbours without acknowledgement, within the time-out.
        pending: u64,
        /// Forwards to neighbours without acknowledgement, past the time-out.
        timed_out: u64,
        /// Direct copies that were sent for the forwards in `timed_out`.
        direct_sent: u64,
    },
    /// Asks for the totals of failures.
    FailureStats,
    /// Answer to `failure_stats`: totals since the node started.
    FailureStatsOk {
        /// Forwards to neighbours that ever timed out.
        total_failures: u64,
        /// Direct copies that were ever sent round a failed neighbour.
        direct_deliveries: u64,
    },
    /// Blocks all traffic with some nodes, in place of those blocked before.
    Partition {
        /// Whom to block.
        blocked: Vec<NodeId>,
    },
    /// Answer to `partition`.
    PartitionOk,
    /// Ends the partition.
    Heal,
    /// Answer to `heal`.
    HealOk,
    /// Asks for the partition in force.
    PartitionStatus,
    /// Answer to `partition_status`.
    PartitionStatusOk {
        /// Who is blocked, in the order of the request.
        blocked: Vec<NodeId>,
        /// Whether anyone is.
        is_partitioned: bool,
        /// Messages that were ever dropped at this node, those going out and those coming in.
        messages_dropped: u64,
    },
    /// Asks how far the nodes have come together since the last heal.
    ConvergenceStatus,
    /// Answer to `convergence_status`.
    ConvergenceStatusOk {
        /// Whether this node has compared notes with every node that a heal unblocked.
        converged: bool,
        /// Those that are still to come.
        waiting_for: Vec<NodeId>,
        /// How long the last convergence took, from `heal` to the last comparison, in
        /// milliseconds; `null` before the first.
        convergence_ms: Option<u64>,
    },
    /// Values from peer to peer, many in one message.
    Gossip(Box<Gossip>),
    /// A step of comparing what two nodes have.
    Digest(Box<Digest>),
}

/// A field that is there, if only with `null`, which is a value like any other.
fn named<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Json>, D::Error> {
    Json::deserialize(value).map(Some)
}

/// Values for a peer, and acknowledgements of what it sent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Gossip {
    /// The sender's number for these values, to be acknowledged. A message that only acknowledges
    /// has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch: Option<BatchId>,
    /// The values.
    #[serde(skip_serializing_if = "SmallVec::is_empty")]
    pub messages: SmallVec<[Json; 1]>,
    /// Batches of the receiver that have arrived.
    #[serde(skip_serializing_if = "SmallVec::is_empty")]
    pub acks: SmallVec<[BatchId; 2]>,
    /// What the hub of a star says about its rounds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hub: Option<HubRound>,
}

/// Names a batch of one life of a node: the upper bits are drawn at random when it starts, so that
/// an acknowledgement meant for an earlier life matches nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BatchId(pub u64);

/// What a hub tells a leaf with each round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HubRound {
    /// A fingerprint of everything the hub has: equal to the leaf's own when both have the same.
    pub sum: crate::value_set::Hash,
    /// How long the leaf's last batch had waited at the hub when this round left, in microseconds.
    /// The leaf sends so much later next time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waited_us: Option<u64>,
}
