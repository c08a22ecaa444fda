//! Where to look first: the operation that shows that a run is not valid, with its messages, or what
//! went wrong with a node, with the end of its log.

mod why;

use std::io;
use std::path::Path;

use checkers::{Kind, Verdict};
use serde::Serialize;
use serde_json::Value;

use super::faults::{Fault, faults};
use super::logs;
use super::messages::{Journal, Message};
use super::palette;
use super::text;
use super::words::Words;
use crate::exhibit::{self, Lead};
use crate::history::{History, Operation, ValueReader};
use crate::results::Results;

/// Operations of one lead that are shown.
const OPERATIONS_MAX: usize = 6;
/// How many lines of the journal are looked through for the messages of one operation.
const JOURNAL_LINES_MAX: usize = 20_000;
/// How much of a log's end is shown.
const LOG_LINES: usize = 5;

/// Where to look first.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Offence {
    /// What is wrong there.
    pub text: String,
    /// The message or restart that explains it, as far as the files tell; may be empty.
    pub why: String,
    /// When, in nanoseconds since the run started.
    pub time: u64,
    /// The operations that show it.
    pub operations: Vec<Step>,
    /// Messages of the last of them between its client and a node.
    pub messages: Vec<Step>,
    /// The node that it is about, if it is about one.
    pub node: Option<String>,
    /// The end of that node's log.
    pub log: Vec<String>,
}

/// One line of an explanation.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Step {
    /// When it began, in nanoseconds since the run started.
    pub time: u64,
    /// Who: `process 3`, `c4 → n1`.
    pub who: String,
    /// What.
    pub what: String,
    /// How it ended; for an operation also which events it is.
    pub end: String,
}

/// The files of a run, as far as they are needed to explain it.
#[derive(Clone, Copy)]
pub struct Evidence<'a> {
    /// The run's directory.
    pub run_dir: &'a Path,
    /// Its results.
    pub results: &'a Results,
    /// Its operations.
    pub history: &'a History,
    /// The times in which faults were on.
    pub faults: &'a [Fault],
    /// Its messages.
    pub journal: &'a Journal,
}

/// What [`Evidence`] is of, read.
pub struct Gathered {
    history: History,
    faults: Vec<Fault>,
    journal: Journal,
}

impl Gathered {
    /// Reads the files of a run with these results.
    ///
    /// # Errors
    /// If one is there and cannot be read.
    pub fn read(run_dir: &Path, results: &Results) -> io::Result<Self> {
        let history = History::read(run_dir)?;
        let faults = faults(&history);
        let journal = Journal::read(run_dir, results.time_zero.unwrap_or(0))?;
        Ok(Self { history, faults, journal })
    }

    /// The evidence of a run, whose results are no part of this.
    pub fn evidence<'a>(&'a self, run_dir: &'a Path, results: &'a Results) -> Evidence<'a> {
        let Self { history, faults, journal } = self;
        Evidence { run_dir, results, history, faults, journal }
    }
}

impl Offence {
    /// What is to be said first of a run: what is wrong and why, or the verdict.
    pub fn first_sentence(offence: Option<&Self>, words: Words<'_>) -> String {
        let is_invalid = words.verdict() == Some(Verdict::Invalid);
        match offence.filter(|offence| is_invalid && !offence.text.is_empty()) {
            Some(Self { text, why, .. }) if why.is_empty() => text.clone(),
            Some(Self { text, why, .. }) => format!("{text} {why}"),
            None => words.verdict_text(),
        }
    }

    /// The causes that the first sentence has not said already.
    pub fn other_causes(offence: Option<&Self>, words: Words<'_>) -> Vec<String> {
        let mut causes = words.causes();
        let is_invalid = words.verdict() == Some(Verdict::Invalid);
        if let Some(offence) = offence.filter(|offence| is_invalid && !offence.text.is_empty()) {
            causes.retain(|cause| !cause.contains(&offence.text));
        }
        causes
    }

    /// Whether it has anything to show besides its sentence.
    pub const fn shows_more(&self) -> bool {
        !(self.operations.is_empty() && self.messages.is_empty() && self.log.is_empty())
    }

    /// Looks for the offence of a run; nothing in a valid one.
    pub fn find(evidence: Evidence<'_>) -> io::Result<Option<Self>> {
        if evidence.results.valid == Some(Verdict::Valid) {
            return Ok(None);
        }
        let mut search = Search { evidence, values: ValueReader::open(evidence.run_dir)? };
        if let Some(lead) = &evidence.results.lead {
            return search.follow(lead).map(Some);
        }
        if let Some(offence) = search.of_problem()? {
            return Ok(Some(offence));
        }
        search.of_failures()
    }
}

struct Search<'a> {
    evidence: Evidence<'a>,
    values: ValueReader,
}

impl Search<'_> {
    /// What the checker found, and what the messages have to say to it.
    fn follow(&mut self, lead: &Lead) -> io::Result<Offence> {
        let Evidence { history, .. } = self.evidence;
        let mut shown = Vec::new();
        let mut steps = Vec::new();
        for operation in lead.operations.iter().take(OPERATIONS_MAX) {
            if let Some(found) = history.with_event(operation.invoked) {
                let mut step = self.step(found)?;
                step.what = text::line(&operation.what, 300);
                steps.push(step);
                shown.push(found.clone());
            }
        }
        let (sentence, why) = self.explain(lead, &shown)?;
        let mut offence = self.offence(sentence, lead.time, &shown)?;
        (offence.why, offence.operations) = (why, steps);
        Ok(offence)
    }

    fn offence(
        &mut self,
        text: String,
        time: u64,
        operations: &[Operation],
    ) -> io::Result<Offence> {
        let steps: Result<Vec<_>, _> = operations.iter().map(|op| self.step(op)).collect();
        let messages = match operations.last() {
            Some(operation) => self.exchange(operation)?,
            None => Vec::new(),
        };
        let messages = messages.iter().map(|message| self.message(message)).collect();
        let (why, node, log) = Default::default();
        Ok(Offence { text, why, time, operations: steps?, messages, node, log })
    }

    fn step(&mut self, operation: &Operation) -> io::Result<Step> {
        let values = self.values.values(operation)?;
        let function = self.evidence.history.function(operation);
        let error = values.error.as_deref().map(|error| format!(" {}", text::line(error, 120)));
        let answered = values.answered.as_deref().filter(|_| operation.outcome == Kind::Ok);
        let (key, asked) = (values.key.as_deref(), &*values.asked);
        let words = exhibit::Words { f: function, key, asked, answered };
        let last =
            operation.completed.map_or_else(|| "open".to_owned(), |end| end.index.to_string());
        let took = operation.latency().map(|latency| text::milliseconds(latency as f64 / 1e6));
        Ok(Step {
            time: operation.invoked.time,
            who: format!("process {}", operation.process),
            what: text::line(&words.to_string(), 300),
            end: format!(
                "{}{} after {}, events {} to {last}",
                palette::name(operation.outcome),
                error.unwrap_or_default(),
                took.as_deref().unwrap_or("no time"),
                operation.invoked.index,
            ),
        })
    }

    /// The request of an operation and its reply. The journal does not say whose operation a message
    /// belongs to: it is the one of the right type and content that is nearest in time.
    fn exchange(&mut self, operation: &Operation) -> io::Result<Vec<Message>> {
        let Evidence { journal, history, .. } = self.evidence;
        let (start, end) = (operation.invoked.time, operation.completed.map(|end| end.time));
        let first = journal.line_at(start);
        let messages = journal.messages(first..first + JOURNAL_LINES_MAX, 4000)?;
        let function = history.function(operation);
        let values = self.values.values(operation)?;
        let latest = end.unwrap_or(u64::MAX);
        let is_request = |message: &&Message| {
            message.kind == function
                && message.msg_id.is_some()
                && (start..=latest).contains(&message.sent)
                && asks(message, values.key.as_deref(), &values.asked)
        };
        let reply_of = |request: &Message| {
            messages.iter().find(|reply| {
                (reply.src, reply.dest) == (request.dest, request.src)
                    && reply.in_reply_to == request.msg_id
                    && reply.sent >= request.sent
            })
        };
        let distance = |request: &Message| {
            let reply = reply_of(request);
            let replied = reply.and_then(|reply| reply.received);
            let early = request.sent - start;
            // Of several at one time it is the one that was answered with what the client got.
            let answered = values.answered.as_deref().filter(|_| operation.outcome == Kind::Ok);
            let is_answer =
                reply.is_some_and(|reply| answered.is_none_or(|json| says(reply, json)));
            (early + end.zip(replied).map_or(0, |(end, replied)| end.abs_diff(replied)), !is_answer)
        };
        let Some(request) = messages.iter().filter(is_request).min_by_key(|m| distance(m)) else {
            return Ok(Vec::new());
        };
        let shown = [Some(request), reply_of(request)];
        Ok(shown.into_iter().flatten().cloned().collect())
    }

    fn message(&self, message: &Message) -> Step {
        let name = |place: usize| text::line(&self.evidence.journal.endpoints[place], 40);
        let end = match (&message.lost, message.received) {
            (Some(reason), _) => format!("lost: {reason}"),
            (None, Some(time)) => format!("received {}", text::seconds(time)),
            (None, None) => "never received".to_owned(),
        };
        Step {
            time: message.sent,
            who: format!("{} → {}", name(message.src), name(message.dest)),
            what: text::line(&format!("{} {}", message.kind, message.body), 160),
            end,
        }
    }

    /// The first thing that went wrong with a node.
    fn of_problem(&self) -> io::Result<Option<Offence>> {
        let problems = Words(self.evidence.results).problems();
        let Some(problem) = problems
            .into_iter()
            .find(|problem| !matches!(&*problem.kind, "late-reply" | "malformed-reply"))
        else {
            return Ok(None);
        };
        let mut logs = logs::read(self.evidence.run_dir)?;
        let log = logs.iter_mut().find(|log| log.node == problem.node);
        let mut log = log.map(|log| std::mem::take(&mut log.lines)).unwrap_or_default();
        log.drain(..log.len().saturating_sub(LOG_LINES));
        Ok(Some(Offence {
            text: format!("{}: {}", problem.node, problem.text),
            why: String::new(),
            time: problem.time,
            operations: Vec::new(),
            messages: Vec::new(),
            node: Some(problem.node),
            log,
        }))
    }

    /// The first operations that did not succeed, those of a function that never did before others.
    fn of_failures(&mut self) -> io::Result<Option<Offence>> {
        let Evidence { history, results, .. } = self.evidence;
        let never = |operation: &Operation| {
            let of_function = |stats: &checkers::stats::Stats| {
                stats.by_f.get(history.function(operation)).map(|outcomes| outcomes.verdict)
            };
            results.stats.as_ref().and_then(of_function) == Some(Verdict::Invalid)
        };
        let failed: Vec<_> =
            history.operations.iter().filter(|operation| operation.outcome != Kind::Ok).collect();
        let hopeless = failed.iter().find(|operation| never(operation));
        let Some(first) = hopeless.or_else(|| failed.first()) else { return Ok(None) };
        let sentence = if hopeless.is_some() {
            format!("Not one {} succeeded.", history.function(first))
        } else {
            // What the verdict rests on is something else.
            String::new()
        };
        let operation = (*first).clone();
        self.offence(sentence, operation.invoked.time, &[operation]).map(Some)
    }
}

/// Whether a reply has this value in one of its fields.
fn says(reply: &Message, json: &str) -> bool {
    let body: Value = serde_json::from_str(&reply.body).unwrap_or(Value::Null);
    let value = serde_json::from_str::<Value>(json);
    value.is_ok_and(|value| {
        body.as_object().is_some_and(|body| body.values().any(|own| *own == value))
    })
}

/// Whether a request can be the one of an operation: what it carries is what was asked.
fn asks(message: &Message, key: Option<&str>, asked: &str) -> bool {
    let body: Value = serde_json::from_str(&message.body).unwrap_or(Value::Null);
    let is = |name: &str, json: &str| {
        serde_json::from_str::<Value>(json).is_ok_and(|value| body.get(name) == Some(&value))
    };
    if key.is_some_and(|key| !is("key", key)) {
        return false;
    }
    // Whatever its name, some field holds what was asked, or two of them do.
    let Ok(asked) = serde_json::from_str::<Value>(asked) else { return true };
    let of_all = |name: &str| matches!(name, "type" | "key" | "msg_id");
    let own: Vec<&Value> = body
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(name, _)| !of_all(name))
        .map(|(_, value)| value)
        .collect();
    let has = |value: &Value| own.contains(&value);
    match &asked {
        _ if own.is_empty() => true,
        Value::Null => true,
        Value::Array(both) if !has(&asked) => own.len() == both.len() && both.iter().all(has),
        asked => has(asked),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn run(history: &str, messages: &str) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join(crate::history::FILE), history).unwrap();
        std::fs::write(directory.path().join(Journal::FILE), messages).unwrap();
        directory
    }

    fn find(directory: &tempfile::TempDir, results: Value) -> Option<Offence> {
        let run_dir = directory.path();
        let results: Results = serde_json::from_value(results).unwrap();
        let gathered = Gathered::read(run_dir, &results).unwrap();
        Offence::find(gathered.evidence(run_dir, &results)).unwrap()
    }

    #[test]
    fn what_came_twice_is_shown_with_both_operations_and_the_messages_of_one() {
        let directory = run(
            r#"{"index":0,"time":1000000,"process":0,"type":"invoke","f":"draw","value":null}
{"index":1,"time":2000000,"process":0,"type":"ok","f":"draw","value":"a"}
{"index":2,"time":3000000,"process":1,"type":"invoke","f":"draw","value":null}
{"index":3,"time":5000000,"process":1,"type":"ok","f":"draw","value":"a"}
"#,
            r#"{"time":1000000,"id":0,"event":"send","src":"c1","dest":"n1","body":{"type":"draw","msg_id":1}}
{"time":2000000,"id":3,"event":"send","src":"n1","dest":"c1","body":{"type":"draw_ok","card":"a","in_reply_to":1}}
{"time":2000000,"id":3,"event":"recv","src":"n1","dest":"c1","body":{"type":"draw_ok","card":"a","in_reply_to":1}}
{"time":3000000,"id":1,"event":"send","src":"c2","dest":"n2","body":{"type":"draw","msg_id":1}}
{"time":4000000,"id":2,"event":"send","src":"n2","dest":"c2","body":{"type":"draw_ok","card":"a","in_reply_to":1}}
{"time":5000000,"id":2,"event":"recv","src":"n2","dest":"c2","body":{"type":"draw_ok","card":"a","in_reply_to":1}}
"#,
        );
        let lead = json!({"text": "\"a\" was given out 2 times.", "time": 3_000_000,
            "operations": [{"invoked": 0, "what": "draw → \"a\""}, {"invoked": 2, "what": "again"}],
            "clue": {"repeated": {"value": "a", "times": 2, "at-once": false}}});
        let offence = find(&directory, json!({"valid?": false, "lead": lead})).unwrap();
        assert_eq!(
            offence.text,
            "\"a\" was given out 2 times: by n1 at 0.002 s and by n2 at 0.004 s."
        );
        let what: Vec<_> = offence.operations.iter().map(|step| step.what.as_str()).collect();
        assert_eq!(what, ["draw → \"a\"", "again"]);
        let who: Vec<_> = offence.messages.iter().map(|step| step.who.as_str()).collect();
        assert_eq!(who, ["c2 → n2", "n2 → c2"]);
        assert!(find(&directory, json!({"valid?": true})).is_none());
    }

    #[test]
    fn a_dead_node_is_shown_with_the_end_of_its_log() {
        let directory = run("", "");
        std::fs::create_dir(directory.path().join("node-logs")).unwrap();
        std::fs::write(directory.path().join("node-logs/n1.log"), "1\n2\n3\n4\n5\npanic\n")
            .unwrap();
        let results = json!({"valid?": false,
            "problems": [{"node": "n1", "time": 9, "kind": "died", "text": "exited with 101", "count": 1}]});
        let offence = find(&directory, results).unwrap();
        assert_eq!(offence.text, "n1: exited with 101");
        assert_eq!(offence.log, ["2", "3", "4", "5", "panic"]);
    }

    #[test]
    fn a_function_that_never_succeeded_is_shown_by_its_first_operation() {
        let directory = run(
            r#"{"index":0,"time":1,"process":0,"type":"invoke","f":"read","key":1,"value":null}
{"index":1,"time":2,"process":0,"type":"fail","f":"read","key":1,"value":null,"error":["key-does-not-exist","no"]}
{"index":2,"time":3,"process":0,"type":"invoke","f":"swap","key":1,"value":[1,2]}
{"index":3,"time":4,"process":0,"type":"info","f":"swap","key":1,"value":[1,2],"error":"net-timeout"}
"#,
            "",
        );
        let results = json!({"valid?": false, "stats": {"by-f": {"swap": {"valid?": false}}}});
        let offence = find(&directory, results).unwrap();
        assert_eq!(offence.operations[0].what, "swap 1 = [1,2]");
        assert!(offence.operations[0].end.starts_with("info \"net-timeout\" after"));
    }
}
