//! What the script of a page gets to show: messages, operations and logs, as columns of short numbers,
//! and never more than a browser takes easily.

use std::borrow::Cow;
use std::io;
use std::ops::Range;

use checkers::Kind;
use serde::Serialize;

use super::both::both;
use super::faults::Fault;
use super::logs::{self, Log, natural};
use super::messages::{Journal, Message, SHOWN_LINES_MAX, shown_length};
use super::offence::{Evidence, Offence};
use super::text;
use super::window::{length_of_each, windows};
use super::words::Words;
use crate::history::{self, ValueReader};

/// Types of messages that have names in the diagram.
const KINDS_MAX: usize = 200;
/// Operations in the history.
const OPERATIONS_MAX: usize = 20_000;

/// All that the script gets.
#[derive(Debug, Serialize)]
pub struct Data<'a> {
    /// Microseconds since the start at which the last event was.
    end: u64,
    /// The times in which faults were on.
    pub faults: Vec<Fault>,
    /// Microseconds since the start of what is to be looked at first.
    focus: Option<u64>,
    diagram: Diagram<'a>,
    history: Table,
    logs: Vec<Log>,
    /// What is left out, for the reader.
    #[serde(skip)]
    pub notes: Vec<String>,
}

/// What an endpoint is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Asks.
    Client,
    /// Is tested.
    Node,
    /// Belongs to the bench.
    Service,
}

/// The role of an endpoint with this name, as Maelstrom names them.
pub fn role(name: &str) -> Role {
    match name {
        _ if proto::service::is_service(name) => Role::Service,
        _ if name.starts_with('c') => Role::Client,
        _ => Role::Node,
    }
}

#[derive(Debug, Serialize)]
struct Endpoint {
    name: String,
    role: Role,
}

/// The messages, one entry in each column a message. Times are in microseconds.
#[derive(Default, Debug, Serialize)]
struct Diagram<'a> {
    endpoints: Vec<Endpoint>,
    kinds: Vec<String>,
    /// Since the message before was sent.
    sent: Vec<u64>,
    /// From sending to receipt; -1 if it was not received.
    took: Vec<i64>,
    src: Vec<usize>,
    dest: Vec<usize>,
    kind: Vec<usize>,
    body: Vec<Cow<'a, str>>,
    id: Vec<Option<u64>>,
    reply: Vec<Option<u64>>,
    /// Place of the message and why it was lost.
    lost: Vec<(usize, String)>,
    /// Places before which messages are left out.
    gaps: Vec<usize>,
}

/// The operations: index, start, end (µs, or null), process, function, outcome, what, value, error.
#[derive(Default, Debug, Serialize)]
struct Table {
    functions: Vec<String>,
    rows: Vec<Row>,
    /// Places before which operations are left out.
    gaps: Vec<usize>,
}

type Row = (u64, u64, Option<u64>, u64, usize, u8, Option<String>, String, Option<String>);

impl<'a> Data<'a> {
    /// Gathers what is to be shown of a run.
    pub fn gather(evidence: Evidence<'a>, offence: Option<&Offence>) -> io::Result<Self> {
        let Evidence { run_dir, results, history, faults, journal } = evidence;
        let problems = Words(results).problems();
        let focus = offence.map(|offence| offence.time);
        let mut moments: Vec<u64> = focus.into_iter().collect();
        moments.extend(problems.iter().map(|problem| problem.time));
        moments.extend(faults.iter().flat_map(|fault| [fault.start, fault.end]));

        let (table, diagram) =
            both(|| Table::gather(evidence, &moments), || Diagram::gather(journal, &moments));
        let ((diagram, of_diagram), (table, of_table)) = (diagram?, table?);
        let mut notes: Vec<String> = [of_diagram, of_table].into_iter().flatten().collect();
        for (file, bad) in [(history::FILE, history.bad_lines), (Journal::FILE, journal.bad_lines)]
        {
            if bad > 0 {
                notes.push(format!("{} lines of {file} cannot be read.", text::grouped(bad)));
            }
        }
        Ok(Self {
            end: history.end / 1000,
            faults: faults.to_vec(),
            focus: focus.map(|time| time / 1000),
            diagram,
            history: table,
            logs: logs::read(run_dir)?,
            notes,
        })
    }
}

impl<'a> Diagram<'a> {
    /// The messages round these moments, and what is left out, if anything is.
    fn gather(journal: &'a Journal, moments: &[u64]) -> io::Result<(Self, Option<String>)> {
        let places: Vec<usize> = moments.iter().map(|&time| journal.line_at(time)).collect();
        let ranges = windows(journal.lines(), SHOWN_LINES_MAX, &places);
        let shown: usize = ranges.iter().map(ExactSizeIterator::len).sum();
        let body_length = shown_length(shown);

        let mut order: Vec<usize> = (0..journal.endpoints.len()).collect();
        order.sort_by_key(|&place| {
            let name = journal.endpoints[place].as_str();
            (role(name), natural(name))
        });
        let mut column = vec![0; order.len()];
        for (to, &from) in order.iter().enumerate() {
            column[from] = to;
        }
        let endpoint = |&place: &usize| {
            let name = &journal.endpoints[place];
            Endpoint { name: text::line(name, 40), role: role(name) }
        };
        let endpoints = order.iter().map(endpoint).collect();
        let mut diagram = Self { endpoints, ..Self::default() };
        let mut last = 0;
        for range in &ranges {
            if range.start > 0 {
                diagram.gaps.push(diagram.sent.len());
            }
            match journal.messages(range.clone(), body_length)? {
                Cow::Borrowed(kept) => {
                    for message in kept {
                        diagram.push(message, Cow::Borrowed(&*message.body), &column, &mut last);
                    }
                }
                Cow::Owned(read) => {
                    for mut message in read {
                        let body = Cow::Owned(std::mem::take(&mut message.body));
                        diagram.push(&message, body, &column, &mut last);
                    }
                }
            }
        }
        let note = (shown < journal.lines()).then(|| {
            format!(
                "The diagram shows {} of {} messages: those round faults and problems, the first \
                 and the last. {} has them all.",
                text::grouped(diagram.sent.len()),
                text::grouped(journal.sent),
                Journal::FILE
            )
        });
        Ok((diagram, note))
    }

    /// A node may send as many types as it likes; those beyond some are shown as one.
    fn kind_place(&mut self, kind: &str) -> usize {
        if let Some(place) = self.kinds.iter().position(|known| *known == kind) {
            return place;
        }
        let is_room = self.kinds.len() < KINDS_MAX;
        if is_room || self.kinds.len() == KINDS_MAX {
            self.kinds.push(if is_room { kind } else { "other types" }.to_owned());
        }
        self.kinds.len() - 1
    }

    fn push(&mut self, message: &Message, body: Cow<'a, str>, column: &[usize], last: &mut u64) {
        let sent = message.sent / 1000;
        let kind = self.kind_place(&message.kind);
        if let Some(reason) = &message.lost {
            self.lost.push((self.sent.len(), reason.clone()));
        }
        self.sent.push(sent.saturating_sub(*last));
        *last = sent.max(*last);
        let took = message.received.map(|time| (time / 1000).saturating_sub(sent));
        self.took.push(took.and_then(|took| took.try_into().ok()).unwrap_or(-1));
        self.src.push(column[message.src]);
        self.dest.push(column[message.dest]);
        self.kind.push(kind);
        self.body.push(body);
        self.id.push(message.msg_id);
        self.reply.push(message.in_reply_to);
    }
}

/// As the script has it.
const fn outcome(outcome: Kind) -> u8 {
    match outcome {
        Kind::Ok => 0,
        Kind::Fail => 1,
        Kind::Info | Kind::Invoke => 2,
    }
}

impl Table {
    /// The operations round these moments, and what is left out, if anything is.
    fn gather(evidence: Evidence<'_>, moments: &[u64]) -> io::Result<(Self, Option<String>)> {
        let history = evidence.history;
        let count = history.operations.len();
        let places: Vec<usize> = moments.iter().map(|&time| history.place_at(time)).collect();
        let ranges = windows(count, OPERATIONS_MAX, &places);
        let shown: usize = ranges.iter().map(ExactSizeIterator::len).sum();
        let value_length = length_of_each(shown);
        let functions = history.functions.iter().map(|name| text::line(name, 60)).collect();
        let mut table = Self { functions, ..Self::default() };
        let mut values = ValueReader::open(evidence.run_dir)?;
        for Range { start, end } in ranges {
            if start > 0 {
                table.gaps.push(table.rows.len());
            }
            for operation in &history.operations[start..end] {
                let values = values.values(operation)?;
                let short = |json: &str| text::line(json, value_length);
                let value = values.answered.as_deref().filter(|value| *value != "null");
                table.rows.push((
                    operation.invoked.index,
                    operation.invoked.time / 1000,
                    operation.completed.map(|end| end.time / 1000),
                    operation.process,
                    operation.function,
                    outcome(operation.outcome),
                    values.key.as_deref().map(short),
                    short(value.unwrap_or(&values.asked)),
                    values.error.as_deref().map(short),
                ));
            }
        }
        let note = (shown < count).then(|| {
            format!(
                "The history shows {} of {} operations: those round faults and problems, the \
                 first and the last. {} has them all.",
                text::grouped(shown),
                text::grouped(count),
                history::FILE
            )
        });
        Ok((table, note))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_beyond_some_are_one() {
        let mut diagram = Diagram::default();
        let places: Vec<_> = (0..300).map(|n| diagram.kind_place(&format!("type {n}"))).collect();
        assert_eq!((places[0], places[199], places[200], places[299]), (0, 199, 200, 200));
        assert_eq!(diagram.kind_place("type 7"), 7);
        assert_eq!(diagram.kinds[200], "other types");
    }

    #[test]
    fn roles_follow_names() {
        let roles = ["c1", "c12", "n1", "lin-kv", "seq-kv", "node"].map(role);
        let expected =
            [Role::Client, Role::Client, Role::Node, Role::Service, Role::Service, Role::Node];
        assert_eq!(roles, expected);
    }
}
