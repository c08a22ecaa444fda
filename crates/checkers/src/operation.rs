//! From events to operations: an invocation and, if it came, its completion.
//!
//! Pairing is where a history that cannot have happened is found out, so that no checker after it
//! has to deal with one.

use rustc_hash::FxHashMap;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::history::{Event, Kind, Op, Process};

/// An invocation with its completion.
#[derive(Debug)]
pub struct Operation<'a, O> {
    /// What was asked.
    pub asked: &'a O,
    /// The event that began it.
    pub invocation: &'a Event<O>,
    /// The event that ended it; `None` when the history ends first.
    pub completion: Option<&'a Event<O>>,
    /// Where the invocation stands in the slice that was paired.
    pub invoked_at: usize,
    /// Where the completion stands in it.
    pub completed_at: Option<usize>,
}

impl<O> Clone for Operation<'_, O> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<O> Copy for Operation<'_, O> {}

impl<'a, O> Operation<'a, O> {
    /// What became of it; an operation that never completed counts as [`Kind::Info`].
    pub fn outcome(&self) -> Kind {
        self.completion.map_or(Kind::Info, |event| event.kind)
    }

    /// The operation with what came back, if something did.
    pub fn op(&self) -> &'a O {
        self.completion.and_then(Event::op).unwrap_or(self.asked)
    }

    /// Nanoseconds from invocation to completion.
    pub fn latency(&self) -> Option<u64> {
        self.completion.map(|event| event.time.saturating_sub(self.invocation.time))
    }
}

/// A history that no clients can have produced.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("event {index}: {reason}")]
pub struct Malformed {
    /// [`Event::index`] of the event that does not fit.
    pub index: u64,
    /// Why it does not.
    pub reason: MalformedReason,
}

/// What is wrong with a malformed history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MalformedReason {
    /// A process began an operation while its last one was open.
    #[error("the process has an open operation already")]
    AlreadyOpen,
    /// A completion without an invocation before it.
    #[error("nothing that the process began could complete here")]
    NotInvoked,
    /// A completion of a function or key that the process did not invoke.
    #[error("the completion does not belong to what the process invoked")]
    Mismatch,
    /// An `ok` completion that lacks what the operation was to give back.
    #[error("the operation succeeded without a result")]
    NoResult,
}

/// The open operation of each process, as its [`Pairing`] knows it.
struct OpenByProcess<T> {
    /// Of processes with small numbers, which are nearly all, at their number's place.
    small: Vec<Option<T>>,
    /// Of the others.
    large: FxHashMap<u64, Option<T>>,
}

impl<T: Clone> OpenByProcess<T> {
    /// That of one process.
    #[inline]
    fn of(&mut self, process: u64, events: usize) -> &mut Option<T> {
        if process >= self.small.len() as u64 {
            return self.of_new(process, events);
        }
        &mut self.small[process as usize]
    }

    /// That of a process whose number is large, or not known yet. Small is a number below that of
    /// events, so that the table does not grow larger than the history.
    #[cold]
    fn of_new(&mut self, process: u64, events: usize) -> &mut Option<T> {
        if process >= events as u64 {
            return self.large.entry(process).or_default();
        }
        self.small.resize(process as usize + 1, None);
        &mut self.small[process as usize]
    }
}

/// Who is told, in the order of the events, what begins and what ends.
pub(crate) trait Pairing<'a, O> {
    /// What it knows an open operation by.
    type Open: Clone;

    /// An operation begins with the event at `position`.
    fn begin(&mut self, position: usize, event: &'a Event<O>, asked: &'a O) -> Self::Open;

    /// An operation ends with the event at `position`, which says `done`.
    fn end(&mut self, open: Self::Open, position: usize, event: &'a Event<O>, done: &'a O);
}

/// Pairs invocations with completions. Events of the nemesis are passed over.
///
/// # Errors
///
/// The first event that does not fit, see [`MalformedReason`].
pub(crate) fn pair<'a, O: Op, P: Pairing<'a, O>>(
    history: &'a [Event<O>],
    pairing: &mut P,
) -> Result<(), Malformed> {
    let mut open = OpenByProcess { small: Vec::new(), large: FxHashMap::default() };
    for (position, event) in history.iter().enumerate() {
        let (Process::Client(process), Some(op)) = (event.process, event.op()) else { continue };
        let malformed = |reason| Malformed { index: event.index, reason };
        let open = open.of(process, history.len());
        if event.kind == Kind::Invoke {
            if open.is_some() {
                return Err(malformed(MalformedReason::AlreadyOpen));
            }
            *open = Some((op, pairing.begin(position, event, op)));
        } else {
            let (asked, begun) =
                open.take().ok_or_else(|| malformed(MalformedReason::NotInvoked))?;
            if !asked.is_completed_by(op) {
                return Err(malformed(MalformedReason::Mismatch));
            }
            pairing.end(begun, position, event, op);
        }
    }
    Ok(())
}

/// The operations of all clients, in the order of their invocations. Events of the nemesis are
/// passed over.
///
/// # Errors
///
/// The first event that does not fit, see [`MalformedReason`].
pub fn operations<O: Op>(history: &[Event<O>]) -> Result<Vec<Operation<'_, O>>, Malformed> {
    let mut operations: Vec<Operation<'_, O>> = Vec::with_capacity(history.len() / 2 + 1);
    pair(history, &mut operations)?;
    Ok(operations)
}

impl<'a, O> Pairing<'a, O> for Vec<Operation<'a, O>> {
    /// Its place.
    type Open = usize;

    fn begin(&mut self, position: usize, event: &'a Event<O>, asked: &'a O) -> usize {
        self.push(Operation {
            asked,
            invocation: event,
            completion: None,
            invoked_at: position,
            completed_at: None,
        });
        self.len() - 1
    }

    fn end(&mut self, open: usize, position: usize, event: &'a Event<O>, _: &'a O) {
        let operation = &mut self[open];
        operation.completion = Some(event);
        operation.completed_at = Some(position);
    }
}

/// An operation as reports show it: on its own, with times and event indices.
#[derive(Clone, Debug, PartialEq)]
pub struct Record<O> {
    /// Who did it.
    pub process: Process,
    /// What was asked and what came back.
    pub op: O,
    /// What became of it; [`Kind::Info`] when it never completed.
    pub outcome: Kind,
    /// Index and time (ns) of the invocation.
    pub start: (u64, u64),
    /// Index and time (ns) of the completion.
    pub end: Option<(u64, u64)>,
}

impl<O: Clone> From<&Operation<'_, O>> for Record<O> {
    fn from(operation: &Operation<'_, O>) -> Self {
        Self {
            process: operation.invocation.process,
            op: operation.op().clone(),
            outcome: operation.outcome(),
            start: (operation.invocation.index, operation.invocation.time),
            end: operation.completion.map(|event| (event.index, event.time)),
        }
    }
}

impl<O: Op> Serialize for Record<O> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("process", &self.process)?;
        map.serialize_entry("f", self.op.f())?;
        self.op.write(self.outcome, &mut map)?;
        map.serialize_entry("outcome", &self.outcome)?;
        map.serialize_entry("start-index", &self.start.0)?;
        map.serialize_entry("start-time", &self.start.1)?;
        map.serialize_entry("end-index", &self.end.map(|end| end.0))?;
        map.serialize_entry("end-time", &self.end.map(|end| end.1))?;
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linearizable::RegisterOp;
    use crate::testing::History;
    use crate::unique::GenerateOp;

    fn reason<O: Op>(history: &History<O>) -> (u64, MalformedReason) {
        let error = operations(&history.events).unwrap_err();
        (error.index, error.reason)
    }

    #[test]
    fn completions_meet_their_invocations() {
        let mut history = History::default();
        history.invoke(0, RegisterOp::Write { key: 0, value: 1 });
        history.invoke(1, RegisterOp::Read { key: 0, value: None });
        history.nemesis("start-partition");
        history.ok(1, RegisterOp::Read { key: 0, value: Some(Some(1)) });
        history.info(0, RegisterOp::Write { key: 0, value: 1 });
        history.invoke(2, RegisterOp::Write { key: 0, value: 2 });

        let operations = operations(&history.events).unwrap();
        let outcomes: Vec<_> = operations
            .iter()
            .map(|operation| (operation.invoked_at, operation.completed_at, operation.outcome()))
            .collect();
        assert_eq!(
            outcomes,
            [(0, Some(4), Kind::Info), (1, Some(3), Kind::Ok), (5, None, Kind::Info)]
        );
        assert_eq!(operations[1].latency(), Some(2 * crate::testing::STEP));
    }

    #[test]
    fn processes_may_have_any_number() {
        let mut history = History::default();
        let processes = [u64::MAX, 2, 1 << 40, 0, 7];
        for (process, key) in processes.into_iter().zip(0..) {
            history.invoke(process, RegisterOp::Write { key, value: 1 });
        }
        for (process, key) in processes.into_iter().zip(0..5).rev() {
            history.ok(process, RegisterOp::Write { key, value: 1 });
        }
        let completed_at = operations(&history.events).unwrap();
        let completed_at: Vec<_> = completed_at.iter().map(|of| of.completed_at).collect();
        assert_eq!(completed_at, [Some(9), Some(8), Some(7), Some(6), Some(5)]);
        history.ok(1 << 40, RegisterOp::Write { key: 2, value: 1 });
        assert_eq!(reason(&history), (10, MalformedReason::NotInvoked));
    }

    #[test]
    fn impossible_histories_are_named_by_their_event() {
        let mut history = History::default();
        history.invoke(0, GenerateOp::<u64> { id: None });
        history.invoke(0, GenerateOp::<u64> { id: None });
        assert_eq!(reason(&history), (1, MalformedReason::AlreadyOpen));

        let mut history = History::default();
        history.ok(3, GenerateOp { id: Some(1) });
        assert_eq!(reason(&history), (0, MalformedReason::NotInvoked));

        let mut history = History::default();
        history.invoke(0, RegisterOp::Read { key: 0, value: None });
        history.ok(0, RegisterOp::Read { key: 1, value: Some(None) });
        assert_eq!(reason(&history), (1, MalformedReason::Mismatch));
    }
}
