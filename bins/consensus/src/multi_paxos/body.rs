//! The messages between nodes on Multi-Paxos, and the replica's own as bodies.
//!
//! Nodes answer each other with messages of their own, not with replies: a promise that comes late
//! is as good as one that comes in time.

use paxos::{Ballot, Round, Slot};
use serde::{Deserialize, Serialize};

use crate::command::SharedCommand;
use crate::machine::Machine;
use crate::peer::{ForwardsDone, SharedState};

/// A message of Paxos between our nodes.
pub type Message<M> = paxos::Message<SharedCommand<M>, SharedState<M>>;

/// Every message between nodes.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", bound = "")]
pub enum Peer<M: Machine> {
    /// A node passes a client's request on to the leader; answered as the client is to be.
    Forward(Box<Forward<M>>),
    /// Answer to a `forward` of what several clients want.
    ForwardOk {
        /// What the machine answers.
        answer: M::Answer,
    },
    /// Instead of answers one by one, where several requests of one node are done at once.
    ForwardsDone(ForwardsDone<M>),
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
    Promise(Box<Promise<M>>),
    /// Phase 2a.
    Accept(Box<Accept<M>>),
    /// Phase 2b.
    Accepted(Accepted),
    /// A leader's state.
    InstallState(Box<InstallState<M>>),
    /// A ballot is too low.
    Refused {
        /// The one that was promised.
        promised: u64,
    },
}

/// A client's request on its way to the leader.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Forward<M: Machine> {
    /// The ballot whose leader it is meant for; no other may take it.
    pub ballot: u64,
    /// The request.
    pub request: M::Wire,
}

/// What was accepted in a slot, on the wire and on disk; `command` is null for a no-op.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(bound = "")]
#[expect(missing_docs, reason = "as in the paper")]
pub struct Entry<M: Machine> {
    pub slot: u64,
    pub ballot: u64,
    pub command: Option<SharedCommand<M>>,
}

/// The state after a slot, on the wire and on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(bound = "")]
#[expect(missing_docs, reason = "as in `paxos::Snapshot`")]
pub struct Snapshot<M: Machine> {
    pub slot: u64,
    pub state: SharedState<M>,
}

/// See [`paxos::Promise`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(bound = "")]
#[expect(missing_docs, reason = "as there")]
pub struct Promise<M: Machine> {
    pub ballot: u64,
    pub chosen_through: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<Snapshot<M>>,
    pub accepted: Vec<Entry<M>>,
}

/// See [`paxos::Accept`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(bound = "")]
#[expect(missing_docs, reason = "as there")]
pub struct Accept<M: Machine> {
    pub ballot: u64,
    pub round: u64,
    pub chosen_through: u64,
    pub first_slot: u64,
    pub commands: Vec<Option<SharedCommand<M>>>,
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
#[serde(bound = "")]
#[expect(missing_docs, reason = "as there")]
pub struct InstallState<M: Machine> {
    pub ballot: u64,
    pub round: u64,
    pub snapshot: Snapshot<M>,
}

impl<M: Machine> From<paxos::Entry<SharedCommand<M>>> for Entry<M> {
    fn from(entry: paxos::Entry<SharedCommand<M>>) -> Self {
        Self { slot: entry.slot.0, ballot: entry.ballot.0, command: entry.command }
    }
}

impl<M: Machine> From<Entry<M>> for paxos::Entry<SharedCommand<M>> {
    fn from(entry: Entry<M>) -> Self {
        Self { slot: Slot(entry.slot), ballot: Ballot(entry.ballot), command: entry.command }
    }
}

impl<M: Machine> From<paxos::Snapshot<SharedState<M>>> for Snapshot<M> {
    fn from(snapshot: paxos::Snapshot<SharedState<M>>) -> Self {
        Self { slot: snapshot.slot.0, state: snapshot.state }
    }
}

impl<M: Machine> From<Snapshot<M>> for paxos::Snapshot<SharedState<M>> {
    fn from(snapshot: Snapshot<M>) -> Self {
        Self { slot: Slot(snapshot.slot), state: snapshot.state }
    }
}

impl<M: Machine> From<Message<M>> for Peer<M> {
    fn from(message: Message<M>) -> Self {
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

impl<M: Machine> Peer<M> {
    /// The message of Paxos that this is, if it is one.
    #[must_use]
    pub fn into_message(self) -> Option<Message<M>> {
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
            Self::Forward(_) | Self::ForwardOk { .. } | Self::ForwardsDone(_) => return None,
        })
    }
}
