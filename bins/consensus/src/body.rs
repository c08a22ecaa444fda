//! The messages of this node: Maelstrom's `lin-kv`, the track's tasks, and
//! Raft between nodes.
//!
//! `request_vote` and `append_entries` have the fields that the track gives
//! them and some of our own beside: `incarnation` (see [`raft::roster`]),
//! `ballot`, `round` and `incarnations`. A sender without an `incarnation` is
//! none of our nodes and gets the plain replies of the track back.
//!
//! Only members of the cluster speak to nodes as nodes: these messages are
//! refused if their `src` is no member, or is another one than the
//! `candidate_id`, `leader_id` or `origin` in them.

use std::collections::BTreeMap;
use std::sync::Arc;

use proto::{Json, NodeId};
use serde::{Deserialize, Serialize};

use crate::command::{SharedCommand, WireCommand};
use crate::store::State;

/// Every message of this node, requests and replies.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    /// `lin-kv`: the value of a key.
    Read {
        /// Any JSON.
        key: Json,
    },
    /// Answer to `read`.
    ReadOk {
        /// The key's value.
        value: Json,
    },
    /// `lin-kv`: sets a key.
    Write {
        /// Any JSON.
        key: Json,
        /// Any JSON.
        value: Json,
    },
    /// Answer to `write`.
    WriteOk,
    /// `lin-kv`: sets a key that has a given value.
    Cas {
        /// Any JSON.
        key: Json,
        /// The value it must have.
        from: Json,
        /// Its new value.
        to: Json,
    },
    /// Answer to `cas`.
    CasOk,

    /// A follower passes a client's request on; answered as the client is to be.
    Forward(Box<Forward>),
    /// A candidate asks for a vote.
    RequestVote(Box<RequestVote>),
    /// Answer to `request_vote`.
    RequestVoteOk(RequestVoteOk),
    /// A leader's entries or heartbeat.
    AppendEntries(Box<AppendEntries>),
    /// Answer to `append_entries`.
    AppendEntriesOk(AppendEntriesOk),
    /// A leader's whole state.
    InstallSnapshot(Box<InstallSnapshot>),
    /// Answer to `install_snapshot`.
    InstallSnapshotOk(InstallSnapshotOk),
    /// A leader tells its successor to campaign at once.
    TimeoutNow(TimeoutNow),
    /// An operator asks the leader to hand over, before it is stopped, say.
    TransferLeadership {
        /// The node that shall lead.
        to: NodeId,
    },
    /// Answer to `transfer_leadership`: it has begun. The leader goes on if it
    /// has not succeeded within an election timeout.
    TransferLeadershipOk,

    /// Task 7-2-5: runs a cluster within this node, with a partition.
    PartitionTest(PartitionTest),
    /// Answer to `partition_test`.
    PartitionTestOk(PartitionTestOk),
    /// Task 7-2-5: checks a history.
    VerifyLinearizability {
        /// A list of Jepsen-style events, see [`crate::verify`].
        history: Json,
    },
    /// Answer to `verify_linearizability`.
    VerifyLinearizabilityOk {
        /// Whether there is an order that explains every result.
        linearizable: bool,
        /// For every key without one, why.
        violations: Vec<Violation>,
    },
}

/// A client's request on its way to the leader.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forward {
    /// The term whose leader it is meant for. No other may take it, so that a
    /// refusal with error 14 is final although copies may arrive later. Any
    /// other refusal is not: a first copy may have been taken.
    pub term: u64,
    /// The request.
    pub request: WireCommand,
}

/// Which kind of vote is asked for.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ballot {
    /// A vote proper.
    #[default]
    Vote,
    /// "Would you?"
    PreVote,
    /// A vote proper, ordered by the leader.
    Transfer,
}

impl Ballot {
    fn is_vote(&self) -> bool {
        *self == Self::Vote
    }
}

/// The incarnations that the sender has met, by the nodes' names.
pub type Incarnations = BTreeMap<NodeId, u64>;

/// See the paper, figure 2.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the paper's fields")]
pub struct RequestVote {
    pub term: u64,
    pub candidate_id: NodeId,
    pub last_log_index: u64,
    pub last_log_term: u64,
    #[serde(default, skip_serializing_if = "Ballot::is_vote")]
    pub ballot: Ballot,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incarnation: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incarnations: Option<Incarnations>,
}

/// See the paper, figure 2.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the paper's fields")]
pub struct RequestVoteOk {
    pub term: u64,
    pub vote_granted: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pre_vote: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incarnation: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub candidate_incarnation: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incarnations: Option<Incarnations>,
}

/// One entry of the log; `command` is null for a leader's no-op.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the track's fields")]
pub struct Entry {
    pub term: u64,
    pub index: u64,
    pub command: Option<SharedCommand>,
}

/// See the paper, figure 2.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the paper's fields")]
pub struct AppendEntries {
    pub term: u64,
    pub leader_id: NodeId,
    pub prev_log_index: u64,
    pub prev_log_term: u64,
    pub entries: Vec<Entry>,
    pub leader_commit: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub round: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incarnation: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incarnations: Option<Incarnations>,
}

/// Answer to [`AppendEntries`]; everything but the first two fields only for
/// our own nodes.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppendEntriesOk {
    /// Whether the entries were taken.
    pub success: bool,
    /// How far the logs are known to agree; 0 in a refusal.
    pub match_index: u64,
    /// The follower's term. Without it a stale success could not be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub term: Option<u64>,
    /// The round it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub round: Option<u64>,
    /// The follower's incarnation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incarnation: Option<u64>,
    /// In a refusal: where the logs part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conflict: Option<Conflict>,
}

/// Where the logs part; see [`raft::Conflict`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "as there")]
pub struct Conflict {
    pub rejected: u64,
    pub term: Option<u64>,
    pub index: u64,
}

/// See the paper, figure 13; in one piece.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the paper's fields")]
pub struct InstallSnapshot {
    pub term: u64,
    pub leader_id: NodeId,
    pub snapshot_index: u64,
    pub snapshot_term: u64,
    pub state: SharedState,
    pub round: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incarnation: Option<u64>,
}

/// The state of a snapshot, shared with whoever else holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedState(pub Arc<State>);

impl Serialize for SharedState {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for SharedState {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        State::deserialize(deserializer).map(|state| Self(Arc::new(state)))
    }
}

/// Answer to [`InstallSnapshot`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstallSnapshotOk {
    /// Whether the follower is now at least as far as the snapshot.
    pub applied: bool,
    /// How far it is.
    pub new_last_applied: u64,
    /// Its term.
    pub term: u64,
    /// The round it answers.
    pub round: u64,
    /// Its incarnation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incarnation: Option<u64>,
}

/// See the thesis, section 3.10.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the usual fields")]
pub struct TimeoutNow {
    pub term: u64,
    pub leader_id: NodeId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incarnation: Option<u64>,
}

/// The parameters of task 7-2-5.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionTest {
    /// How many nodes the cluster has.
    pub cluster_size: u64,
    /// How many operations clients do.
    pub operations: u64,
    /// The cluster is cut once so many operations are done.
    pub partition_after_op: u64,
    /// It is healed once so many are done.
    pub heal_after_op: u64,
    /// Makes it another run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
}

/// The result of task 7-2-5.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionTestOk {
    /// `operations` of the request.
    pub total_ops: u64,
    /// How many were done while the cluster was cut.
    pub ops_during_partition: u64,
    /// How many got an answer.
    pub ops_succeeded: u64,
    /// How many were refused, or have an unknown outcome.
    pub ops_rejected: u64,
    /// What the checker says of the history.
    pub linearizable: bool,
}

/// A key whose operations have no order that explains them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// The key.
    pub key: Json,
    /// Why there is none.
    pub reason: String,
    /// The operations that cannot be ordered.
    pub operations: Vec<Json>,
}
