//! What a service had told a node, and whether there was something newer.

use std::collections::{BTreeSet, HashMap};
use std::io;

use serde_json::Value;

use super::search::{JOURNAL_LINES_MAX, Search, parsed};
use super::why::{SEARCHED_MAX, Served, carries, is_about, written_by};
use crate::report::data::{Role, role};
use crate::report::messages::Message;
use crate::report::text;

/// Lines of the journal that are looked at beyond a place that is not exact.
const NEAR: usize = 1000;

/// What was written to a key of a service before some time.
#[derive(Default)]
struct Writes {
    /// What was there last.
    last: Option<Value>,
    /// Nodes that wrote without looking what was there.
    blind: BTreeSet<String>,
}

impl Search<'_> {
    /// What a service told a node last before it answered, about this key where there is one.
    pub(super) fn told_by_service(
        &self,
        reader: &Served,
        key: Option<&Value>,
    ) -> io::Result<Option<String>> {
        self.told(reader, key, |_, _| true)
    }

    /// The same where a service was asked for this answer, and what it said lacks an element: then the node
    /// has not lost it.
    pub(super) fn told_without(
        &self,
        element: &str,
        reader: &Served,
    ) -> io::Result<Option<String>> {
        self.told(reader, None, |reply, received| {
            // What is too long to be kept may have it.
            let is_whole = serde_json::from_str::<Value>(&reply.body).is_ok();
            received >= reader.asked
                && reply.kind == "read_ok"
                && is_whole
                && !carries(&reply.body, element)
        })
    }

    fn told(
        &self,
        reader: &Served,
        key: Option<&Value>,
        is_meant: impl Fn(&Message, u64) -> bool,
    ) -> io::Result<Option<String>> {
        let journal = self.evidence.journal;
        // The place in the journal is not exact; the times below are.
        let end = journal.line_at(reader.answered) + NEAR;
        let messages =
            journal.messages(end.saturating_sub(JOURNAL_LINES_MAX)..end, 4000)?.into_owned();
        let request_of = |reply: &Message| {
            messages.iter().find(|request| {
                (request.src, request.dest) == (reply.dest, reply.src)
                    && request.msg_id.is_some()
                    && request.msg_id == reply.in_reply_to
            })
        };
        let is_about_key = |request: &Message| {
            key.is_none_or(|key| {
                serde_json::from_str(&request.body).is_ok_and(|body| is_about(&body, key))
            })
        };
        let told = messages.iter().rev().find_map(|reply| {
            let received = reply.received.filter(|time| *time <= reader.answered)?;
            let is_told =
                self.name(reply.dest) == reader.node && role(self.name(reply.src)) == Role::Service;
            let is_told = is_told && is_meant(reply, received);
            let request = is_told.then(|| request_of(reply)).flatten()?;
            is_about_key(request).then_some((request, reply, received))
        });
        let Some((request, reply, received)) = told else { return Ok(None) };
        let service = self.name(reply.src);
        Ok(Some(format!(
            "What {} knew was from {service}, which had answered its `{}` with `{}` at {}{}.",
            reader.node,
            request.shown(100),
            reply.shown(100),
            text::seconds(received),
            self.how_new(request, reply, key.is_none())?
        )))
    }

    /// Whether what a service told can have been old, and what else is wrong with it. Something that
    /// several add to must not be written blindly.
    fn how_new(&self, request: &Message, reply: &Message, is_shared: bool) -> io::Result<String> {
        let field = |message: &Message, name: &str| {
            serde_json::from_str::<Value>(&message.body).ok()?.get(name).cloned()
        };
        let key = field(request, "key").filter(|_| reply.kind == "read_ok");
        let Writes { last, blind } = match key {
            Some(key) => self.writes(reply, &key)?,
            None => Writes::default(),
        };
        let is_newest = last.is_some() && last == field(reply, "value");
        let newest = if is_newest { ", and nothing newer was there" } else { "" };
        if is_shared && blind.len() > 1 {
            return Ok(format!(
                "{newest}. {} change it by `write`: what one adds is gone when another one writes that has \
                 read before; `cas` would notice",
                blind.into_iter().collect::<Vec<_>>().join(", ")
            ));
        }
        Ok(match self.name(reply.src) {
            _ if is_newest => newest,
            "seq-kv" => "; seq-kv may answer with what was there before",
            "lww-kv" => {
                "; lww-kv may lose one of two writes, and answer with what was there before"
            }
            _ => "",
        }
        .to_owned())
    }

    /// What was written to a key of a service before it sent this reply.
    fn writes(&self, reply: &Message, key: &Value) -> io::Result<Writes> {
        let journal = self.evidence.journal;
        let end = journal.line_at(reply.sent) + NEAR;
        let messages = journal.messages(end.saturating_sub(SEARCHED_MAX)..end, 400)?;
        let of_service = messages.iter().filter(|message| message.src == reply.src);
        let answers: HashMap<_, _> = of_service
            .map(|answer| ((answer.dest, answer.in_reply_to), answer.kind.as_str()))
            .collect();
        let mut taken = Vec::new();
        for message in messages.iter().filter(|message| message.dest == reply.src) {
            let Some(time) = message.received.filter(|time| *time <= reply.sent) else { continue };
            let answer = answers.get(&(message.src, message.msg_id));
            let body = parsed(&message.body);
            // What is too long to be kept is known by its beginning.
            let is_of_key = match body.is_null() {
                true => message.body.contains(&format!("\"key\":{key}")),
                false => body.get("key") == Some(key),
            };
            // By a comparison with what it would write nothing changes, and seq-kv may do it on what is old.
            let changes =
                message.kind != "cas" || body.is_null() || body.get("from") != body.get("to");
            if let Some(field) = written_by(&message.kind).filter(|_| changes)
                && is_of_key
                && answer.is_some_and(|kind| kind.ends_with("_ok"))
            {
                taken.push((time, message, body.get(field).cloned()));
            }
        }
        taken.sort_by_key(|(time, ..)| *time);
        let blind = taken.iter().filter(|(_, message, _)| message.kind == "write");
        let blind = blind.map(|(_, message, _)| text::line(self.name(message.src), 40)).collect();
        Ok(Writes { last: taken.pop().and_then(|(.., value)| value), blind })
    }
}
