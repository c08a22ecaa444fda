//! Why what is wrong is wrong: the message that was lost or late, or the restart, that explains it. All of
//! it is found in the journal and the history; where they do not tell, nothing is said.

use std::io;

use checkers::Kind;
use proto::ErrorCode;
use serde_json::Value;

use super::search::{JOURNAL_LINES_MAX, Search, parsed};
use super::types;
use crate::exhibit::{Clue, Lead};
use crate::history::Operation;
use crate::report::data::{Role, role};
use crate::report::faults::Fault;
use crate::report::messages::Message;
use crate::report::text;

/// How many lines of the journal are looked through for what was added.
pub(super) const SEARCHED_MAX: usize = 300_000;

/// So many faults are named that may have to do with something.
const FAULTS_MAX: usize = 4;

/// Who deals with an operation, and when it was asked.
pub(super) struct Served {
    pub(super) node: String,
    pub(super) asked: u64,
    pub(super) answered: u64,
}

impl Search<'_> {
    /// What the checker found, in a sentence that names nodes where the journal does, and why, as far as
    /// it tells.
    pub(super) fn explain(
        &mut self,
        lead: &Lead,
        shown: &[Operation],
    ) -> io::Result<(String, String)> {
        let sentence = text::line(&lead.text, 600);
        let why = match (&lead.clue, shown.last()) {
            (Clue::None, _) => String::new(),
            (Clue::Fault, _) => self.faults(lead.time, shown),
            (Clue::Missing { value }, _) => return self.missing(&value.to_string(), shown),
            (Clue::Repeated { value, times, at_once }, _) => {
                return self.given_out_again(&value.to_string(), *times, *at_once, shown);
            }
            (Clue::Stale { key }, Some(read)) => self.why_stale(&key.to_string(), read)?,
            (Clue::Sum { got, message, field }, Some(read)) => {
                self.why_wrong_sum(*got, (message, field), read)?
            }
            (Clue::NotKept { key, is_gone }, _) => {
                match self.why_not_kept(&key.to_string(), *is_gone, shown)? {
                    Some(why) => why,
                    None => self.faults(lead.time, shown),
                }
            }
            (Clue::Unseen { missed }, _) => match self.why_unseen(missed, shown)? {
                Some(why) => why,
                None => self.faults(lead.time, shown),
            },
            (Clue::Orders { first, second }, _) => match self.why_other_order(first, second)? {
                Some(why) => why,
                None => self.faults(lead.time, shown),
            },
            (Clue::Stale { .. } | Clue::Sum { .. }, None) => String::new(),
        };
        Ok((sentence, why))
    }

    pub(super) fn name(&self, place: usize) -> &str {
        &self.evidence.journal.endpoints[place]
    }

    pub(super) fn is_node(&self, place: usize) -> bool {
        role(self.name(place)) == Role::Node
    }

    /// The node that an operation was put to, by its messages.
    pub(super) fn served(&mut self, operation: &Operation) -> io::Result<Option<Served>> {
        let exchange = self.exchange(operation)?;
        let Some(request) = exchange.first() else { return Ok(None) };
        let answered = exchange.last().map_or(request.sent, |reply| reply.sent);
        let node = text::line(self.name(request.dest), 40);
        Ok(Some(Served { node, asked: request.sent, answered }))
    }

    /// The faults that may have to do with it: those that were on at some time from the first of the operations
    /// to this. Where one operation alone is known, what it saw may be of any time before.
    pub(super) fn faults(&self, time: u64, shown: &[Operation]) -> String {
        let from = match shown {
            [first, _, ..] => first.invoked.time,
            _ => 0,
        };
        let is_meant = |fault: &&Fault| fault.start <= time && from <= fault.end;
        let meant: Vec<_> = self.evidence.faults.iter().filter(is_meant).collect();
        let tell = |fault: &Fault, verb: &str| {
            let whom =
                if fault.whom.is_empty() { String::new() } else { format!(", {}", fault.whom) };
            let (from, to) = (text::seconds(fault.start), text::seconds(fault.end));
            format!("`{}`{verb}{whom}, from {from} to {to}", fault.name)
        };
        match &meant[..] {
            [] => String::new(),
            [only] if time <= only.end => format!("At that time {}.", tell(only, " was on")),
            all => {
                let since = if from == 0 { "Until then" } else { "Since the first of it" };
                // The last ones first: they are the nearest.
                let told: Vec<_> =
                    all.iter().rev().take(FAULTS_MAX).map(|fault| tell(fault, "")).collect();
                let more = match all.len().saturating_sub(FAULTS_MAX) {
                    0 => String::new(),
                    more => format!("; and {more} earlier ones"),
                };
                format!("{since} these faults were on: {}{more}.", told.join("; "))
            }
        }
    }

    /// Messages between nodes from this time on.
    pub(super) fn between_nodes(&self, from: u64) -> io::Result<Vec<Message>> {
        let journal = self.evidence.journal;
        let first = journal.line_at(from);
        let mut messages = journal.messages(first..first + JOURNAL_LINES_MAX, 4000)?.into_owned();
        messages.retain(|message| {
            message.sent >= from && self.is_node(message.src) && self.is_node(message.dest)
        });
        Ok(messages)
    }

    /// A message that had not come when it was needed, with what is in it and why.
    pub(super) fn not_come_yet(&self, message: &Message) -> String {
        let why = match (&message.lost, message.received) {
            (Some(reason), _) => format!("had been lost ({reason})"),
            (None, Some(time)) => format!("was on its way until {}", text::seconds(time)),
            (None, None) => "never came".to_owned(),
        };
        let (what, src) = (message.shown(100), text::line(self.name(message.src), 40));
        format!("`{what}` from {src}, sent at {}, {why}", text::seconds(message.sent))
    }

    /// A message with what became of it: `gossip` from n0 to n1, sent at 9.869 s, was lost (loss).
    pub(super) fn fate(&self, message: &Message) -> String {
        let name = |place: usize| text::line(self.name(place), 40);
        let what = text::line(&message.kind, 40);
        let fate = match (&message.lost, message.received) {
            (Some(reason), _) => format!("was lost ({reason})"),
            (None, Some(time)) => format!("came at {}", text::seconds(time)),
            (None, None) => "never came".to_owned(),
        };
        let (src, dest, sent) =
            (name(message.src), name(message.dest), text::seconds(message.sent));
        format!("`{what}` from {src} to {dest}, sent at {sent}, {fate}")
    }

    /// A value that the first operation added, and that the last one should have had.
    fn missing(&mut self, json: &str, operations: &[Operation]) -> io::Result<(String, String)> {
        let element = text::line(json, 80);
        let (addition, read) = match operations {
            [] => (None, None),
            [only] => (None, Some(only.clone())),
            [first, .., last] => (Some(first.clone()), Some(last.clone())),
        };
        let served = |search: &mut Self, operation: Option<&Operation>| match operation {
            Some(operation) => search.served(operation),
            None => Ok(None),
        };
        let added = served(self, addition.as_ref())?;
        let reader = served(self, read.as_ref())?;
        let of = |served: &Option<Served>, before: &str| {
            served.as_ref().map_or_else(String::new, |served| format!(" {before} {}", served.node))
        };
        let at = |operation: Option<&Operation>| {
            operation
                .map_or_else(String::new, |op| format!(" at {}", text::seconds(op.invoked.time)))
        };
        let was_added = format!("{element} was added{}{}", of(&added, "at"), at(addition.as_ref()));
        let the_read = format!("the read{}{}", of(&reader, "of"), at(read.as_ref()));
        if let Some(read) = &read
            && let Some(instead) = self.of_another_type(json, read)?
        {
            let sentence = format!("{was_added}, and {the_read} has {instead} instead.");
            let why = "Values have to come back as they were sent, in the same type.".to_owned();
            return Ok((sentence, why));
        }
        let sentence =
            format!("{was_added} and then lost: {the_read}, after it was known, has it not.");
        let (Some(added), Some(reader)) = (added, reader) else {
            return Ok((sentence, String::new()));
        };
        let why = self.why_not_there(json, &added, &reader)?;
        Ok((sentence, why))
    }

    /// What a read has that would be this element if it were of the same type.
    fn of_another_type(&mut self, json: &str, read: &Operation) -> io::Result<Option<String>> {
        let answered = self.values.values(read)?.answered.unwrap_or_default();
        let parse = |text: &str| serde_json::from_str::<Value>(text).ok();
        let (Some(element), Some(answered)) = (parse(json), parse(&answered)) else {
            return Ok(None);
        };
        let values = answered.as_array().map(Vec::as_slice).unwrap_or_default();
        let other = values.iter().find(|value| types::differ_only_in_type(&element, value));
        Ok(other.map(|value| {
            format!("{}, {},", text::line(&value.to_string(), 80), types::name(value))
        }))
    }

    /// What was written to a key that would be what was read if it were of the same type.
    fn written_in_another_type(
        &mut self,
        key: &Value,
        read: &Operation,
    ) -> io::Result<Option<String>> {
        // What a comparison answers is not what it read.
        if self.evidence.history.function(read) != "read" {
            return Ok(None);
        }
        let answered = self.values.values(read)?.answered.unwrap_or_default();
        let Ok(answered) = serde_json::from_str::<Value>(&answered) else { return Ok(None) };
        let journal = self.evidence.journal;
        let messages = journal.messages(0..journal.lines().min(SEARCHED_MAX), 400)?;
        let mut of_another_type = None;
        for message in messages.iter() {
            let is_of_client = role(self.name(message.src)) == Role::Client;
            let Some(field) = written_by(&message.kind).filter(|_| is_of_client) else { continue };
            let body = parsed(&message.body);
            let Some(value) = body.get(field).filter(|_| body.get("key") == Some(key)) else {
                continue;
            };
            if *value == answered {
                return Ok(None);
            }
            if types::differ_only_in_type(value, &answered) {
                of_another_type = Some(value.clone());
            }
        }
        Ok(of_another_type.map(|value| {
            format!(
                "{}, {}, was written, and what was read is {}. Values have to come back as they were sent, \
                 in the same type.",
                text::line(&value.to_string(), 80),
                types::name(&value),
                types::name(&answered)
            )
        }))
    }

    /// Why the reader's node has not what was added at another one.
    fn why_not_there(&self, json: &str, added: &Served, reader: &Served) -> io::Result<String> {
        let to_reader = |message: &&Message| self.name(message.dest) == reader.node;
        if let Some(told) = self.told_without(json, reader)? {
            return Ok(told);
        }
        let mut carriers = self.between_nodes(added.asked)?;
        carriers.retain(|message| carries(&message.body, json));
        let came = carriers.iter().filter(to_reader).find(|message| message.received.is_some());
        if let Some(time) = came
            .and_then(|message| message.received)
            .or_else(|| (added.node == reader.node).then_some(added.asked))
        {
            return Ok(match self.kill(&reader.node, time, reader.asked) {
                Some(kill) => {
                    format!("{} had it, and {}: {}.", reader.node, kill.words(), kill.blame())
                }
                None => format!("{} had it at {} and forgot it.", reader.node, text::seconds(time)),
            });
        }
        // Whoever got it later by another way has nothing to do with it.
        let never_came = |lost: &Message| {
            lost.received.is_none()
                && !carriers.iter().any(|other| other.dest == lost.dest && other.received.is_some())
        };
        let lost: Vec<_> = carriers.iter().filter(|message| never_came(message)).collect();
        let direct = lost.iter().find(|message| to_reader(message)).or_else(|| lost.first());
        Ok(match direct {
            Some(message) if lost.len() == 1 => {
                format!("{}, and it was not sent again.", capital(&self.fate(message)))
            }
            Some(message) => format!(
                "{}; so it went with {} messages that carried it.",
                capital(&self.fate(message)),
                text::grouped(lost.len())
            ),
            None => match self.kill(&added.node, added.asked, reader.asked) {
                Some(kill) => format!(
                    "No message brought it to {}, and {} {}.",
                    reader.node,
                    added.node,
                    kill.words()
                ),
                None => format!("No message ever carried it to {}.", reader.node),
            },
        })
    }

    /// Something that came more often than once: in several answers, or in one.
    fn given_out_again(
        &mut self,
        json: &str,
        times: u64,
        is_at_once: bool,
        operations: &[Operation],
    ) -> io::Result<(String, String)> {
        let name = text::line(json, 80);
        if is_at_once {
            let node = match operations.first() {
                Some(read) => self.served(read)?,
                None => None,
            };
            let whose = node.map_or_else(String::new, |served| format!(" of {}", served.node));
            return Ok((format!("{name} came {times} times in one read{whose}."), String::new()));
        }
        let mut served = Vec::new();
        for operation in operations.iter().take(2) {
            served.extend(self.served(operation)?);
        }
        let [first, second] = &served[..] else {
            return Ok((format!("{name} was given out {times} times."), String::new()));
        };
        let (from, to) = (text::seconds(first.answered), text::seconds(second.answered));
        if first.node != second.node {
            let (one, other) = (&first.node, &second.node);
            let sentence = format!(
                "{name} was given out {times} times: by {one} at {from} and by {other} at {to}."
            );
            return Ok((sentence, String::new()));
        }
        let node = &first.node;
        let sentence = format!(
            "{name} was given out {times} times: {node} gave it out at {from} and again at {to}."
        );
        let why = match self.kill(node, first.answered, second.answered) {
            Some(kill) => format!(
                "In between, at {}, {node} {}, and begins to count again.",
                text::seconds(kill.time),
                kill.what()
            ),
            None if json == "null" => {
                "Many programs write NaN, Infinity and what is undefined as null.".to_owned()
            }
            None => format!("{node} was not restarted in between."),
        };
        Ok((sentence, why))
    }

    /// Why a read of a register shows what was there before: the latest message about its key that had not
    /// come to the node that answered.
    fn why_stale(&mut self, key: &str, read: &Operation) -> io::Result<String> {
        let Some(reader) = self.served(read)? else { return Ok(String::new()) };
        let key = parsed(key);
        if let Some(written) = self.written_in_another_type(&key, read)? {
            return Ok(written);
        }
        // What a read that fails tells is that there is nothing: after a kill that is no news that is late.
        if read.outcome == Kind::Fail
            && let Some(kill) = self.kill(&reader.node, 0, reader.asked)
        {
            return Ok(was_killed(&reader.node, &kill.words()));
        }
        // Far enough back for whatever can still have been on its way.
        const BEFORE: u64 = 2_000_000_000;
        let messages = self.between_nodes(reader.asked.saturating_sub(BEFORE))?;
        let missed_at = |now: u64| {
            messages.iter().rev().find(|message| {
                self.name(message.dest) == reader.node
                    && message.sent <= now
                    && message.received.is_none_or(|time| time > now)
                    && serde_json::from_str(&message.body).is_ok_and(|body| is_about(&body, &key))
            })
        };
        // A node that asks others before it answers may have looked when it was asked.
        let moments = [("answered", reader.answered), ("was asked", reader.asked)];
        let missed = moments
            .into_iter()
            .find_map(|(did, now)| missed_at(now).map(|message| (did, now, message)));
        Ok(match missed {
            Some((did, now, message)) => format!(
                "When {} {did}, at {}, it did not know better: {}.",
                reader.node,
                text::seconds(now),
                self.not_come_yet(message),
            ),
            None => match self.kill(&reader.node, 0, reader.asked) {
                Some(kill) => was_killed(&reader.node, &kill.words()),
                None => self.why_nothing_was_late(&key, read, &reader, &messages)?,
            },
        })
    }

    /// The same where nothing about its key was on its way to the node that answered.
    fn why_nothing_was_late(
        &mut self,
        key: &Value,
        read: &Operation,
        reader: &Served,
        messages: &[Message],
    ) -> io::Result<String> {
        if let Some(refused) = self.refused_and_done(key, read)? {
            return Ok(refused);
        }
        if let Some(told) = self.told_by_service(reader, Some(key))? {
            return Ok(told);
        }
        if let Some(again) = self.handed_on_again(key, reader)? {
            return Ok(again);
        }
        if self.evidence.history.function(read) == "cas" && read.outcome == Kind::Ok {
            return Ok(format!(
                "{} answered `cas_ok`, where it had to answer with the error `{}` ({}).",
                reader.node,
                ErrorCode::PreconditionFailed.name(),
                ErrorCode::PreconditionFailed.number(),
            ));
        }
        let meanwhile = reader.asked..=reader.answered;
        let has_asked = messages.iter().any(|message| {
            self.name(message.src) == reader.node && meanwhile.contains(&message.sent)
        });
        let how =
            if has_asked { "answered it;" } else { "answered it without asking another node, and" };
        Ok(format!("{} {how} no message about this key was on its way to it.", reader.node))
    }
}

/// That a node which answered was killed before.
fn was_killed(node: &str, killed: &str) -> String {
    format!("{node}, which answered, {killed} and may have forgotten it.")
}

/// The field of a request that holds what it writes to a key.
pub(super) fn written_by(kind: &str) -> Option<&'static str> {
    match kind {
        "write" => Some("value"),
        "cas" => Some("to"),
        _ => None,
    }
}

/// Whether a body has an element in it, as a word of its own.
pub(super) fn carries(body: &str, json: &str) -> bool {
    if json.starts_with('"') {
        return body.contains(json);
    }
    let is_part = |c: char| c.is_ascii_alphanumeric() || "-_.+\"".contains(c);
    body.split(|c| !is_part(c)).any(|word| word == json)
}

/// Whether a `key` somewhere in a body is this one.
pub(super) fn is_about(body: &Value, key: &Value) -> bool {
    match body {
        Value::Object(fields) => {
            fields.get("key").is_some_and(|own| own == key)
                || fields.values().any(|field| is_about(field, key))
        }
        Value::Array(items) => items.iter().any(|item| is_about(item, key)),
        _ => false,
    }
}

/// The text with a capital at its beginning, unless that is a quotation.
fn capital(text: &str) -> String {
    if text.starts_with('`') { format!("The message {text}") } else { text.to_owned() }
}
