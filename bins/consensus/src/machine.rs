//! What is replicated, and how clients speak with it: all that a node on Raft has to bring.
//!
//! A [`Machine`] is the state and what changes it, the same on every node. A [`Service`] is a
//! machine with the messages of its clients; [`ServiceNode`](crate::node::ServiceNode) makes a node
//! of it.

use std::fmt::Debug;

use proto::{Caller, Error, NodeId};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::command::Command;
use crate::settings::Settings;

/// A deterministic state machine (Schneider, "Implementing fault-tolerant services using the state
/// machine approach", 1990): it reads no clock and draws nothing, so the same operations in the same
/// order lead to the same state and answers everywhere. In JSON it is what a snapshot holds.
pub trait Machine:
    Clone + Default + Debug + Eq + Serialize + DeserializeOwned + Send + Sync + 'static
{
    /// What a client wants done.
    type Operation: Clone + Debug + Eq + Send + Sync + 'static;
    /// What comes of it. It is remembered for as long as a copy of the request may come.
    type Answer: Clone + Debug + Eq + Serialize + DeserializeOwned + Send + Sync + 'static;
    /// A command as it stands in messages and records.
    type Wire: Clone
        + Debug
        + Eq
        + Serialize
        + DeserializeOwned
        + Send
        + Sync
        + From<Command<Self::Operation>>
        + Into<Command<Self::Operation>>;

    /// What has to happen before an operation is answered.
    fn access(operation: &Self::Operation) -> Access;

    /// Answers an operation that changes nothing.
    fn read(&self, operation: &Self::Operation) -> Self::Answer;

    /// Carries out an operation that changes something. Whatever it is, it is answered: a state
    /// machine cannot fail.
    fn apply(&mut self, operation: &Self::Operation) -> Self::Answer;

    /// How large the state is, counted in what operations add to it: the log is not compacted
    /// before it is as long, so that copying the state costs little an operation.
    fn size(&self) -> usize;
}

/// What has to happen before an operation is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// It goes through the log.
    Change,
    /// The leader makes sure that it still leads; then its state is the latest.
    Read,
    /// Nothing: any node answers from the state that it has, which may be old.
    ReadHere,
}

/// A machine that Maelstrom's clients can speak with.
pub trait Service: Machine {
    /// Requests and replies of clients.
    type Message: proto::Body;

    /// Whether several clients' changes may become one operation (see [`join`](Self::join)).
    const JOINS: bool = false;

    /// The operation that a request asks for.
    ///
    /// # Errors
    /// Error 12 that says why it asks for none.
    fn operation(message: Self::Message) -> Result<Self::Operation, Error>;

    /// Appends a change to another, so that both are one command.
    fn join(first: &mut Self::Operation, next: Self::Operation) {
        let _ = (first, next);
        debug_assert!(!Self::JOINS, "a service that joins says how");
    }

    /// What clients are told: a reply, or one for each change that was joined, in their order.
    fn replies(answer: Self::Answer) -> Vec<Result<Self::Message, Error>>;
}

/// What a client is told that sends a reply as if it were a request.
pub(crate) fn no_request() -> Error {
    Error::malformed_request("a reply is no request")
}

/// Requests that have nothing to do with the machine: the node answers them by itself, in slices,
/// while it goes on serving everybody else.
pub trait Aside: Default + Debug + 'static {
    /// These requests and their replies.
    type Message: proto::Body;

    /// Takes a request.
    ///
    /// # Errors
    /// What its client is told instead.
    fn begin(
        &mut self,
        caller: &Caller,
        message: Self::Message,
        settings: &Settings,
    ) -> Result<(), Error>;

    /// Whether there is something to work at.
    fn is_busy(&self) -> bool;

    /// Whether this client waits for an answer. What else it asks for is answered after that.
    fn owes(&self, client: &NodeId) -> bool;

    /// Works for a slice; gives what came out of it and who asked.
    fn work(&mut self) -> Option<(Caller, Result<Self::Message, Error>)>;
}

/// There is no such message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Never {}

/// No such requests.
impl Aside for () {
    type Message = Never;

    fn begin(&mut self, _: &Caller, message: Never, _: &Settings) -> Result<(), Error> {
        match message {}
    }

    fn is_busy(&self) -> bool {
        false
    }

    fn owes(&self, _: &NodeId) -> bool {
        false
    }

    fn work(&mut self) -> Option<(Caller, Result<Never, Error>)> {
        None
    }
}
