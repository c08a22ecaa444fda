//! What clients ask for, what goes into the log, and what is answered.

use std::sync::Arc;

use proto::{Error, ErrorCode, Json, NodeId};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::body::Body;

/// A request of Maelstrom's `lin-kv` workload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// The value of a key. Never goes into the log.
    Read {
        /// The key.
        key: Json,
    },
    /// Sets a key.
    Write {
        /// The key.
        key: Json,
        /// Its new value.
        value: Json,
    },
    /// Sets a key that has a given value.
    Cas {
        /// The key.
        key: Json,
        /// The value it must have.
        from: Json,
        /// Its new value.
        to: Json,
    },
}

impl Operation {
    /// Whether it changes nothing.
    #[must_use]
    pub fn is_read(&self) -> bool {
        matches!(self, Self::Read { .. })
    }
}

/// How an operation ended; all of them are definite.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// A read found this.
    Value(Json),
    /// A write was done.
    Written,
    /// A compare-and-set was done.
    Swapped,
    /// There is no such key: error 20.
    NoSuchKey,
    /// The key has another value: error 22.
    Mismatch,
}

impl Answer {
    /// The reply that a client gets.
    ///
    /// # Errors
    ///
    /// The error that it gets instead.
    pub fn into_reply(self) -> Result<Body, Error> {
        match self {
            Self::Value(value) => Ok(Body::ReadOk { value }),
            Self::Written => Ok(Body::WriteOk),
            Self::Swapped => Ok(Body::CasOk),
            Self::NoSuchKey => Err(Error::new(ErrorCode::KeyDoesNotExist, "there is no such key")),
            Self::Mismatch => {
                Err(Error::new(ErrorCode::PreconditionFailed, "the key has another value"))
            }
        }
    }
}

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

/// A change of the store: what the log holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// Whose change it is.
    pub request: RequestId,
    /// All requests of the session below this number are settled: their
    /// answers need not be remembered, and copies of them are void.
    pub settled: u64,
    /// The change.
    pub operation: Operation,
}

/// A command, shared between log, messages and snapshots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedCommand(pub Arc<Command>);

/// A command in JSON, flat: `{"op": "write", "key": 1, "value": 2, ...}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WireCommand {
    op: Op,
    key: Json,
    #[serde(default = "Json::null", skip_serializing_if = "Json::is_null")]
    value: Json,
    #[serde(default = "Json::null", skip_serializing_if = "Json::is_null")]
    from: Json,
    #[serde(default = "nobody", deserialize_with = "origin")]
    origin: NodeId,
    #[serde(default)]
    session: u64,
    #[serde(default)]
    sequence: u64,
    #[serde(default)]
    settled: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Op {
    Read,
    #[serde(alias = "put")]
    Write,
    Cas,
}

/// The origin of a request that names none.
fn nobody() -> NodeId {
    NodeId::new("")
}

/// The name of a request's origin. Earlier versions wrote its rank among the members: that number
/// stands for it then, as it does in the sessions of their snapshots.
fn origin<'de, D: Deserializer<'de>>(deserializer: D) -> Result<NodeId, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Origin {
        Name(NodeId),
        Rank(usize),
    }
    Origin::deserialize(deserializer).map(|origin| match origin {
        Origin::Name(name) => name,
        Origin::Rank(rank) => NodeId::new(&rank.to_string()),
    })
}

impl From<&Command> for WireCommand {
    fn from(command: &Command) -> Self {
        let (op, key, value, from) = match command.operation.clone() {
            Operation::Read { key } => (Op::Read, key, Json::null(), Json::null()),
            Operation::Write { key, value } => (Op::Write, key, value, Json::null()),
            Operation::Cas { key, from, to } => (Op::Cas, key, to, from),
        };
        let RequestId { origin, session, sequence } = command.request.clone();
        Self { op, key, value, from, origin, session, sequence, settled: command.settled }
    }
}

impl From<WireCommand> for Command {
    fn from(wire: WireCommand) -> Self {
        let WireCommand { op, key, value, from, origin, session, sequence, settled } = wire;
        let operation = match op {
            Op::Read => Operation::Read { key },
            Op::Write => Operation::Write { key, value },
            Op::Cas => Operation::Cas { key, from, to: value },
        };
        Self { request: RequestId { origin, session, sequence }, settled, operation }
    }
}

impl Serialize for SharedCommand {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        WireCommand::from(&*self.0).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for SharedCommand {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        WireCommand::deserialize(deserializer).map(|wire| Self(Arc::new(wire.into())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_survive_json_with_any_value() {
        let id = RequestId { origin: NodeId::new("n2"), session: u64::MAX, sequence: 9 };
        for text in ["null", "1.0", "9007199254740993", r#"{"a": [null]}"#] {
            let value = Json::parse(text).unwrap();
            for operation in [
                Operation::Read { key: value.clone() },
                Operation::Write { key: value.clone(), value: value.clone() },
                Operation::Cas { key: value.clone(), from: Json::null(), to: value.clone() },
            ] {
                let command = Command { request: id.clone(), settled: 4, operation };
                let text =
                    serde_json::to_string(&SharedCommand(Arc::new(command.clone()))).unwrap();
                let back: SharedCommand = serde_json::from_str(&text).unwrap();
                assert_eq!(*back.0, command, "{text}");
            }
        }
    }

    #[test]
    fn the_origin_of_an_earlier_version_is_the_one_of_its_sessions() {
        let stored = r#"{"op": "write", "key": 1, "value": 2, "origin": 2, "session": 7}"#;
        let command: SharedCommand = serde_json::from_str(stored).unwrap();
        assert_eq!(command.0.request.origin, NodeId::new("2"));
        let unnamed: SharedCommand = serde_json::from_str(r#"{"op": "put", "key": 1}"#).unwrap();
        assert_eq!(unnamed.0.request.origin, NodeId::new(""));
    }
}
