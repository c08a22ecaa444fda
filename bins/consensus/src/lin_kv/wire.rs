//! A command of the store in JSON, in the form that the track gives it.

use proto::{Json, NodeId};
use serde::{Deserialize, Deserializer, Serialize};

use super::Operation;
use crate::command::{Command, RequestId};

/// A command in JSON, flat: `{"op": "write", "key": 1, "value": 2, ...}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WireCommand {
    op: Op,
    key: Json,
    #[serde(default = "Json::null", skip_serializing_if = "Json::is_null")]
    value: Json,
    #[serde(default = "Json::null", skip_serializing_if = "Json::is_null")]
    from: Json,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    create: bool,
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

impl From<Command<Operation>> for WireCommand {
    fn from(command: Command<Operation>) -> Self {
        let (op, key, value, from, create) = match command.operation {
            Operation::Read { key } => (Op::Read, key, Json::null(), Json::null(), false),
            Operation::Write { key, value } => (Op::Write, key, value, Json::null(), false),
            Operation::Cas { key, from, to, create } => (Op::Cas, key, to, from, create),
        };
        let RequestId { origin, session, sequence } = command.request;
        Self { op, key, value, from, create, origin, session, sequence, settled: command.settled }
    }
}

impl From<WireCommand> for Command<Operation> {
    fn from(wire: WireCommand) -> Self {
        let WireCommand { op, key, value, from, create, origin, session, sequence, settled } = wire;
        let operation = match op {
            Op::Read => Operation::Read { key },
            Op::Write => Operation::Write { key, value },
            Op::Cas => Operation::Cas { key, from, to: value, create },
        };
        Self { request: RequestId { origin, session, sequence }, settled, operation }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::command::SharedCommand;
    use crate::lin_kv::KeyValues;

    #[test]
    fn commands_survive_json_with_any_value() {
        let cas = |value: &Json, create| {
            let (key, from, to) = (value.clone(), Json::null(), value.clone());
            Operation::Cas { key, from, to, create }
        };
        let id = RequestId { origin: NodeId::new("n2"), session: u64::MAX, sequence: 9 };
        for text in ["null", "1.0", "9007199254740993", r#"{"a": [null]}"#] {
            let value = Json::parse(text).unwrap();
            for operation in [
                Operation::Read { key: value.clone() },
                Operation::Write { key: value.clone(), value: value.clone() },
                cas(&value, false),
                cas(&value, true),
            ] {
                let command = Command { request: id.clone(), settled: 4, operation };
                let shared = SharedCommand::<KeyValues>(Arc::new(command.clone()));
                let text = serde_json::to_string(&shared).unwrap();
                let back: SharedCommand<KeyValues> = serde_json::from_str(&text).unwrap();
                assert_eq!(*back.0, command, "{text}");
            }
        }
    }

    #[test]
    fn the_origin_of_an_earlier_version_is_the_one_of_its_sessions() {
        let read = |text| serde_json::from_str::<SharedCommand<KeyValues>>(text).unwrap().0;
        let stored = r#"{"op": "write", "key": 1, "value": 2, "origin": 2, "session": 7}"#;
        assert_eq!(read(stored).request.origin, NodeId::new("2"));
        assert_eq!(read(r#"{"op": "put", "key": 1}"#).request.origin, NodeId::new(""));
    }
}
