//! What goes into the log.

mod shared;

use proto::NodeId;
use serde::{Deserialize, Serialize};

pub use self::shared::SharedCommand;

/// Names one client's request for good, however often it is tried.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId {
    /// The node that a client gave it to.
    pub origin: NodeId,
    /// The session of that node's process.
    pub session: u64,
    /// Its number in the session.
    pub sequence: u64,
}

/// A change of the state: what the log holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command<O> {
    /// Whose change it is.
    pub request: RequestId,
    /// All requests of the session below this number are settled: their
    /// answers need not be remembered, and copies of them are void.
    pub settled: u64,
    /// The change.
    pub operation: O,
}

/// A command in JSON where nothing else is asked of it: the operation in a field of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlainCommand<O> {
    operation: O,
    origin: NodeId,
    session: u64,
    sequence: u64,
    settled: u64,
}

impl<O> From<Command<O>> for PlainCommand<O> {
    fn from(command: Command<O>) -> Self {
        let Command { request: RequestId { origin, session, sequence }, settled, operation } =
            command;
        Self { operation, origin, session, sequence, settled }
    }
}

impl<O> From<PlainCommand<O>> for Command<O> {
    fn from(plain: PlainCommand<O>) -> Self {
        let PlainCommand { operation, origin, session, sequence, settled } = plain;
        Self { request: RequestId { origin, session, sequence }, settled, operation }
    }
}
