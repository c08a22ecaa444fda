//! The messages of `consensus raft-steps`, in the shapes of the tasks.

use std::collections::BTreeMap;

use proto::{Json, NodeId};
use serde::{Deserialize, Deserializer, Serialize};

/// The state of the tasks' key-value store.
pub type State = BTreeMap<String, Json>;

/// Every message of this node, requests and replies.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the tasks' names")]
pub enum Body {
    RaftAppend { entry: NewEntry },
    RaftAppendOk { index: u64 },
    AppendEntries(AppendEntries),
    AppendEntriesOk(AppendEntriesOk),
    SeedCommittedLog { entries: Vec<Entry>, commit_index: u64 },
    SeedCommittedLogOk,
    GetState,
    StateReply(StateAnswer),
    GetStateOk(StateAnswer),
    SetTerm { term: u64 },
    SetTermOk,
    RequestVote(RequestVote),
    RequestVoteOk(RequestVoteOk),
    CheckCommit(CheckCommit),
    CheckCommitOk(CheckCommitOk),
    AdvanceCommit(AdvanceCommit),
    AdvanceCommitOk(AdvanceCommitOk),
    ApplyEntries { entries: Vec<Entry> },
    ApplyEntriesOk { results: Vec<Applied>, last_applied: u64 },
    LeaderChange(LeaderChange),
    LeaderChangeOk(LeaderChangeOk),
    SimulateNoopCommit { noop_index: u64 },
    SimulateNoopCommitOk(NoopCommitted),
    TakeSnapshot { threshold: u64 },
    TakeSnapshotOk(SnapshotTaken),
    InstallSnapshot(InstallSnapshot),
    InstallSnapshotOk(SnapshotInstalled),
    GetLogInfo,
    GetLogInfoOk(LogInfo),
}

/// What a log holds: a command of the store, or of somebody else's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the tasks' fields")]
pub struct Command {
    /// Empty where a command of somebody else's has none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub op: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Null is a value like any other; only a field that is left out is none.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub value: Option<Json>,
}

/// What is there, null as well.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Json>, D::Error> {
    Json::deserialize(deserializer).map(Some)
}

/// An entry that has no index yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the tasks' fields")]
pub struct NewEntry {
    pub term: u64,
    pub command: Command,
}

/// An entry of a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the tasks' fields")]
pub struct Entry {
    pub index: u64,
    pub term: u64,
    pub command: Command,
}

/// Raft, figure 2.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the tasks' fields")]
pub struct AppendEntries {
    pub term: u64,
    pub leader_id: NodeId,
    pub prev_log_index: u64,
    pub prev_log_term: u64,
    pub entries: Vec<Entry>,
    pub leader_commit: u64,
}

/// The answer to [`AppendEntries`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppendEntriesOk {
    /// Whether the entries were taken.
    pub success: bool,
    /// How far the logs are known to agree; 0 in a refusal.
    pub match_index: u64,
}

/// What `get_state` is answered with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the tasks' fields")]
pub struct StateAnswer {
    pub state: State,
    pub last_applied: u64,
}

/// Raft, figure 2.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the tasks' fields")]
pub struct RequestVote {
    pub term: u64,
    pub candidate_id: NodeId,
    pub last_log_index: u64,
    pub last_log_term: u64,
}

/// The answer to [`RequestVote`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the tasks' fields")]
pub struct RequestVoteOk {
    pub term: u64,
    pub vote_granted: bool,
}

/// Is the whole log committed? (7-2-1)
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the tasks' fields")]
pub struct CheckCommit {
    pub log_length: u64,
    pub match_indices: BTreeMap<NodeId, u64>,
    pub current_term: u64,
}

/// The answer to [`CheckCommit`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckCommitOk {
    /// How far a majority holds the log.
    pub new_commit_index: u64,
    /// How many nodes hold all of it.
    pub majority_count: u64,
    /// How many are a majority.
    pub quorum: u64,
    /// Whether that many do.
    pub committed: bool,
}

/// How far is the log committed now? (7-2-1)
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the tasks' fields")]
pub struct AdvanceCommit {
    pub old_commit_index: u64,
    pub match_indices: BTreeMap<NodeId, u64>,
    pub current_term: u64,
}

/// The answer to [`AdvanceCommit`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the tasks' fields")]
pub struct AdvanceCommitOk {
    pub new_commit_index: u64,
    pub entries_committed: u64,
}

/// What applying an entry gave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the tasks' fields")]
pub struct Applied {
    pub index: u64,
    pub result: Json,
}

/// A node becomes leader of a log (7-2-3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the tasks' fields")]
pub struct LeaderChange {
    pub new_leader: NodeId,
    pub new_term: u64,
    pub log: Vec<OpaqueEntry>,
    pub commit_index: u64,
}

/// An entry whose command is nobody's concern.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the tasks' fields")]
pub struct OpaqueEntry {
    pub index: u64,
    pub term: u64,
    #[serde(default = "Json::null")]
    pub command: Json,
}

/// The answer to [`LeaderChange`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaderChangeOk {
    /// The index of the no-op.
    pub noop_appended_at: u64,
    /// Its term.
    pub noop_term: u64,
    /// Whether nothing beyond the old commit index is applied before it is committed.
    pub safe_to_apply_after_commit: bool,
}

/// A majority has the no-op.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the tasks' fields")]
pub struct NoopCommitted {
    pub new_commit_index: u64,
    pub entries_now_committed: Vec<u64>,
}

/// The answer to `take_snapshot`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotTaken {
    /// The last index that the latest snapshot covers; 0 if there is none.
    pub snapshot_index: u64,
    /// Its term.
    pub snapshot_term: u64,
    /// The length of the snapshot's state as JSON, in bytes.
    pub state_size_bytes: u64,
    /// How many entries went.
    pub log_entries_trimmed: u64,
}

/// A leader's snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the tasks' fields")]
pub struct InstallSnapshot {
    pub snapshot_index: u64,
    pub snapshot_term: u64,
    pub state: State,
}

/// The answer to [`InstallSnapshot`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotInstalled {
    /// Whether it was news.
    pub applied: bool,
    /// How far the node is.
    pub new_last_applied: u64,
}

/// The answer to `get_log_info`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the tasks' fields")]
pub struct LogInfo {
    pub first_index: u64,
    pub last_index: u64,
    pub snapshot_index: u64,
    pub total_entries: u64,
}
