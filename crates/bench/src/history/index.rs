//! An index of a history: operations with times and outcomes in memory, their values left in the file
//! until somebody wants to see them.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use checkers::Kind;
use serde_json::Value;

use super::{FILE, Line};
use crate::lines::Lines;

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
    /// What became of it; [`Kind::Info`] if it never ended.
    pub outcome: Kind,
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
#[derive(Clone, PartialEq, Debug)]
pub struct Fault {
    /// Its kind, such as `partition`.
    pub name: String,
    /// Whom it hit, as the history has it.
    pub whom: Value,
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

impl History {
    /// Reads the history of a run; an empty one if there is no file.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn read(run_dir: &Path) -> io::Result<Self> {
        let mut history = Self::default();
        let Some(mut lines) = Lines::open(&run_dir.join(FILE))? else { return Ok(history) };
        let mut open = Open::default();
        while let Some((offset, line)) = lines.next()? {
            let event = read(line);
            let pushed = event.and_then(|event| history.push(&event, offset, &mut open));
            history.bad_lines += usize::from(pushed.is_none());
        }
        history.bad_lines += lines.skipped;
        for place in open.faults.into_values() {
            history.faults[place].end = history.end;
        }
        Ok(history)
    }

    /// Adds an event; nothing if it is none that can be placed.
    fn push(&mut self, event: &Line<'_>, offset: u64, open: &mut Open) -> Option<()> {
        let time = u64::try_from(event.time?).ok()?;
        let moment = Moment { index: event.index?, time, offset };
        self.end = self.end.max(time);
        if event.is_of_nemesis() {
            self.push_fault(event, time, open);
            return Some(());
        }
        let process = event.client().ok()??;
        let kind = event.kind().ok()?;
        if kind == Kind::Invoke {
            open.operations.insert(process, self.operations.len());
            self.operations.push(Operation {
                process,
                function: place_of(&mut self.functions, &event.f),
                outcome: Kind::Info,
                invoked: moment,
                completed: None,
                is_final: event.is_final == Some(true),
            });
            return Some(());
        }
        let operation = &mut self.operations[open.operations.remove(&process)?];
        operation.outcome = kind;
        operation.completed = Some(moment);
        Some(())
    }

    /// The nemesis says everything twice, when it begins to act and when it has: the first time
    /// counts, the second one may know better whom it hit.
    fn push_fault(&mut self, event: &Line<'_>, time: u64, open: &mut Open) {
        let whom = event.value();
        if let Some(name) = event.f.strip_prefix("start-") {
            if let Some(&place) = open.faults.get(name) {
                if !whom.is_null() {
                    self.faults[place].whom = whom;
                }
                return;
            }
            open.faults.insert(name.to_owned(), self.faults.len());
            self.faults.push(Fault { name: name.to_owned(), whom, start: time, end: time });
        } else if let Some(place) =
            event.f.strip_prefix("stop-").and_then(|name| open.faults.remove(name))
        {
            self.faults[place].end = time;
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

/// What has begun and not yet ended.
#[derive(Default)]
struct Open {
    operations: BTreeMap<u64, usize>,
    faults: BTreeMap<String, usize>,
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
    ///
    /// # Errors
    /// If the file cannot be opened.
    pub fn open(run_dir: &Path) -> io::Result<Self> {
        Ok(Self { lines: Lines::open(&run_dir.join(FILE))? })
    }

    /// The values of an operation.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn values(&mut self, operation: &Operation) -> io::Result<Values> {
        let mut values = Values::default();
        self.with_line(operation.invoked, |line| {
            values.key = line.key.map(str::to_owned);
            values.asked = text(line.value);
        })?;
        if let Some(completed) = operation.completed {
            self.with_line(completed, |line| {
                values.answered = Some(text(line.value));
                values.error = line.error.map(str::to_owned);
            })?;
        }
        Ok(values)
    }

    fn with_line(&mut self, moment: Moment, use_line: impl FnOnce(&Line<'_>)) -> io::Result<()> {
        let Some(lines) = &mut self.lines else { return Ok(()) };
        lines.seek(moment.offset)?;
        if let Some((_, line)) = lines.next()?
            && let Some(line) = read(line)
        {
            use_line(&line);
        }
        Ok(())
    }
}

/// Reads a line, whoever wrote it.
fn read(line: &[u8]) -> Option<Line<'_>> {
    let text = std::str::from_utf8(line).ok()?;
    Line::cut_up(text).or_else(|| Line::read(text).ok())
}

fn text(value: Option<&str>) -> String {
    value.unwrap_or("null").to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

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
        std::fs::write(directory.path().join(FILE), LINES).unwrap();
        let history = History::read(directory.path()).unwrap();
        assert_eq!(history.bad_lines, 1);
        assert_eq!(history.functions, ["cas", "read", "write"]);
        let outcomes: Vec<_> =
            history.operations.iter().map(|op| (op.outcome, op.latency())).collect();
        assert_eq!(outcomes, [(Kind::Fail, Some(5)), (Kind::Ok, Some(1)), (Kind::Info, None)]);
        let fault = |name: &str, whom, start, end| Fault { name: name.into(), whom, start, end };
        let cut = json!(["isolated", {"n1": ["n2"]}]);
        assert_eq!(
            history.faults,
            [fault("partition", cut, 6, 11), fault("kill", json!(["n2"]), 12, 13)]
        );
        assert_eq!(history.with_event(5).unwrap().invoked.index, 0);
        assert!(history.with_event(6).is_none());

        let mut reader = ValueReader::open(directory.path()).unwrap();
        let values = reader.values(&history.operations[1]).unwrap();
        let expected = Values {
            key: Some("\"k\"".to_owned()),
            asked: "null".to_owned(),
            answered: Some("7".to_owned()),
            error: None,
        };
        assert_eq!(values, expected);
        let values = reader.values(&history.operations[0]).unwrap();
        assert_eq!(values.asked, "[1,2]");
        assert_eq!(values.error.as_deref(), Some(r#"["precondition-failed","no"]"#));
    }

    #[test]
    fn without_a_file_nothing_happened() {
        let directory = tempfile::tempdir().unwrap();
        let history = History::read(directory.path()).unwrap();
        assert!(history.operations.is_empty() && history.end == 0);
    }
}
