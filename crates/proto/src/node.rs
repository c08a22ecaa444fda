//! What a node is: a state machine that sees messages, timers and outcomes of its calls, and
//! nothing else. It never reads a clock, a random source, a file or a thread by itself, so the
//! same code runs as a process and in virtual time.

pub(crate) mod context;

use std::collections::BTreeMap;
use std::fmt::Debug;

pub use self::context::{Context, TimerId};
use crate::aspect::Aspect;
use crate::error::Error;
use crate::id::{MessageId, NodeId};
use crate::message::{Body, Message, Payload};
use crate::service::ServiceReply;

/// The logic of a node.
///
/// Every method gets the [`Context`], through which the node learns the time and its own name and
/// says what it wants: messages to send, timers to set, records to keep. Nothing here may block:
/// waiting is a timer.
pub trait Node: Sized {
    /// The messages of this node, requests and replies alike.
    type Body: Body;
    /// What the node hands out with a timer or a call, and gets back when that is due or answered.
    /// `()` will do for a node that uses neither.
    type Token: Clone + Debug;

    /// Called once, right after `init_ok` went out and before any other message is seen.
    /// `restored` holds what this node persisted in an earlier life.
    fn init(&mut self, restored: Records, ctx: &mut Context<'_, Self>) {
        let _ = (restored, ctx);
    }

    /// A message that answers nothing: from a client, or from a peer.
    fn request(&mut self, from: Caller, body: Self::Body, ctx: &mut Context<'_, Self>);

    /// A message with `in_reply_to` that no open call waits for: an answer to a message that was
    /// merely sent, or one that came too late. Dropped unless a node wants it.
    fn reply(
        &mut self,
        from: Caller,
        reply: Result<Self::Body, Error>,
        ctx: &mut Context<'_, Self>,
    ) {
        let _ = (from, reply, ctx);
    }

    /// A timer set with [`Context::set_timer`] is due.
    fn timer(&mut self, token: Self::Token, ctx: &mut Context<'_, Self>) {
        let _ = (token, ctx);
    }

    /// The one outcome of a call made with [`Context::call`].
    fn outcome(
        &mut self,
        token: Self::Token,
        outcome: Outcome<Self::Body>,
        ctx: &mut Context<'_, Self>,
    ) {
        let _ = (token, outcome, ctx);
    }

    /// The one outcome of a call to a service (see [`service`](crate::service)).
    fn service_outcome(
        &mut self,
        token: Self::Token,
        outcome: Outcome<ServiceReply>,
        ctx: &mut Context<'_, Self>,
    ) {
        let _ = (token, outcome, ctx);
    }

    /// Whether this node leads the others, for faults that aim at a leader. Looked at from outside
    /// in virtual time only.
    fn is_leader(&self) -> bool {
        false
    }

    /// What of this node's state makes a difference to what comes next. Where nodes say it, a guided sweep
    /// in virtual time goes on from runs in which a state of the cluster was reached that was new; otherwise
    /// it sees no more of a node than the kinds of its last messages.
    fn aspects(&self, aspects: &mut Vec<Aspect>) {
        let _ = aspects;
    }

    /// Whether an answer is still owed that needs no peer, such as a long computation worked off
    /// in slices by timers. At the end of input the runtime goes on while this holds.
    fn owes_answer(&self) -> bool {
        false
    }
}

/// Who sent a message, and what is needed to answer it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Caller {
    /// The sender.
    pub id: NodeId,
    /// The sender's number for the message; without one it wants no reply.
    pub msg_id: Option<MessageId>,
    /// The message of ours that it refers to.
    pub in_reply_to: Option<MessageId>,
}

/// How a call ended. Each call has exactly one outcome.
#[derive(Clone, PartialEq, Debug)]
pub enum Outcome<R> {
    /// The peer answered.
    Reply(R),
    /// The peer answered with an error.
    Error(Error),
    /// No answer within the deadline. One that comes later is treated as a stray reply.
    Timeout,
}

/// Records that a node keeps across restarts, by key, in the order of their keys.
pub type Records = BTreeMap<Vec<u8>, Vec<u8>>;

/// A change to the records of a node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Write {
    /// Sets one record.
    Put {
        /// The record's key.
        key: Vec<u8>,
        /// Its new content.
        value: Vec<u8>,
    },
    /// Removes all records with `from <= key < to`.
    DeleteRange {
        /// First key to go.
        from: Vec<u8>,
        /// First key to stay.
        to: Vec<u8>,
    },
}

impl Write {
    /// Carries the change out on records in memory.
    pub fn apply(self, records: &mut Records) {
        match self {
            Self::Put { key, value } => {
                records.insert(key, value);
            }
            Self::DeleteRange { from, to } => {
                let doomed: Vec<_> = if from < to {
                    records.range(from..to).map(|(key, _)| key.clone()).collect()
                } else {
                    Vec::new()
                };
                for key in doomed {
                    records.remove(&key);
                }
            }
        }
    }
}

/// What a node asks of whoever runs it, in the order in which it asked.
#[derive(Clone, PartialEq, Debug)]
pub enum Effect<B> {
    /// Send this. It may leave only once every earlier [`Effect::Persist`] is on disk.
    Send(Message<Payload<B>>),
    /// Make this change to the node's records durable.
    Persist(Write),
    /// Say this to people: a line on stderr.
    Log(String),
    /// Note whether this holds, for whoever [watches](crate::Engine::watched).
    Sometimes {
        /// What should hold sometimes, for people.
        condition: &'static str,
        /// Whether it does at this moment; if not, it was not heard of before.
        holds: bool,
    },
}
