//! `history.jsonl`, read: one event a line, as [`checkers::Event`] writes it. Whoever reads an event
//! does it here: [`event`] has all of it, [`History`] an index of a whole file that leaves values where
//! they are.

mod index;

use std::borrow::Cow;
use std::collections::BTreeMap;

use checkers::history::{Action, OpError};
use checkers::{Event, Kind, Process};
use proto::Json;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, IgnoredAny};
use serde_json::Value;
use serde_json::value::RawValue;

pub use self::index::{Fault, History, Moment, Operation, ValueReader, Values};
use crate::json_text::{digits, string_end, value_end};
use crate::wire::{in_words, no_word_of_json};
use crate::workload::Stored;

/// The name of the file in a run's directory.
pub const FILE: &str = "history.jsonl";

/// An event as it is written. Jepsen's and Elle's histories have the same fields, not always all of
/// them.
#[derive(Clone, PartialEq, Default, Debug, Deserialize)]
pub struct Line<'a> {
    /// Its place in the history; nothing too if it is negative, as Jepsen has it of what is in none.
    /// What is of any form below is JSON text, and `None` is `null` as well.
    #[serde(default, deserialize_with = "place")]
    pub index: Option<u64>,
    /// Nanoseconds since the run started.
    #[serde(default, deserialize_with = "time")]
    pub time: Option<i64>,
    /// Whose it is: a number or a name, as JSON.
    #[serde(borrow, default, deserialize_with = "json_text")]
    pub process: Option<&'a str>,
    /// `invoke`, `ok`, `fail` or `info`.
    #[serde(borrow, rename = "type", default)]
    pub kind: Cow<'a, str>,
    /// The function or the fault.
    #[serde(borrow, default)]
    pub f: Cow<'a, str>,
    /// The object, in workloads with keys.
    #[serde(borrow, default, deserialize_with = "json_text")]
    pub key: Option<&'a str>,
    /// What was asked or came back; whom a fault hits.
    #[serde(borrow, default, deserialize_with = "json_text")]
    pub value: Option<&'a str>,
    /// Why it did not succeed.
    #[serde(borrow, default, deserialize_with = "json_text")]
    pub error: Option<&'a str>,
    /// Whether it belongs to the final phase.
    #[serde(default, rename = "final?")]
    pub is_final: Option<bool>,
}

impl<'a> Line<'a> {
    /// Reads one.
    ///
    /// # Errors
    /// Says what is wrong with the text.
    pub fn read(text: &'a str) -> Result<Self, String> {
        let line = match text.trim_start().starts_with('[') {
            // serde would take the elements of a list for the fields.
            true => {
                serde_json::from_str::<BTreeMap<String, IgnoredAny>>(text).map(|_| Self::default())
            }
            false => serde_json::from_str(text),
        };
        line.map_err(|error| format!("this is no event of a history: {}", flaw(text, &error)))
    }

    /// Cuts up a line that is written as ours are and was not cut off anywhere.
    fn cut_up(text: &'a str) -> Option<Self> {
        let bytes = text.as_bytes();
        let mut line = Self::default();
        let mut field = bytes.starts_with(b"{").then_some(1)?;
        loop {
            let colon = string_end(bytes, field)?;
            let start = colon + 1;
            (bytes.get(colon) == Some(&b':')).then_some(())?;
            let end = value_end(bytes, start)?;
            let value = &text[start..end];
            let number = || digits(value.as_bytes()).filter(|(_, rest)| rest.is_empty());
            let plain = || {
                let content = value.strip_prefix('"')?.strip_suffix('"')?;
                (!content.contains('\\')).then_some(Cow::Borrowed(content))
            };
            let any = (value != "null").then_some(value);
            match &text[field + 1..colon - 1] {
                "index" => line.index = Some(number()?.0),
                "time" => line.time = Some(number()?.0.try_into().ok()?),
                "process" => line.process = any,
                "type" => line.kind = plain()?,
                "f" => line.f = plain()?,
                "key" => line.key = any,
                "value" => line.value = any,
                "error" => line.error = any,
                "final?" => line.is_final = Some(value == "true"),
                _ => return None,
            }
            match bytes.get(end)? {
                b',' => field = end + 1,
                b'}' if end + 1 == bytes.len() => return Some(line),
                _ => return None,
            }
        }
    }

    /// Beginning or outcome.
    ///
    /// # Errors
    /// If it is neither.
    pub fn kind(&self) -> Result<Kind, String> {
        match &*self.kind {
            "invoke" => Ok(Kind::Invoke),
            "ok" => Ok(Kind::Ok),
            "fail" => Ok(Kind::Fail),
            "info" => Ok(Kind::Info),
            other => Err(format!("`type` is invoke, ok, fail or info, not `{other}`")),
        }
    }

    /// Whether a fault begins or ends.
    pub fn is_of_nemesis(&self) -> bool {
        self.process == Some("\"nemesis\"")
    }

    /// The number of its process, if it is a client's.
    ///
    /// # Errors
    /// If it is something else.
    pub fn client(&self) -> Result<Option<u64>, String> {
        let number = |process: &str| {
            process
                .parse()
                .map_err(|_| format!("`process` is a number or `nemesis`, not {process}"))
        };
        self.process.map(number).transpose()
    }

    /// What it says of its operation.
    pub fn stored(&self, kind: Kind) -> Stored {
        let text = self.value.unwrap_or("null").to_owned();
        Stored { f: self.f.clone().into_owned(), key: self.key.map(json), text, kind }
    }

    /// `value` as a tree.
    pub fn value(&self) -> Value {
        let value = self.value.map(serde_json::from_str);
        value.and_then(Result::ok).unwrap_or(Value::Null)
    }
}

fn place<'de, D: Deserializer<'de>>(json: D) -> Result<Option<u64>, D::Error> {
    Ok(Option::<i64>::deserialize(json)?.and_then(|index| index.try_into().ok()))
}

/// What is wrong with a line.
fn flaw(text: &str, error: &serde_json::Error) -> String {
    let column = error.column();
    if error.is_eof() {
        "it ends in the middle".to_owned()
    } else if serde_json::from_str::<IgnoredAny>(text).is_err() {
        let of_language = no_word_of_json(text.as_bytes(), column);
        of_language.unwrap_or_else(|| format!("it is no JSON from column {column} on"))
    } else if !text.trim_start().starts_with('{') {
        in_words("it", error)
    } else {
        // What is not of another type says itself what it is about.
        let text = in_words("a field of it", error);
        text.strip_prefix("a field of it: ").unwrap_or(&text).to_owned()
    }
}

/// A time. That of a tool that writes all numbers as floats is a whole number nevertheless.
fn time<'de, D: Deserializer<'de>>(json: D) -> Result<Option<i64>, D::Error> {
    let Some(text) = <Option<&RawValue>>::deserialize(json)?.map(RawValue::get) else {
        return Ok(None);
    };
    let of_float = || {
        let is_float = text.starts_with(|first: char| first == '-' || first.is_ascii_digit())
            && text.contains(['.', 'e', 'E']);
        let time = is_float.then(|| text.parse::<f64>().ok()).flatten()?;
        time.is_finite().then_some(time as i64)
    };
    match serde_json::from_str::<i64>(text) {
        Ok(time) => Ok(Some(time)),
        Err(error) => {
            of_float().map(Some).ok_or_else(|| D::Error::custom(in_words("`time`", &error)))
        }
    }
}

fn json_text<'de: 'a, 'a, D: Deserializer<'de>>(json: D) -> Result<Option<&'a str>, D::Error> {
    Ok(<Option<&'a RawValue>>::deserialize(json)?.map(RawValue::get))
}

/// JSON that was read is JSON.
fn json(text: &str) -> Json {
    Json::parse(text).unwrap_or_else(|_| Json::null())
}

/// The event that a JSON text means; without an index it has its place in the history. Elle's histories
/// may leave out whose an event is: `false` stands beside such a one, which is of no process in particular.
///
/// # Errors
/// Says what is wrong with it.
pub fn event(text: &str, place: u64) -> Result<(Event<Stored>, bool), String> {
    let line = Line::read(text)?;
    let kind = line.kind()?;
    let mut has_process = true;
    let (process, action) = if line.is_of_nemesis() {
        let value = Box::new(line.value());
        (Process::Nemesis, Action::Nemesis { f: line.f.clone().into(), value })
    } else {
        let number = line.client()?;
        has_process = number.is_some();
        (Process::Client(number.unwrap_or(0)), Action::Client(line.stored(kind)))
    };
    let error = line.error.and_then(|error| serde_json::from_str(error).ok());
    let event = Event {
        index: line.index.unwrap_or(place),
        time: line.time.map_or(0, |time| u64::try_from(time).unwrap_or(0)),
        process,
        kind,
        action,
        error: error
            .filter(|error: &Value| !error.is_null())
            .map(|error| Box::new(op_error(error))),
        is_final: line.is_final == Some(true),
    };
    Ok((event, has_process))
}

fn op_error(error: Value) -> OpError {
    match error {
        Value::String(text) if text == "net-timeout" => OpError::NetTimeout,
        Value::String(text) => OpError::Other(text),
        Value::Array(parts) => match &parts[..] {
            [Value::String(name), Value::String(text)] => {
                OpError::Reply { name: name.clone(), text: text.clone() }
            }
            _ => OpError::Other(Value::Array(parts).to_string()),
        },
        other => OpError::Other(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_lines_are_cut_up_as_json_is_read() {
        for text in [
            r#"{"index":0,"time":5,"process":0,"type":"invoke","f":"cas","key":"k\"","value":[1,{"a":"]}"}]}"#,
            r#"{"index":1,"time":6,"process":"nemesis","type":"info","f":"start-partition","value":null}"#,
            r#"{"index":5,"time":10,"process":3,"type":"fail","f":"cas","key":null,"value":"","error":["a",1]}"#,
            r#"{"index":8,"time":13,"process":0,"type":"ok","f":"read","value":[1,2,30],"final?":true}"#,
        ] {
            assert_eq!(Line::cut_up(text), Some(Line::read(text).unwrap()));
            for end in 0..text.len() {
                assert_eq!(Line::cut_up(&text[..end]), None, "{}", &text[..end]);
            }
            assert_eq!(Line::cut_up(&text.repeat(2)), None);
        }
    }

    /// They are left to a reader of JSON.
    #[test]
    fn lines_of_others_are_not_cut_up() {
        for text in [
            "{}",
            r#"{"index": 0,"time":5}"#,
            r#"{"index":-1,"time":5}"#,
            r#"{"index":0,"time":1e3}"#,
            r#"{"index":0,"time":5,"f":"a\u0062"}"#,
            r#"{"index":0,"time":5,"f":null}"#,
            r#"{"index":0,"time":5,"more":1}"#,
            r#"{"index":0,"time":99999999999999999999}"#,
        ] {
            assert_eq!(Line::cut_up(text), None, "{text}");
        }
    }
}
