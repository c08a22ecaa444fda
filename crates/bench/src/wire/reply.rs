//! A reply as the answer to a request, read as strictly as Maelstrom reads it: the fields of its
//! type, `type`, `in_reply_to` and perhaps `msg_id`, and nothing else. What is wrong is named.

use std::borrow::Cow;
use std::fmt;

use proto::{Error, ErrorCode, Json};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::quote;

/// How the flaw of a reply without a field ends.
const MISSING: &str = " is missing";

/// What a reply says.
#[derive(Clone, PartialEq, Debug)]
pub enum Answer {
    /// What was asked was done.
    Ok,
    /// An error message.
    Error(Error),
    /// It is not what this request is answered with; why.
    Malformed(String),
}

/// Reads a body as the answer to a request of the type `kind`. `take` takes the fields of the reply
/// that carry a result; what it leaves does not belong there.
pub fn read(
    kind: &str,
    body: &str,
    take: impl FnOnce(&mut Fields<'_>) -> Result<(), String>,
) -> Answer {
    match try_read(kind, body, take) {
        Ok(answer) => answer,
        Err(flaw) => Answer::Malformed(format!("{flaw}: {}", quote(body.as_bytes()))),
    }
}

fn try_read(
    asked: &str,
    body: &str,
    take: impl FnOnce(&mut Fields<'_>) -> Result<(), String>,
) -> Result<Answer, String> {
    let mut fields: Fields<'_> = serde_json::from_str(body).map_err(|error| error.to_string())?;
    let kind: String = parse("type", fields.get("type")?)?;
    if kind == "error" {
        return read_error(&fields).map(Answer::Error);
    }
    if kind.strip_suffix("_ok") != Some(asked) {
        return Err(format!("its type is `{kind}` and should be `{asked}_ok`"));
    }
    let taken = take(&mut fields);
    // Where a field is missing, the one that is there in its place says more.
    if taken.as_ref().err().is_none_or(|flaw| flaw.ends_with(MISSING)) {
        for (key, value) in &fields.0 {
            match &**key {
                "type" => {}
                "in_reply_to" | "msg_id" => drop(parse::<i64>(key, value)?),
                key => return Err(format!("`{key}` does not belong into `{kind}`")),
            }
        }
    }
    taken.map(|()| Answer::Ok)
}

fn read_error(fields: &Fields<'_>) -> Result<Error, String> {
    let code: u32 = parse("code", fields.get("code")?)?;
    let text = match fields.get("text") {
        Ok(text) => parse("text", text)?,
        Err(_) => String::new(),
    };
    Ok(Error::new(ErrorCode::from_number(code), text))
}

/// Reads the value of a field; an error names the field.
///
/// # Errors
/// If it is of another type.
pub fn parse<'a, T: Deserialize<'a>>(key: &str, value: &'a RawValue) -> Result<T, String> {
    serde_json::from_str(value.get()).map_err(|error| {
        let reason = error.to_string();
        let reason = reason.rfind(" at line ").map_or(&*reason, |end| &reason[..end]);
        format!("`{key}`: {reason}")
    })
}

/// The fields of a body, in their order.
#[derive(Debug)]
pub struct Fields<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Fields<'a> {
    /// Takes the field `key`, which has to be there.
    ///
    /// # Errors
    /// If it is missing.
    pub fn take(&mut self, key: &str) -> Result<&'a RawValue, String> {
        let value = self.get(key)?;
        self.0.retain(|(name, _)| name != key);
        Ok(value)
    }

    /// Takes a field that may be any JSON. 1.0 is not 1 for Maelstrom's checkers, and so not for ours.
    ///
    /// # Errors
    /// If it is missing.
    pub fn json(&mut self, key: &str) -> Result<Json, String> {
        parse(key, self.take(key)?).map(Json::distinguishing_floats)
    }

    /// Takes a field that is a list of any JSON.
    ///
    /// # Errors
    /// If it is missing, or no list.
    pub fn list(&mut self, key: &str) -> Result<Vec<Json>, String> {
        let list: Vec<Json> = parse(key, self.take(key)?)?;
        Ok(list.into_iter().map(Json::distinguishing_floats).collect())
    }

    fn get(&self, key: &str) -> Result<&'a RawValue, String> {
        let found = self.0.iter().find(|(name, _)| name == key);
        found.map(|(_, value)| *value).ok_or_else(|| format!("`{key}`{MISSING}"))
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
    use super::*;

    fn id(body: &str) -> (Answer, Option<Json>) {
        let mut id = None;
        let answer = read("generate", body, |reply| {
            id = Some(reply.json("id")?);
            Ok(())
        });
        (answer, id)
    }

    fn flaw(body: &str) -> String {
        let Answer::Malformed(flaw) = id(body).0 else { panic!("{body} is right") };
        flaw
    }

    #[test]
    fn what_came_back_is_taken() {
        let body = r#"{"type":"generate_ok","id":"n1-0","in_reply_to":4,"msg_id":1}"#;
        assert_eq!(id(body), (Answer::Ok, Some(Json::from("n1-0"))));
        let mut list = Vec::new();
        let body = r#"{"in_reply_to":4,"messages":[1,"a",1.0],"type":"read_ok"}"#;
        let answer = read("read", body, |reply| {
            list = reply.list("messages")?;
            Ok(())
        });
        assert_eq!(answer, Answer::Ok);
        assert_eq!(list[..2], [Json::from(1), Json::from("a")]);
        assert_ne!(list[2], Json::from(1), "a float that comes back is no integer");
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
            let flaw = flaw(body);
            assert!(flaw.starts_with(expected), "{body}: {flaw}");
        }
        let list = |body| read("read", body, |reply| reply.list("messages").map(drop));
        let Answer::Malformed(flaw) = list(r#"{"type":"read_ok","messages":7}"#) else { panic!() };
        assert!(flaw.starts_with("`messages`: invalid type"), "{flaw}");
    }

    #[test]
    fn errors_need_a_code_and_may_have_more() {
        let body = r#"{"type":"error","code":22,"text":"no","in_reply_to":1,"why":"so"}"#;
        let error = Error::new(ErrorCode::PreconditionFailed, "no");
        assert_eq!(id(body), (Answer::Error(error), None));
    }
}
