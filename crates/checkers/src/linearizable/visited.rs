//! The memory of the search: where it has been, and need not go again.

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

/// Sets of used operations with which a place was reached.
#[derive(Clone, Copy)]
struct Arrival {
    used: u32,
    /// The next one in [`Visited::more`].
    next: u32,
}

const END: u32 = u32::MAX;

/// The configurations that were visited. What is new must not be covered by one of them.
pub(crate) struct Visited<S, const WORDS: usize> {
    arrivals: FxHashMap<Place<S, WORDS>, Arrival>,
    more: Vec<Arrival>,
}

impl<S: Clone + Eq + Hash + Ord, const WORDS: usize> Visited<S, WORDS> {
    pub(crate) fn new() -> Self {
        Self { arrivals: FxHashMap::default(), more: Vec::new() }
    }

    /// How many configurations are remembered.
    pub(crate) fn len(&self) -> u64 {
        (self.arrivals.len() + self.more.len()) as u64
    }

    /// Remembers a configuration; false if nothing can come of it that has not been tried, because
    /// the same place was reached with no more operations of unknown outcome.
    pub(crate) fn insert(&mut self, at: &Configuration<S, WORDS>, sets: &UsedSets) -> bool {
        let &Configuration { deadline, linearized, ref state, used } = at;
        let place = Place { linearized, state: state.clone(), deadline };
        let mut is_new = false;
        let first = self.arrivals.entry(place).or_insert_with(|| {
            is_new = true;
            Arrival { used, next: END }
        });
        if is_new {
            return true;
        }
        let mut arrival = *first;
        while !sets.covers(used, arrival.used) {
            if arrival.next == END {
                let next = first.next;
                first.next = self.more.len() as u32;
                self.more.push(Arrival { used, next });
                return true;
            }
            arrival = self.more[arrival.next as usize];
        }
        false
    }

    /// State and used operations of all configurations visited at a deadline, in order.
    pub(crate) fn at(&self, deadline: u32) -> Vec<(S, u32)> {
        let mut found = Vec::new();
        for (place, &first) in &self.arrivals {
            if place.deadline != deadline {
                continue;
            }
            let mut arrival = first;
            loop {
                found.push((place.state.clone(), arrival.used));
                if arrival.next == END {
                    break;
                }
                arrival = self.more[arrival.next as usize];
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }
}
