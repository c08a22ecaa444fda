//! The messages between nodes on Raft, the same for every service.
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

use proto::NodeId;
use serde::{Deserialize, Serialize};

use crate::command::SharedCommand;
use crate::machine::Machine;
use crate::store::State;

/// Every message between nodes, and those of their operators.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", bound = "")]
pub enum Peer<M: Machine> {
    /// A follower passes a client's request on; answered as the client is to be, or by
    /// `forward_ok` where several clients' requests may be one.
    Forward(Box<Forward<M>>),
    /// Answer to a `forward` of what several clients want.
    ForwardOk(ForwardOk<M>),
    /// Instead of answers one by one, where several requests of one node are done at once. It replies to
    /// none of them by number, so its name is not that of a reply.
    ForwardsDone(ForwardsDone<M>),
    /// A candidate asks for a vote.
    RequestVote(Box<RequestVote>),
    /// Answer to `request_vote`.
    RequestVoteOk(RequestVoteOk),
    /// A leader's entries or heartbeat.
    AppendEntries(Box<AppendEntries<M>>),
    /// Answer to `append_entries`.
    AppendEntriesOk(AppendEntriesOk),
    /// A leader's whole state.
    InstallSnapshot(Box<InstallSnapshot<M>>),
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
    /// An operator wants a node to be a member; any node takes this, and passes it on to the
    /// leader. The message of jepsen-io/maelstrom#101.
    AddMember(MemberChange),
    /// Answer to `add_member`: it is one, and was told so far as a majority is concerned.
    AddMemberOk,
    /// An operator wants a node to be no member any more.
    RemoveMember(MemberChange),
    /// Answer to `remove_member`: it is none. Soon it knows, and answers clients with error 40.
    RemoveMemberOk,
}

/// Whose membership is to change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberChange {
    /// The node, which has to be one of those that `init` names.
    pub node_id: NodeId,
    /// Set by a node that passes it on to the leader, to a number that no other such request has: nobody
    /// passes it on once more, and the leader hears it once however often the network delivers it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passed_on: Option<u64>,
}

/// Voters by name, each with the life that counts where a change has named it.
pub type Voters = BTreeMap<NodeId, Option<u64>>;

/// Who votes; see [`raft::membership`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Members {
    /// The voters; while they change, the new ones.
    pub voters: Voters,
    /// While they change, the old ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outgoing: Option<Voters>,
}

/// A client's request on its way to the leader.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Forward<M: Machine> {
    /// The term whose leader it is meant for. No other may take it, so that a
    /// refusal with error 14 is final although copies may arrive later. Any
    /// other refusal is not: a first copy may have been taken.
    pub term: u64,
    /// The request.
    pub request: M::Wire,
}

/// What became of a request that was passed on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct ForwardOk<M: Machine> {
    /// What the machine answers.
    pub answer: M::Answer,
}

/// What became of several requests that were passed on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct ForwardsDone<M: Machine> {
    /// The session of the node that passed them on: answers are for no later life of it.
    pub session: u64,
    /// The answers.
    pub answers: Vec<Answered<M>>,
}

/// What became of one of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Answered<M: Machine> {
    /// The number of the request in its session.
    pub sequence: u64,
    /// What the machine answers.
    pub answer: M::Answer,
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

/// One entry of the log; `command` is null for a leader's no-op, and where it
/// names members.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(bound = "")]
#[expect(missing_docs, reason = "the track's fields")]
pub struct Entry<M: Machine> {
    pub term: u64,
    pub index: u64,
    pub command: Option<SharedCommand<M>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub members: Option<Members>,
}

/// See the paper, figure 2.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(bound = "")]
#[expect(missing_docs, reason = "the paper's fields")]
pub struct AppendEntries<M: Machine> {
    pub term: u64,
    pub leader_id: NodeId,
    pub prev_log_index: u64,
    pub prev_log_term: u64,
    pub entries: Vec<Entry<M>>,
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
#[serde(bound = "")]
#[expect(missing_docs, reason = "the paper's fields")]
pub struct InstallSnapshot<M: Machine> {
    pub term: u64,
    pub leader_id: NodeId,
    pub snapshot_index: u64,
    pub snapshot_term: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub members: Option<Members>,
    pub state: SharedState<M>,
    pub round: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incarnation: Option<u64>,
}

/// The state of a snapshot, shared with whoever else holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedState<M: Machine>(pub Arc<State<M>>);

impl<M: Machine> Serialize for SharedState<M> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de, M: Machine> Deserialize<'de> for SharedState<M> {
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
