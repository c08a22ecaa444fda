//! The memory of the search: where it has been in vain, and need not go again.

use std::hash::Hash;

use rustc_hash::FxHashMap;

use super::slots::SlotSet;
use super::unknown::UsedSets;

/// A point of the search: everything before `deadline` is linearized.
#[derive(Clone, Debug)]
pub(crate) struct Configuration<S, const WORDS: usize> {
    /// The next completion to come.
    pub(crate) deadline: u32,
    /// Which of the operations open at it are linearized already.
    pub(crate) linearized: SlotSet<WORDS>,
    /// What the object holds.
    pub(crate) state: S,
    /// Which operations of unknown outcome took effect, a number of [`UsedSets`].
    pub(crate) used: u32,
}

#[derive(PartialEq, Eq, Hash)]
struct Place<S, const WORDS: usize> {
    linearized: SlotSet<WORDS>,
    state: S,
    deadline: u32,
}

impl<S, const WORDS: usize> Place<S, WORDS> {
    fn of(at: Configuration<S, WORDS>) -> (Self, u32) {
        let Configuration { deadline, linearized, state, used } = at;
        (Self { linearized, state, deadline }, used)
    }
}

/// Sets of used operations with which a place was reached.
#[derive(Clone, Copy)]
struct Arrival {
    used: u32,
    /// The place of the next one in [`Failed::more`], or [`END`].
    next: u32,
}

const END: u32 = u32::MAX;

/// The configurations from which there is no way on.
pub(crate) struct Failed<S, const WORDS: usize> {
    arrivals: FxHashMap<Place<S, WORDS>, Arrival>,
    more: Vec<Arrival>,
}

impl<S: Clone + Eq + Hash + Ord, const WORDS: usize> Failed<S, WORDS> {
    pub(crate) fn new() -> Self {
        Self { arrivals: FxHashMap::default(), more: Vec::new() }
    }

    /// Remembers a configuration.
    pub(crate) fn insert(&mut self, failed: Configuration<S, WORDS>) {
        let (place, used) = Place::of(failed);
        let more = &mut self.more;
        self.arrivals
            .entry(place)
            .and_modify(|first| {
                more.push(*first);
                *first = Arrival { used, next: more.len() as u32 - 1 };
            })
            .or_insert(Arrival { used, next: END });
    }

    /// Whether nothing can come of a configuration, because the same place was left in vain with
    /// no more operations of unknown outcome used up.
    pub(crate) fn contains(&self, at: &Configuration<S, WORDS>, sets: &UsedSets) -> bool {
        if self.arrivals.is_empty() {
            return false;
        }
        let (place, used) = Place::of(at.clone());
        let first = self.arrivals.get(&place);
        first.is_some_and(|&first| self.chain(first).any(|failed| sets.covers(used, failed)))
    }

    /// State and used operations of all failed configurations at a deadline, in order.
    pub(crate) fn at(&self, deadline: u32) -> Vec<(S, u32)> {
        let at_deadline = self.arrivals.iter().filter(|(place, _)| place.deadline == deadline);
        let mut found: Vec<(S, u32)> = at_deadline
            .flat_map(|(place, &first)| self.chain(first).map(|used| (place.state.clone(), used)))
            .collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    /// The sets of used operations from one arrival on.
    fn chain(&self, first: Arrival) -> impl Iterator<Item = u32> {
        let next = |arrival: &Arrival| self.more.get(arrival.next as usize).copied();
        std::iter::successors(Some(first), next).map(|arrival| arrival.used)
    }
}
