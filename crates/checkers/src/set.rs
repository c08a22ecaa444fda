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

use std::collections::BTreeMap;
use std::hash::Hash;

use rustc_hash::FxHashMap;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::history::{Event, Kind, Op, Process};
use crate::json::Counts;
use crate::operation::{Malformed, Operation, operations};
use crate::quantiles::{Quantiles, quantiles};
use crate::verdict::Verdict;

/// What [`check`] found. Elements are listed in the order in which they were first tried.
#[derive(Clone, Debug, PartialEq)]
pub struct SetResult<V> {
    /// Invalid when an element is lost or a read has one twice; unknown when nothing is stable.
    pub verdict: Verdict,
    /// How many elements somebody tried to add.
    pub attempt_count: usize,
    /// How many of them are stable.
    pub stable_count: usize,
    /// Elements that were there and are gone.
    pub lost: Vec<V>,
    /// Elements that are neither stable nor lost: no read was invoked after they were known.
    pub never_read: Vec<V>,
    /// Stable elements that a read missed when they were known.
    pub stale: Vec<V>,
    /// The stale elements with the highest latencies, highest first; at most [`WORST_STALE_MAX`].
    pub worst_stale: Vec<ElementResult<V>>,
    /// How long stable elements could still be missed after they were known, in milliseconds.
    pub stable_latencies: Option<Quantiles>,
    /// How long lost elements were there after they were known, in milliseconds.
    pub lost_latencies: Option<Quantiles>,
    /// Elements that a single read had more than once, with the highest number of times, in the
    /// order in which they were found in the reads invoked last.
    pub duplicated: Vec<(V, usize)>,
}

/// How many elements [`SetResult::worst_stale`] has at most.
pub const WORST_STALE_MAX: usize = 8;

/// What became of an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ElementOutcome {
    /// It is there, as far as anybody can tell.
    Stable,
    /// It was there and is gone.
    Lost,
    /// Nobody can tell.
    NeverRead,
}

/// What became of one element.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ElementResult<V> {
    /// The element.
    pub element: V,
    /// What became of it.
    pub outcome: ElementOutcome,
    /// For a stable element: milliseconds from when it was known to when it was last missed.
    pub stable_latency: Option<u64>,
    /// For a lost element: milliseconds from when it was known to when it was last seen.
    pub lost_latency: Option<u64>,
    /// The completion that showed first that it is there.
    pub known: Option<Moment>,
    /// The invocation of the last read that has it not.
    pub last_absent: Option<Moment>,
}

/// An event by where and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Moment {
    /// [`Event::index`].
    pub index: u64,
    /// Nanoseconds since the run started.
    pub time: u64,
    /// Whose event it is.
    pub process: Process,
}

impl<V> From<&Event<V>> for Moment {
    fn from(event: &Event<V>) -> Self {
        Self { index: event.index, time: event.time, process: event.process }
    }
}

/// Checks a history of adds (or broadcasts) and reads of one set; other operations are passed over.
///
/// # Errors
///
/// When no clients can have produced the history.
pub fn check<V: Clone + Eq + Hash>(history: &[Event<V>]) -> Result<SetResult<V>, Malformed> {
    let operations = operations(history)?;
    let mut elements = Elements::added(&operations);
    let mut duplicated = Duplicated::default();
    let mut rows = FxHashMap::default();
    let mut present = BitSet::default();
    // Latest invocation first, so that the first read that has an element is its last one.
    for operation in operations.iter().rev() {
        let Some(read) = Read::new(operation) else { continue };
        // A client mostly reads what it read before and more: compared with its next read, nearly
        // nothing has to be looked up.
        let row: &mut Row<'_, V> = rows.entry(operation.invocation.process).or_default();
        row.follow(read.elements, |element| elements.number(element));
        present.clear();
        let mut is_plain = true;
        for &number in &row.numbers {
            is_plain &= present.insert(number);
        }
        if !is_plain {
            duplicated.note(&row.numbers);
        }
        elements.observe(&read, &row.numbers, &present);
    }
    Ok(elements.into_result(duplicated))
}

/// A read that succeeded.
struct Read<'a, V> {
    elements: &'a [V],
    invocation: &'a Event<V>,
    completion: &'a Event<V>,
    completed_at: usize,
}

impl<'a, V> Read<'a, V> {
    fn new(operation: &Operation<'a, V>) -> Option<Self> {
        let completion = operation.completion.filter(|event| event.kind == Kind::Ok)?;
        let Op::ReadSet { elements: Some(elements) } = &completion.op else { return None };
        let completed_at = operation.completed_at?;
        Some(Self { elements, invocation: operation.invocation, completion, completed_at })
    }
}

/// The elements of a read by their numbers.
struct Row<'a, V> {
    elements: &'a [V],
    numbers: Vec<u32>,
}

impl<V> Default for Row<'_, V> {
    fn default() -> Self {
        Self { elements: &[], numbers: Vec::new() }
    }
}

impl<'a, V: Eq> Row<'a, V> {
    /// How many elements of the old row are tried before one is looked up.
    const LOOKAHEAD: usize = 8;

    /// Turns this row into that of `elements`, taking over the numbers of what both have in the
    /// same order, and asking `number` for the others.
    fn follow(&mut self, elements: &'a [V], mut number: impl FnMut(&'a V) -> u32) {
        let common = self.elements.iter().zip(elements).take_while(|(old, new)| old == new).count();
        let mut old: Vec<u32> = Vec::new();
        if common < elements.len() {
            old.extend(&self.numbers[common..]);
        }
        self.numbers.truncate(common);
        self.numbers.reserve(elements.len() - common);
        let old_elements = &self.elements[common..];
        let mut next = 0;
        for element in &elements[common..] {
            let ahead = old_elements[next..].iter().take(Self::LOOKAHEAD);
            if let Some(place) = ahead.into_iter().position(|old| old == element) {
                next += place;
                self.numbers.push(old[next]);
                next += 1;
            } else {
                self.numbers.push(number(element));
            }
        }
        self.elements = elements;
    }
}

/// A set of numbers.
#[derive(Default)]
struct BitSet {
    words: Vec<u64>,
}

impl BitSet {
    /// All numbers below `count`.
    fn all(count: usize) -> Self {
        let words = (0..count.div_ceil(64)).map(|word| below(word, count)).collect();
        Self { words }
    }

    fn clear(&mut self) {
        self.words.clear();
    }

    /// False if the number was in already.
    fn insert(&mut self, number: u32) -> bool {
        let (word, bit) = ((number / 64) as usize, 1 << (number % 64));
        if word >= self.words.len() {
            self.words.resize(word + 1, 0);
        }
        let is_new = self.words[word] & bit == 0;
        self.words[word] |= bit;
        is_new
    }

    /// Removes what is also in the words that `chosen` makes of the place and the word there, and
    /// calls `removed` with each.
    fn take(&mut self, chosen: impl Fn(usize) -> u64, mut removed: impl FnMut(usize)) {
        for (place, word) in self.words.iter_mut().enumerate() {
            let mut taken = *word & chosen(place);
            *word &= !taken;
            while taken != 0 {
                removed(place * 64 + taken.trailing_zeros() as usize);
                taken &= taken - 1;
            }
        }
    }
}

/// The bits of a word that stand for numbers below `count`.
const fn below(word: usize, count: usize) -> u64 {
    match count.saturating_sub(word * 64) {
        rest @ 0..64 => (1 << rest) - 1,
        _ => u64::MAX,
    }
}

/// What is known of one element.
struct Element<'a, V> {
    element: &'a V,
    invoked_at: usize,
    /// Position in the history, and the event there.
    known: Option<(usize, &'a Event<V>)>,
    last_present: Option<&'a Event<V>>,
    last_absent: Option<&'a Event<V>>,
}

/// All elements, in the order in which somebody first tried to add them.
struct Elements<'a, V> {
    added: Vec<Element<'a, V>>,
    numbers: FxHashMap<&'a V, u32>,
    /// Elements whose last present read is still to be found.
    not_present: BitSet,
    /// Elements whose last absent read is still to be found.
    not_absent: BitSet,
}

impl<'a, V: Clone + Eq + Hash> Elements<'a, V> {
    fn added(operations: &[Operation<'a, V>]) -> Self {
        let mut added: Vec<Element<'a, V>> = Vec::new();
        let mut numbers = FxHashMap::default();
        for operation in operations {
            let Some(element) = operation.invocation.op.added_element() else { continue };
            let number = *numbers.entry(element).or_insert_with(|| {
                added.push(Element {
                    element,
                    invoked_at: operation.invoked_at,
                    known: None,
                    last_present: None,
                    last_absent: None,
                });
                added.len() as u32 - 1
            });
            if let (Kind::Ok, Some(at), Some(completion)) =
                (operation.outcome(), operation.completed_at, operation.completion)
            {
                let known = &mut added[number as usize].known;
                if known.is_none_or(|(earlier, _)| at < earlier) {
                    *known = Some((at, completion));
                }
            }
        }
        let not_present = BitSet::all(added.len());
        let not_absent = BitSet::all(added.len());
        Self { added, numbers, not_present, not_absent }
    }

    /// The number of an element; one that nobody added gets a number above the others.
    fn number(&mut self, element: &'a V) -> u32 {
        let next = self.numbers.len() as u32;
        *self.numbers.entry(element).or_insert(next)
    }

    /// Takes in a read; those that were invoked later have been.
    fn observe(&mut self, read: &Read<'a, V>, numbers: &[u32], present: &BitSet) {
        // What was not yet tried when the read completed has nothing to do with it.
        let tried = self.added.partition_point(|element| element.invoked_at < read.completed_at);
        for &number in numbers {
            if (number as usize) < tried {
                let known = &mut self.added[number as usize].known;
                if known.is_none_or(|(earlier, _)| read.completed_at < earlier) {
                    *known = Some((read.completed_at, read.completion));
                }
            }
        }
        let word = |place: usize| present.words.get(place).copied().unwrap_or(0);
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

    fn into_result(self, duplicated: Duplicated) -> SetResult<V> {
        let results: Vec<ElementResult<V>> = self.added.iter().map(Element::result).collect();
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
            } else if stable_latencies.is_empty() {
                Verdict::Unknown
            } else {
                Verdict::Valid
            },
            attempt_count: results.len(),
            stable_count: stable_latencies.len(),
            lost,
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

impl<V: Clone> Element<'_, V> {
    fn result(&self) -> ElementResult<V> {
        // Missing counts as before everything.
        let present = self.last_present.map(|event| event.index);
        let absent = self.last_absent.map(|event| event.index);
        let is_stable = present.is_some() && absent < present;
        let is_lost =
            present < absent && self.known.is_some_and(|(_, known)| Some(known.index) < absent);
        let known_time = self.known.map_or(0, |(_, known)| known.time);
        // From when it was known to just after `event`, in whole milliseconds.
        let latency = |event: Option<&Event<V>>| {
            event.map_or(0, |event| (event.time + 1).saturating_sub(known_time) / 1_000_000)
        };
        ElementResult {
            element: self.element.clone(),
            outcome: if is_stable {
                ElementOutcome::Stable
            } else if is_lost {
                ElementOutcome::Lost
            } else {
                ElementOutcome::NeverRead
            },
            stable_latency: is_stable.then(|| latency(self.last_absent)),
            lost_latency: is_lost.then(|| latency(self.last_present)),
            known: self.known.map(|(_, event)| event.into()),
            last_absent: self.last_absent.map(Moment::from),
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

impl<V: Serialize> Serialize for SetResult<V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("valid?", &self.verdict)?;
        map.serialize_entry("attempt-count", &self.attempt_count)?;
        map.serialize_entry("stable-count", &self.stable_count)?;
        map.serialize_entry("lost-count", &self.lost.len())?;
        map.serialize_entry("lost", &self.lost)?;
        map.serialize_entry("never-read-count", &self.never_read.len())?;
        map.serialize_entry("never-read", &self.never_read)?;
        map.serialize_entry("stale-count", &self.stale.len())?;
        map.serialize_entry("stale", &self.stale)?;
        map.serialize_entry("worst-stale", &self.worst_stale)?;
        if let Some(latencies) = &self.stable_latencies {
            map.serialize_entry("stable-latencies", latencies)?;
        }
        if let Some(latencies) = &self.lost_latencies {
            map.serialize_entry("lost-latencies", latencies)?;
        }
        map.serialize_entry("duplicated-count", &self.duplicated.len())?;
        map.serialize_entry("duplicated", &Counts(&self.duplicated))?;
        map.end()
    }
}
