//! The memory of the search: where it has been in vain, and need not go again.

use std::hash::Hash;

use rustc_hash::FxHashMap;

use super::moves::Configuration;
use super::slots::SlotSet;
use super::used::UsedSets;

/// A [`Configuration`] without the reads and the operations of unknown outcome: of two in the same
/// place, the one with more of the former and fewer of the latter can do whatever the other can.
#[derive(PartialEq, Eq, Hash)]
struct Place<S, const WORDS: usize> {
    linearized: SlotSet<WORDS>,
    state: S,
    deadline: u32,
}

impl<S: Clone, const WORDS: usize> Place<S, WORDS> {
    fn of(at: &Configuration<S, WORDS>) -> Self {
        Self { linearized: at.linearized, state: at.state.clone(), deadline: at.deadline }
    }
}

/// Why a place leads nowhere: even with these reads linearized, once these operations of unknown
/// outcome are used up, nothing else that might have been used makes a difference.
#[derive(Clone, Copy)]
struct Lack<const WORDS: usize> {
    reads: SlotSet<WORDS>,
    used: u32,
    /// The place of the next one in [`Failed::more`], or [`END`].
    next: u32,
    /// How many there are with this one.
    length: u32,
}

const END: u32 = u32::MAX;

/// How many sets are remembered of one place. All of them are looked through on every visit, and
/// forgetting some costs nothing but time.
const LACKS_MAX: u32 = 32;

/// The configurations from which there is no way on.
pub(crate) struct Failed<S, const WORDS: usize> {
    lacks: FxHashMap<Place<S, WORDS>, Lack<WORDS>>,
    more: Vec<Lack<WORDS>>,
    /// How many lacks were looked at so far.
    work: u64,
}

impl<S: Clone + Eq + Hash, const WORDS: usize> Failed<S, WORDS> {
    pub(crate) fn new() -> Self {
        Self { lacks: FxHashMap::default(), more: Vec::new(), work: 0 }
    }

    /// How many lacks were looked at so far.
    pub(crate) fn work(&self) -> u64 {
        self.work
    }

    /// How much memory all this takes.
    pub(crate) fn bytes(&self) -> usize {
        // One byte more for each place of the table, as hash maps have it.
        self.lacks.capacity() * (size_of::<(Place<S, WORDS>, Lack<WORDS>)>() + 1)
            + self.more.capacity() * size_of::<Lack<WORDS>>()
    }

    /// Remembers that a configuration leads nowhere, nor does any in the same place that has used
    /// at least `lack` and linearized no other reads.
    pub(crate) fn insert(&mut self, failed: &Configuration<S, WORDS>, lack: u32) {
        let more = &mut self.more;
        let reads = failed.reads;
        self.lacks
            .entry(Place::of(failed))
            .and_modify(|first| {
                if first.length < LACKS_MAX {
                    let next = more.len() as u32;
                    more.push(*first);
                    *first = Lack { reads, used: lack, next, length: first.length + 1 };
                }
            })
            .or_insert(Lack { reads, used: lack, next: END, length: 1 });
    }

    /// If nothing can come of a configuration, the set that it lacks.
    pub(crate) fn lack(&mut self, at: &Configuration<S, WORDS>, sets: &UsedSets) -> Option<u32> {
        if self.lacks.is_empty() {
            return None;
        }
        let first = *self.lacks.get(&Place::of(at))?;
        let next = |lack: &Lack<WORDS>| self.more.get(lack.next as usize).copied();
        let mut lacks = std::iter::successors(Some(first), next);
        let work = &mut self.work;
        let leads_nowhere = |lack: &Lack<WORDS>| {
            *work += 1 + sets.counts(at.used).len() as u64 / 8;
            at.reads.is_subset_of(&lack.reads) && sets.covers(at.used, lack.used)
        };
        lacks.find(leads_nowhere).map(|lack| lack.used)
    }
}
