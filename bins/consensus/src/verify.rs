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

use std::collections::BTreeMap;

use bench::history::Line;
use bench::workload::Stored;
use checkers::linearizable::{self, RegisterOp, WorkLimit};
use checkers::{Event, Kind, Verdict};
use proto::{Error, ErrorCode, Json};
use serde_json::value::RawValue;

use crate::body::Violation;

mod whole;

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
    for (index, line) in (0..).zip(lines) {
        let malformed = |reason: &dyn std::fmt::Display| {
            Error::malformed_request(format!("event {index}: {reason}"))
        };
        let mut process_of = |author: Option<&str>| {
            let count = processes.len() as u64;
            *processes.entry(author.map(str::to_owned)).or_insert(count)
        };
        if let Some(operation) = whole::read(line.get()) {
            let (kind, op) = operation.map_err(|reason| malformed(&reason))?;
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
    Ok(events)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn verify(history: &str) -> Result<Findings, Error> {
        let mut run = VerifyRun::new(&Json::parse(history).unwrap())?;
        std::iter::repeat_with(|| run.work()).find_map(|result| result).unwrap()
    }

    /// `process type f key value`, one event a line.
    fn history(lines: &str) -> String {
        let events: Vec<_> = lines
            .trim()
            .lines()
            .map(|line| {
                let words: Vec<_> = line.split_whitespace().collect();
                let [process, kind, f, key, value] = words[..] else { panic!("{line}") };
                format!(
                    r#"{{"process":{process},"type":"{kind}","f":"{f}","key":{key},"value":{value}}}"#
                )
            })
            .collect();
        format!("[{}]", events.join(","))
    }

    #[test]
    fn a_read_may_see_a_write_under_way_but_not_miss_one_that_is_done() {
        let good = "0 invoke write 1 5\n1 invoke read 1 null\n1 ok read 1 5\n0 ok write 1 5";
        assert!(verify(&history(good)).unwrap().linearizable);
        let stale = "0 invoke write 1 5\n0 ok write 1 5\n1 invoke read 1 null\n1 ok read 1 null";
        let found = verify(&history(stale)).unwrap();
        assert!(!found.linearizable);
        assert_eq!(found.violations.len(), 1);
        assert_eq!(found.violations[0].key, 1.into());
        assert!(!found.violations[0].operations.is_empty());
    }

    #[test]
    fn open_and_unknown_operations_may_take_effect_later() {
        let open = "0 invoke write 1 5\n1 invoke read 1 null\n1 ok read 1 null\n\
                    1 invoke read 1 null\n1 ok read 1 5";
        assert!(verify(&history(open)).unwrap().linearizable);
        let failed = "0 invoke write 1 5\n0 fail write 1 5\n1 invoke read 1 null\n1 ok read 1 5";
        assert!(!verify(&history(failed)).unwrap().linearizable);
    }

    #[test]
    fn only_the_keys_that_fail_are_named() {
        let lines = "0 invoke write 1 5\n0 ok write 1 5\n0 invoke cas 2 [3,4]\n0 ok cas 2 [3,4]";
        let found = verify(&history(lines)).unwrap();
        let keys: Vec<_> = found.violations.iter().map(|violation| violation.key.clone()).collect();
        assert_eq!(keys, [2.into()]);
    }

    #[test]
    fn the_nemesis_and_unknown_fields_are_ignored_and_completions_may_be_short() {
        let text = r#"[
            {"index":0,"process":"nemesis","type":"info","f":"start-partition","value":["n1"]},
            {"index":1,"time":5,"process":0,"type":"invoke","f":"cas","key":"x","value":[1,2]},
            {"index":2,"time":6,"process":0,"type":"fail","f":"cas","error":["a","b"]},
            {"process":0,"type":"invoke","f":"write","value":"v"},
            {"process":0,"type":"ok","f":"write"},
            {"process":0,"type":"invoke","f":"read"},
            {"process":0,"type":"ok","f":"read","value":"v"}
        ]"#;
        assert!(verify(text).unwrap().linearizable);
        assert!(verify("[]").unwrap().linearizable);
    }

    #[test]
    fn operations_that_stand_as_a_whole_are_one_after_another() {
        let read =
            |value| format!(r#"[{{"op":"write","value":1}},{{"op":"read","value":{value}}}]"#);
        assert!(verify(&read(1)).unwrap().linearizable);
        assert!(!verify(&read(2)).unwrap().linearizable);
        for (text, linearizable) in [
            (
                r#"[{"type":"write","key":"x","value":"a"},{"type":"read","key":"x","value":"a"}]"#,
                true,
            ),
            (
                r#"[{"type":"write","key":"x","value":"a"},{"type":"read","key":"y","value":"a"}]"#,
                false,
            ),
            (r#"[{"f":"put","key":1,"value":2},{"f":"get","key":1,"result":2}]"#, true),
            (r#"[{"op":"read","key":1,"value":null},{"op":"write","key":1,"value":2}]"#, true),
            (
                r#"[{"op":"write","value":1},{"op":"cas","from":1,"to":2},{"op":"read","value":2}]"#,
                true,
            ),
            (
                r#"[{"op":"write","value":1},{"op":"cas","value":[1,2]},{"op":"read","value":1}]"#,
                false,
            ),
            (r#"[{"op":"write","value":1,"ok":false},{"op":"read","value":null}]"#, true),
            (r#"[{"op":"write","value":1,"ok":true},{"op":"read","value":null}]"#, false),
        ] {
            assert_eq!(verify(text).unwrap().linearizable, linearizable, "{text}");
        }
        // Without a process one client does everything.
        let events = r#"[{"type":"invoke","f":"write","value":1},{"type":"ok","f":"write"},
                         {"type":"invoke","f":"read"},{"type":"ok","f":"read","value":1}]"#;
        assert!(verify(events).unwrap().linearizable);
        for bad in
            [r#"[{"op":"append","value":1}]"#, r#"[{"op":"write"}]"#, r#"[{"op":"cas","value":1}]"#]
        {
            let error = verify(bad).unwrap_err();
            assert!(error.text.starts_with("event 0: "), "{bad}: {error}");
        }
    }

    #[test]
    fn malformed_histories_are_refused_with_the_event() {
        for (text, says) in [
            ("{}".to_owned(), "`history` has to be a list"),
            (history("0 invoke read 1 null\n0 ok write 1 2"), "event 1"),
            (history("0 ok read 1 null"), "event 0"),
            (history("0 invoke read 1 null\n0 invoke read 2 null"), "event 1"),
            (history("0 invoke append 1 2"), "event 0"),
            (history("0 begin read 1 2"), "event 0"),
            (history("0 invoke cas 1 2"), "event 0"),
            ("[5]".to_owned(), "event 0"),
        ] {
            let error = verify(&text).unwrap_err();
            assert_eq!(error.code, ErrorCode::MalformedRequest);
            assert!(error.text.starts_with(says), "{text}: {error}");
        }
    }
}
