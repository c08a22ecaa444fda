//! The body of a client's request, as Maelstrom's workloads define it.

use checkers::Op;
use proto::{Json, MessageId};
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use crate::world::Question;

/// A request with its number: `type`, then its fields, then `msg_id`.
pub(crate) struct Request<'a> {
    pub(crate) question: &'a Question,
    pub(crate) msg_id: MessageId,
}

impl Serialize for Request<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut body = serializer.serialize_map(None)?;
        body.serialize_entry("type", kind(self.question))?;
        match self.question {
            Question::Topology(topology) => body.serialize_entry("topology", &**topology)?,
            Question::Op(op) => write_fields(op, &mut body)?,
        }
        body.serialize_entry("msg_id", &self.msg_id)?;
        body.end()
    }
}

/// The body of a request as text.
pub fn write(question: &Question, msg_id: MessageId) -> String {
    // Ids, numbers and JSON values always have a JSON form.
    serde_json::to_string(&Request { question, msg_id }).unwrap_or_default()
}

/// The `type` of a request. Its reply has the same with `_ok` after it.
pub(super) fn kind(question: &Question) -> &str {
    match question {
        Question::Topology(_) => "topology",
        Question::Op(op) => op.f(),
    }
}

fn write_fields<M: SerializeMap>(op: &Op<Json>, body: &mut M) -> Result<(), M::Error> {
    match op {
        Op::Echo { sent, .. } => body.serialize_entry("echo", sent),
        Op::Broadcast { message } => body.serialize_entry("message", message),
        Op::Add { element } => body.serialize_entry("element", element),
        Op::AddDelta { delta } => body.serialize_entry("delta", delta),
        Op::Read { key, .. } => body.serialize_entry("key", key),
        Op::Write { key, value } => {
            body.serialize_entry("key", key)?;
            body.serialize_entry("value", value)
        }
        Op::Cas { key, from, to } => {
            body.serialize_entry("key", key)?;
            body.serialize_entry("from", from)?;
            body.serialize_entry("to", to)
        }
        // The nemesis asks nodes for nothing.
        Op::Generate { .. } | Op::ReadSet { .. } | Op::ReadCounter { .. } | Op::Nemesis { .. } => {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use proto::NodeId;

    use super::*;

    #[test]
    fn requests_have_the_fields_that_maelstrom_gives_them() {
        let json = |number: i64| Json::from(number);
        let topology = BTreeMap::from([(NodeId::new("n1"), vec![NodeId::new("n2")])]);
        let op = Question::Op;
        for (question, expected) in [
            (
                Question::Topology(Arc::new(topology)),
                r#"{"type":"topology","topology":{"n1":["n2"]},"msg_id":5}"#,
            ),
            (
                op(Op::Echo { sent: Json::from("hi"), got: None }),
                r#"{"type":"echo","echo":"hi","msg_id":5}"#,
            ),
            (op(Op::Generate { id: None }), r#"{"type":"generate","msg_id":5}"#),
            (
                op(Op::Broadcast { message: json(1) }),
                r#"{"type":"broadcast","message":1,"msg_id":5}"#,
            ),
            (op(Op::Add { element: json(1) }), r#"{"type":"add","element":1,"msg_id":5}"#),
            (op(Op::AddDelta { delta: -1 }), r#"{"type":"add","delta":-1,"msg_id":5}"#),
            (op(Op::ReadSet { elements: None }), r#"{"type":"read","msg_id":5}"#),
            (op(Op::ReadCounter { value: None }), r#"{"type":"read","msg_id":5}"#),
            (op(Op::Read { key: json(0), value: None }), r#"{"type":"read","key":0,"msg_id":5}"#),
            (
                op(Op::Write { key: json(0), value: json(1) }),
                r#"{"type":"write","key":0,"value":1,"msg_id":5}"#,
            ),
            (
                op(Op::Cas { key: json(0), from: json(1), to: json(2) }),
                r#"{"type":"cas","key":0,"from":1,"to":2,"msg_id":5}"#,
            ),
        ] {
            let request = Request { question: &question, msg_id: MessageId(5) };
            assert_eq!(serde_json::to_string(&request).unwrap(), expected);
        }
    }
}
