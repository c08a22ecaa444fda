//! `history.jsonl`, read: one event a line, as [`checkers::Event`] writes it. Whoever reads an event
//! does it here: [`event`] has all of it, [`History`] an index of a whole file that leaves values where
//! they are.

mod index;

use std::borrow::Cow;

use checkers::history::{Action, OpError};
use checkers::{Event, Kind, Process};
use proto::Json;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

pub use self::index::{Fault, History, Moment, Operation, ValueReader, Values};
use crate::workload::Stored;

/// The name of the file in a run's directory.
pub const FILE: &str = "history.jsonl";

/// The process of an outcome of which is not said whose it is, or when it began.
pub const NOBODY: u64 = u64::MAX;

/// An event as it is written. Jepsen's and Elle's histories have the same fields, not always all of
/// them.
#[derive(Debug, Deserialize)]
pub struct Line<'a> {
    /// Its place in the history.
    pub index: Option<u64>,
    /// Nanoseconds since the run started.
    pub time: Option<i64>,
    /// Whose it is: a number or a name, as JSON.
    #[serde(borrow, default)]
    pub process: Option<&'a RawValue>,
    /// `invoke`, `ok`, `fail` or `info`.
    #[serde(borrow, rename = "type", default)]
    pub kind: Cow<'a, str>,
    /// The function or the fault.
    #[serde(borrow, default)]
    pub f: Cow<'a, str>,
    /// The object, in workloads with keys.
    #[serde(borrow, default)]
    pub key: Option<&'a RawValue>,
    /// What was asked or came back; whom a fault hits.
    #[serde(borrow, default)]
    pub value: Option<&'a RawValue>,
    /// Why it did not succeed.
    #[serde(borrow, default)]
    pub error: Option<&'a RawValue>,
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
        serde_json::from_str(text).map_err(|error| {
            let text = error.to_string();
            // The place within the text means nothing to people where it was EDN.
            let flaw = text.rsplit_once(" at line ").map_or(&*text, |(flaw, _)| flaw);
            format!("this is no event of a history: {flaw}")
        })
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
        self.process.is_some_and(|process| process.get() == "\"nemesis\"")
    }

    /// The number of its process, if it is a client's.
    ///
    /// # Errors
    /// If it is something else.
    pub fn client(&self) -> Result<Option<u64>, String> {
        let number = |process: &RawValue| {
            let process = process.get();
            process
                .parse()
                .map_err(|_| format!("`process` is a number or `nemesis`, not {process}"))
        };
        self.process.map(number).transpose()
    }

    /// What it says of its operation.
    pub fn stored(&self, kind: Kind) -> Stored {
        let value = self.value.map_or_else(Json::null, json);
        Stored { f: self.f.clone().into_owned(), key: self.key.map(json), value, kind }
    }

    /// `value` as a tree.
    pub fn value(&self) -> Value {
        let value = self.value.map(|value| serde_json::from_str(value.get()));
        value.and_then(Result::ok).unwrap_or(Value::Null)
    }
}

/// JSON that was read is JSON.
fn json(text: &RawValue) -> Json {
    Json::parse(text.get()).unwrap_or_else(|_| Json::null())
}

/// The event that a JSON text means; without an index it has its place in the history.
///
/// # Errors
/// Says what is wrong with it.
pub fn event(text: &str, place: u64) -> Result<Event<Stored>, String> {
    let line = Line::read(text)?;
    let kind = line.kind()?;
    let (process, action) = if line.is_of_nemesis() {
        let value = Box::new(line.value());
        (Process::Nemesis, Action::Nemesis { f: line.f.clone().into(), value })
    } else {
        let number = match line.client()? {
            Some(number) => number,
            // Elle's histories may be transactions and no more.
            None if kind != Kind::Invoke => NOBODY,
            None => return Err("`process`: not there, so its outcome cannot be told".to_owned()),
        };
        (Process::Client(number), Action::Client(line.stored(kind)))
    };
    let error = line.error.and_then(|error| serde_json::from_str(error.get()).ok());
    Ok(Event {
        index: line.index.unwrap_or(place),
        time: line.time.map_or(0, |time| u64::try_from(time).unwrap_or(0)),
        process,
        kind,
        action,
        error: error
            .filter(|error: &Value| !error.is_null())
            .map(|error| Box::new(op_error(error))),
        is_final: line.is_final == Some(true),
    })
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
