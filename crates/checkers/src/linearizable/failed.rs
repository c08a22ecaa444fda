//! The memory of the search: where it has been in vain, and need not go again.

use std::hash::{Hash, Hasher};

use rustc_hash::FxHasher;

use super::configuration::Configuration;
use super::slots::SlotSet;
use super::used::{ROOM, UsedSets};

/// A [`Configuration`] without the reads and the operations of unknown outcome: of two in the same
/// place, the one with more of the former and fewer of the latter can do whatever the other can.
#[derive(PartialEq, Eq, Hash)]
struct Place<S, const WORDS: usize> {
    linearized: SlotSet<WORDS>,
    state: S,
    deadline: u32,
}

impl<S: Clone + Hash, const WORDS: usize> Place<S, WORDS> {
    fn of(at: &Configuration<S, WORDS>) -> Self {
        Self { linearized: at.linearized, state: at.state.clone(), deadline: at.deadline }
    }

    fn hash(&self) -> u32 {
        let mut hasher = FxHasher::default();
        Hash::hash(self, &mut hasher);
        hasher.finish() as u32
    }
}

/// Why a place leads nowhere: even with these reads linearized, once these operations of unknown
/// outcome are used up, nothing else that might have been used makes a difference.
struct Lack<S, const WORDS: usize> {
    place: Place<S, WORDS>,
    reads: SlotSet<WORDS>,
    used: u32,
    /// The one before of the same place, or [`END`].
    next: u32,
    /// How many there are with this one.
    length: u32,
    /// That of the place.
    hash: u32,
}

const END: u32 = u32::MAX;

/// How many sets are remembered of one place. All of them are looked through on every visit, and
/// forgetting some costs nothing but time.
const LACKS_MAX: u32 = 32;

/// The configurations from which there is no way on.
///
/// A hash table of its own, because a search does little else than to ask it: what is remembered
/// lies in one vector, and the table has only numbers, so that both stay small and it grows
/// without hashing again.
pub(crate) struct Failed<S, const WORDS: usize> {
    lacks: Vec<Lack<S, WORDS>>,
    /// The last lack of each place or [`END`], from that on to which the hash points; at least
    /// half of a power of two is free.
    table: Vec<u32>,
    /// How many places there are.
    places: usize,
    /// No place that is remembered is at this deadline or after it.
    deadlines: u32,
    /// How many lacks were looked at so far.
    work: u64,
}

/// How large the table is at first.
const TABLE_MIN: usize = 64;

impl<S: Clone + Eq + Hash, const WORDS: usize> Failed<S, WORDS> {
    pub(crate) fn new() -> Self {
        Self {
            lacks: Vec::with_capacity(ROOM),
            table: vec![END; TABLE_MIN],
            places: 0,
            deadlines: 0,
            work: 0,
        }
    }

    /// How many lacks were looked at so far.
    pub(crate) fn work(&self) -> u64 {
        self.work
    }

    /// How much memory all this takes.
    pub(crate) fn bytes(&self) -> usize {
        self.lacks.capacity() * size_of::<Lack<S, WORDS>>()
            + self.table.capacity() * size_of::<u32>()
    }

    /// Where in the table a place is, or would be.
    fn find(&self, place: &Place<S, WORDS>, hash: u32) -> usize {
        let mask = self.table.len() - 1;
        let mut at = hash as usize & mask;
        while let Some(lack) = self.lacks.get(self.table[at] as usize)
            && (lack.hash != hash || lack.place != *place)
        {
            at = (at + 1) & mask;
        }
        at
    }

    /// Remembers that a configuration leads nowhere, nor does any in the same place that has used
    /// at least `lack` and linearized no other reads.
    pub(crate) fn insert(&mut self, failed: &Configuration<S, WORDS>, lack: u32) {
        let place = Place::of(failed);
        let hash = place.hash();
        let at = self.find(&place, hash);
        let next = self.table[at];
        let length = self.lacks.get(next as usize).map_or(0, |last| last.length);
        if length == LACKS_MAX {
            return;
        }
        self.table[at] = self.lacks.len() as u32;
        let (reads, length) = (failed.reads, length + 1);
        self.lacks.push(Lack { place, reads, used: lack, next, length, hash });
        if next == END {
            self.deadlines = self.deadlines.max(failed.deadline + 1);
            self.places += 1;
            if self.places * 2 > self.table.len() {
                self.grow();
            }
        }
    }

    /// Makes the table twice as large.
    fn grow(&mut self) {
        let size = self.table.len() * 2;
        let before = std::mem::replace(&mut self.table, vec![END; size]);
        for last in before.into_iter().filter(|&last| last != END) {
            let mut at = self.lacks[last as usize].hash as usize & (size - 1);
            while self.table[at] != END {
                at = (at + 1) & (size - 1);
            }
            self.table[at] = last;
        }
    }

    /// If nothing can come of a configuration, the set that it lacks.
    pub(crate) fn lack(&mut self, at: &Configuration<S, WORDS>, sets: &UsedSets) -> Option<u32> {
        // Going on to where it has not been yet, the search need not ask.
        if at.deadline >= self.deadlines {
            return None;
        }
        let place = Place::of(at);
        let mut last = self.table[self.find(&place, place.hash())];
        while let Some(lack) = self.lacks.get(last as usize) {
            self.work += 1 + sets.counts(at.used).len() as u64 / 8;
            if at.reads.is_subset_of(&lack.reads) && sets.covers(at.used, lack.used) {
                return Some(lack.used);
            }
            last = lack.next;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use rand::rngs::Xoshiro256PlusPlus;
    use rand::{RngExt as _, SeedableRng as _};

    use super::{Failed, LACKS_MAX, Lack, Place, ROOM, TABLE_MIN};
    use crate::linearizable::configuration::Configuration;
    use crate::linearizable::slots::SlotSet;
    use crate::linearizable::used::UsedSets;

    fn at(state: u32, deadline: u32) -> Configuration<u32, 1> {
        let mut linearized = SlotSet::EMPTY;
        linearized.insert((state % 64) as u16);
        Configuration { linearized, reads: SlotSet::EMPTY, state, deadline, used: UsedSets::NONE }
    }

    #[test]
    fn every_place_is_found_again_however_often_the_table_grew() {
        let (mut failed, sets) = (Failed::new(), UsedSets::new());
        let places = TABLE_MIN as u32 * 10;
        for state in 0..places {
            failed.insert(&at(state, state / 7), UsedSets::NONE);
        }
        assert!(failed.table.len() > failed.lacks.len() && failed.places == failed.lacks.len());
        for state in 0..places {
            assert!(failed.lack(&at(state, state / 7), &sets).is_some(), "{state}");
            assert!(failed.lack(&at(state, state / 7 + 1), &sets).is_none(), "{state}");
            assert!(failed.lack(&at(places + state, state / 7), &sets).is_none(), "{state}");
        }
    }

    #[test]
    fn a_place_fails_only_with_the_reads_that_it_failed_with() {
        let (mut failed, sets) = (Failed::new(), UsedSets::new());
        for read in 0..64 {
            let mut with_read = at(1, 0);
            with_read.reads.insert(read);
            assert!(failed.lack(&with_read, &sets).is_none(), "{read}");
            failed.insert(&with_read, UsedSets::NONE);
            // No more than so many are remembered of a place.
            assert_eq!(failed.lack(&with_read, &sets).is_some(), u32::from(read) < LACKS_MAX);
        }
        assert_eq!((failed.places, failed.lacks.len()), (1, LACKS_MAX as usize));
    }

    /// Of so many places some have the same hash, of which only 32 bits are kept.
    #[test]
    fn places_of_the_same_hash_are_told_apart() {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
        let mut first_with = HashMap::new();
        let two = (0..400_000).find_map(|_| {
            let place = at(rng.random(), rng.random_range(0..1 << 20));
            Some((first_with.insert(Place::of(&place).hash(), place.clone())?, place))
        });
        let (one, other) = two.unwrap();
        let (mut failed, sets) = (Failed::new(), UsedSets::new());
        failed.insert(&one, UsedSets::NONE);
        assert!(failed.lack(&one, &sets).is_some() && failed.lack(&other, &sets).is_none());
    }

    #[test]
    fn what_it_remembers_and_looks_at_is_counted() {
        let (mut failed, sets) = (Failed::new(), UsedSets::new());
        let of_one = size_of::<Lack<u32, 1>>();
        assert_eq!((failed.bytes(), failed.work()), (4 * TABLE_MIN + ROOM * of_one, 0));
        for read in 0..3 {
            let mut with_read = at(1, 0);
            with_read.reads.insert(read);
            failed.insert(&with_read, UsedSets::NONE);
        }
        let mut with_another = at(1, 0);
        with_another.reads.insert(7);
        assert!(failed.lack(&with_another, &sets).is_none());
        assert_eq!(failed.work(), 3);
        // What is beyond the room that there was at first is counted too.
        for state in 2..100 {
            failed.insert(&at(state, 0), UsedSets::NONE);
        }
        let room = failed.lacks.capacity();
        assert!((100..400).contains(&room) && failed.table.len() > TABLE_MIN);
        assert_eq!(failed.bytes(), 4 * failed.table.len() + room * of_one);
    }
}
