//! Sets that only grow, workloads broadcast and g-set: is everything that was added still there, and
//! how long did it take to be seen everywhere? The rules are those of Jepsen's `set-full` checker.
//!
//! For each element that somebody tried to add:
//!
//! - it is *known* from the completion of its add, or of the first read that has it;
//! - *last present* and *last absent* are, among the reads that completed after the add was invoked,
//!   the one invoked last that has it, and that has not;
//! - it is *stable* if last present was invoked after last absent, *lost* if last absent was invoked
//!   after last present and after it was known, and *never read* otherwise.
//!
//! One thing is stricter than in Maelstrom: a read that has an element twice makes the history
//! invalid. That was meant there too, but the comparison is the wrong way round.

mod elements;
mod result;
mod row;

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::hash::Hash;

use serde::Serialize;
use serde::ser::SerializeMap;

use crate::history::{Event, Kind, Op};
use crate::operation::{Malformed, Operation, operations};
use crate::quantiles::quantiles;
use crate::verdict::Verdict;
pub use elements::Elements;
pub use result::{ElementOutcome, ElementResult, Moment, SetResult, WORST_STALE_MAX};
use row::{BitSet, Row, below};
use rustc_hash::FxHashMap;

/// An operation on a set that only grows.
#[derive(Clone, Debug, PartialEq)]
pub enum SetOp<V> {
    /// Adds an element.
    Add {
        /// The element.
        element: V,
    },
    /// Reads the whole set.
    Read {
        /// The elements in the order of the node's answer.
        elements: Option<Elements<V>>,
    },
}

impl<V: Clone + PartialEq + Debug + Serialize> Op for SetOp<V> {
    fn f(&self) -> &str {
        match self {
            Self::Add { .. } => "add",
            Self::Read { .. } => "read",
        }
    }

    fn is_completed_by(&self, completion: &Self) -> bool {
        match (self, completion) {
            (Self::Add { element: asked }, Self::Add { element }) => asked == element,
            (Self::Read { .. }, Self::Read { .. }) => true,
            _ => false,
        }
    }

    fn write<M: SerializeMap>(&self, _: Kind, line: &mut M) -> Result<(), M::Error> {
        match self {
            Self::Add { element } => line.serialize_entry("value", element),
            Self::Read { elements } => line.serialize_entry("value", elements),
        }
    }
}

impl<V> SetOp<V> {
    /// What the operation adds, if it adds something.
    pub const fn added_element(&self) -> Option<&V> {
        match self {
            Self::Add { element } => Some(element),
            Self::Read { .. } => None,
        }
    }
}

impl<V> AsRef<Self> for SetOp<V> {
    fn as_ref(&self) -> &Self {
        self
    }
}

/// Checks a history of adds and reads of one set, under whatever names a workload has them.
///
/// # Errors
///
/// When no clients can have produced the history.
pub fn check<V, O>(history: &[Event<O>]) -> Result<SetResult<V>, Malformed>
where
    V: Clone + Eq + Hash,
    O: Op + AsRef<SetOp<V>>,
{
    check_until(history, Ending::Settled)
}

/// The same of a history that ended before its time: what was added may still have been on its way. Whoever
/// makes a final read has waited for it, so one that lacks an element shows that it is lost; elements that
/// other reads missed last are [open](SetResult::open).
///
/// # Errors
///
/// When no clients can have produced the history.
pub fn check_cut_short<V, O>(history: &[Event<O>]) -> Result<SetResult<V>, Malformed>
where
    V: Clone + Eq + Hash,
    O: Op + AsRef<SetOp<V>>,
{
    check_until(history, Ending::CutShort)
}

/// How a history ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// Its last reads are to have everything.
    Settled,
    /// Its last reads may have come too early, unless they are final ones.
    CutShort,
}

fn check_until<V, O>(history: &[Event<O>], ending: Ending) -> Result<SetResult<V>, Malformed>
where
    V: Clone + Eq + Hash,
    O: Op + AsRef<SetOp<V>>,
{
    let operations = operations(history)?;
    let mut elements = Found::added(history, &operations);
    let mut duplicated = Duplicated::default();
    let mut rows = FxHashMap::default();
    // Latest invocation first, so that the first read that has an element is its last one.
    for operation in operations.iter().rev() {
        let Some(read) = Read::new(operation) else { continue };
        // A client mostly reads what it read before and more: compared with its next read, nearly
        // nothing has to be looked up.
        let row: &mut Row<'_, V> = rows.entry(operation.invocation.process).or_default();
        elements.observe(&read, row);
        if row.has_duplicates {
            duplicated.note(&row.numbers);
        }
    }
    rows.values().for_each(|row| elements.know(row, &row.numbers));
    Ok(elements.into_result(duplicated, ending))
}

/// A read that succeeded.
struct Read<'a, V, O> {
    elements: &'a Elements<V>,
    invocation: Placed<'a, O>,
    completed_at: usize,
}

/// An event and where it stands in the history.
type Placed<'a, O> = (usize, &'a Event<O>);

impl<'a, V, O: AsRef<SetOp<V>>> Read<'a, V, O> {
    fn new(operation: &Operation<'a, O>) -> Option<Self> {
        let completion = operation.completion.filter(|event| event.kind == Kind::Ok)?;
        let SetOp::Read { elements: Some(elements) } = completion.op()?.as_ref() else {
            return None;
        };
        let completed_at = operation.completed_at?;
        let invocation = (operation.invoked_at, operation.invocation);
        Some(Self { elements, invocation, completed_at })
    }
}

/// What is known of one element.
struct Element<'a, V, O> {
    element: &'a V,
    invoked_at: usize,
    last_present: Option<Placed<'a, O>>,
    last_absent: Option<Placed<'a, O>>,
}

const NEVER: usize = usize::MAX;

/// All elements, in the order in which somebody first tried to add them.
struct Found<'a, V, O> {
    history: &'a [Event<O>],
    added: Vec<Element<'a, V, O>>,
    /// Where in the history each was known first; [`NEVER`] if it was not.
    known_at: Vec<usize>,
    numbers: FxHashMap<&'a V, u32>,
    /// Elements whose last present read is still to be found.
    not_present: BitSet,
    /// Elements whose last absent read is still to be found.
    not_absent: BitSet,
}

impl<'a, V: Clone + Eq + Hash, O: Op + AsRef<SetOp<V>>> Found<'a, V, O> {
    fn added(history: &'a [Event<O>], operations: &[Operation<'a, O>]) -> Self {
        let mut added: Vec<Element<'a, V, O>> = Vec::new();
        let mut known_at = Vec::new();
        let mut numbers = FxHashMap::default();
        for operation in operations {
            let Some(element) = operation.asked.as_ref().added_element() else { continue };
            let number = *numbers.entry(element).or_insert_with(|| {
                let invoked_at = operation.invoked_at;
                added.push(Element { element, invoked_at, last_present: None, last_absent: None });
                known_at.push(NEVER);
                added.len() as u32 - 1
            });
            if let (Kind::Ok, Some(at)) = (operation.outcome(), operation.completed_at) {
                let known_at = &mut known_at[number as usize];
                *known_at = at.min(*known_at);
            }
        }
        let not_present = BitSet::all(added.len());
        let not_absent = BitSet::all(added.len());
        Self { history, added, known_at, numbers, not_present, not_absent }
    }

    /// The number of an element; one that nobody added gets a number above the others.
    fn number(&mut self, element: &'a V) -> u32 {
        let next = self.numbers.len() as u32;
        *self.numbers.entry(element).or_insert(next)
    }

    /// Takes in a read; those that were invoked later have been. `row` is that of the same process.
    fn observe(&mut self, read: &Read<'a, V, O>, row: &mut Row<'a, V>) {
        // What was not yet tried when the read completed has nothing to do with it.
        let tried = self.added.partition_point(|element| element.invoked_at < read.completed_at);
        // What the read does not say any more was known by the one before, at the latest.
        let common = row.common_length(read.elements);
        self.know(row, &row.numbers[common..]);
        let untried = tried as u32..row.tried as u32;
        self.know(row, untried.filter(|&number| row.present.contains(number)));
        row.follow(read.elements, common, |element| self.number(element));
        (row.completed_at, row.tried) = (read.completed_at, tried);
        let word = |place: usize| row.present.words.get(place).copied().unwrap_or(0);
        let added = &mut self.added;
        self.not_present.take(
            |place| word(place) & below(place, tried),
            |number| added[number].last_present = Some(read.invocation),
        );
        self.not_absent.take(
            |place| !word(place) & below(place, tried),
            |number| added[number].last_absent = Some(read.invocation),
        );
    }

    /// Notes that these elements were known when the read of this row was completed.
    fn know(&mut self, row: &Row<'a, V>, numbers: impl IntoIterator<Item = impl Borrow<u32>>) {
        let known_at = &mut self.known_at[..row.tried];
        for number in numbers {
            if let Some(known_at) = known_at.get_mut(*number.borrow() as usize) {
                *known_at = row.completed_at.min(*known_at);
            }
        }
    }

    fn into_result(self, duplicated: Duplicated, ending: Ending) -> SetResult<V> {
        let known = self.known_at.iter().map(|&at| Some((at, self.history.get(at)?)));
        let elements = self.added.iter().zip(known);
        let results: Vec<ElementResult<V>> =
            elements.map(|(element, known)| element.result(known, ending)).collect();
        let of = |outcome| {
            let chosen = results.iter().filter(move |result| result.outcome == outcome);
            chosen.map(|result| result.element.clone()).collect::<Vec<V>>()
        };
        let is_stale = |result: &&ElementResult<V>| result.stable_latency.is_some_and(|ms| ms > 0);
        let mut worst_stale: Vec<&ElementResult<V>> = results.iter().filter(is_stale).collect();
        let stale = worst_stale.iter().map(|result| result.element.clone()).collect();
        worst_stale.sort_by_key(|result| std::cmp::Reverse(result.stable_latency));
        worst_stale.truncate(WORST_STALE_MAX);
        let lost = of(ElementOutcome::Lost);
        let open = of(ElementOutcome::Open);
        let stable_latencies: Vec<u64> =
            results.iter().filter_map(|result| result.stable_latency).collect();

        let mut names: Vec<Option<&V>> = vec![None; self.numbers.len()];
        for (&element, &number) in &self.numbers {
            names[number as usize] = Some(element);
        }
        let duplicated: Vec<(V, usize)> = duplicated
            .order
            .iter()
            .filter_map(|number| Some((names[*number as usize]?.clone(), duplicated.most[number])))
            .collect();
        SetResult {
            verdict: if !lost.is_empty() || !duplicated.is_empty() {
                Verdict::Invalid
            } else if stable_latencies.is_empty() || !open.is_empty() {
                Verdict::Unknown
            } else {
                Verdict::Valid
            },
            attempt_count: results.len(),
            stable_count: stable_latencies.len(),
            lost,
            open,
            never_read: of(ElementOutcome::NeverRead),
            stale,
            worst_stale: worst_stale.into_iter().cloned().collect(),
            stable_latencies: quantiles(stable_latencies),
            lost_latencies: quantiles(
                results.iter().filter_map(|result| result.lost_latency).collect(),
            ),
            duplicated,
        }
    }
}

impl<V: Clone, O> Element<'_, V, O> {
    fn result(&self, known: Option<Placed<'_, O>>, ending: Ending) -> ElementResult<V> {
        // Missing counts as before everything.
        let present = self.last_present.map(|(place, _)| place);
        let absent = self.last_absent.map(|(place, _)| place);
        let is_stable = present.is_some() && absent < present;
        let is_gone = present < absent && known.is_some_and(|(place, _)| Some(place) < absent);
        let is_last_word =
            ending == Ending::Settled || self.last_absent.is_some_and(|(_, read)| read.is_final);
        let is_lost = is_gone && is_last_word;
        let known_time = known.map_or(0, |(_, known)| known.time);
        // From when it was known to just after `event`, in whole milliseconds.
        let latency = |event: Option<Placed<'_, O>>| {
            event.map_or(0, |(_, event)| (event.time + 1).saturating_sub(known_time) / 1_000_000)
        };
        ElementResult {
            element: self.element.clone(),
            outcome: if is_stable {
                ElementOutcome::Stable
            } else if is_lost {
                ElementOutcome::Lost
            } else if is_gone {
                ElementOutcome::Open
            } else {
                ElementOutcome::NeverRead
            },
            stable_latency: is_stable.then(|| latency(self.last_absent)),
            lost_latency: is_lost.then(|| latency(self.last_present)),
            known: known.map(|(_, event)| event.into()),
            last_absent: self.last_absent.map(|(_, event)| event.into()),
        }
    }
}

/// Elements that came more than once in a read.
#[derive(Default)]
struct Duplicated {
    order: Vec<u32>,
    most: FxHashMap<u32, usize>,
}

impl Duplicated {
    fn note(&mut self, numbers: &[u32]) {
        let mut times: BTreeMap<u32, usize> = BTreeMap::new();
        for &number in numbers {
            *times.entry(number).or_default() += 1;
        }
        for (number, times) in times.into_iter().filter(|&(_, times)| times > 1) {
            let most = self.most.entry(number).or_insert_with(|| {
                self.order.push(number);
                0
            });
            *most = times.max(*most);
        }
    }
}
