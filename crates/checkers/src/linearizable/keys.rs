//! The history of registers, taken apart into one history for each key.
//!
//! The events are read once, in their order, and what the search wants to know of them is noted in
//! a few bytes: the events of one key lie far apart, so that to read them again, key by key, would
//! mostly be to wait for memory.

use std::hash::Hash;

use rustc_hash::FxHashMap;

use super::call::Call;
use super::register::{EMPTY, Number, RegisterOp, RegisterOperation};
use crate::history::{Event, Kind, Op};
use crate::operation::{Malformed, MalformedReason, Operation, Pairing, pair};

/// The position of the completion of an operation that never completed.
const NEVER: u32 = u32::MAX;

/// An operation on a key.
#[derive(Clone, Copy)]
struct Noted {
    /// What it did, if it certainly happened, with values as they were met.
    done: RegisterOperation,
    /// The positions of its events in the history.
    invoked: u32,
    completed: u32,
    outcome: Kind,
}

/// Tells the value that an empty register is read as; see [`super::check_with_null`].
pub(super) type IsNull<'a, V> = &'a dyn Fn(&V) -> bool;

/// The operations on one key.
pub(super) struct KeyHistory<'a, V> {
    pub(super) key: &'a V,
    history: &'a [Event<RegisterOp<V>>],
    noted: Vec<Noted>,
    is_null: IsNull<'a, V>,
    /// The value that is null, as it was met; [`UNNUMBERED`] if it was not.
    null: Number,
    /// The values in the order in which events have them; the first stands for the empty register.
    met: Vec<Option<&'a V>>,
    met_as: FxHashMap<&'a V, Number>,
}

/// Of a value that has no number yet.
const UNNUMBERED: Number = Number::MAX;

/// An operation on a key with its events.
pub(super) type KeyOperation<'a, V> = Operation<'a, RegisterOp<V>>;

/// Those operations on one key that may have happened, as the search takes them.
pub(super) struct KeyCalls<'a, V> {
    pub(super) calls: Vec<Call<RegisterOperation>>,
    /// The values by their numbers, which are given in the order of the calls; the first stands for
    /// the empty register, and where null may have been written, for that as well.
    pub(super) values: Vec<Option<&'a V>>,
}

struct Keys<'a, V> {
    history: &'a [Event<RegisterOp<V>>],
    is_null: IsNull<'a, V>,
    keys: Vec<KeyHistory<'a, V>>,
    places: FxHashMap<&'a V, usize>,
    /// The place of the key of the operation before: often there is only one.
    last: usize,
    /// The first operation, by key and invocation, that succeeded without a result, and the index
    /// of the event that says so.
    without_result: Option<(u32, u32, u64)>,
}

/// The history of each key, in the order in which they first appear.
///
/// # Errors
///
/// When no clients can have produced the history.
pub(super) fn split<'a, V: Eq + Hash>(
    history: &'a [Event<RegisterOp<V>>],
    is_null: IsNull<'a, V>,
) -> Result<Vec<KeyHistory<'a, V>>, Malformed>
where
    RegisterOp<V>: Op,
{
    let mut keys = Keys {
        history,
        is_null,
        keys: Vec::new(),
        places: FxHashMap::default(),
        last: 0,
        without_result: None,
    };
    pair(history, &mut keys)?;
    match keys.without_result {
        Some((_, _, index)) => Err(Malformed { index, reason: MalformedReason::NoResult }),
        None => Ok(keys.keys),
    }
}

impl<'a, V: Eq + Hash> Pairing<'a, RegisterOp<V>> for Keys<'a, V> {
    /// The places of its key and of itself among the operations on that.
    type Open = (u32, u32);

    fn begin(
        &mut self,
        position: usize,
        _: &'a Event<RegisterOp<V>>,
        asked: &'a RegisterOp<V>,
    ) -> (u32, u32) {
        let key = asked.key();
        if self.keys.get(self.last).is_none_or(|last| last.key != key) {
            self.last = *self.places.entry(key).or_insert_with(|| {
                // There may be no other key: then all are for it.
                let room = if self.keys.is_empty() { self.history.len().div_ceil(2) } else { 0 };
                self.keys.push(KeyHistory::new(key, self.history, self.is_null, room));
                self.keys.len() - 1
            });
        }
        let noted = &mut self.keys[self.last].noted;
        noted.push(Noted {
            done: RegisterOperation::Read(EMPTY),
            invoked: position as u32,
            completed: NEVER,
            outcome: Kind::Info,
        });
        (self.last as u32, noted.len() as u32 - 1)
    }

    fn end(
        &mut self,
        (key, place): (u32, u32),
        position: usize,
        event: &'a Event<RegisterOp<V>>,
        done: &'a RegisterOp<V>,
    ) {
        let history = &mut self.keys[key as usize];
        let mut what = RegisterOperation::Read(EMPTY);
        match event.kind {
            Kind::Ok => match history.meet(done) {
                Some(done) => what = done,
                None => {
                    let this = (key, place, event.index);
                    let first = self.without_result.get_or_insert(this);
                    *first = this.min(*first);
                }
            },
            Kind::Fail | Kind::Info | Kind::Invoke => {}
        }
        let noted = &mut history.noted[place as usize];
        noted.done = what;
        noted.completed = position as u32;
        noted.outcome = event.kind;
    }
}

impl<'a, V: Eq + Hash> KeyHistory<'a, V> {
    fn new(
        key: &'a V,
        history: &'a [Event<RegisterOp<V>>],
        is_null: IsNull<'a, V>,
        room: usize,
    ) -> Self {
        let (met, met_as) = (vec![None], FxHashMap::default());
        let noted = Vec::with_capacity(room);
        Self { key, history, noted, is_null, null: UNNUMBERED, met, met_as }
    }

    /// Whether the register has a name: a history of a single one may give none.
    pub(super) fn has_name(&self) -> bool {
        !(self.is_null)(self.key)
    }

    /// What an operation did; `None` if it is a read without a result.
    fn meet(&mut self, op: &'a RegisterOp<V>) -> Option<RegisterOperation> {
        let mut number = |value| {
            *self.met_as.entry(value).or_insert_with(|| {
                self.met.push(Some(value));
                let number = self.met.len() as Number - 1;
                if (self.is_null)(value) {
                    self.null = number;
                }
                number
            })
        };
        match op {
            RegisterOp::Write { value, .. } => Some(RegisterOperation::Write(number(value))),
            RegisterOp::Cas { from, to, .. } => {
                Some(RegisterOperation::Cas(number(from), number(to)))
            }
            RegisterOp::Read { value, .. } => {
                let value = value.as_ref()?.as_ref();
                Some(RegisterOperation::Read(value.map_or(EMPTY, number)))
            }
        }
    }

    /// Whether an operation may have happened, and says something if it has: a read that got no answer
    /// says nothing.
    fn counts(&self, noted: &Noted) -> bool {
        match noted.outcome {
            Kind::Ok => true,
            Kind::Fail => false,
            Kind::Info | Kind::Invoke => {
                let asked = self.history[noted.invoked as usize].op();
                asked.is_some_and(|op| !matches!(op, RegisterOp::Read { .. }))
            }
        }
    }

    /// Whether null may have been written: a read of null does not tell then whether it was or whether
    /// the register was empty.
    fn may_hold_null(&self) -> bool {
        let writes_null = |noted: &Noted| {
            let op = match noted.outcome {
                Kind::Ok => noted.completed,
                _ => noted.invoked,
            };
            self.counts(noted)
                && match self.history[op as usize].op() {
                    Some(RegisterOp::Write { value, .. } | RegisterOp::Cas { to: value, .. }) => {
                        (self.is_null)(value)
                    }
                    _ => false,
                }
        };
        let is_met = self.null != UNNUMBERED;
        let may_be_met = || self.noted.iter().any(|noted| noted.outcome != Kind::Ok);
        (is_met || may_be_met()) && self.noted.iter().any(writes_null)
    }

    /// What may have happened. Of an operation of unknown outcome that is what was asked.
    pub(super) fn calls(&mut self) -> KeyCalls<'a, V> {
        let mut calls = Vec::with_capacity(self.noted.len());
        let mut values = vec![None];
        // The number of each value in the order in which they were met, if it has one.
        let mut numbers = vec![EMPTY];
        let may_hold_null = self.may_hold_null();
        for place in 0..self.noted.len() {
            let noted = self.noted[place];
            if !self.counts(&noted) {
                continue;
            }
            let Noted { mut done, invoked, completed, outcome } = noted;
            if outcome != Kind::Ok {
                let asked = self.history[invoked as usize].op();
                done = asked.and_then(|op| self.meet(op)).unwrap_or(done);
            }
            let operation = done.map(|met| match numbers.get(met as usize) {
                Some(&number) if number != UNNUMBERED => number,
                _ if may_hold_null && met == self.null => {
                    values[EMPTY as usize] = self.met[met as usize];
                    EMPTY
                }
                _ => {
                    numbers.resize(self.met.len(), UNNUMBERED);
                    numbers[met as usize] = values.len() as Number;
                    values.push(self.met[met as usize]);
                    numbers[met as usize]
                }
            });
            let completed = (outcome == Kind::Ok).then_some(u64::from(completed));
            calls.push(Call { operation, invoked: u64::from(invoked), completed });
        }
        KeyCalls { calls, values }
    }

    /// The operations that may have happened, each at the place of its call, and those that failed.
    pub(super) fn operations(&self) -> (Vec<KeyOperation<'a, V>>, Vec<KeyOperation<'a, V>>) {
        let operation = |noted: &Noted| {
            let invocation = &self.history[noted.invoked as usize];
            let completed_at = (noted.completed != NEVER).then_some(noted.completed as usize);
            Some(Operation {
                asked: invocation.op()?,
                invocation,
                completion: completed_at.map(|position| &self.history[position]),
                invoked_at: noted.invoked as usize,
                completed_at,
            })
        };
        let failed = self.noted.iter().filter(|noted| noted.outcome == Kind::Fail);
        let others = self.noted.iter().filter(|noted| self.counts(noted));
        (others.filter_map(operation).collect(), failed.filter_map(operation).collect())
    }
}
