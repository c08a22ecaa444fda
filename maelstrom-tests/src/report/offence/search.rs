//! The operation, the messages and the node that show best what is wrong.

use std::io;

use checkers::{Kind, Verdict};
use serde_json::Value;

use super::{Evidence, Offence, Step};
use crate::exhibit::{self, Lead};
use crate::history::{Operation, ValueReader};
use crate::report::messages::Message;
use crate::report::words::{Problem, Words};
use crate::report::{logs, palette, text};
use crate::wire::MALFORMED;

/// Operations of one lead that are shown.
const OPERATIONS_MAX: usize = 6;
/// How many lines of the journal are looked through for the messages of one operation.
pub(super) const JOURNAL_LINES_MAX: usize = 20_000;
/// How much of a log's end is shown.
const LOG_LINES: usize = 5;

/// Looks through the files of a run.
pub(super) struct Search<'a> {
    pub(super) evidence: Evidence<'a>,
    pub(super) values: ValueReader,
}

impl Search<'_> {
    /// What the checker found, and what the messages have to say to it.
    pub(super) fn follow(&mut self, lead: &Lead) -> io::Result<Offence> {
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
    pub(super) fn exchange(&mut self, operation: &Operation) -> io::Result<Vec<Message>> {
        let Evidence { journal, history, results, .. } = self.evidence;
        let home = Words(results).node_of(operation.process);
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
            // Of several at one time it is the one that was answered with what the client got, and of
            // those the one to the node that the client asks.
            let answered = values.answered.as_deref().filter(|_| operation.outcome == Kind::Ok);
            let is_answer =
                reply.is_some_and(|reply| answered.is_none_or(|json| says(reply, json)));
            let late = end.zip(replied).map_or(0, |(end, replied)| end.abs_diff(replied));
            let is_to_other = home.is_some_and(|home| *journal.endpoints[request.dest] != *home);
            (early + late, !is_answer, is_to_other)
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
            what: message.shown(160),
            end,
        }
    }

    /// The first thing that went wrong with a node, or else a node that hangs.
    pub(super) fn of_problems(&self) -> io::Result<Option<Offence>> {
        let mut problems = Words(self.evidence.results).problems();
        let fatal = problems.iter().position(|problem| problem.is_fatal);
        let found = fatal.or_else(|| problems.iter().position(|problem| problem.kind == "hanging"));
        let Some(place) = found else { return Ok(None) };
        let why = self.came_to_nothing(&problems, &problems[place]);
        let why = why.or_else(|| self.why_died(&problems[place])).unwrap_or_default();
        Ok(Some(Offence { why, ..self.of_problem(problems.swap_remove(place))? }))
    }

    /// Something that went wrong with a node.
    pub(super) fn of_problem(&self, problem: Problem) -> io::Result<Offence> {
        let mut logs = logs::read(self.evidence.run_dir)?;
        let log = logs.iter_mut().find(|log| log.node == problem.node);
        let mut log = log.map(|log| std::mem::take(&mut log.lines)).unwrap_or_default();
        log.drain(..log.len().saturating_sub(LOG_LINES));
        Ok(Offence {
            text: format!("{}: {}", problem.node, problem.text),
            why: String::new(),
            time: problem.time,
            operations: Vec::new(),
            messages: Vec::new(),
            node: Some(problem.node),
            log,
        })
    }

    /// The first operations that did not succeed, those of a function that never did before others.
    pub(super) fn of_failures(&mut self) -> io::Result<Option<Offence>> {
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
        let operation = (*first).clone();
        let (sentence, why) = match hopeless.is_some() {
            true => self.why_not_one(&operation)?,
            // What the verdict rests on is something else.
            false => (String::new(), String::new()),
        };
        let offence = self.offence(sentence, operation.invoked.time, &[operation])?;
        Ok(Some(Offence { why, ..offence }))
    }

    /// That no operation of a function succeeded, after what is known of the reason.
    fn why_not_one(&mut self, first: &Operation) -> io::Result<(String, String)> {
        let function = self.evidence.history.function(first).to_owned();
        let error = self.values.values(first)?.error.unwrap_or_default();
        let error = parsed(&error);
        let is_unanswered = error == "net-timeout";
        let kind = if is_unanswered { "stray-reply" } else { "malformed-reply" };
        let problems = Words(self.evidence.results).problems();
        let of_kind = || problems.iter().filter(|problem| problem.kind == kind);
        let named = format!("`{function}`");
        let is_malformed = error.as_str().is_some_and(|error| error.starts_with(MALFORMED));
        let problem = of_kind()
            .find(|problem| problem.text.contains(&named))
            .or_else(|| of_kind().next())
            .filter(|_| is_unanswered || is_malformed);
        if let Some(problem) = problem {
            let sentence = format!("{}: {}", problem.node, problem.text);
            return Ok((sentence, format!("So not one {function} succeeded.")));
        }
        let why = match &error {
            _ if is_unanswered => {
                "none was answered in time; does the node know that message?".to_owned()
            }
            Value::Array(parts) => match &parts[..] {
                [Value::String(name), Value::String(said), ..] => format!(
                    "the first was answered with the error `{}`: {}.",
                    text::line(name, 60),
                    text::line(said, 200)
                ),
                _ => String::new(),
            },
            _ => String::new(),
        };
        Ok(match why.is_empty() {
            true => (format!("Not one {function} succeeded."), why),
            false => (format!("Not one {function} succeeded: {why}"), String::new()),
        })
    }
}

/// JSON of a run as a value; null if it is none, as what is too long to be kept.
pub(super) fn parsed(json: &str) -> Value {
    serde_json::from_str(json).unwrap_or(Value::Null)
}

/// Whether a reply has this value in one of its fields.
fn says(reply: &Message, json: &str) -> bool {
    let body = parsed(&reply.body);
    let value = serde_json::from_str::<Value>(json);
    value.is_ok_and(|value| {
        body.as_object().is_some_and(|body| body.values().any(|own| *own == value))
    })
}

/// Whether a request can be the one of an operation: what it carries is what was asked.
fn asks(message: &Message, key: Option<&str>, asked: &str) -> bool {
    let body = parsed(&message.body);
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
    // A send or a poll, as histories of logs have them.
    if let Value::Array(steps) = &asked
        && let [Value::Array(step)] = &steps[..]
        && !has(&asked)
    {
        return match &step[..] {
            [_, key, value] => body.get("key") == Some(key) && has(value),
            step => step.len() == 1,
        };
    }
    match &asked {
        _ if own.is_empty() => true,
        Value::Null => true,
        Value::Array(both) if !has(&asked) => own.len() == both.len() && both.iter().all(has),
        asked => has(asked),
    }
}
