//! Why a sum is not what was added.

use std::collections::BTreeMap;
use std::io;

use serde_json::Value;

use super::merges::way_that_makes;
use super::search::{Search, parsed};
use super::why::{SEARCHED_MAX, Served};
use crate::history::Operation;
use crate::report::messages::Message;
use crate::report::text;

/// What was added at a node.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Added {
    up: i64,
    /// What was taken away, which is negative.
    down: i64,
}

impl Added {
    pub(super) const fn sum(&self) -> i64 {
        self.up + self.down
    }
}

/// Which part of the whole a sum is, if it is one that has a name.
fn missing_part(got: i64, node: &str, by_node: &BTreeMap<String, Added>) -> Option<String> {
    let list = |part: fn(&Added) -> i64, is_of_others: bool| {
        let parts = by_node.iter().map(|(name, added)| (name, part(added)));
        let parts = parts.filter(|(name, sum)| *sum != 0 && !(is_of_others && *name == node));
        parts.map(|(name, sum)| format!("{sum} at {name}")).collect::<Vec<_>>().join(", ")
    };
    let own = by_node.get(node).copied().unwrap_or_default();
    let ups: i64 = by_node.values().map(|added| added.up).sum();
    let of_others = list(Added::sum, true);
    if got == own.sum() && !of_others.is_empty() {
        return Some(format!("It is what was added at {node} alone; missing are {of_others}."));
    }
    let downs_of_others = list(|added| added.down, true);
    let downs = list(|added| added.down, false);
    if got == ups + own.down && !downs_of_others.is_empty() {
        return Some(format!(
            "{node}, which was asked, has all that was added; what was taken away elsewhere is missing: \
             {downs_of_others}."
        ));
    }
    if got == ups && !downs.is_empty() {
        return Some(format!("It is all that was added; what was taken away is missing: {downs}."));
    }
    let down: i64 = by_node.values().map(|added| added.down).sum();
    if got == ups - down && !downs.is_empty() {
        return Some(format!(
            "It is what there would be if what was taken away had been added: {downs}."
        ));
    }
    if got == ups + 2 * down && !downs.is_empty() {
        return Some(format!("What was taken away has been taken away twice: {downs}."));
    }
    if got == 0 && ups + down < 0 {
        return Some("Is it kept from becoming negative?".to_owned());
    }
    let part = part_that_is(ups + down - got, by_node)?;
    Some(format!("What was added at {part}, is missing."))
}

/// All that was added.
fn total(by_node: &BTreeMap<String, Added>) -> i64 {
    by_node.values().map(Added::sum).sum()
}

/// Where so much was added, which is not nothing, and how much that is.
fn part_that_is(sum: i64, by_node: &BTreeMap<String, Added>) -> Option<String> {
    let (name, _) = by_node.iter().find(|(_, added)| sum != 0 && added.sum() == sum)?;
    Some(format!("{name}, {sum}"))
}

/// Which part of the whole is in a sum twice, if it is one that has a name.
fn doubled_part(got: i64, by_node: &BTreeMap<String, Added>) -> Option<String> {
    let total = total(by_node);
    if got == 2 * total && total != 0 {
        return Some("All that was added has been counted twice.".to_owned());
    }
    let part = part_that_is(got - total, by_node)?;
    Some(format!("What was added at {part}, has been counted twice."))
}

impl Search<'_> {
    /// Why a sum lacks something, or has something twice: what was added at the reader's node, or a message
    /// that it missed or counted again. `adds` is the type of the requests that add, and the field that says
    /// how much.
    pub(super) fn why_wrong_sum(
        &mut self,
        got: Option<i64>,
        adds: (&str, &str),
        read: &Operation,
    ) -> io::Result<String> {
        let Some(reader) = self.served(read)? else { return Ok(String::new()) };
        let node = reader.node.clone();
        let by_node = self.added_by_node(adds)?;
        if let Some(missing) = got.and_then(|got| missing_part(got, &node, &by_node)) {
            return Ok(missing);
        }
        // It may be larger than what is kept of it as a number.
        let answered = self.values.values(read)?.answered.unwrap_or_default();
        if let Some(merged) = self.merged_wrongly(answered.parse().ok(), adds, &reader)? {
            return Ok(merged);
        }
        let messages = self.between_nodes(0)?;
        // What is taken away twice makes less of it.
        let takes_away = by_node.values().any(|added| added.down != 0);
        let sum = total(&by_node);
        if got.is_some_and(|got| got > sum || takes_away && got != sum)
            && let Some(twice) = self.counted_twice(&messages, &reader)
        {
            return Ok(twice);
        }
        let missed = messages.iter().rev().find(|message| {
            // What was still on its way in the end would have come.
            self.name(message.dest) == node && message.lost.is_some() && message.sent < reader.asked
        });
        let mut names = std::iter::once(&node).chain(by_node.keys());
        let killed = names.find_map(|name| {
            self.kill(name, 0, reader.asked).map(|kill| format!("{name} {}", kill.words()))
        });
        // What came while a node was down is no riddle: what it knew before may be.
        let missed = missed.filter(|message| {
            killed.is_none() || message.lost.as_deref().is_some_and(|reason| reason != "down")
        });
        Ok(match (missed, killed) {
            (Some(message), _) => self.last_missed(message, &messages, &reader),
            (None, Some(killed)) => {
                format!("{killed}: what it had counted by then may be forgotten.")
            }
            (None, None) => match self.told_by_service(&reader, None)? {
                Some(told) => match self.given_up(got, &by_node)? {
                    Some(given_up) => format!("{told} {given_up}"),
                    None => told,
                },
                None => got.and_then(|got| doubled_part(got, &by_node)).unwrap_or_else(|| {
                    format!("{node} was asked; it missed no message of the others.")
                }),
            },
        })
    }

    /// The way to merge that makes of what was added what was read. Who was killed may have forgotten something
    /// and is not acted out.
    fn merged_wrongly(
        &self,
        got: Option<i128>,
        adds: (&str, &str),
        reader: &Served,
    ) -> io::Result<Option<String>> {
        let journal = self.evidence.journal;
        let is_killed = |name: &String| self.kill(name, 0, reader.asked).is_some();
        if journal.lines() > SEARCHED_MAX || journal.endpoints.iter().any(is_killed) {
            return Ok(None);
        }
        let place = journal.endpoints.iter().position(|name| *name == reader.node);
        let (Some(got), Some(place)) = (got, place) else { return Ok(None) };
        let messages = journal.messages(0..journal.lines(), 400)?;
        let is_node = |place: usize| self.is_node(place);
        Ok(way_that_makes(got, place, reader.asked, &messages, is_node, adds))
    }

    /// The last message that a node missed, and whether others of its kind came after it.
    fn last_missed(&self, missed: &Message, messages: &[Message], reader: &Served) -> String {
        let node = &reader.node;
        let later = messages.iter().filter(|message| {
            (message.src, message.dest) == (missed.src, missed.dest)
                && message.kind == missed.kind
                && message.sent > missed.sent
                && message.received.is_some_and(|time| time < reader.asked)
        });
        let later = match later.count() {
            0 => String::new(),
            1 => "; one more came after it".to_owned(),
            count => format!("; {} more came after it", text::grouped(count)),
        };
        format!("The last message that {node} missed: {}{later}.", self.fate(missed))
    }

    /// A message that a node got twice before it was read: the network made two of it, or it was sent again
    /// because its answer was lost.
    fn counted_twice(&self, messages: &[Message], reader: &Served) -> Option<String> {
        let to_reader = |message: &&Message| {
            self.name(message.dest) == reader.node
                && message.in_reply_to.is_none()
                && message.received.is_some_and(|time| time < reader.asked)
        };
        let has_no_answer = |first: &Message| {
            first.msg_id.is_some()
                && !messages.iter().any(|answer| {
                    (answer.src, answer.dest) == (first.dest, first.src)
                        && answer.in_reply_to == first.msg_id
                        && answer.received.is_some()
                })
        };
        let mut came: BTreeMap<(usize, &str, &str), &Message> = BTreeMap::new();
        for message in messages.iter().filter(to_reader) {
            let what = (message.src, &*message.kind, &*message.body);
            let Some(first) = came.insert(what, message) else { continue };
            let is_doubled = (first.sent, first.msg_id) == (message.sent, message.msg_id);
            let is_same = first.msg_id.is_some() && first.msg_id == message.msg_id;
            let how = if is_doubled {
                "because the network doubled it"
            } else if is_same || has_no_answer(first) {
                "because it was sent again"
            } else {
                continue;
            };
            let (src, node) = (text::line(self.name(message.src), 40), &reader.node);
            let what = message.shown(80);
            let (one, other) = (first.received.unwrap_or(0), message.received.unwrap_or(0));
            let (one, other) = (text::seconds(one.min(other)), text::seconds(one.max(other)));
            return Some(format!(
                "`{what}` from {src} came to {node} at {one} and again at {other}, {how}: does {node} count \
                 it twice?"
            ));
        }
        None
    }

    /// What each node acknowledged to have added.
    fn added_by_node(&self, (request, field): (&str, &str)) -> io::Result<BTreeMap<String, Added>> {
        let reply = format!("{request}_ok");
        let journal = self.evidence.journal;
        let messages = journal.messages(0..journal.lines().min(SEARCHED_MAX), 400)?;
        let mut open = BTreeMap::new();
        let mut sums: BTreeMap<String, Added> = BTreeMap::new();
        for message in messages.iter() {
            let body = parsed(&message.body);
            if message.kind == request && message.msg_id.is_some() {
                let delta = body.get(field).and_then(Value::as_i64).unwrap_or(0);
                open.insert((message.src, message.dest, message.msg_id), delta);
            } else if message.kind == reply
                && let Some(delta) = open.remove(&(message.dest, message.src, message.in_reply_to))
            {
                let added = sums.entry(text::line(self.name(message.src), 40)).or_default();
                *(if delta < 0 { &mut added.down } else { &mut added.up }) += delta;
            }
        }
        Ok(sums)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_that_is_a_part_of_the_whole_is_told_by_what_is_missing() {
        let added = |up, down| Added { up, down };
        let by_node = BTreeMap::from([
            ("n0".to_owned(), added(5, -1)),
            ("n1".to_owned(), added(20, 0)),
            ("n2".to_owned(), added(100, -30)),
        ]);
        let told = |got| missing_part(got, "n0", &by_node);
        for (got, wanted) in [
            (4, "It is what was added at n0 alone; missing are 20 at n1, 70 at n2."),
            (
                124,
                "n0, which was asked, has all that was added; what was taken away elsewhere is missing: \
                 -30 at n2.",
            ),
            (125, "It is all that was added; what was taken away is missing: -1 at n0, -30 at n2."),
            (
                156,
                "It is what there would be if what was taken away had been added: -1 at n0, -30 at n2.",
            ),
            (63, "What was taken away has been taken away twice: -1 at n0, -30 at n2."),
            (74, "What was added at n1, 20, is missing."),
        ] {
            assert_eq!(told(got).as_deref(), Some(wanted));
        }
        assert_eq!(told(94), None);
        let doubled = |got| doubled_part(got, &by_node);
        assert_eq!(doubled(188).as_deref(), Some("All that was added has been counted twice."));
        assert_eq!(
            doubled(164).as_deref(),
            Some("What was added at n2, 70, has been counted twice.")
        );
        assert_eq!(doubled(94), None);
        let negative = BTreeMap::from([("n0".to_owned(), added(1, -4))]);
        assert_eq!(
            missing_part(0, "n0", &negative).as_deref(),
            Some("Is it kept from becoming negative?")
        );
        let only_up = BTreeMap::from([("n0".to_owned(), added(5, 0))]);
        assert_eq!(missing_part(5, "n0", &only_up), None);
    }
}
