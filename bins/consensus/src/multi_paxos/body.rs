//! The messages of `consensus multi-paxos`, and the replica's own as bodies.
//!
//! Nodes answer each other with messages of their own, not with replies: a promise that comes late
//! is as good as one that comes in time.

use paxos::{Ballot, Round, Slot};
use proto::Json;
use serde::{Deserialize, Serialize};

use crate::body::SharedState;
use crate::command::{SharedCommand, WireCommand};

/// A message of Paxos between our nodes.
pub type Message = paxos::Message<SharedCommand, SharedState>;

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

    /// A node passes a client's request on to the leader; answered as the client is to be.
    Forward(Box<Forward>),
    /// "Would you promise this ballot?"
    Poll {
        /// Which.
        ballot: u64,
    },
    /// What a node says to `poll`.
    Polled {
        /// The ballot that was asked for.
        ballot: u64,
        /// Whether it would.
        granted: bool,
    },
    /// Phase 1a, for all slots from one on.
    Prepare {
        /// The candidate's ballot.
        ballot: u64,
        /// The first slot.
        first_slot: u64,
    },
    /// Phase 1b.
    Promise(Box<Promise>),
    /// Phase 2a.
    Accept(Box<Accept>),
    /// Phase 2b.
    Accepted(Accepted),
    /// A leader's state.
    InstallState(Box<InstallState>),
    /// A ballot is too low.
    Refused {
        /// The one that was promised.
        promised: u64,
    },
}

/// A client's request on its way to the leader.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forward {
    /// The ballot whose leader it is meant for; no other may take it.
    pub ballot: u64,
    /// The request.
    pub request: WireCommand,
}

/// What was accepted in a slot, on the wire and on disk; `command` is null for a no-op.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "as in the paper")]
pub struct Entry {
    pub slot: u64,
    pub ballot: u64,
    pub command: Option<SharedCommand>,
}

/// The state after a slot, on the wire and on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "as in `paxos::Snapshot`")]
pub struct Snapshot {
    pub slot: u64,
    pub state: SharedState,
}

/// See [`paxos::Promise`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "as there")]
pub struct Promise {
    pub ballot: u64,
    pub chosen_through: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<Snapshot>,
    pub accepted: Vec<Entry>,
}

/// See [`paxos::Accept`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "as there")]
pub struct Accept {
    pub ballot: u64,
    pub round: u64,
    pub chosen_through: u64,
    pub first_slot: u64,
    pub commands: Vec<Option<SharedCommand>>,
}

/// See [`paxos::Accepted`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "as there")]
pub struct Accepted {
    pub ballot: u64,
    pub round: u64,
    pub first_slot: u64,
    pub count: u64,
    pub chosen_through: u64,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lacks_next: bool,
}

/// See [`paxos::Message::Install`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "as there")]
pub struct InstallState {
    pub ballot: u64,
    pub round: u64,
    pub snapshot: Snapshot,
}

impl From<paxos::Entry<SharedCommand>> for Entry {
    fn from(entry: paxos::Entry<SharedCommand>) -> Self {
        Self { slot: entry.slot.0, ballot: entry.ballot.0, command: entry.command }
    }
}

impl From<Entry> for paxos::Entry<SharedCommand> {
    fn from(entry: Entry) -> Self {
        Self { slot: Slot(entry.slot), ballot: Ballot(entry.ballot), command: entry.command }
    }
}

impl From<paxos::Snapshot<SharedState>> for Snapshot {
    fn from(snapshot: paxos::Snapshot<SharedState>) -> Self {
        Self { slot: snapshot.slot.0, state: snapshot.state }
    }
}

impl From<Snapshot> for paxos::Snapshot<SharedState> {
    fn from(snapshot: Snapshot) -> Self {
        Self { slot: Slot(snapshot.slot), state: snapshot.state }
    }
}

impl From<Message> for Body {
    fn from(message: Message) -> Self {
        match message {
            Message::Poll { ballot } => Self::Poll { ballot: ballot.0 },
            Message::PollReply { ballot, granted } => Self::Polled { ballot: ballot.0, granted },
            Message::Prepare { ballot, first } => {
                Self::Prepare { ballot: ballot.0, first_slot: first.0 }
            }
            Message::Promise(promise) => Self::Promise(Box::new(Promise {
                ballot: promise.ballot.0,
                chosen_through: promise.chosen_through.0,
                snapshot: promise.snapshot.map(Into::into),
                accepted: promise.accepted.into_iter().map(Into::into).collect(),
            })),
            Message::Accept(accept) => Self::Accept(Box::new(Accept {
                ballot: accept.ballot.0,
                round: accept.round.0,
                chosen_through: accept.chosen_through.0,
                first_slot: accept.first.0,
                commands: accept.commands,
            })),
            Message::Accepted(accepted) => Self::Accepted(Accepted {
                ballot: accepted.ballot.0,
                round: accepted.round.0,
                first_slot: accepted.first.0,
                count: accepted.count,
                chosen_through: accepted.chosen_through.0,
                lacks_next: accepted.lacks_next,
            }),
            Message::Install { ballot, round, snapshot } => {
                Self::InstallState(Box::new(InstallState {
                    ballot: ballot.0,
                    round: round.0,
                    snapshot: snapshot.into(),
                }))
            }
            Message::Refused { promised } => Self::Refused { promised: promised.0 },
        }
    }
}

impl Body {
    /// The message of Paxos that this is, if it is one.
    #[must_use]
    pub fn into_message(self) -> Option<Message> {
        Some(match self {
            Self::Poll { ballot } => Message::Poll { ballot: Ballot(ballot) },
            Self::Polled { ballot, granted } => {
                Message::PollReply { ballot: Ballot(ballot), granted }
            }
            Self::Prepare { ballot, first_slot } => {
                Message::Prepare { ballot: Ballot(ballot), first: Slot(first_slot) }
            }
            Self::Promise(promise) => Message::Promise(paxos::Promise {
                ballot: Ballot(promise.ballot),
                chosen_through: Slot(promise.chosen_through),
                snapshot: promise.snapshot.map(Into::into),
                accepted: promise.accepted.into_iter().map(Into::into).collect(),
            }),
            Self::Accept(accept) => Message::Accept(paxos::Accept {
                ballot: Ballot(accept.ballot),
                round: Round(accept.round),
                chosen_through: Slot(accept.chosen_through),
                first: Slot(accept.first_slot),
                commands: accept.commands,
            }),
            Self::Accepted(accepted) => Message::Accepted(paxos::Accepted {
                ballot: Ballot(accepted.ballot),
                round: Round(accepted.round),
                first: Slot(accepted.first_slot),
                count: accepted.count,
                chosen_through: Slot(accepted.chosen_through),
                lacks_next: accepted.lacks_next,
            }),
            Self::InstallState(install) => Message::Install {
                ballot: Ballot(install.ballot),
                round: Round(install.round),
                snapshot: install.snapshot.into(),
            },
            Self::Refused { promised } => Message::Refused { promised: Ballot(promised) },
            Self::Read { .. }
            | Self::ReadOk { .. }
            | Self::Write { .. }
            | Self::WriteOk
            | Self::Cas { .. }
            | Self::CasOk
            | Self::Forward(_) => return None,
        })
    }
}
