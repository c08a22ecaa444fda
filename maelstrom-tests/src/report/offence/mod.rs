//! Where to look first: the operation that shows that a run is not valid, with its messages, or what
//! went wrong with a node, with the end of its log.

mod why;

use std::io;
use std::path::Path;

use checkers::Verdict;
use serde::Serialize;
use serde_json::Value;

use super::history::{History, Operation, Outcome, ValueReader, describe};
use super::logs;
use super::messages::{Journal, Message};
use super::results::{Record, Results, array};
use super::text;
use super::violation::Violation;

/// How many operations are looked through for the one that is wanted.
const SEARCHED_MAX: usize = 300_000;
/// Operations of one anomaly that are shown.
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
    pub results: Results<'a>,
    /// Its operations.
    pub history: &'a History,
    /// Its messages.
    pub journal: &'a Journal,
}

impl Offence {
    /// What is to be said first of a run: what is wrong and why, or the verdict.
    pub fn first_sentence(offence: Option<&Self>, results: Results<'_>) -> String {
        let is_invalid = results.verdict() == Some(Verdict::Invalid);
        match offence.filter(|offence| is_invalid && !offence.text.is_empty()) {
            Some(Self { text, why, .. }) if why.is_empty() => text.clone(),
            Some(Self { text, why, .. }) => format!("{text} {why}"),
            None => results.verdict_text(),
        }
    }

    /// The causes that the first sentence has not said already.
    pub fn other_causes(offence: Option<&Self>, results: Results<'_>) -> Vec<String> {
        let mut causes = results.causes();
        let is_invalid = results.verdict() == Some(Verdict::Invalid);
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
        let Evidence { results, .. } = evidence;
        if results.verdict() == Some(Verdict::Valid) {
            return Ok(None);
        }
        let mut search = Search { evidence, values: ValueReader::open(evidence.run_dir)? };
        if let Some(violation) = Violation::find(results) {
            let mut offence = search.of_record(violation.explanation, &violation.operation)?;
            offence.why = search.why_stale(&violation.key, &violation.operation)?;
            return Ok(Some(offence));
        }
        if let Some(error) =
            array(results.at(&["workload", "errors"])).iter().find_map(Record::read)
        {
            let sentence = search.wrong_answer(&error)?;
            let mut offence = search.of_record(sentence, &error)?;
            offence.why = search.why_missing_from_sum(&error)?;
            return Ok(Some(offence));
        }
        if let Some(lost) = array(results.at(&["workload", "lost"])).first() {
            return search.of_lost_element(lost).map(Some);
        }
        let duplicated = results.at(&["workload", "duplicated"]).as_object();
        if let Some((name, times)) = duplicated.and_then(|all| all.iter().next()) {
            return search.of_duplicate(name, times).map(Some);
        }
        if let Some(offence) = search.of_anomaly()? {
            return Ok(Some(offence));
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
    fn of_record(&mut self, text: String, record: &Record) -> io::Result<Offence> {
        let operation = self.evidence.history.with_event(record.start.0).cloned();
        let operations: Vec<_> = operation.into_iter().collect();
        self.offence(text, record.end.unwrap_or(record.start).1, &operations)
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
        let last =
            operation.completed.map_or_else(|| "open".to_owned(), |end| end.index.to_string());
        let took = operation.latency().map(|latency| text::milliseconds(latency as f64 / 1e6));
        Ok(Step {
            time: operation.invoked.time,
            who: format!("process {}", operation.process),
            what: describe(function, &values, operation.outcome),
            end: format!(
                "{}{} after {}, events {} to {last}",
                operation.outcome.name(),
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
            let answered = values.answered.as_deref().filter(|_| operation.outcome == Outcome::Ok);
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

    /// An element that was there and is gone: its addition, and the last read that has it not.
    fn of_lost_element(&mut self, element: &Value) -> io::Result<Offence> {
        let history = self.evidence.history;
        let json = element.to_string();
        let mut shown = Vec::new();
        for operation in history.operations.iter().take(SEARCHED_MAX) {
            let is_addition = matches!(history.function(operation), "add" | "broadcast");
            if is_addition && self.values.values(operation)?.asked == json {
                shown.push(operation.clone());
                break;
            }
        }
        for operation in history.operations.iter().rev().take(SEARCHED_MAX) {
            if history.function(operation) == "read" && operation.outcome == Outcome::Ok {
                let read = self.values.values(operation)?.answered.unwrap_or_default();
                let elements: Vec<Value> = serde_json::from_str(&read).unwrap_or_default();
                if !elements.contains(element) {
                    shown.push(operation.clone());
                    break;
                }
            }
        }
        let time = shown.last().map_or(0, |operation| operation.invoked.time);
        let (sentence, why) = self.lost_element(&json, &shown)?;
        Ok(Offence { why, ..self.offence(sentence, time, &shown)? })
    }

    /// What came twice: an id to two operations, or an element in one read.
    fn of_duplicate(&mut self, name: &str, times: &Value) -> io::Result<Offence> {
        let history = self.evidence.history;
        // As the checkers name it: a string as it is if it cannot be mistaken for other JSON.
        let value: Value =
            serde_json::from_str(name).unwrap_or_else(|_| Value::String(name.into()));
        let json = value.to_string();
        let mut shown = Vec::new();
        for operation in history.operations.iter().take(SEARCHED_MAX) {
            if shown.len() == 3 || operation.outcome != Outcome::Ok {
                continue;
            }
            let answered = self.values.values(operation)?.answered.unwrap_or_default();
            let function = history.function(operation);
            if answered == json && !matches!(function, "add" | "broadcast") {
                shown.push(operation.clone());
            } else if function == "read" && shown.is_empty() {
                let elements: Vec<Value> = serde_json::from_str(&answered).unwrap_or_default();
                if elements.iter().filter(|element| **element == value).count() > 1 {
                    shown.push(operation.clone());
                    break;
                }
            }
        }
        let time = shown.last().map_or(0, |operation| operation.invoked.time);
        let (sentence, why) = self.given_out_again(&text::line(&json, 80), times, &shown)?;
        Ok(Offence { why, ..self.offence(sentence, time, &shown)? })
    }

    /// What transactions or logs show that they must not: of all explanations the shortest, with its
    /// operations.
    fn of_anomaly(&mut self) -> io::Result<Option<Offence>> {
        let Evidence { history, results, .. } = self.evidence;
        let workload = results.at(&["workload"]);
        let causes = results.causes();
        let of_transactions = Results(workload).at(&["anomalies"]).as_object();
        let of_logs = workload.as_object().into_iter().flatten();
        let findings = of_transactions
            .into_iter()
            .flatten()
            .flat_map(|(_, found)| array(found))
            .chain(of_logs.flat_map(|(_, found)| array(Results(found).at(&["errs"]))));
        // Some are allowed by what was asked for: those are no causes.
        let explained = findings.filter_map(|found| {
            let explanation = text::line(found.get("explanation")?.as_str()?, 600);
            let is_told = causes.iter().any(|cause| cause.starts_with(&explanation));
            is_told.then_some((explanation, found))
        });
        let Some((explanation, found)) = explained.min_by_key(|(text, _)| text.len()) else {
            return Ok(None);
        };
        let of_transaction = array(Results(found).at(&["transactions"])).iter();
        let invoked = of_transaction.filter_map(|transaction| transaction.get("invoked")?.as_u64());
        let places = array(Results(found).at(&["operations"])).iter().filter_map(Value::as_u64);
        let mut shown: Vec<Operation> = invoked
            .chain(places)
            .take(OPERATIONS_MAX)
            .filter_map(|index| history.with_event(index).cloned())
            .collect();
        shown.sort_by_key(|operation| operation.invoked.index);
        let time = shown.last().map_or(0, |operation| operation.invoked.time);
        let mut offence = self.offence(explanation, time, &shown)?;
        offence.why = self.fault_at(time);
        Ok(Some(offence))
    }

    /// The first thing that went wrong with a node.
    fn of_problem(&self) -> io::Result<Option<Offence>> {
        let problems = self.evidence.results.problems();
        let Some(problem) = problems.into_iter().find(|problem| problem.kind != "late-reply")
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
            let valid = results.at(&["stats", "by-f", history.function(operation), "valid?"]);
            *valid == Value::Bool(false)
        };
        let failed: Vec<_> = history
            .operations
            .iter()
            .filter(|operation| operation.outcome != Outcome::Ok)
            .collect();
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
        std::fs::write(directory.path().join(History::FILE), history).unwrap();
        std::fs::write(directory.path().join(Journal::FILE), messages).unwrap();
        directory
    }

    fn find(directory: &tempfile::TempDir, results: &Value) -> Option<Offence> {
        let run_dir = directory.path();
        let (history, journal) =
            (History::read(run_dir).unwrap(), Journal::read(run_dir, 0).unwrap());
        let results = Results(results);
        Offence::find(Evidence { run_dir, results, history: &history, journal: &journal }).unwrap()
    }

    #[test]
    fn a_duplicate_id_is_shown_with_both_operations_and_the_messages_of_one() {
        let directory = run(
            r#"{"index":0,"time":1000000,"process":0,"type":"invoke","f":"generate","value":null}
{"index":1,"time":2000000,"process":0,"type":"ok","f":"generate","value":"a"}
{"index":2,"time":3000000,"process":1,"type":"invoke","f":"generate","value":null}
{"index":3,"time":5000000,"process":1,"type":"ok","f":"generate","value":"a"}
"#,
            r#"{"time":1000000,"id":0,"event":"send","src":"c1","dest":"n1","body":{"type":"generate","msg_id":1}}
{"time":2000000,"id":3,"event":"send","src":"n1","dest":"c1","body":{"type":"generate_ok","id":"a","in_reply_to":1}}
{"time":2000000,"id":3,"event":"recv","src":"n1","dest":"c1","body":{"type":"generate_ok","id":"a","in_reply_to":1}}
{"time":3000000,"id":1,"event":"send","src":"c2","dest":"n2","body":{"type":"generate","msg_id":1}}
{"time":4000000,"id":2,"event":"send","src":"n2","dest":"c2","body":{"type":"generate_ok","id":"a","in_reply_to":1}}
{"time":5000000,"id":2,"event":"recv","src":"n2","dest":"c2","body":{"type":"generate_ok","id":"a","in_reply_to":1}}
"#,
        );
        let results = json!({"valid?": false, "workload": {"duplicated": {"a": 2}}});
        let offence = find(&directory, &results).unwrap();
        assert_eq!(
            offence.text,
            "\"a\" was given out 2 times: by n1 at 0.002 s and by n2 at 0.004 s."
        );
        let what: Vec<_> = offence.operations.iter().map(|step| step.what.as_str()).collect();
        assert_eq!(what, ["generate → \"a\"", "generate → \"a\""]);
        let who: Vec<_> = offence.messages.iter().map(|step| step.who.as_str()).collect();
        assert_eq!(who, ["c2 → n2", "n2 → c2"]);
        assert!(find(&directory, &json!({"valid?": true})).is_none());
    }

    #[test]
    fn a_lost_element_is_shown_with_its_addition_and_the_read_that_lacks_it() {
        let directory = run(
            r#"{"index":0,"time":1,"process":0,"type":"invoke","f":"broadcast","value":7}
{"index":1,"time":2,"process":0,"type":"ok","f":"broadcast","value":7}
{"index":2,"time":3,"process":1,"type":"invoke","f":"read","value":null}
{"index":3,"time":4,"process":1,"type":"ok","f":"read","value":[1,2]}
"#,
            "",
        );
        let offence =
            find(&directory, &json!({"valid?": false, "workload": {"lost": [7]}})).unwrap();
        let what: Vec<_> = offence.operations.iter().map(|step| step.what.as_str()).collect();
        assert_eq!(what, ["broadcast 7", "read → [1,2]"]);
    }

    #[test]
    fn a_dead_node_is_shown_with_the_end_of_its_log() {
        let directory = run("", "");
        std::fs::create_dir(directory.path().join("node-logs")).unwrap();
        std::fs::write(directory.path().join("node-logs/n1.log"), "1\n2\n3\n4\n5\npanic\n")
            .unwrap();
        let results = json!({"valid?": false,
            "problems": [{"node": "n1", "time": 9, "kind": "died", "text": "exited with 101", "count": 1}]});
        let offence = find(&directory, &results).unwrap();
        assert_eq!(offence.text, "n1: exited with 101");
        assert_eq!(offence.log, ["2", "3", "4", "5", "panic"]);
    }

    #[test]
    fn a_function_that_never_succeeded_is_shown_by_its_first_operation() {
        let directory = run(
            r#"{"index":0,"time":1,"process":0,"type":"invoke","f":"read","key":1,"value":null}
{"index":1,"time":2,"process":0,"type":"fail","f":"read","key":1,"value":null,"error":["key-does-not-exist","no"]}
{"index":2,"time":3,"process":0,"type":"invoke","f":"cas","key":1,"value":[1,2]}
{"index":3,"time":4,"process":0,"type":"info","f":"cas","key":1,"value":[1,2],"error":"net-timeout"}
"#,
            "",
        );
        let results = json!({"valid?": false, "stats": {"by-f": {"cas": {"valid?": false}}}});
        let offence = find(&directory, &results).unwrap();
        assert_eq!(offence.operations[0].what, "cas 1: 1 → 2");
        assert!(offence.operations[0].end.starts_with("info \"net-timeout\" after"));
    }
}
