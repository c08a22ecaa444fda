//! What nodes tell each other, and what a node hands to its host.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::membership::{ChangeRefused, Configuration};
use crate::roster::Incarnations;
use crate::types::{Incarnation, LogIndex, MemberId, ReadId, Round, Term};

/// One slot of the replicated log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry<C> {
    /// The term of the leader that made the entry.
    pub term: Term,
    /// Its place in the log.
    pub index: LogIndex,
    /// What it holds.
    pub content: Content<C>,
}

impl<C> Entry<C> {
    /// What is to be applied, if it is a command.
    #[must_use]
    pub fn command(&self) -> Option<&C> {
        match &self.content {
            Content::Command(command) => Some(command),
            Content::Noop | Content::Configuration(_) => None,
        }
    }
}

/// What an entry holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content<C> {
    /// Nothing: the first entry of a new leader.
    Noop,
    /// Something to be applied.
    Command(C),
    /// Who votes, from this entry on.
    Configuration(Arc<Configuration>),
}

impl<C> From<Option<C>> for Content<C> {
    fn from(command: Option<C>) -> Self {
        command.map_or(Self::Noop, Self::Command)
    }
}

/// The state machine after every entry up to `index`: it stands in for them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot<S> {
    /// The last entry the state covers.
    pub index: LogIndex,
    /// That entry's term.
    pub term: Term,
    /// Who votes after that entry.
    pub configuration: Arc<Configuration>,
    /// The state itself, opaque to Raft.
    pub state: S,
}

/// A message between two nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message<C, S> {
    /// Which life of the sender speaks; `None` from one that knows nothing of
    /// incarnations.
    pub incarnation: Option<Incarnation>,
    /// The sender's term; in a pre-vote request and its grant the term that
    /// the candidate would start.
    pub term: Term,
    /// What it says.
    pub payload: Payload<C, S>,
}

/// A message and where it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope<C, S> {
    /// The node that shall get it.
    pub to: MemberId,
    /// What it shall get.
    pub message: Message<C, S>,
}

/// The kinds of message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payload<C, S> {
    /// A candidate asks for a vote.
    RequestVote(RequestVote),
    /// The answer to [`RequestVote`].
    Vote(Vote),
    /// A leader's entries, or its heartbeat when there are none.
    AppendEntries(AppendEntries<C>),
    /// The answer to [`AppendEntries`] and to [`Payload::InstallSnapshot`].
    AppendReply(AppendReply),
    /// The whole state, for a follower whose next entry is compacted away.
    InstallSnapshot {
        /// The state.
        snapshot: Snapshot<S>,
        /// The leader's current round.
        round: Round,
    },
    /// The leader tells its successor to campaign at once (thesis 3.10).
    TimeoutNow,
}

/// How far a candidate's request goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ballot {
    /// "Would you?": binds nobody and changes no term (thesis 9.6).
    PreVote,
    /// A vote proper.
    Vote,
    /// A vote proper that the leader itself ordered, so that followers give it
    /// although they still hear a leader.
    Transfer,
}

/// A candidate asks for a vote (paper, figure 2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestVote {
    /// Which kind of vote.
    pub ballot: Ballot,
    /// Index of the candidate's last entry.
    pub last_log_index: LogIndex,
    /// Term of the candidate's last entry.
    pub last_log_term: Term,
    /// Every incarnation the candidate has met, by node.
    pub incarnations: Incarnations,
}

/// The answer to [`RequestVote`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vote {
    /// Whether it answers a pre-vote.
    pub pre_vote: bool,
    /// Whether the candidate gets it.
    pub granted: bool,
    /// Which life of the candidate it is for. A later one must not count what
    /// was given to an earlier one, whose log it has lost.
    pub candidate: Option<Incarnation>,
    /// For a candidate that has forgotten its past: every incarnation the
    /// voter has met, so that it learns of it.
    pub incarnations: Option<Incarnations>,
}

/// A leader's entries (paper, figure 2). With `prev_log_index` 0 and no
/// entries it claims nothing about the log and is a bare heartbeat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppendEntries<C> {
    /// The round that an answer to this message confirms.
    pub round: Round,
    /// Index of the entry before the first one sent.
    pub prev_log_index: LogIndex,
    /// Its term.
    pub prev_log_term: Term,
    /// The entries.
    pub entries: Vec<Entry<C>>,
    /// How far the leader's log is committed.
    pub leader_commit: LogIndex,
    /// Every incarnation the leader has met, by node, so that followers know
    /// those too which never spoke to them; left out once a follower knows.
    pub incarnations: Option<Incarnations>,
}

/// The answer to [`AppendEntries`] and [`Payload::InstallSnapshot`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppendReply {
    /// The round it answers.
    pub round: Round,
    /// Up to where the follower's log is known to agree with the leader's, or
    /// why it took nothing.
    pub outcome: Result<LogIndex, Conflict>,
}

/// Why a follower refused entries, with a hint that lets the leader skip a
/// whole term at once (paper, end of section 5.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conflict {
    /// The `prev_log_index` that was refused.
    pub rejected: LogIndex,
    /// The term of the follower's entry there; `None` if its log is shorter.
    pub term: Option<Term>,
    /// The follower's first index of that term, or the index after its last.
    pub index: LogIndex,
}

/// Something to be stored. Records are to be stored in the order given, and
/// before any message of the same output leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record<C, S> {
    /// Replaces the term and the vote given in it.
    Ballot {
        /// The current term.
        term: Term,
        /// Who got this node's vote in that term.
        voted_for: Option<MemberId>,
    },
    /// Removes every entry from this index on.
    Truncate(LogIndex),
    /// Adds entries after the last one.
    Append(Vec<Entry<C>>),
    /// Replaces the snapshot; entries up to its index may go.
    Snapshot(Snapshot<S>),
    /// Replaces the incarnations known, by node; see [`crate::roster`].
    Incarnations(Incarnations),
}

/// What a node had stored, given back to it when it starts again.
#[derive(Debug, Clone)]
pub struct Restored<C, S> {
    /// The last stored term.
    pub term: Term,
    /// The vote given in it.
    pub voted_for: Option<MemberId>,
    /// The last stored snapshot.
    pub snapshot: Option<Snapshot<S>>,
    /// The stored entries, in order; those the snapshot covers are ignored.
    pub entries: Vec<Entry<C>>,
    /// The last stored incarnations, by node; empty if none were stored.
    pub incarnations: BTreeMap<MemberId, Incarnation>,
}

impl<C, S> Default for Restored<C, S> {
    fn default() -> Self {
        Self {
            term: Term(0),
            voted_for: None,
            snapshot: None,
            entries: Vec::new(),
            incarnations: BTreeMap::new(),
        }
    }
}

/// A step of the state machine, to be carried out in the order given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Apply<C, S> {
    /// Apply the next committed entry.
    Entry(Entry<C>),
    /// Replace the state by this one.
    Restore(Snapshot<S>),
}

/// What one or more inputs led to. The host stores `records`, then sends
/// `messages`; it carries out `applies` and only then serves `reads_ready`.
#[derive(Debug)]
pub struct Output<C, S> {
    /// To be stored before anything is sent.
    pub records: Vec<Record<C, S>>,
    /// To be sent.
    pub messages: Vec<Envelope<C, S>>,
    /// To be applied.
    pub applies: Vec<Apply<C, S>>,
    /// Reads that the applied state may now answer.
    pub reads_ready: Vec<ReadId>,
    /// Reads that this node cannot answer any more.
    pub reads_refused: Vec<ReadId>,
    /// Proposals that never entered any log and never will.
    pub dropped: Vec<C>,
    /// How changes of members ended that this node was asked for.
    pub changes: Vec<Result<(), ChangeRefused>>,
}

impl<C, S> Output<C, S> {
    /// Whether there is nothing to be done.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let Self { records, messages, applies, reads_ready, reads_refused, dropped, changes } =
            self;
        let is_quiet = records.is_empty() && messages.is_empty() && applies.is_empty();
        let are_none = reads_ready.is_empty() && reads_refused.is_empty();
        is_quiet && are_none && dropped.is_empty() && changes.is_empty()
    }
}

impl<C, S> Default for Output<C, S> {
    fn default() -> Self {
        Self {
            records: Vec::new(),
            messages: Vec::new(),
            applies: Vec::new(),
            reads_ready: Vec::new(),
            reads_refused: Vec::new(),
            dropped: Vec::new(),
            changes: Vec::new(),
        }
    }
}
