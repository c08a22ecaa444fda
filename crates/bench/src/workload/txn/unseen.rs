//! Which writes of other transactions those of an anomaly did not see.

use checkers::Operation;
use checkers::transactions::{Anomaly, Dependency, Kind, Step};
use proto::Json;

use super::micro::{Txn, elements};
use crate::exhibit::{Clue, Missed, Named};

/// What to look for among the messages to find out how an anomaly came about.
pub(super) fn clue(kind: Kind, anomaly: &Anomaly, operations: &[Operation<'_, Txn>]) -> Clue {
    let missed = |reader: usize, writer: usize, key: &str| Missed {
        reader: named(reader, operations),
        writer: named(writer, operations),
        key: key.to_owned(),
    };
    let missed = match (kind, &anomaly.transactions[..], &anomaly.key) {
        // No fault makes a value of which nobody ever heard.
        (Kind::GarbageRead, ..) => return Clue::None,
        (Kind::IncompatibleOrder, &[one, other], Some(key)) => {
            return orders(one, other, key, operations);
        }
        (Kind::LostUpdate, &[one, other, ..], Some(key)) => {
            vec![missed(one, other, key), missed(other, one, key)]
        }
        _ => {
            let unseen =
                |step: &&Step| step.dependency == Dependency::ReadWrite && step.from != step.to;
            let steps = anomaly.steps.iter().filter(unseen);
            steps
                .map(|step| missed(step.from, step.to, step.key.as_deref().unwrap_or_default()))
                .collect()
        }
    };
    if missed.is_empty() { Clue::Fault } else { Clue::Unseen { missed } }
}

/// The transactions whose writes were not seen.
pub(super) fn writers<'a>(
    clue: &'a Clue,
    operations: &'a [Operation<'_, Txn>],
) -> impl Iterator<Item = usize> + 'a {
    let missed = match clue {
        Clue::Unseen { missed } => &missed[..],
        _ => &[],
    };
    missed.iter().filter_map(|missed| {
        operations.iter().position(|one| one.invocation.index == missed.writer.invoked)
    })
}

/// Two reads neither of which is the beginning of the other: what is in one of them only was not seen by the
/// other one, and what is in both was put into different orders.
fn orders(one: usize, other: usize, key: &str, operations: &[Operation<'_, Txn>]) -> Clue {
    let lists = [one, other].map(|number| list(&operations[number], key));
    let [Some(first), Some(second)] = &lists else { return Clue::Fault };
    let Some((of_first, of_second)) = first.iter().zip(second).find(|(a, b)| a != b) else {
        return Clue::Fault;
    };
    let writer = |element: &Json| {
        let wrote = |operation: &Operation<'_, Txn>| {
            operation.op().micros().iter().any(|micro| {
                !micro.is_read() && micro.key.to_string() == key && micro.value == *element
            })
        };
        operations.iter().position(wrote)
    };
    let unseen = [(one, first, of_first, of_second), (other, second, of_second, of_first)];
    let missed = unseen.into_iter().filter(|(_, list, _, element)| !list.contains(element));
    let missed = missed.filter_map(|(reader, _, own, element)| {
        let later = writer(element)?;
        // What was written after the read came before what it had seen: its writer had not.
        let (reader, writer) = match may_have_seen(reader, later, operations) {
            true => (reader, later),
            false => (later, writer(own)?),
        };
        Some(Missed {
            reader: named(reader, operations),
            writer: named(writer, operations),
            key: key.to_owned(),
        })
    });
    let missed: Vec<_> = missed.collect();
    if missed.is_empty() {
        let (first, second) = (named(one, operations), named(other, operations));
        return Clue::Orders { first, second };
    }
    Clue::Unseen { missed }
}

/// Whether one had begun before the other one returned.
fn may_have_seen(reader: usize, writer: usize, operations: &[Operation<'_, Txn>]) -> bool {
    let done = operations[reader].completion;
    done.is_none_or(|done| operations[writer].invocation.index < done.index)
}

/// What a transaction read last from a key.
fn list(operation: &Operation<'_, Txn>, key: &str) -> Option<Vec<Json>> {
    let mut reads = operation.op().micros().iter().rev().filter(|micro| micro.is_read());
    let read = reads.find(|micro| micro.key.to_string() == key)?;
    elements(&read.value).ok().flatten()
}

fn named(number: usize, operations: &[Operation<'_, Txn>]) -> Named {
    Named { name: format!("T{number}"), invoked: operations[number].invocation.index }
}
