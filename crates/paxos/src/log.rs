//! What one replica has accepted and what it knows to be chosen.

use std::collections::{BTreeMap, VecDeque};

use crate::message::{Entry, Snapshot};
use crate::types::{Ballot, Slot};

/// Changes that are remembered for observers.
const CHANGES_MAX: usize = 4096;

/// The accepted entries after the snapshot, with holes where nothing was accepted yet.
#[derive(Debug, Clone)]
pub struct Log<C, S> {
    snapshot: Option<Snapshot<S>>,
    /// Slots before this one are gone.
    first: Slot,
    entries: BTreeMap<Slot, (Ballot, Option<C>)>,
    chosen_through: Slot,
    /// The last acceptances, also of what was replaced since.
    changes: VecDeque<Entry<C>>,
    change_count: u64,
}

impl<C: Clone, S: Clone> Log<C, S> {
    /// The log of an earlier life. What its state covers is known to be chosen, no more.
    #[must_use]
    pub fn new(snapshot: Option<Snapshot<S>>, entries: Vec<Entry<C>>) -> Self {
        let chosen_through = snapshot.as_ref().map_or(Slot(0), |snapshot| snapshot.slot);
        let mut log = Self {
            snapshot,
            first: chosen_through.next(),
            entries: BTreeMap::new(),
            chosen_through,
            changes: VecDeque::new(),
            change_count: 0,
        };
        // Kept for those that are a little behind: in a row up to the snapshot, or of no use.
        let kept: BTreeMap<_, _> = entries.into_iter().map(|entry| (entry.slot, entry)).collect();
        while log.first.0 > 1 && kept.contains_key(&Slot(log.first.0 - 1)) {
            log.first = Slot(log.first.0 - 1);
        }
        for entry in kept.into_values() {
            log.put(entry.slot, entry.ballot, entry.command);
        }
        log
    }

    /// The state that stands in for the slots up to its own.
    #[must_use]
    pub fn snapshot(&self) -> Option<&Snapshot<S>> {
        self.snapshot.as_ref()
    }

    /// Slots before this one are gone.
    #[must_use]
    pub fn first(&self) -> Slot {
        self.first
    }

    /// The last slot with an entry, or the last one known to be chosen.
    #[must_use]
    pub fn last(&self) -> Slot {
        let last = self.entries.last_key_value().map_or(Slot(0), |(&slot, _)| slot);
        last.max(self.chosen_through)
    }

    /// All slots up to here are known to be chosen.
    #[must_use]
    pub fn chosen_through(&self) -> Slot {
        self.chosen_through
    }

    /// What was accepted in a slot.
    #[must_use]
    pub fn get(&self, slot: Slot) -> Option<(Ballot, &Option<C>)> {
        self.entries.get(&slot).map(|(ballot, command)| (*ballot, command))
    }

    /// Everything accepted from `first` on, in order.
    pub fn entries_from(&self, first: Slot) -> impl Iterator<Item = Entry<C>> + '_ {
        self.entries.range(first..).map(|(&slot, (ballot, command))| Entry {
            slot,
            ballot: *ballot,
            command: command.clone(),
        })
    }

    /// The commands of slots in a row, up to a hole.
    pub fn commands_from(&self, first: Slot, last: Slot, limit: usize) -> Vec<Option<C>> {
        let row = self.entries.range(first..).take(limit).zip(first.0..=last.0);
        row.take_while(|((slot, _), expected)| slot.0 == *expected)
            .map(|((_, (_, command)), _)| command.clone())
            .collect()
    }

    /// How many acceptances there were, and those since a count seen earlier; `None` if that is too
    /// long ago. An observer that looks now and then sees every acceptance, also of two ballots in
    /// one slot.
    #[must_use]
    pub fn changes_since(&self, seen: u64) -> (u64, Option<impl Iterator<Item = &Entry<C>>>) {
        let new = (self.change_count - seen) as usize;
        let skipped = self.changes.len().checked_sub(new);
        (self.change_count, skipped.map(|skipped| self.changes.iter().skip(skipped)))
    }

    /// Accepts; what is gone from the log, or of a ballot that is not higher, is passed over.
    pub(crate) fn put(&mut self, slot: Slot, ballot: Ballot, command: Option<C>) -> bool {
        let is_new = self.entries.get(&slot).is_none_or(|(before, _)| *before < ballot);
        if slot < self.first || !is_new {
            return false;
        }
        self.changes.push_back(Entry { slot, ballot, command: command.clone() });
        self.entries.insert(slot, (ballot, command));
        self.change_count += 1;
        if self.changes.len() > CHANGES_MAX {
            self.changes.pop_front();
        }
        true
    }

    /// The next slot is chosen; what it holds.
    pub(crate) fn choose_next(&mut self) -> Option<(Slot, Option<C>)> {
        let next = self.chosen_through.next();
        let command = self.entries.get(&next)?.1.clone();
        self.chosen_through = next;
        Some((next, command))
    }

    /// Puts a state in the place of slots, but for the last `retained` of them.
    pub(crate) fn compact(&mut self, snapshot: Snapshot<S>, retained: u64) {
        self.first = self.first.max(Slot(snapshot.slot.0.saturating_sub(retained)).next());
        self.entries = self.entries.split_off(&self.first);
        self.snapshot = Some(snapshot);
    }

    /// Takes over the state of another replica; false if that is no news. What was accepted after
    /// it stays accepted.
    pub(crate) fn install(&mut self, snapshot: Snapshot<S>) -> bool {
        if snapshot.slot <= self.chosen_through {
            return false;
        }
        self.chosen_through = snapshot.slot;
        self.first = snapshot.slot.next();
        self.entries = self.entries.split_off(&self.first);
        self.snapshot = Some(snapshot);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(slot: u64) -> Entry<u64> {
        Entry { slot: Slot(slot), ballot: Ballot(1), command: Some(slot) }
    }

    #[test]
    fn a_restored_log_keeps_what_is_in_a_row_up_to_the_state_and_all_after_it() {
        let snapshot = Snapshot { slot: Slot(10), state: () };
        let stored = [3, 8, 9, 10, 12].map(entry).to_vec();
        let log = Log::new(Some(snapshot), stored);
        assert_eq!((log.first(), log.chosen_through(), log.last()), (Slot(8), Slot(10), Slot(12)));
        let slots: Vec<_> = log.entries_from(Slot(0)).map(|entry| entry.slot.0).collect();
        assert_eq!(slots, [8, 9, 10, 12]);
        assert_eq!(log.commands_from(Slot(8), Slot(12), 9), [Some(8), Some(9), Some(10)]);
    }

    #[test]
    fn what_is_gone_does_not_come_back() {
        let mut log = Log::new(None, (1..=4).map(entry).collect());
        while log.choose_next().is_some() {}
        log.compact(Snapshot { slot: Slot(4), state: () }, 1);
        assert_eq!(log.first(), Slot(4));
        assert!(!log.put(Slot(3), Ballot(9), None), "it is covered by the state");
        assert!(log.put(Slot(4), Ballot(9), Some(4)), "kept for those that are a little behind");
        assert!(!log.put(Slot(4), Ballot(8), Some(4)), "a lower ballot");
    }
}
