//! Which operations of unknown outcome a partial linearization has used.

use std::hash::{Hash, Hasher};

use rustc_hash::{FxHashMap, FxHasher};

use super::model::Model;
use super::unknown::{Group, count};

/// Lists that a search fills have room for so much at first: mostly that is enough, and none has to
/// grow in small steps.
pub(crate) const ROOM: usize = 32;

/// Sets of operations of unknown outcome: group and number, sorted. Each set is stored once and
/// known by its number, so that configurations stay small.
pub(crate) struct UsedSets {
    sets: Vec<UsedSet>,
    /// The sets one after another.
    counts: Vec<(u32, u32)>,
    /// The last set with each hash.
    by_hash: FxHashMap<u64, u32>,
    /// The set that is being made.
    next: Vec<(u32, u32)>,
    /// How many counts were looked at so far.
    work: u64,
}

#[derive(Clone, Copy)]
struct UsedSet {
    start: u32,
    length: u32,
    /// The first deadline at which a group in it retires.
    changes_at: u32,
    /// Another set with the same hash, or [`UsedSets::NONE`], which has none.
    same_hash: u32,
}

impl UsedSets {
    /// The number of the empty set.
    pub(crate) const NONE: u32 = 0;

    pub(crate) fn new() -> Self {
        let none = UsedSet { start: 0, length: 0, changes_at: u32::MAX, same_hash: Self::NONE };
        let mut sets = Vec::with_capacity(ROOM);
        sets.push(none);
        Self {
            sets,
            counts: Vec::with_capacity(ROOM),
            by_hash: FxHashMap::default(),
            next: Vec::new(),
            work: 0,
        }
    }

    /// How many counts were looked at so far.
    pub(crate) fn work(&self) -> u64 {
        self.work
    }

    /// How much memory the sets take.
    pub(crate) fn bytes(&self) -> usize {
        self.sets.capacity() * size_of::<UsedSet>()
            + self.counts.capacity() * size_of::<(u32, u32)>()
            + self.by_hash.capacity() * size_of::<(u64, u32, u8)>()
    }

    pub(crate) fn counts(&self, set: u32) -> &[(u32, u32)] {
        let UsedSet { start, length, .. } = self.sets[set as usize];
        &self.counts[start as usize..][..length as usize]
    }

    /// How many of a group are in a set.
    pub(crate) fn count(&self, set: u32, group: u32) -> u32 {
        count(self.counts(set), group)
    }

    /// The part of a set that is of these groups.
    pub(crate) fn only<M: Model>(&mut self, set: u32, of: &[u32], groups: &[Group<M>]) -> u32 {
        self.copy(set, |group| of.contains(&group));
        self.work += (of.len() * self.counts(set).len()) as u64;
        self.number(groups)
    }

    /// The set with one more of a group.
    pub(crate) fn with<M: Model>(&mut self, set: u32, group: u32, groups: &[Group<M>]) -> u32 {
        self.copy(set, |_| true);
        match self.next.binary_search_by_key(&group, |&(group, _)| group) {
            Ok(place) => self.next[place].1 += 1,
            Err(place) => self.next.insert(place, (group, 1)),
        }
        self.number(groups)
    }

    /// The set without the groups that cannot matter once `passed` is behind.
    pub(crate) fn retire<M: Model>(&mut self, set: u32, passed: u32, groups: &[Group<M>]) -> u32 {
        if passed + 1 < self.sets[set as usize].changes_at {
            return set;
        }
        self.copy(set, |group| groups[group as usize].retires_at > passed + 1);
        self.number(groups)
    }

    /// Whether `set` holds everything that `part` holds: what can be done after `set` can be done
    /// after `part` as well.
    pub(crate) fn covers(&self, set: u32, part: u32) -> bool {
        if part == Self::NONE || part == set {
            return true;
        }
        let (set, part) = (self.counts(set), self.counts(part));
        let mut rest = set.iter();
        part.len() <= set.len()
            && part.iter().all(|&(group, number)| {
                rest.find(|&&(other, _)| other >= group)
                    .is_some_and(|&(other, held)| other == group && held >= number)
            })
    }

    /// Begins a set with some groups of another one.
    fn copy(&mut self, set: u32, is_kept: impl Fn(u32) -> bool) {
        let UsedSet { start, length, .. } = self.sets[set as usize];
        let counts = &self.counts[start as usize..][..length as usize];
        self.next.clear();
        self.next.extend(counts.iter().filter(|&&(group, _)| is_kept(group)));
        self.work += u64::from(length) + 1;
    }

    /// The number of the set that was made.
    fn number<M: Model>(&mut self, groups: &[Group<M>]) -> u32 {
        if self.next.is_empty() {
            return Self::NONE;
        }
        let mut hasher = FxHasher::default();
        self.next.hash(&mut hasher);
        let hash = hasher.finish();
        let last = self.by_hash.get(&hash).copied().unwrap_or(Self::NONE);
        let mut same = last;
        while same != Self::NONE {
            if self.counts(same) == self.next {
                return same;
            }
            same = self.sets[same as usize].same_hash;
        }
        let number = self.sets.len() as u32;
        self.by_hash.insert(hash, number);
        let retirements = self.next.iter().map(|&(group, _)| groups[group as usize].retires_at);
        self.sets.push(UsedSet {
            start: self.counts.len() as u32,
            length: self.next.len() as u32,
            changes_at: retirements.min().unwrap_or(u32::MAX),
            same_hash: last,
        });
        self.counts.extend_from_slice(&self.next);
        number
    }
}

#[cfg(test)]
mod tests {
    use super::UsedSets;
    use crate::linearizable::model::Need;
    use crate::linearizable::register::{Register, RegisterOperation};
    use crate::linearizable::unknown::UnknownOperations;

    #[test]
    fn a_set_covers_what_has_no_more_of_any_group() {
        let mut unknown = UnknownOperations::default();
        for call in 0..4 {
            unknown.add(&Register, RegisterOperation::Write(1 + call % 2), call, 0);
        }
        // Nobody needs 1 after the first deadline, and 2 after the second.
        unknown.retire([Need::State(1), Need::State(2)].into_iter());
        let groups = &unknown.groups;
        let mut sets = UsedSets::new();
        let one = sets.with(UsedSets::NONE, 0, groups);
        let two = sets.with(one, 0, groups);
        let both = sets.with(one, 1, groups);
        assert!(sets.covers(two, one) && !sets.covers(one, two));
        assert!(sets.covers(both, one) && !sets.covers(both, two) && !sets.covers(two, both));
        assert!(sets.covers(one, UsedSets::NONE) && !sets.covers(UsedSets::NONE, one));
        // The same set has the same number, however it was made.
        let other = sets.with(UsedSets::NONE, 1, groups);
        assert_eq!(sets.with(other, 0, groups), both);
        assert_eq!(sets.only(both, &[1], groups), other);
        assert_eq!(sets.retire(both, 0, groups), other);
        assert_eq!(sets.retire(other, 0, groups), other);
        assert_eq!(sets.retire(other, 1, groups), UsedSets::NONE);
    }
}
