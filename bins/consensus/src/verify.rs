//! Task 7-2-5: is a history linearizable?
//!
//! A history is a list of Jepsen-style events in the order of time, as eddy
//! writes them to `history.jsonl`:
//!
//! ```json
//! [{"process": 0, "type": "invoke", "f": "write", "key": "x", "value": 1},
//!  {"process": 1, "type": "invoke", "f": "read",  "key": "x", "value": null},
//!  {"process": 0, "type": "ok",     "f": "write", "key": "x", "value": 1},
//!  {"process": 1, "type": "ok",     "f": "read",  "key": "x", "value": 1},
//!  {"process": 1, "type": "invoke", "f": "cas",   "key": "x", "value": [1, 2]},
//!  {"process": 1, "type": "fail",   "f": "cas",   "key": "x", "value": [1, 2]}]
//! ```
//!
//! `type` is `invoke`, `ok`, `fail` (it did not happen) or `info` (nobody
//! knows). A read's `ok` has what was read, null for nothing; a completion may
//! leave out what its invocation said. Without `key` there is one register.
//! Events of process `"nemesis"` and fields that are not named here are
//! ignored. An operation that is open at the end counts as `info`. Events
//! without `process` are those of one client.
//!
//! An operation may also stand as a whole, if it was over before the next one
//! of the list began:
//!
//! ```json
//! [{"op": "write", "key": "x", "value": 1}, {"op": "read", "key": "x", "value": 1}]
//! ```
//!
//! or if every one says when it began and ended, in whatever unit (`start` and `end`, `start_time` and
//! `end_time`, `start-time` and `end-time` as in the violations found, `invoke` and `complete`,
//! `invoked_at` and `completed_at`, or `call` and `return`; without an end it is open). The order of the
//! list does not matter then:
//!
//! ```json
//! [{"op": "write", "key": "x", "value": 1, "start": 0, "end": 5},
//!  {"op": "read", "key": "x", "value": null, "start": 1, "end": 2}]
//! ```
//!
//! It did not happen, if its `ok` or `success` is false, or if its `outcome` or `status` is `fail`,
//! `failed` or `rejected`; with `info`, `unknown` or `timeout` nobody knows.

use std::collections::BTreeMap;

use bench::history::Line;
use bench::workload::Stored;
use checkers::linearizable::{self, RegisterOp, WorkLimit};
use checkers::{Event, Kind, Verdict};
use proto::{Error, ErrorCode, Json};
use serde_json::value::RawValue;

use crate::body::Violation;

#[cfg(test)]
mod tests;
mod whole;

use whole::Whole;

/// The most configurations that the search may visit for one key: some tenths
/// of a second.
const STATES_MAX: u64 = 1_000_000;

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Findings {
    /// Whether there is an order that explains every result.
    pub linearizable: bool,
    /// For every key without one, why.
    pub violations: Vec<Violation>,
}

/// A `verify_linearizability` under way, worked off key by key.
#[derive(Debug)]
pub struct VerifyRun {
    histories: Vec<Vec<Event<RegisterOp<Json>>>>,
    next: usize,
    undecided: bool,
    violations: Vec<Violation>,
}

impl VerifyRun {
    /// Reads a history.
    ///
    /// # Errors
    ///
    /// Error 12 that names the event that does not fit.
    pub fn new(history: &Json) -> Result<Self, Error> {
        let events = parse(history)?;
        // What no clients can have done shows only over all keys together.
        checkers::operations(&events)
            .map_err(|malformed| Error::malformed_request(malformed.to_string()))?;
        let mut places = BTreeMap::new();
        let mut histories: Vec<Vec<Event<RegisterOp<Json>>>> = Vec::new();
        for event in events {
            let Some(op) = event.op() else { continue };
            let key = op.key();
            let place = *places.entry(key.clone()).or_insert(histories.len());
            if place == histories.len() {
                histories.push(Vec::new());
            }
            histories[place].push(event);
        }
        Ok(Self { histories, next: 0, undecided: false, violations: Vec::new() })
    }

    /// Checks the next key; the result, once there is none left.
    ///
    /// # Errors
    ///
    /// Error 0 if the search was given up for a key and no other is wrong, or
    /// error 12 for an event that does not fit.
    pub fn work(&mut self) -> Option<Result<Findings, Error>> {
        let Some(history) = self.histories.get(self.next) else {
            let violations = std::mem::take(&mut self.violations);
            if violations.is_empty() && self.undecided {
                let text = "the search for an order became too long; nothing wrong was found";
                return Some(Err(Error::new(ErrorCode::Timeout, text)));
            }
            return Some(Ok(Findings { linearizable: violations.is_empty(), violations }));
        };
        self.next += 1;
        let mut limit = WorkLimit { states_max: STATES_MAX, stop: &mut || false };
        let found = match linearizable::check_with_null(history, Json::is_null, &mut limit) {
            Ok(found) => found,
            Err(malformed) => return Some(Err(Error::malformed_request(malformed.to_string()))),
        };
        self.undecided |= found.verdict == Verdict::Unknown;
        for result in found.results {
            let Some(counterexample) = result.counterexample else { continue };
            let operations = std::iter::once(&counterexample.operation)
                .chain(&counterexample.concurrent)
                .filter_map(|operation| serde_json::to_value(operation).ok())
                .map(|operation| Json::from(&operation));
            self.violations.push(Violation {
                operations: operations.collect(),
                key: result.key,
                reason: counterexample.explanation,
            });
        }
        None
    }
}

fn parse(history: &Json) -> Result<Vec<Event<RegisterOp<Json>>>, Error> {
    let text = history.text();
    let lines: Vec<&RawValue> = serde_json::from_str(&text)
        .map_err(|_| Error::malformed_request("`history` has to be a list of events"))?;
    let mut processes = BTreeMap::new();
    let mut invoked: BTreeMap<u64, RegisterOp<Json>> = BTreeMap::new();
    let mut events = Vec::with_capacity(lines.len());
    let mut timed = Vec::new();
    for (index, line) in (0..).zip(lines) {
        let malformed = |reason: &dyn std::fmt::Display| {
            Error::malformed_request(format!("event {index}: {reason}"))
        };
        let mut process_of = |author: Option<&str>| {
            let count = processes.len() as u64;
            *processes.entry(author.map(str::to_owned)).or_insert(count)
        };
        if let Some(operation) = whole::read(line.get()) {
            let Whole { kind, op, span } = operation.map_err(|reason| malformed(&reason))?;
            if let Some(span) = span {
                timed.push((index, op, kind, span));
                continue;
            }
            let process = process_of(None);
            events.push(Event::of_client(index, index, process, Kind::Invoke, whole::asked(&op)));
            events.push(Event::of_client(index, index, process, kind, op));
            continue;
        }
        let line = Line::read(line.get()).map_err(|flaw| malformed(&flaw))?;
        if line.is_of_nemesis() {
            continue;
        }
        let process = process_of(line.process);
        let kind = line.kind().map_err(|flaw| malformed(&flaw))?;
        let op =
            operation(&line, kind, invoked.get(&process)).map_err(|reason| malformed(&reason))?;
        if kind == Kind::Invoke {
            invoked.insert(process, op.clone());
        }
        events.push(Event::of_client(index, index, process, kind, op));
    }
    match (timed.first(), events.is_empty()) {
        (None, _) => Ok(events),
        (Some(_), true) => Ok(whole::in_time(timed)),
        (Some((index, ..)), false) => {
            let text = format!("event {index}: it says when it began, which others do not");
            Err(Error::malformed_request(text))
        }
    }
}

/// The operation of an event; a completion has from its invocation what it
/// leaves out.
fn operation(
    line: &Line<'_>,
    kind: Kind,
    invoked: Option<&RegisterOp<Json>>,
) -> Result<RegisterOp<Json>, String> {
    let invoked = invoked.filter(|_| kind != Kind::Invoke);
    let stored = line.stored(kind);
    let value = stored.value();
    let Stored { f, key, text, .. } = stored;
    let key = key.or_else(|| Some(invoked?.key().clone())).unwrap_or_else(Json::null);
    Ok(match (&*f, line.value.is_some(), invoked) {
        ("read", ..) => {
            let value = (kind == Kind::Ok).then(|| (!value.is_null()).then_some(value));
            RegisterOp::Read { key, value }
        }
        ("write", false, Some(RegisterOp::Write { value, .. })) => {
            RegisterOp::Write { key, value: value.clone() }
        }
        ("cas", false, Some(RegisterOp::Cas { from, to, .. })) => {
            RegisterOp::Cas { key, from: from.clone(), to: to.clone() }
        }
        ("write", ..) => RegisterOp::Write { key, value },
        ("cas", ..) => {
            let [from, to] = serde_json::from_str(&text)
                .map_err(|_| "the value of a cas has to be [from, to]".to_owned())?;
            RegisterOp::Cas { key, from, to }
        }
        _ => return Err(format!("`f` is read, write or cas, not `{f}`")),
    })
}
