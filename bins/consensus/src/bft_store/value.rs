//! What is agreed on: batches of requests, each signed by the node that a client gave it to.

use std::cmp::Ordering;
use std::sync::Arc;

use bft::{Signed, ToBytes};
use serde::{Deserialize, Serialize};

use crate::command::{self, RequestId};
use crate::lin_kv::{KeyValues, Operation};

/// A change of the store, or a read: all of them go the same way.
pub type Command = command::Command<Operation>;
/// A command as it is agreed on.
pub type SharedCommand = command::SharedCommand<KeyValues>;

/// The most requests in a batch.
pub const BATCH_MAX: usize = 64;

/// A command, and the hash that stands for it in signatures.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(from = "SharedCommand", into = "SharedCommand")]
pub struct Change {
    command: SharedCommand,
    hash: blake3::Hash,
}

/// A client's request, signed by the node that it was given to.
pub type Request = Signed<Change>;

impl From<SharedCommand> for Change {
    fn from(command: SharedCommand) -> Self {
        // Numbers, names and JSON values: nothing that JSON cannot hold.
        let hash = blake3::hash(&serde_json::to_vec(&command).unwrap_or_default());
        Self { command, hash }
    }
}

impl From<Command> for Change {
    fn from(command: Command) -> Self {
        command::SharedCommand(command.into()).into()
    }
}

impl From<Change> for SharedCommand {
    fn from(change: Change) -> Self {
        change.command
    }
}

impl Change {
    /// The command.
    #[must_use]
    pub fn command(&self) -> &Command {
        &self.command.0
    }

    /// Names the request.
    #[must_use]
    pub fn id(&self) -> RequestId {
        self.command.0.request.clone()
    }
}

impl ToBytes for Change {
    fn to_bytes(&self, out: &mut Vec<u8>) {
        out.extend(b"request");
        out.extend(self.hash.as_bytes());
    }
}

/// Requests in an order. Two values are the same if their hashes are.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(from = "Vec<Request>", into = "Vec<Request>")]
pub struct Value(Arc<Batch>);

#[derive(Debug)]
struct Batch {
    hash: blake3::Hash,
    requests: Vec<Request>,
}

impl From<Vec<Request>> for Value {
    fn from(requests: Vec<Request>) -> Self {
        let mut hasher = blake3::Hasher::new();
        for request in &requests {
            hasher.update(request.statement().hash.as_bytes());
        }
        Self(Arc::new(Batch { hash: hasher.finalize(), requests }))
    }
}

impl From<Value> for Vec<Request> {
    fn from(value: Value) -> Self {
        value.0.requests.clone()
    }
}

impl Value {
    /// The requests, in order.
    #[must_use]
    pub fn requests(&self) -> &[Request] {
        &self.0.requests
    }

    /// What all values are that a node votes for: batches of no more than [`BATCH_MAX`] requests.
    /// Whether those are signed by the nodes that they name is checked when a message comes in.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        self.requests().len() <= BATCH_MAX
    }
}

impl ToBytes for Value {
    fn to_bytes(&self, out: &mut Vec<u8>) {
        out.extend(self.0.hash.as_bytes());
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        self.0.hash == other.0.hash
    }
}

impl Eq for Value {}

impl PartialOrd for Value {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Value {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.hash.as_bytes().cmp(other.0.hash.as_bytes())
    }
}
