//! A reply as the answer to a request, read as strictly as Maelstrom reads it: the fields of its
//! type, `type`, `in_reply_to` and perhaps `msg_id`, and nothing else. What is wrong is named.

use std::borrow::Cow;
use std::fmt;

use checkers::Op;
use proto::{Error, ErrorCode, Json};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::message::quote;
use super::request;
use crate::options::WorkloadName;
use crate::world::{Answer, Question};

/// Reads a body as the answer to `question` and writes what came back into it.
pub fn read(workload: WorkloadName, question: &mut Question, body: &str) -> Answer {
    match try_read(workload, question, body) {
        Ok(answer) => answer,
        Err(flaw) => Answer::Malformed(format!("{flaw}: {}", quote(body.as_bytes()))),
    }
}

fn try_read(workload: WorkloadName, question: &mut Question, body: &str) -> Result<Answer, String> {
    let fields: Fields<'_> = serde_json::from_str(body).map_err(|error| error.to_string())?;
    let kind: String = parse("type", fields.get("type")?)?;
    if kind == "error" {
        return read_error(&fields).map(Answer::Error);
    }
    let expected = format!("{}_ok", request::kind(question));
    if kind != expected {
        return Err(format!("its type is `{kind}` and should be `{expected}`"));
    }
    let field = match question {
        Question::Topology(_) => None,
        Question::Op(op) => result_field(workload, op),
    };
    for (key, value) in &fields.0 {
        match &**key {
            "type" => {}
            "in_reply_to" | "msg_id" => drop(parse::<i64>(key, value)?),
            key if Some(key) == field => {}
            key => return Err(format!("`{key}` does not belong into `{kind}`")),
        }
    }
    if let (Question::Op(op), Some(field)) = (question, field) {
        store(op, field, fields.get(field)?)?;
    }
    Ok(Answer::Ok)
}

/// The field of a reply that holds the result of this operation.
fn result_field(workload: WorkloadName, op: &Op<Json>) -> Option<&'static str> {
    match op {
        Op::Echo { .. } => Some("echo"),
        Op::Generate { .. } => Some("id"),
        Op::ReadSet { .. } if workload == WorkloadName::Broadcast => Some("messages"),
        Op::ReadSet { .. } | Op::ReadCounter { .. } | Op::Read { .. } => Some("value"),
        Op::Broadcast { .. }
        | Op::Add { .. }
        | Op::AddDelta { .. }
        | Op::Write { .. }
        | Op::Cas { .. }
        | Op::Nemesis { .. } => None,
    }
}

fn store(op: &mut Op<Json>, field: &str, result: &RawValue) -> Result<(), String> {
    // 1.0 is not 1 for Maelstrom's checkers, and so not for ours.
    let json = || parse(field, result).map(Json::distinguishing_floats);
    match op {
        Op::Echo { got, .. } => *got = Some(json()?),
        Op::Generate { id } => *id = Some(json()?),
        Op::ReadCounter { value } => *value = Some(json()?),
        Op::Read { value, .. } => {
            let read = json()?;
            *value = Some((!read.is_null()).then_some(read));
        }
        Op::ReadSet { elements } => {
            let read: Vec<Json> = parse(field, result)?;
            *elements = Some(read.into_iter().map(Json::distinguishing_floats).collect());
        }
        _ => {}
    }
    Ok(())
}

fn read_error(fields: &Fields<'_>) -> Result<Error, String> {
    let code: u32 = parse("code", fields.get("code")?)?;
    let text = match fields.get("text") {
        Ok(text) => parse("text", text)?,
        Err(_) => String::new(),
    };
    Ok(Error::new(ErrorCode::from_number(code), text))
}

fn parse<'a, T: Deserialize<'a>>(key: &str, value: &'a RawValue) -> Result<T, String> {
    serde_json::from_str(value.get()).map_err(|error| {
        let reason = error.to_string();
        let reason = reason.rfind(" at line ").map_or(&*reason, |end| &reason[..end]);
        format!("`{key}`: {reason}")
    })
}

/// The fields of a body, in their order.
struct Fields<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Fields<'a> {
    fn get(&self, key: &str) -> Result<&'a RawValue, String> {
        let found = self.0.iter().find(|(name, _)| name == key);
        found.map(|(_, value)| *value).ok_or_else(|| format!("`{key}` is missing"))
    }
}

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(transparent)]
        struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

        struct FieldsVisitor;
        impl<'de> Visitor<'de> for FieldsVisitor {
            type Value = Fields<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields<'de>, A::Error> {
                let mut fields = Vec::with_capacity(4);
                while let Some((Key(key), value)) = map.next_entry()? {
                    fields.push((key, value));
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(FieldsVisitor)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    const GENERATE: Op<Json> = Op::Generate { id: None };

    fn answer(workload: WorkloadName, op: Op<Json>, body: &str) -> (Answer, Op<Json>) {
        let mut question = Question::Op(op);
        let answer = read(workload, &mut question, body);
        let Question::Op(op) = question else { unreachable!() };
        (answer, op)
    }

    fn flaw(op: Op<Json>, body: &str) -> String {
        match answer(WorkloadName::Broadcast, op, body).0 {
            Answer::Malformed(flaw) => flaw,
            other => panic!("{body}: {other:?}"),
        }
    }

    #[test]
    fn what_came_back_is_in_the_operation() {
        use WorkloadName::{Broadcast, GSet, LinKv, UniqueIds};
        let json = |text: &str| Json::parse(text).unwrap();
        let (result, op) = answer(
            UniqueIds,
            GENERATE,
            r#"{"type":"generate_ok","id":"n1-0","in_reply_to":4,"msg_id":1}"#,
        );
        assert!(matches!(result, Answer::Ok));
        assert_eq!(op, Op::Generate { id: Some(Json::from("n1-0")) });

        let elements = Op::ReadSet { elements: Some(Arc::from([json("1"), json("\"a\"")])) };
        for (workload, field) in [(Broadcast, "messages"), (GSet, "value")] {
            let body = format!(r#"{{"type":"read_ok","{field}":[1,"a"],"in_reply_to":4}}"#);
            let (result, op) = answer(workload, Op::ReadSet { elements: None }, &body);
            assert!(matches!(result, Answer::Ok), "{body}");
            assert_eq!(op, elements);
        }

        for (value, expected) in [("3", Some(json("3"))), ("null", None)] {
            let read = Op::Read { key: json("0"), value: None };
            let body = format!(r#"{{"in_reply_to":4,"type":"read_ok","value":{value}}}"#);
            let (_, op) = answer(LinKv, read, &body);
            assert_eq!(op, Op::Read { key: json("0"), value: Some(expected) });
        }
    }

    #[test]
    fn a_float_that_comes_back_is_no_integer() {
        use WorkloadName::{GCounter, GSet, LinKv};
        let one = Json::from(1);
        let read = Op::Read { key: one.clone(), value: None };
        let body = |field: &str, value: &str| format!(r#"{{"type":"read_ok","{field}":{value}}}"#);
        let (_, op) = answer(LinKv, read.clone(), &body("value", "1.0"));
        assert_ne!(op, Op::Read { key: one.clone(), value: Some(Some(one.clone())) });
        let (_, op) = answer(LinKv, read, &body("value", "1"));
        assert_eq!(op, Op::Read { key: one.clone(), value: Some(Some(one.clone())) });
        let (_, op) = answer(GSet, Op::ReadSet { elements: None }, &body("value", "[1.0,1]"));
        let Op::ReadSet { elements: Some(elements) } = op else { panic!("a set") };
        assert_eq!((elements[0] == one, elements[1] == one), (false, true));
        let (_, op) = answer(GCounter, Op::ReadCounter { value: None }, &body("value", "1.0"));
        let Op::ReadCounter { value: Some(value) } = op else { panic!("a sum") };
        assert_eq!(value.as_i64(), None);
    }

    #[test]
    fn every_mistake_is_named() {
        for (body, expected) in [
            (r#"{"type":"generate_ok","in_reply_to":1}"#, "`id` is missing"),
            (r#"{"id":1,"in_reply_to":1}"#, "`type` is missing"),
            (r#"{"type":7,"id":1,"in_reply_to":1}"#, "`type`: invalid type"),
            (
                r#"{"type":"generate","id":1,"in_reply_to":1}"#,
                "its type is `generate` and should be `generate_ok`",
            ),
            (
                r#"{"type":"generate_ok","id":1,"in_reply_to":1,"node":"n1"}"#,
                "`node` does not belong into `generate_ok`",
            ),
            (r#"{"type":"generate_ok","id":1,"msg_id":"x"}"#, "`msg_id`: invalid type"),
            (r#"{"type":"error","in_reply_to":1,"text":"no"}"#, "`code` is missing"),
            (r#"{"type":"error","code":"E"}"#, "`code`: invalid type"),
        ] {
            let flaw = flaw(GENERATE, body);
            assert!(flaw.starts_with(expected), "{body}: {flaw}");
        }
        let set = Op::ReadSet { elements: None };
        let reason = flaw(set.clone(), r#"{"type":"read_ok","messages":7,"in_reply_to":1}"#);
        assert!(reason.starts_with("`messages`: invalid type"), "{reason}");
        let reason = flaw(set, r#"{"type":"read_ok","value":[],"in_reply_to":1}"#);
        assert!(reason.starts_with("`value` does not belong"), "{reason}");
    }

    #[test]
    fn errors_need_a_code_and_may_have_more() {
        let body = r#"{"type":"error","code":22,"text":"no","in_reply_to":1,"why":"so"}"#;
        let (Answer::Error(error), _) = answer(WorkloadName::LinKv, GENERATE, body) else {
            panic!("an error")
        };
        assert_eq!(error, Error::new(ErrorCode::PreconditionFailed, "no"));
    }
}
