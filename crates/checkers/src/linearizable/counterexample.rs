//! What a person needs to see why a key is not linearizable.

use std::fmt::Debug;
use std::hash::Hash;

use serde::Serialize;

use super::Stuck;
use super::keys::{KeyHistory, KeyOperation};
use super::register::{Number, RegisterOp};
use crate::history::{Event, Op};
use crate::operation::Record;

/// Why the operations on one key have no order that explains them.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", bound(serialize = "V: Serialize, RegisterOp<V>: Op"))]
pub struct Counterexample<V> {
    /// In one or two sentences, what cannot be.
    pub explanation: String,
    /// [`Event::index`] of the completion that ends the smallest prefix without an order: the
    /// key's history without failed operations, cut off before this event, is linearizable; with
    /// this event it is not.
    pub prefix_end: u64,
    /// The operation that completes there, and cannot be explained.
    pub operation: Record<RegisterOp<V>>,
    /// The operations that were open at some time while it was: those that it clashes with are
    /// among them, or at the end of the linearization.
    pub concurrent: Vec<Record<RegisterOp<V>>>,
    /// What the register can have held just before that event; `None` is the empty register.
    pub states: Vec<Option<V>>,
    /// A longest order of the operations before, by the indices of their invocations.
    pub linearization: Vec<u64>,
    /// The last operations of that order, oldest first.
    pub linearization_end: Vec<Record<RegisterOp<V>>>,
}

/// How many operations [`Counterexample::linearization_end`] has at most.
const END_LENGTH: usize = 16;

impl<V: Clone + Eq + Hash + Debug> Counterexample<V> {
    /// Explains where a key's calls got stuck, given their values by their numbers.
    pub(super) fn new(
        history: &KeyHistory<'_, V>,
        values: &[Option<&V>],
        stuck: &Stuck<Number>,
    ) -> Self {
        let (operations, failed) = history.operations();
        let operation = &operations[stuck.call];
        let end = operation.completed_at.unwrap_or(usize::MAX);
        let overlaps = |other: &&KeyOperation<'_, V>| {
            other.invoked_at != operation.invoked_at
                && other.invoked_at < end
                && other.completed_at.is_none_or(|completed| completed > operation.invoked_at)
        };
        let states: Vec<Option<V>> =
            stuck.states.iter().map(|&number| values[number as usize].cloned()).collect();
        let last = &stuck.order[stuck.order.len().saturating_sub(END_LENGTH)..];
        Self {
            explanation: explain(history, values[0], (&operations, &failed), operation, &states),
            prefix_end: index(operation.completion.unwrap_or(operation.invocation)),
            operation: operation.into(),
            concurrent: operations.iter().filter(overlaps).map(Into::into).collect(),
            states,
            linearization: stuck
                .order
                .iter()
                .map(|&call| index(operations[call].invocation))
                .collect(),
            linearization_end: last.iter().map(|&call| (&operations[call]).into()).collect(),
        }
    }
}

const fn index<O>(event: &Event<O>) -> u64 {
    event.index
}

/// A key's operations that may have happened, and those that failed.
type All<'a, V> = (&'a [KeyOperation<'a, V>], &'a [KeyOperation<'a, V>]);

fn explain<V: Eq + Hash + Debug>(
    history: &KeyHistory<'_, V>,
    null: Option<&V>,
    all: All<'_, V>,
    operation: &KeyOperation<'_, V>,
    states: &[Option<V>],
) -> String {
    let seen = match operation.op() {
        RegisterOp::Read { value, .. } => value.as_ref().and_then(Option::as_ref),
        RegisterOp::Cas { from, .. } => Some(from),
        _ => None,
    };
    let did = match operation.op() {
        RegisterOp::Cas { from, to, .. } => format!("changed {from:?} to {to:?}"),
        _ => seen.map_or_else(|| "read null".to_owned(), |value| format!("read {value:?}")),
    };
    let key = match history.has_name() {
        true => format!(" from key {:?}", history.key),
        false => String::new(),
    };
    let written = seen.or(null).and_then(|value| origin(all, operation, value));
    let origin = written.unwrap_or_else(|| match seen {
        Some(value) => format!("Nobody had tried to write {value:?}."),
        None => "It had been written before.".to_owned(),
    });
    format!(
        "{} {did}{key} (event {} to {}), but in every order of the operations before, the register {}. {origin}",
        operation.invocation.process,
        index(operation.invocation),
        index(operation.completion.unwrap_or(operation.invocation)),
        held(states),
    )
}

/// So many values are named.
const VALUES_NAMED: usize = 8;

/// What a register holds, or can hold.
fn held<V: Debug>(states: &[Option<V>]) -> String {
    let mut values: Vec<String> =
        states.iter().flatten().take(VALUES_NAMED).map(|value| format!("{value:?}")).collect();
    let count = states.iter().flatten().count();
    if count > values.len() {
        values.push(format!("one of {} more values", count - values.len()));
    }
    let last = values.pop();
    let is_empty = states.iter().any(Option::is_none);
    match (last, is_empty) {
        (None, true) => "is empty".to_owned(),
        (None, false) => "holds nothing that is known".to_owned(),
        (Some(last), _) => {
            let most = if values.is_empty() { String::new() } else { values.join(", ") + " or " };
            let or_empty = if is_empty { " or is empty" } else { "" };
            format!("holds {most}{last}{or_empty}")
        }
    }
}

/// Who wrote a value that should not have been seen, if anybody tried to.
fn origin<V: Eq + Debug>(
    (operations, failed): All<'_, V>,
    operation: &KeyOperation<'_, V>,
    value: &V,
) -> Option<String> {
    let writes = |other: &&KeyOperation<'_, V>| {
        other.completed_at != operation.completed_at
            && operation.completed_at.is_none_or(|end| other.invoked_at < end)
            && match other.op() {
                RegisterOp::Write { value: written, .. } | RegisterOp::Cas { to: written, .. } => {
                    written == value
                }
                _ => false,
            }
    };
    let last = operations.iter().rfind(writes);
    let failed = failed.iter().rfind(writes);
    match (last, failed) {
        (Some(write), _) => Some(format!(
            "{value:?} was last written by the {} of {} (event {}), and cannot still have been there.",
            write.asked.name(),
            write.invocation.process,
            index(write.invocation)
        )),
        (None, Some(write)) => Some(format!(
            "Only operations that failed would have written {value:?}, the {} of {} (event {}) for one.",
            write.asked.name(),
            write.invocation.process,
            index(write.invocation)
        )),
        (None, None) => None,
    }
}
