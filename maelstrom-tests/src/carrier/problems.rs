//! What goes wrong with nodes: the first case of each kind in words, the others counted.

use std::collections::BTreeMap;

use proto::{NodeId, Time};

use super::READ_PATIENCE;
use crate::world::{Problem, ProblemKind};

/// The problems of a run.
#[derive(Debug, Default)]
pub(super) struct Problems {
    by_node: BTreeMap<(usize, ProblemKind), Problem>,
}

impl Problems {
    /// Adds one more; `text` is asked for only if it is the first of its kind for this node, so that
    /// a flood of them costs little.
    pub(super) fn add(
        &mut self,
        time: Time,
        (index, id): (usize, &NodeId),
        kind: ProblemKind,
        text: impl FnOnce() -> String,
    ) {
        self.by_node.entry((index, kind)).and_modify(|problem| problem.count += 1).or_insert_with(
            || Problem { node: id.clone(), time: time.as_nanos(), kind, text: text(), count: 1 },
        );
    }

    /// All of them, in the order in which they first happened.
    pub(super) fn list(&self) -> Vec<Problem> {
        let mut list: Vec<_> = self.by_node.values().cloned().collect();
        list.sort_by_key(|problem| problem.time);
        list
    }
}

/// A node that leaves unread what it was sent, in words.
pub(crate) fn not_reading(unread: u64) -> String {
    let seconds = READ_PATIENCE.as_secs();
    format!(
        "it has not read its stdin for {seconds} s, while {unread} bytes wait for it; does it wait for \
         something else?"
    )
}

/// A node that lives on without its stdin or stdout, in words.
pub(crate) fn closed_stream(stream: &str) -> String {
    format!("it closed its {stream} and goes on running")
}

/// How a process ended, for people: with a code, or by a signal.
pub(crate) fn describe_exit(code: Option<i32>, signal: Option<i32>) -> String {
    match (code, signal) {
        (Some(code), _) => format!("exit code {code}"),
        (_, Some(signal)) => match signal_hook::low_level::signal_name(signal) {
            Some(name) => format!("signal {signal}, {name}"),
            None => format!("signal {signal}"),
        },
        _ => "nobody knows how".to_owned(),
    }
}
