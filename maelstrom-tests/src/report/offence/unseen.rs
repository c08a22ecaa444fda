//! Why a transaction did not see what another one wrote: what the nodes that dealt with them had told each
//! other by then.

use std::io;

use super::search::Search;
use super::why::{SEARCHED_MAX, Served, carries};
use crate::exhibit::{Missed, Named};
use crate::history::Operation;
use crate::report::data::{Role, role};
use crate::report::messages::Message;
use crate::report::text;

/// A transaction and the node that dealt with it.
struct Dealt<'a> {
    name: &'a str,
    at: Served,
}

impl Search<'_> {
    /// Why one of these did not see what the other one wrote; nothing where the messages do not tell.
    pub(super) fn why_unseen(
        &mut self,
        missed: &[Missed],
        shown: &[Operation],
    ) -> io::Result<Option<String>> {
        for Missed { reader, writer, key } in missed {
            let (Some(reader), Some(writer)) = (self.dealt(reader)?, self.dealt(writer)?) else {
                continue;
            };
            let why = match reader.at.node == writer.at.node {
                true => self.why_unseen_there(&reader, &writer),
                false => self.why_unseen_elsewhere(&reader, &writer, key, shown)?,
            };
            if why.is_some() {
                return Ok(why);
            }
        }
        Ok(None)
    }

    /// Two that saw the same writes in different orders: who answered them.
    pub(super) fn why_other_order(
        &mut self,
        first: &Named,
        second: &Named,
    ) -> io::Result<Option<String>> {
        let (Some(first), Some(second)) = (self.dealt(first)?, self.dealt(second)?) else {
            return Ok(None);
        };
        let (one, other) = (&first.at.node, &second.at.node);
        Ok((one != other).then(|| {
            format!(
                "{} was answered by {one} and {} by {other}: these two have put the same writes into different \
                 orders.",
                first.name, second.name
            )
        }))
    }

    fn dealt<'a>(&mut self, named: &'a Named) -> io::Result<Option<Dealt<'a>>> {
        let found: Option<Operation> = self.evidence.history.with_event(named.invoked).cloned();
        let Some(operation) = found else { return Ok(None) };
        let served = self.served(&operation)?;
        Ok(served.map(|at| Dealt { name: &named.name, at }))
    }

    /// Where one node dealt with both: it was killed in between.
    fn why_unseen_there(&self, reader: &Dealt<'_>, writer: &Dealt<'_>) -> Option<String> {
        let node = &reader.at.node;
        let kill = self.kill(node, writer.at.asked, reader.at.answered)?;
        let (name, killed, blame) = (writer.name, kill.words(), kill.blame());
        Some(format!("{node}, which had {name}, {killed}: {blame}."))
    }

    fn why_unseen_elsewhere(
        &self,
        reader: &Dealt<'_>,
        writer: &Dealt<'_>,
        key: &str,
        shown: &[Operation],
    ) -> io::Result<Option<String>> {
        let Some(messages) = self.among_nodes_and_services(reader.at.answered)? else {
            return Ok(None);
        };
        let (here, there) = (&reader.at.node, &writer.at.node);
        let from = |message: &Message, node: &str| self.name(message.src) == node;
        let says = |node: &str| messages.iter().any(|message| from(message, node));
        if !says(here) && !says(there) {
            return Ok(Some(format!(
                "{there}, which dealt with {}, and {here}, which answered {}, had sent nothing to another node \
                 by {}: each of them answers from a store of its own.",
                writer.name,
                reader.name,
                text::seconds(reader.at.answered)
            )));
        }
        let told = |message: &&Message| {
            from(message, there)
                && self.name(message.dest) == here
                && message.sent >= writer.at.asked
                && carries(&message.body, key)
        };
        let told: Vec<_> = messages.iter().filter(told).collect();
        // A node that asks others before it answers may have looked when it was asked.
        let moments = [("answered", reader.at.answered), ("was asked for", reader.at.asked)];
        for (did, now) in moments {
            // What came before it may have been the news.
            let has_come =
                told.iter().any(|message| message.received.is_some_and(|time| time <= now));
            let late = told.iter().find(|message| message.sent <= now && !has_come);
            if let Some(message) = late {
                return Ok(Some(format!(
                    "When {here} {did} {}, at {}, it did not know of {}: {}.",
                    reader.name,
                    text::seconds(now),
                    writer.name,
                    self.not_come_yet(message),
                )));
            }
        }
        if self.has_asked(&reader.at, &messages) {
            // A service that both use has what there is.
            return self.told_by_service(&reader.at, None);
        }
        if told.is_empty() {
            let faults = self.faults(reader.at.answered, shown);
            let space = if faults.is_empty() { "" } else { " " };
            return Ok(Some(format!(
                "{here} answered {} without asking another node, and no message from {there} had told it of \
                 {}.{space}{faults}",
                reader.name, writer.name
            )));
        }
        let killed = self.kill(here, writer.at.asked, reader.at.answered);
        Ok(killed.map(|kill| {
            format!(
                "{here}, which answered {}, {} and may have forgotten it.",
                reader.name,
                kill.words()
            )
        }))
    }

    /// Whether a node heard from another one, or from a service, after it had sent something itself and before
    /// it answered.
    fn has_asked(&self, served: &Served, messages: &[Message]) -> bool {
        let meanwhile = served.asked..=served.answered;
        let mut own = messages.iter().filter(|message| self.name(message.src) == served.node);
        let first = own.find(|message| meanwhile.contains(&message.sent));
        first.is_some_and(|question| {
            messages.iter().any(|answer| {
                self.name(answer.dest) == served.node
                    && answer
                        .received
                        .is_some_and(|time| question.sent <= time && time <= served.answered)
            })
        })
    }

    /// What nodes sent to each other and to services until some time; nothing where that is too much to be
    /// looked through.
    fn among_nodes_and_services(&self, until: u64) -> io::Result<Option<Vec<Message>>> {
        let journal = self.evidence.journal;
        if journal.line_at(until) > SEARCHED_MAX {
            return Ok(None);
        }
        let mut messages =
            journal.messages(0..journal.lines().min(SEARCHED_MAX), 4000)?.into_owned();
        let is_client = |place| role(self.name(place)) == Role::Client;
        messages.retain(|message| {
            message.sent <= until && !is_client(message.src) && !is_client(message.dest)
        });
        Ok(Some(messages))
    }
}
