//! Requests of clients that a node handed on more often than it was asked.

use std::collections::BTreeMap;
use std::io;

use serde_json::Value;

use super::search::{Search, parsed};
use super::why::{SEARCHED_MAX, Served, is_about, written_by};
use crate::report::data::{Role, role};
use crate::report::text;

/// How often a node was asked for something by clients, and asked another one for it.
#[derive(Default)]
struct Count {
    asked: usize,
    handed_on: usize,
    /// What it was, and when it was handed on last.
    last: Option<(String, u64)>,
}

impl Search<'_> {
    /// A write of this key that came to the node that answered more often than clients had asked for it: if it
    /// is done each time, it undoes what was written in between.
    pub(super) fn handed_on_again(
        &self,
        key: &Value,
        reader: &Served,
    ) -> io::Result<Option<String>> {
        let journal = self.evidence.journal;
        let messages = journal.messages(0..journal.lines().min(SEARCHED_MAX), 400)?;
        let mut counts: BTreeMap<(usize, String), Count> = BTreeMap::new();
        for message in messages.iter() {
            let is_write = written_by(&message.kind).is_some();
            if !is_write || message.received.is_none_or(|time| time > reader.answered) {
                continue;
            }
            let body = parsed(&message.body);
            if !is_about(&body, key) {
                continue;
            }
            // What else there is, such as a number, may differ each time.
            let fields = ["key", "value", "from", "to"].map(|name| body.get(name));
            let what = format!("{} {fields:?}", message.kind);
            if role(self.name(message.src)) == Role::Client {
                counts.entry((message.dest, what)).or_default().asked += 1;
            } else if self.is_node(message.src) && self.name(message.dest) == reader.node {
                let count = counts.entry((message.src, what)).or_default();
                count.handed_on += 1;
                count.last = message.received.map(|time| (message.shown(100), time));
            }
        }
        let too_often =
            counts.iter().filter(|(_, count)| count.asked > 0 && count.handed_on > count.asked);
        let last = too_often.filter_map(|((src, _), count)| {
            let (shown, time) = count.last.as_ref()?;
            Some((*time, *src, shown, count))
        });
        Ok(last.max_by_key(|(time, ..)| *time).map(|(time, src, shown, count)| {
            format!(
                "{} sent `{shown}` to {} {} times, and had been asked for it {}; it came last at {}. If it is \
                 done each time, it undoes what was written in between.",
                text::line(self.name(src), 40),
                reader.node,
                count.handed_on,
                match count.asked {
                    1 => "once".to_owned(),
                    times => format!("{times} times"),
                },
                text::seconds(time),
            )
        }))
    }
}
