//! Comparisons that a service refused and a node did not try again.

use std::collections::{BTreeMap, HashMap};
use std::io;

use serde_json::Value;

use super::search::{Search, parsed};
use super::sum::Added;
use super::why::SEARCHED_MAX;
use crate::report::data::{Role, role};
use crate::report::text;

/// What a node's comparisons came to.
#[derive(Default)]
struct Compared {
    /// By how much those that succeeded changed a sum.
    done: i64,
    refused: u64,
}

impl Search<'_> {
    /// Nodes that acknowledged more than they brought into a service by `cas`, if what was read is what all
    /// brought there.
    pub(super) fn given_up(
        &self,
        got: Option<i64>,
        by_node: &BTreeMap<String, Added>,
    ) -> io::Result<Option<String>> {
        let compared = self.compared()?;
        if got != Some(compared.values().map(|of_node| of_node.done).sum()) {
            return Ok(None);
        }
        let told: Vec<_> = by_node
            .iter()
            .filter_map(|(node, added)| {
                let Compared { done, refused } = compared.get(node)?;
                let sum = added.sum();
                let is_short = *done != sum && *refused > 0;
                let times = match refused {
                    1 => "once".to_owned(),
                    more => format!("{} times", text::grouped(*more as usize)),
                };
                is_short.then(|| {
                    format!(
                        "{node} acknowledged {sum}, brought {done} there and was refused {times}"
                    )
                })
            })
            .collect();
        Ok((!told.is_empty()).then(|| {
            format!("{}: a `cas` that is refused has to be tried again.", told.join("; "))
        }))
    }

    /// The comparisons of each node in services, where they are of numbers.
    fn compared(&self) -> io::Result<BTreeMap<String, Compared>> {
        let journal = self.evidence.journal;
        let messages = journal.messages(0..journal.lines().min(SEARCHED_MAX), 400)?;
        let mut open = HashMap::new();
        let mut compared: BTreeMap<String, Compared> = BTreeMap::new();
        for message in messages.iter() {
            if message.kind == "cas"
                && self.is_node(message.src)
                && role(self.name(message.dest)) == Role::Service
            {
                let body = parsed(&message.body);
                let number = |name: &str| body.get(name).and_then(Value::as_i64);
                if let (Some(from), Some(to)) = (number("from"), number("to")) {
                    open.insert((message.src, message.dest, message.msg_id), to - from);
                }
            } else if let Some(change) =
                open.remove(&(message.dest, message.src, message.in_reply_to))
            {
                let of_node = compared.entry(text::line(self.name(message.dest), 40)).or_default();
                match message.kind.as_str() {
                    "cas_ok" => of_node.done += change,
                    _ => of_node.refused += 1,
                }
            }
        }
        Ok(compared)
    }
}
