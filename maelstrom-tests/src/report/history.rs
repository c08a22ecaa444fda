//! `history.jsonl` as a report needs it: operations with times and outcomes in memory, their values
//! left in the file until somebody wants to see them.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::lines::Lines;
use super::logs::natural;
use super::text;

/// What became of an operation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It happened.
    Ok,
    /// It did not happen.
    Fail,
    /// Nobody knows, or it never ended.
    Info,
}

impl Outcome {
    /// All of them, the good one first.
    pub const ALL: [Self; 3] = [Self::Ok, Self::Fail, Self::Info];

    /// As the history has it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Fail => "fail",
            Self::Info => "info",
        }
    }
}

/// The beginning or the end of an operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Moment {
    /// Index of the event.
    pub index: u64,
    /// Nanoseconds since the run started.
    pub time: u64,
    /// Where its line begins in the file.
    offset: u64,
}

/// An operation of a client.
#[derive(Clone, Debug)]
pub struct Operation {
    /// The logical client.
    pub process: u64,
    /// Place of its function in [`History::functions`].
    pub function: usize,
    /// What became of it.
    pub outcome: Outcome,
    /// When it began.
    pub invoked: Moment,
    /// When it ended, if it did.
    pub completed: Option<Moment>,
    /// Belongs to the last reads, after the main phase.
    pub is_final: bool,
}

impl Operation {
    /// Nanoseconds from beginning to end.
    pub fn latency(&self) -> Option<u64> {
        self.completed.map(|end| end.time.saturating_sub(self.invoked.time))
    }
}

/// A time in which a fault was on.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Fault {
    /// Its kind, such as `partition`.
    pub name: String,
    /// Whom it hit, as the history says it.
    pub whom: String,
    /// When it began, in nanoseconds since the run started.
    pub start: u64,
    /// When it ended, or the history did.
    pub end: u64,
}

/// The operations of a run.
#[derive(Default, Debug)]
pub struct History {
    /// Names of functions, as they first appear.
    pub functions: Vec<String>,
    /// In the order in which they began.
    pub operations: Vec<Operation>,
    /// In the order in which they began.
    pub faults: Vec<Fault>,
    /// When the last event was, in nanoseconds since the run started.
    pub end: u64,
    /// Lines that are no events.
    pub bad_lines: usize,
}

/// What was asked in an operation, what came back, and why it failed, each as JSON text.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Values {
    /// The register, in workloads with keys.
    pub key: Option<String>,
    /// `value` of the first event.
    pub asked: String,
    /// `value` of the last event.
    pub answered: Option<String>,
    /// Why it is not `ok`.
    pub error: Option<String>,
}

#[derive(Deserialize)]
struct Line<'a> {
    index: u64,
    time: u64,
    #[serde(borrow)]
    process: &'a RawValue,
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    f: Cow<'a, str>,
    #[serde(borrow)]
    key: Option<&'a RawValue>,
    #[serde(borrow)]
    value: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    #[serde(default, rename = "final?")]
    is_final: bool,
}

impl History {
    /// The name of the file in a run's directory.
    pub const FILE: &str = "history.jsonl";

    /// Reads the history of a run; an empty one if there is no file.
    pub fn read(run_dir: &Path) -> io::Result<Self> {
        let mut history = Self::default();
        let Some(mut lines) = Lines::open(&run_dir.join(Self::FILE))? else { return Ok(history) };
        let mut open = Open::default();
        while let Some((offset, line)) = lines.next()? {
            match serde_json::from_slice::<Line<'_>>(line) {
                Ok(event) => history.push(&event, offset, &mut open),
                Err(_) => history.bad_lines += 1,
            }
        }
        history.bad_lines += lines.skipped;
        for place in open.faults.into_values() {
            history.faults[place].end = history.end;
        }
        Ok(history)
    }

    fn push(&mut self, event: &Line<'_>, offset: u64, open: &mut Open) {
        let moment = Moment { index: event.index, time: event.time, offset };
        self.end = self.end.max(event.time);
        if event.process.get() == "\"nemesis\"" {
            self.push_fault(event, open);
            return;
        }
        let Ok(process) = event.process.get().parse() else {
            self.bad_lines += 1;
            return;
        };
        let outcome = match &*event.kind {
            "invoke" => {
                open.operations.insert(process, self.operations.len());
                self.operations.push(Operation {
                    process,
                    function: place_of(&mut self.functions, &event.f),
                    outcome: Outcome::Info,
                    invoked: moment,
                    completed: None,
                    is_final: event.is_final,
                });
                return;
            }
            "ok" => Outcome::Ok,
            "fail" => Outcome::Fail,
            _ => Outcome::Info,
        };
        match open.operations.remove(&process) {
            Some(place) => {
                let operation = &mut self.operations[place];
                operation.outcome = outcome;
                operation.completed = Some(moment);
            }
            None => self.bad_lines += 1,
        }
    }

    /// The nemesis says everything twice, when it begins to act and when it has: the first time
    /// counts, the second one may know better whom it hit.
    fn push_fault(&mut self, event: &Line<'_>, open: &mut Open) {
        let whom = whom(event.value.map_or("null", RawValue::get));
        if let Some(name) = event.f.strip_prefix("start-") {
            if let Some(&place) = open.faults.get(name) {
                if !whom.is_empty() {
                    self.faults[place].whom = whom;
                }
                return;
            }
            open.faults.insert(name.to_owned(), self.faults.len());
            let (start, end) = (event.time, event.time);
            self.faults.push(Fault { name: text::line(name, 40), whom, start, end });
        } else if let Some(place) =
            event.f.strip_prefix("stop-").and_then(|name| open.faults.remove(name))
        {
            self.faults[place].end = event.time;
        }
    }

    /// The name of an operation's function.
    pub fn function(&self, operation: &Operation) -> &str {
        &self.functions[operation.function]
    }

    /// The place of the first operation that began at this time or later.
    pub fn place_at(&self, time: u64) -> usize {
        self.operations.partition_point(|operation| operation.invoked.time < time)
    }

    /// The operation to which the event with this index belongs.
    pub fn with_event(&self, index: u64) -> Option<&Operation> {
        let is_end = |end: Option<Moment>| end.is_some_and(|end| end.index == index);
        let place = self.operations.partition_point(|operation| operation.invoked.index <= index);
        let mut before = self.operations[..place].iter().rev();
        before.find(|operation| operation.invoked.index == index || is_end(operation.completed))
    }
}

/// Whom a fault hits, as people say it: the nodes, the sides of a cut, the part of the messages, how far
/// each clock jumps.
fn whom(value: &str) -> String {
    let told = match serde_json::from_str(value) {
        Ok(Value::Null) => return String::new(),
        Ok(Value::String(kind)) => kind,
        Ok(Value::Number(part)) => match part.as_f64() {
            Some(part) if (0.0..=1.0).contains(&part) => {
                format!("{} % of messages", text::decimal(part * 100.0))
            }
            _ => value.to_owned(),
        },
        Ok(Value::Array(parts)) => match &parts[..] {
            [Value::String(_), Value::Object(refused)] => sides(refused),
            _ if parts.iter().all(Value::is_string) => words(&parts).join(", "),
            _ if parts.iter().all(Value::is_i64) => {
                let jump = |ms: &Value| format!("{:+.1} s", ms.as_f64().unwrap_or(0.0) / 1e3);
                parts.iter().map(jump).collect::<Vec<_>>().join(", ")
            }
            _ => value.to_owned(),
        },
        _ => value.to_owned(),
    };
    text::line(&told, 200)
}

fn words(list: &[Value]) -> Vec<&str> {
    list.iter().filter_map(Value::as_str).collect()
}

/// A cut as the sides that do not hear each other, `n1, n2 | n3`, if it is one; else who hears whom not.
/// Nodes that nothing was done to are not named.
fn sides(refused: &Map<String, Value>) -> String {
    let mut refuses: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (receiver, senders) in refused {
        let senders = words(senders.as_array().map_or(&[], Vec::as_slice));
        refuses.entry(receiver).or_default().extend(senders);
    }
    refuses.retain(|_, senders| !senders.is_empty());
    let named: BTreeSet<&str> =
        refuses.iter().flat_map(|(node, others)| others.iter().chain([node])).copied().collect();
    // Who refuses the same ones is on the same side; a cut into sides is one where that is all the others.
    let none = BTreeSet::new();
    let mut sides: Vec<(&BTreeSet<&str>, Vec<&str>)> = Vec::new();
    let mut nodes: Vec<&str> = named.iter().copied().collect();
    nodes.sort_by_key(|name| natural(name));
    for &node in &nodes {
        let others = refuses.get(node).unwrap_or(&none);
        match sides.iter_mut().find(|(of_side, _)| *of_side == others) {
            Some((_, side)) => side.push(node),
            None => sides.push((others, vec![node])),
        }
    }
    let is_cut = sides.iter().all(|(others, side)| {
        named.iter().all(|node| others.contains(node) != side.contains(node))
    });
    if is_cut {
        let sides: Vec<_> = sides.iter().map(|(_, side)| side.join(", ")).collect();
        return sides.join(" | ");
    }
    let deaf = |(others, side): &(&BTreeSet<&str>, Vec<&str>)| {
        let mut others: Vec<&str> = others.iter().copied().collect();
        others.sort_by_key(|name| natural(name));
        format!("{} without {}", side.join(", "), others.join(", "))
    };
    let sides = sides.iter().filter(|(others, _)| !others.is_empty());
    sides.map(deaf).collect::<Vec<_>>().join("; ")
}

/// What has begun and not yet ended.
#[derive(Default)]
struct Open {
    operations: HashMap<u64, usize>,
    faults: HashMap<String, usize>,
}

fn place_of(names: &mut Vec<String>, name: &str) -> usize {
    names.iter().position(|known| known == name).unwrap_or_else(|| {
        names.push(name.to_owned());
        names.len() - 1
    })
}

/// Fetches values of operations from the file.
pub struct ValueReader {
    lines: Option<Lines>,
}

impl ValueReader {
    /// Opens the history of a run.
    pub fn open(run_dir: &Path) -> io::Result<Self> {
        Ok(Self { lines: Lines::open(&run_dir.join(History::FILE))? })
    }

    /// The values of an operation.
    pub fn values(&mut self, operation: &Operation) -> io::Result<Values> {
        let mut values = Values::default();
        self.with_line(operation.invoked, |line| {
            values.key = line.key.map(|key| key.get().to_owned());
            values.asked = json(line.value);
        })?;
        if let Some(completed) = operation.completed {
            self.with_line(completed, |line| {
                values.answered = Some(json(line.value));
                values.error = line.error.map(|error| error.get().to_owned());
            })?;
        }
        Ok(values)
    }

    fn with_line(&mut self, moment: Moment, use_line: impl FnOnce(&Line<'_>)) -> io::Result<()> {
        let Some(lines) = &mut self.lines else { return Ok(()) };
        lines.seek(moment.offset)?;
        if let Some((_, line)) = lines.next()?
            && let Ok(line) = serde_json::from_slice(line)
        {
            use_line(&line);
        }
        Ok(())
    }
}

fn json(value: Option<&RawValue>) -> String {
    value.map_or("null", RawValue::get).to_owned()
}

/// An operation in a few words: `read 3 → 5`, `cas 3: 2 → 4`, `broadcast 17`. The texts are JSON; long
/// ones are cut, and nothing in it is invisible.
pub fn describe(function: &str, values: &Values, outcome: Outcome) -> String {
    const LENGTH_MAX: usize = 60;
    let short = |json: &str| text::line(json, LENGTH_MAX);
    let key = values.key.as_deref().map(short);
    let asked = short(&values.asked);
    let answered = values.answered.as_deref().filter(|_| outcome == Outcome::Ok).map(short);
    let function = text::line(function, LENGTH_MAX);
    let of_key = key.as_ref().map(|key| format!(" {key}")).unwrap_or_default();
    match (function.as_str(), answered) {
        ("read" | "generate", answered) => {
            let answered = answered.map(|value| format!(" → {value}")).unwrap_or_default();
            format!("{function}{of_key}{answered}")
        }
        ("cas", _) => match serde_json::from_str::<[&RawValue; 2]>(&values.asked) {
            Ok([from, to]) => {
                let colon = if key.is_some() { ":" } else { "" };
                format!("cas{of_key}{colon} {} → {}", short(from.get()), short(to.get()))
            }
            Err(_) => format!("cas{of_key}: {asked}"),
        },
        _ if key.is_some() => format!("{function}{of_key} = {asked}"),
        (_, Some(answered)) if answered != asked => format!("{function} {asked} → {answered}"),
        _ => format!("{function} {asked}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINES: &str = r#"{"index":0,"time":5,"process":0,"type":"invoke","f":"cas","key":"k","value":[1,2]}
{"index":1,"time":6,"process":"nemesis","type":"info","f":"start-partition","value":null}
nonsense
{"index":2,"time":7,"process":"nemesis","type":"info","f":"start-partition","value":["isolated",{"n1":["n2"]}]}
{"index":3,"time":8,"process":1,"type":"invoke","f":"read","key":"k","value":null}
{"index":4,"time":9,"process":1,"type":"ok","f":"read","key":"k","value":7}
{"index":5,"time":10,"process":0,"type":"fail","f":"cas","key":"k","value":[1,2],"error":["precondition-failed","no"]}
{"index":6,"time":11,"process":"nemesis","type":"info","f":"stop-partition","value":null}
{"index":7,"time":12,"process":"nemesis","type":"info","f":"start-kill","value":["n2"]}
{"index":8,"time":13,"process":0,"type":"invoke","f":"write","key":"k","value":3,"final?":true}
"#;

    #[test]
    fn events_become_operations_and_faults() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join(History::FILE), LINES).unwrap();
        let history = History::read(directory.path()).unwrap();
        assert_eq!(history.bad_lines, 1);
        assert_eq!(history.functions, ["cas", "read", "write"]);
        let outcomes: Vec<_> =
            history.operations.iter().map(|op| (op.outcome, op.latency())).collect();
        assert_eq!(
            outcomes,
            [(Outcome::Fail, Some(5)), (Outcome::Ok, Some(1)), (Outcome::Info, None)]
        );
        let fault = |name: &str, whom: &str, start, end| Fault {
            name: name.into(),
            whom: whom.into(),
            start,
            end,
        };
        assert_eq!(
            history.faults,
            [fault("partition", "n1 without n2", 6, 11), fault("kill", "n2", 12, 13)]
        );
        assert_eq!(history.with_event(5).unwrap().invoked.index, 0);
        assert!(history.with_event(6).is_none());

        let mut reader = ValueReader::open(directory.path()).unwrap();
        let described: Vec<_> = history
            .operations
            .iter()
            .map(|op| describe(history.function(op), &reader.values(op).unwrap(), op.outcome))
            .collect();
        assert_eq!(described, ["cas \"k\": 1 → 2", "read \"k\" → 7", "write \"k\" = 3"]);
        let values = reader.values(&history.operations[0]).unwrap();
        assert_eq!(values.error.as_deref(), Some(r#"["precondition-failed","no"]"#));
    }

    #[test]
    fn faults_say_whom_they_hit() {
        let halves = r#"["isolated",{"n10":["n2","n3"],"n2":["n10","n1"],"n3":["n10","n1"],"n1":["n2","n3"]}]"#;
        let ring = r#"["isolated",{"n1":["n3"],"n2":[],"n3":["n1"],"n4":["n1"]}]"#;
        for (value, told) in [
            ("null", ""),
            (r#"["n1","n2"]"#, "n1, n2"),
            (halves, "n1, n10 | n2, n3"),
            (ring, "n1 without n3; n3, n4 without n1"),
            (r#""majorities-ring""#, "majorities-ring"),
            ("0.3", "30 % of messages"),
            ("[13814,-59535,0]", "+13.8 s, -59.5 s, +0.0 s"),
        ] {
            assert_eq!(whom(value), told);
        }
    }

    #[test]
    fn without_a_file_nothing_happened() {
        let directory = tempfile::tempdir().unwrap();
        let history = History::read(directory.path()).unwrap();
        assert!(history.operations.is_empty() && history.end == 0);
    }
}
