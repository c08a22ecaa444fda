//! Ways to merge counters that lose something or count it twice: each is acted out with what nodes were asked
//! and told each other in the run, and the one that comes to what was read is named.

use std::collections::BTreeMap;

use serde_json::Value;

use super::search::parsed;
use crate::report::messages::Message;
use crate::report::text;

/// Kinds of messages that are tried as those that carry totals, most frequent first.
const KINDS_MAX: usize = 4;

/// What a node does with the totals of another one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Merge {
    /// There is one total, and the larger one stays.
    LargerTotal,
    /// There is one total, and what comes takes its place.
    Replaced,
    /// There is one total, to which what comes is added.
    AddedTotal,
    /// There is a total for each node, of which the larger one stays.
    LargerOfEach,
    /// There is a total for each node, to which what comes is added.
    AddedOfEach,
}

impl Merge {
    const ALL: [Self; 5] = [
        Self::LargerTotal,
        Self::Replaced,
        Self::AddedTotal,
        Self::LargerOfEach,
        Self::AddedOfEach,
    ];

    const fn has_one_total(self) -> bool {
        matches!(self, Self::LargerTotal | Self::Replaced | Self::AddedTotal)
    }

    fn merged(self, own: i128, came: i128) -> i128 {
        match self {
            Self::LargerTotal | Self::LargerOfEach => own.max(came),
            Self::Replaced => came,
            Self::AddedTotal | Self::AddedOfEach => own.saturating_add(came),
        }
    }

    /// What comes out of it, in words.
    fn words(self, kind: &str) -> String {
        let kind = text::line(kind, 40);
        match self {
            Self::LargerTotal => format!(
                "It is what comes out where each node keeps one total and takes the larger one of its own and \
                 that of `{kind}`: what is added at two nodes at a time is counted once. A total for each node \
                 is needed."
            ),
            Self::Replaced => format!(
                "It is what comes out where each node keeps one total and puts that of `{kind}` in its place: \
                 what was added meanwhile is lost. A total for each node is needed."
            ),
            Self::AddedTotal => format!(
                "It is what comes out where a node adds the totals of `{kind}` to its own: what they have in \
                 common is counted again each time."
            ),
            Self::LargerOfEach => "It is what comes out where of each node the largest total is kept: what is \
                 taken away makes that smaller, and is lost. What is added and what is taken away have to be \
                 kept apart."
                .to_owned(),
            Self::AddedOfEach => format!(
                "It is what comes out where a node adds the totals of each node in `{kind}` to its own: what it \
                 has already is counted again each time."
            ),
        }
    }
}

/// What a node does, in the order of time.
enum Step<'a> {
    Adds { node: usize, delta: i128 },
    Comes { message: usize, dest: usize },
    Tells { message: usize, src: usize, kind: &'a str },
}

/// The way to merge by which the sum that a node told, `got`, comes about. `messages` are those of the run,
/// `is_node` says of a place whether a node is there, `adds` is the type of the requests that add, and the
/// field that says how much.
pub(super) fn way_that_makes(
    got: i128,
    reader: usize,
    asked: u64,
    messages: &[Message],
    is_node: impl Fn(usize) -> bool,
    adds: (&str, &str),
) -> Option<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for message in messages.iter().filter(|message| is_told(message, &is_node)) {
        *counts.entry(&message.kind).or_default() += 1;
    }
    let mut kinds: Vec<_> = counts.into_iter().collect();
    kinds.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let steps = steps(asked, messages, is_node, adds);
    for (kind, _) in kinds.into_iter().take(KINDS_MAX) {
        for merge in Merge::ALL {
            if act(merge, kind, &steps).get(&reader).map(sum) == Some(got) {
                return Some(merge.words(kind));
            }
        }
    }
    None
}

/// Whether a node told another one something without having been asked.
fn is_told(message: &Message, is_node: impl Fn(usize) -> bool) -> bool {
    is_node(message.src) && is_node(message.dest) && message.in_reply_to.is_none()
}

fn steps<'a>(
    until: u64,
    messages: &'a [Message],
    is_node: impl Fn(usize) -> bool,
    (request, field): (&str, &str),
) -> Vec<Step<'a>> {
    let mut steps = Vec::new();
    for (number, message) in messages.iter().enumerate() {
        let is_told = is_told(message, &is_node);
        // What comes at one time is taken before something is told, unless it took no time.
        if let Some(time) = message.received.filter(|time| *time <= until) {
            if is_told {
                let order = if time == message.sent { 2 * number + 2 } else { 0 };
                steps.push((time, order, Step::Comes { message: number, dest: message.dest }));
            } else if !is_node(message.src) && message.kind == request {
                let delta = parsed(&message.body).get(field).and_then(Value::as_i64).unwrap_or(0);
                let (node, delta) = (message.dest, i128::from(delta));
                steps.push((time, 0, Step::Adds { node, delta }));
            }
        }
        if is_told && message.sent <= until {
            let (src, kind) = (message.src, &*message.kind);
            steps.push((message.sent, 2 * number + 1, Step::Tells { message: number, src, kind }));
        }
    }
    steps.sort_by_key(|(time, order, _)| (*time, *order));
    steps.into_iter().map(|(.., step)| step).collect()
}

/// The totals of each node after all steps.
fn act(merge: Merge, kind: &str, steps: &[Step<'_>]) -> BTreeMap<usize, BTreeMap<usize, i128>> {
    let mut nodes: BTreeMap<usize, BTreeMap<usize, i128>> = BTreeMap::new();
    let mut on_their_way: BTreeMap<usize, BTreeMap<usize, i128>> = BTreeMap::new();
    for step in steps {
        match *step {
            Step::Adds { node, delta } => {
                let name = if merge.has_one_total() { usize::MAX } else { node };
                let total = nodes.entry(node).or_default().entry(name).or_default();
                *total = total.saturating_add(delta);
            }
            Step::Tells { message, src, kind: told } if told == kind => {
                on_their_way.insert(message, nodes.get(&src).cloned().unwrap_or_default());
            }
            Step::Tells { .. } => {}
            Step::Comes { message, dest } => {
                let own = nodes.entry(dest).or_default();
                for (name, came) in on_their_way.remove(&message).unwrap_or_default() {
                    let total = own.entry(name).or_default();
                    *total = merge.merged(*total, came);
                }
            }
        }
    }
    nodes
}

fn sum(totals: &BTreeMap<usize, i128>) -> i128 {
    totals.values().fold(0, |sum, total| sum.saturating_add(*total))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(ends: (usize, usize), times: (u64, u64), kind: &str, body: &str) -> Message {
        Message {
            sent: times.0,
            received: Some(times.1),
            lost: None,
            src: ends.0,
            dest: ends.1,
            kind: kind.to_owned(),
            msg_id: None,
            in_reply_to: None,
            body: body.to_owned(),
        }
    }

    /// Nodes 0 and 1, client 2: 5 and -2 at the first, 3 at the second, which is told before and after.
    #[test]
    fn each_way_to_merge_is_known_by_the_sum_that_it_makes() {
        let add = |node, time, delta: i64| {
            message((2, node), (time, time), "add", &format!("{{\"delta\":{delta}}}"))
        };
        let told = |sent| message((0, 1), (sent, sent + 2), "merge", "{}");
        let messages = [
            add(0, 1, 5),
            add(1, 2, 3),
            told(3),
            message((0, 1), (4, 4), "ping", "{}"),
            add(0, 7, -2),
            told(8),
        ];
        let way = |got| way_that_makes(got, 1, 20, &messages, |place| place < 2, ("add", "delta"));
        for (got, part) in [
            (5, "each node keeps one total and takes the larger one"),
            (8, "of each node the largest total is kept"),
            (11, "a node adds the totals of `merge` to its own"),
        ] {
            let told = way(got).unwrap_or_default();
            assert!(told.contains(part), "{got}: {told}");
        }
        assert!(way(3).unwrap().contains("puts that of `merge` in its place"));
        assert_eq!(way(4), None);
        let none_yet = way_that_makes(5, 1, 2, &messages, |place| place < 2, ("add", "delta"));
        assert_eq!(none_yet, None, "what comes later than the read has nothing to do with it");
    }
}
