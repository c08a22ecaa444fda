//! Stored events: the lines of our `history.jsonl`, and the maps of Jepsen's and Elle's histories,
//! which have the same fields.

use std::borrow::Cow;
use std::io::{self, BufRead};

use checkers::history::{Action, OpError};
use checkers::{Event, Kind, Process};
use proto::Json;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::edn::{EdnError, Forms};
use crate::workload::Stored;

/// Why a history cannot be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadError {
    /// The input failed.
    #[error("{0}")]
    Input(#[from] io::Error),
    /// A line is no event.
    #[error("line {line}: {flaw}")]
    Line {
        /// Which one, from 1.
        line: u64,
        /// What is wrong with it.
        flaw: String,
    },
}

/// The events of a history, in whichever form it is stored.
pub(super) struct Events<R> {
    source: Source<R>,
    /// How many were read.
    count: u64,
    text: String,
}

enum Source<R> {
    JsonLines { input: R, line: u64 },
    Edn(Forms<R>),
}

impl<R: BufRead> Events<R> {
    /// The events of this input. Its beginning tells the form: only JSON has a map whose first key is
    /// a string.
    ///
    /// # Errors
    /// If the input fails.
    pub(super) fn new(mut input: R) -> io::Result<Self> {
        let mut beginning = input.fill_buf()?.iter().filter(|byte| !byte.is_ascii_whitespace());
        let source = match (beginning.next(), beginning.next()) {
            (Some(b'{'), Some(b'"')) => Source::JsonLines { input, line: 0 },
            _ => Source::Edn(Forms::new(input)),
        };
        Ok(Self { source, count: 0, text: String::new() })
    }

    /// The next event and the line in which it begins; `None` at the end.
    ///
    /// # Errors
    /// If the input fails, or what is there is no event.
    pub(super) fn next(&mut self) -> Result<Option<(u64, Event<Stored>)>, ReadError> {
        self.text.clear();
        let line = match &mut self.source {
            Source::JsonLines { input, line } => loop {
                *line += 1;
                self.text.clear();
                if input.read_line(&mut self.text).map_err(|error| bad_text(*line, error))? == 0 {
                    return Ok(None);
                }
                if !self.text.trim_ascii().is_empty() {
                    break *line;
                }
            },
            Source::Edn(forms) => match forms.next(&mut self.text) {
                Ok(Some(line)) => line,
                Ok(None) => return Ok(None),
                Err(EdnError::Input(error)) => return Err(error.into()),
                Err(EdnError::Text(flaw)) => {
                    return Err(ReadError::Line { line: forms.line(), flaw });
                }
            },
        };
        match event(&self.text, self.count) {
            Ok(event) => {
                self.count += 1;
                Ok(Some((line, event)))
            }
            Err(flaw) => Err(ReadError::Line { line, flaw }),
        }
    }
}

/// The process of an outcome of which is not said whose it is, or when it began.
pub(super) const NOBODY: u64 = u64::MAX;

/// Text that is no UTF-8 is a flaw of its line, not of the disk.
fn bad_text(line: u64, error: io::Error) -> ReadError {
    match error.kind() {
        io::ErrorKind::InvalidData => {
            ReadError::Line { line, flaw: "what is there is no UTF-8".to_owned() }
        }
        _ => error.into(),
    }
}

#[derive(Deserialize)]
struct Line<'a> {
    index: Option<u64>,
    time: Option<i64>,
    #[serde(borrow, default)]
    process: Option<&'a RawValue>,
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    f: Cow<'a, str>,
    key: Option<Json>,
    value: Option<Json>,
    error: Option<Value>,
    #[serde(default, rename = "final?")]
    is_final: Option<bool>,
}

/// The event that a JSON text means; without an index it has its place in the history.
fn event(text: &str, place: u64) -> Result<Event<Stored>, String> {
    let line: Line<'_> = serde_json::from_str(text).map_err(|error| {
        let text = error.to_string();
        // The place within the text means nothing to people where it was EDN.
        let flaw = text.rsplit_once(" at line ").map_or(&*text, |(flaw, _)| flaw);
        format!("this is no event of a history: {flaw}")
    })?;
    let kind = match &*line.kind {
        "invoke" => Kind::Invoke,
        "ok" => Kind::Ok,
        "fail" => Kind::Fail,
        "info" => Kind::Info,
        other => return Err(format!("`type` is invoke, ok, fail or info, not `{other}`")),
    };
    let (process, action) = match line.process.map(RawValue::get) {
        Some("\"nemesis\"") => {
            let value = line.value.map_or(Value::Null, |value| {
                serde_json::from_str(&value.text()).unwrap_or(Value::Null)
            });
            let value = Box::new(value);
            (Process::Nemesis, Action::Nemesis { f: line.f.into(), value })
        }
        process => {
            let number = match process {
                // Elle's histories may be transactions and no more.
                None if kind != Kind::Invoke => NOBODY,
                None => {
                    return Err("`process`: not there, so its outcome cannot be told".to_owned());
                }
                Some(process) => process
                    .parse()
                    .map_err(|_| format!("`process` is a number or `nemesis`, not {process}"))?,
            };
            let value = line.value.unwrap_or_else(Json::null);
            let stored = Stored { f: line.f.into_owned(), key: line.key, value, kind };
            (Process::Client(number), Action::Client(stored))
        }
    };
    Ok(Event {
        index: line.index.unwrap_or(place),
        time: line.time.map_or(0, |time| u64::try_from(time).unwrap_or(0)),
        process,
        kind,
        action,
        error: line.error.filter(|error| !error.is_null()).map(|error| Box::new(op_error(error))),
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
