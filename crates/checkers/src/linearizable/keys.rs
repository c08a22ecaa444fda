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

/// What is noted of an operation that says nothing: it failed, or is a read that got no answer.
const NOTHING: RegisterOperation = RegisterOperation::Read(EMPTY);

/// An operation on a key.
#[derive(Clone, Copy)]
struct Noted {
    /// What it did, or may have; [`NOTHING`] until it completes.
    done: RegisterOperation,
    /// The positions of its events in the history.
    invoked: u32,
    completed: u32,
    outcome: Kind,
}

impl Noted {
    /// Whether it may have happened, and says something if it has.
    const fn counts(&self) -> bool {
        match self.outcome {
            Kind::Ok => true,
            Kind::Fail => false,
            Kind::Info | Kind::Invoke => !matches!(self.done, RegisterOperation::Read(_)),
        }
    }
}

/// Tells the value that an empty register is read as; see [`super::check_with_null`].
pub(super) type IsNull<'a, V> = &'a dyn Fn(&V) -> bool;

/// The operations on one key.
pub(super) struct KeyHistory<'a, V> {
    pub(super) key: &'a V,
    history: &'a [Event<RegisterOp<V>>],
    noted: Vec<Noted>,
    is_null: IsNull<'a, V>,
}

/// The values of all keys, numbered as they are met: so few tables are asked, and mostly small ones.
pub(super) struct Met<'a, V> {
    is_null: IsNull<'a, V>,
    /// The number of the value that is null, or [`UNNUMBERED`].
    null: Number,
    /// The values by their numbers; the first stands for the empty register.
    values: Vec<Option<&'a V>>,
    numbers: FxHashMap<&'a V, Number>,
    /// The number of each value among those of the key that is looked at, if it has one.
    of_key: Vec<Number>,
}

/// Of a value that has no number.
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
    met: Met<'a, V>,
    places: FxHashMap<&'a V, usize>,
    /// The place of the key of the operation before: often there is only one.
    last: usize,
    /// The first operation, by key and invocation, that succeeded without a result, and the index
    /// of the event that says so.
    without_result: Option<(u32, u32, u64)>,
}

/// The history of each key, in the order in which they first appear, and the values of all.
///
/// # Errors
///
/// When no clients can have produced the history.
pub(super) fn split<'a, V: Eq + Hash>(
    history: &'a [Event<RegisterOp<V>>],
    is_null: IsNull<'a, V>,
) -> Result<(Vec<KeyHistory<'a, V>>, Met<'a, V>), Malformed>
where
    RegisterOp<V>: Op,
{
    let mut keys = Keys {
        history,
        is_null,
        keys: Vec::new(),
        met: Met::new(is_null),
        places: FxHashMap::default(),
        last: 0,
        without_result: None,
    };
    pair(history, &mut keys)?;
    match keys.without_result {
        Some((_, _, index)) => Err(Malformed { index, reason: MalformedReason::NoResult }),
        None => Ok((keys.keys, keys.met)),
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
            done: NOTHING,
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
        let says = self.met.meet(event.kind, done);
        if says.is_none() && event.kind == Kind::Ok {
            let this = (key, place, event.index);
            let first = self.without_result.get_or_insert(this);
            *first = this.min(*first);
        }
        let noted = &mut self.keys[key as usize].noted[place as usize];
        noted.done = says.unwrap_or(NOTHING);
        noted.completed = position as u32;
        noted.outcome = event.kind;
    }
}

impl<'a, V: Eq + Hash> Met<'a, V> {
    fn new(is_null: IsNull<'a, V>) -> Self {
        let (values, numbers) = (vec![None], FxHashMap::default());
        Self { is_null, null: UNNUMBERED, values, numbers, of_key: vec![EMPTY] }
    }

    /// What an operation with this outcome did, or may have; `None` if it says nothing.
    fn meet(&mut self, outcome: Kind, op: &'a RegisterOp<V>) -> Option<RegisterOperation> {
        let mut number = |value| {
            *self.numbers.entry(value).or_insert_with(|| {
                self.values.push(Some(value));
                let number = self.values.len() as Number - 1;
                if (self.is_null)(value) {
                    self.null = number;
                }
                number
            })
        };
        match op {
            _ if outcome == Kind::Fail => None,
            RegisterOp::Write { value, .. } => Some(RegisterOperation::Write(number(value))),
            RegisterOp::Cas { from, to, .. } => {
                Some(RegisterOperation::Cas(number(from), number(to)))
            }
            RegisterOp::Read { value: Some(value), .. } if outcome == Kind::Ok => {
                Some(RegisterOperation::Read(value.as_ref().map_or(EMPTY, number)))
            }
            RegisterOp::Read { .. } => None,
        }
    }

    fn writes_null(&self, operation: RegisterOperation) -> bool {
        match operation {
            RegisterOperation::Read(_) => false,
            RegisterOperation::Write(value) | RegisterOperation::Cas(_, value) => {
                value == self.null
            }
        }
    }
}

impl<'a, V: Eq + Hash> KeyHistory<'a, V> {
    fn new(
        key: &'a V,
        history: &'a [Event<RegisterOp<V>>],
        is_null: IsNull<'a, V>,
        room: usize,
    ) -> Self {
        Self { key, history, noted: Vec::with_capacity(room), is_null }
    }

    /// Whether the register has a name: a history of a single one may give none.
    pub(super) fn has_name(&self) -> bool {
        !(self.is_null)(self.key)
    }

    /// What may have happened. Of an operation of unknown outcome that is what was asked.
    pub(super) fn calls(&mut self, met: &mut Met<'a, V>) -> KeyCalls<'a, V> {
        for noted in self.noted.iter_mut().filter(|noted| noted.completed == NEVER) {
            let asked = self.history[noted.invoked as usize].op();
            noted.done = asked.and_then(|op| met.meet(Kind::Info, op)).unwrap_or(NOTHING);
        }
        let noted = self.noted.iter().filter(|noted| noted.counts());
        let mut values = vec![None];
        // What has a number.
        let mut numbered = Vec::new();
        met.of_key.resize(met.values.len(), UNNUMBERED);
        if met.null != UNNUMBERED && noted.clone().any(|noted| met.writes_null(noted.done)) {
            // A read of null does not tell whether it was written or whether the register was empty.
            values[EMPTY as usize] = met.values[met.null as usize];
            met.of_key[met.null as usize] = EMPTY;
            numbered.push(met.null);
        }
        let mut calls = Vec::with_capacity(self.noted.len());
        for &Noted { done, invoked, completed, outcome } in noted {
            let operation = done.map(|value| {
                let number = &mut met.of_key[value as usize];
                if *number == UNNUMBERED {
                    *number = values.len() as Number;
                    values.push(met.values[value as usize]);
                    numbered.push(value);
                }
                *number
            });
            let completed = (outcome == Kind::Ok).then_some(u64::from(completed));
            calls.push(Call { operation, invoked: u64::from(invoked), completed });
        }
        for value in numbered {
            met.of_key[value as usize] = UNNUMBERED;
        }
        KeyCalls { calls, values }
    }

    /// Once there are the [`calls`](Self::calls), the operations that may have happened, each at the
    /// place of its call, and those that failed.
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
        let others = self.noted.iter().filter(|noted| noted.counts());
        (others.filter_map(operation).collect(), failed.filter_map(operation).collect())
    }
}
