//! The log: entries in memory after a base that is compacted away.

use std::collections::VecDeque;

use crate::message::{Conflict, Content, Entry, Snapshot};
use crate::types::{LogIndex, Term};

/// A node's log and its latest snapshot.
///
/// Entries up to `base` are gone; a snapshot at or after `base` stands in for
/// them. Some entries that the snapshot covers are kept, so that a follower
/// that is only a little behind can be served from the log.
#[derive(Debug, Clone)]
pub struct Log<C, S> {
    base_index: LogIndex,
    base_term: Term,
    entries: VecDeque<Entry<C>>,
    snapshot: Option<Snapshot<S>>,
}

/// What [`Log::reconcile`] did.
#[derive(Debug, PartialEq, Eq)]
pub struct Reconciled {
    /// The log agrees with the leader's up to here.
    pub match_index: LogIndex,
    /// Own entries from here on contradicted the leader's and are gone.
    pub truncated_from: Option<LogIndex>,
    /// How many entries at the end are new.
    pub appended: usize,
}

impl<C: Clone, S: Clone> Log<C, S> {
    /// The log as stored: the entries that the snapshot does not cover.
    ///
    /// # Panics
    ///
    /// If an entry is missing between the snapshot and the last one.
    #[must_use]
    pub fn new(snapshot: Option<Snapshot<S>>, entries: Vec<Entry<C>>) -> Self {
        let (base_index, base_term) =
            snapshot.as_ref().map_or((LogIndex(0), Term(0)), |s| (s.index, s.term));
        let entries: VecDeque<_> =
            entries.into_iter().filter(|entry| entry.index > base_index).collect();
        let mut expected = base_index.next();
        for entry in &entries {
            assert_eq!(entry.index, expected, "stored entries have a gap");
            expected = expected.next();
        }
        Self { base_index, base_term, entries, snapshot }
    }

    /// The first index whose entry is there (or would be, if the log is empty).
    #[must_use]
    pub fn first_index(&self) -> LogIndex {
        self.base_index.next()
    }

    /// The index of the last entry; 0 if there never was one.
    #[must_use]
    pub fn last_index(&self) -> LogIndex {
        LogIndex(self.base_index.0 + self.entries.len() as u64)
    }

    /// The term of the last entry; 0 if there never was one.
    #[must_use]
    pub fn last_term(&self) -> Term {
        self.entries.back().map_or(self.base_term, |entry| entry.term)
    }

    /// The latest snapshot.
    #[must_use]
    pub fn snapshot(&self) -> Option<&Snapshot<S>> {
        self.snapshot.as_ref()
    }

    /// The term of the entry at `index`; `None` if it is compacted away or
    /// after the end.
    #[must_use]
    pub fn term_at(&self, index: LogIndex) -> Option<Term> {
        if index == self.base_index {
            return Some(self.base_term);
        }
        self.entry_at(index).map(|entry| entry.term)
    }

    /// The entry at `index`; `None` if it is compacted away or after the end.
    #[must_use]
    pub fn entry_at(&self, index: LogIndex) -> Option<&Entry<C>> {
        let offset = index.0.checked_sub(self.base_index.0 + 1)?;
        self.entries.get(usize::try_from(offset).ok()?)
    }

    /// Up to `limit` entries from `first` on.
    pub fn entries_from(&self, first: LogIndex, limit: usize) -> impl Iterator<Item = &Entry<C>> {
        let offset = first.0.saturating_sub(self.base_index.0 + 1) as usize;
        self.entries.range(offset.min(self.entries.len())..).take(limit)
    }

    /// Whether a candidate whose log ends like this has all that this log may
    /// have committed (paper, section 5.4.1).
    #[must_use]
    pub fn is_up_to_date(&self, last_log_index: LogIndex, last_log_term: Term) -> bool {
        (last_log_term, last_log_index) >= (self.last_term(), self.last_index())
    }

    /// Puts new entries of `term` at the end and returns them.
    pub fn extend(
        &mut self,
        term: Term,
        contents: impl IntoIterator<Item = Content<C>>,
    ) -> Vec<Entry<C>> {
        let mut index = self.last_index();
        let added: Vec<Entry<C>> = contents
            .into_iter()
            .map(|content| {
                index = index.next();
                Entry { term, index, content }
            })
            .collect();
        self.entries.extend(added.iter().cloned());
        added
    }

    /// Takes over a leader's entries that follow `prev_log_index`: what
    /// contradicts them goes, what is missing comes, what agrees stays (paper,
    /// figure 2). Entries up to `commit_index` are never touched: they agree
    /// with every leader's.
    ///
    /// # Errors
    ///
    /// The entry before the new ones is missing or of another term.
    pub fn reconcile(
        &mut self,
        prev_log_index: LogIndex,
        prev_log_term: Term,
        entries: &[Entry<C>],
        commit_index: LogIndex,
    ) -> Result<Reconciled, Conflict> {
        let settled = commit_index.0.saturating_sub(prev_log_index.0);
        let open = entries.get(settled as usize..).unwrap_or(&[]);
        if settled == 0 {
            self.check_previous(prev_log_index, prev_log_term)?;
        }
        let sent_to = LogIndex(prev_log_index.0 + entries.len() as u64);
        let agreeing = open.iter().take_while(|e| self.term_at(e.index) == Some(e.term)).count();
        let new = &open[agreeing..];
        let truncated_from = new.first().map(|e| e.index).filter(|&i| i <= self.last_index());
        if let Some(index) = truncated_from {
            self.entries.truncate((index.0 - self.base_index.0 - 1) as usize);
        }
        self.entries.extend(new.iter().cloned());
        let match_index = sent_to.max(commit_index.min(self.last_index()));
        Ok(Reconciled { match_index, truncated_from, appended: new.len() })
    }

    fn check_previous(&self, index: LogIndex, term: Term) -> Result<(), Conflict> {
        match self.term_at(index) {
            Some(own) if own == term => Ok(()),
            Some(own) => {
                let first = self.entries.partition_point(|entry| entry.term < own);
                let first = LogIndex(self.base_index.0 + 1 + first as u64);
                Err(Conflict { rejected: index, term: Some(own), index: first })
            }
            None => Err(Conflict { rejected: index, term: None, index: self.last_index().next() }),
        }
    }

    /// Where a leader should try next after a refusal: behind its own last
    /// entry of the follower's term, or where the follower's term begins.
    #[must_use]
    pub fn next_after_conflict(&self, conflict: Conflict) -> LogIndex {
        let own_end_of_term = conflict.term.and_then(|term| {
            let end = self.entries.partition_point(|entry| entry.term <= term);
            let last = self.entries.get(end.checked_sub(1)?)?;
            (last.term == term && last.index < conflict.rejected).then(|| last.index.next())
        });
        own_end_of_term.unwrap_or(conflict.index).min(conflict.rejected)
    }

    /// Puts `snapshot` in the place of older ones and forgets all entries up
    /// to `through`, which it must cover.
    pub fn compact(&mut self, snapshot: Snapshot<S>, through: LogIndex) {
        let through = through.min(snapshot.index);
        if let Some(term) = self.term_at(through).filter(|_| through > self.base_index) {
            self.entries.drain(..(through.0 - self.base_index.0) as usize);
            self.base_index = through;
            self.base_term = term;
        }
        self.snapshot = Some(snapshot);
    }

    /// Takes over a leader's snapshot. Entries after it stay if the log holds
    /// the snapshot's last entry; otherwise the whole log goes (paper, section
    /// 7). Returns whether they stayed.
    pub fn install(&mut self, snapshot: Snapshot<S>) -> bool {
        let keep = self.term_at(snapshot.index) == Some(snapshot.term);
        if keep {
            let through = snapshot.index;
            self.compact(snapshot, through);
        } else {
            *self = Self::new(Some(snapshot), Vec::new());
        }
        keep
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rand::rngs::Xoshiro256PlusPlus;
    use rand::{RngExt, SeedableRng};

    use super::*;

    fn log(terms: &[u64]) -> Log<(), ()> {
        let entries = (1..).zip(terms).map(|(index, &term)| Entry {
            term: Term(term),
            index: LogIndex(index),
            content: Content::Noop,
        });
        Log::new(None, entries.collect())
    }

    fn terms(log: &Log<(), ()>) -> Vec<u64> {
        log.entries_from(LogIndex(1), usize::MAX).map(|entry| entry.term.0).collect()
    }

    /// Random logs as elections leave them: each term has one leader, so logs
    /// that hold an entry of a term at an index agree before it.
    fn histories(rng: &mut Xoshiro256PlusPlus) -> (Vec<u64>, Vec<u64>) {
        let mut logs = [Vec::new(), Vec::new()];
        for term in 1..=8 {
            let leader = rng.random_range(0..2);
            let other = logs[1 - leader].clone();
            if rng.random_bool(0.3) {
                let shared = rng.random_range(0..=other.len());
                logs[leader] = other[..shared].to_vec();
            }
            let added = rng.random_range(0..4);
            logs[leader].extend(std::iter::repeat_n(term, added));
        }
        let [leader, follower] = logs;
        (leader, follower)
    }

    /// A refusal of what both have, which no honest follower sends, leads back all the same: else
    /// the leader would send the same again and again.
    #[test]
    fn a_refusal_of_an_entry_that_both_have_leads_back() {
        let leader = log(&[1, 1, 2, 2, 2]);
        let next = |rejected, index| {
            let conflict = Conflict {
                rejected: LogIndex(rejected),
                term: Some(Term(2)),
                index: LogIndex(index),
            };
            leader.next_after_conflict(conflict)
        };
        assert_eq!(next(5, 3), LogIndex(3));
        assert_eq!(next(6, 3), LogIndex(6));
    }

    #[test]
    fn hints_lead_to_equal_logs_in_at_most_one_refusal_a_term() {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
        for round in 0..2000 {
            let (leader_terms, follower_terms) = histories(&mut rng);
            let leader = log(&leader_terms);
            let mut follower = log(&follower_terms);
            let mut next = leader.last_index().next();
            let mut refusals = 0;
            loop {
                let entries: Vec<_> = leader.entries_from(next, usize::MAX).cloned().collect();
                let previous = next.previous();
                let term = leader.term_at(previous).unwrap();
                match follower.reconcile(previous, term, &entries, LogIndex(0)) {
                    Ok(done) => {
                        assert_eq!(done.match_index, leader.last_index());
                        break;
                    }
                    Err(conflict) => {
                        refusals += 1;
                        let then = leader.next_after_conflict(conflict);
                        assert!(then < next, "no progress in round {round}");
                        next = then;
                    }
                }
            }
            // What the follower has beyond the leader's end agrees, or would be cut off later.
            assert_eq!(terms(&follower)[..leader_terms.len()], leader_terms[..], "round {round}");
            assert!(refusals <= 9, "{refusals} refusals in round {round}");
        }
    }

    #[test]
    fn committed_entries_are_never_touched() {
        let mut follower = log(&[1, 1, 2]);
        let old = log(&[1, 1]);
        let entries: Vec<_> = old.entries_from(LogIndex(1), 2).cloned().collect();
        // A message from before the commit: it says nothing new, and less than is known.
        let done = follower.reconcile(LogIndex(0), Term(0), &entries, LogIndex(3)).unwrap();
        assert_eq!(
            done,
            Reconciled { match_index: LogIndex(3), truncated_from: None, appended: 0 }
        );
        assert_eq!(terms(&follower), [1, 1, 2]);
    }

    #[test]
    fn a_snapshot_stands_in_for_what_it_covers() {
        let mut kept = log(&[1, 1, 2, 2]);
        let snapshot = |index, term| Snapshot {
            index: LogIndex(index),
            term: Term(term),
            configuration: Arc::default(),
            state: (),
        };
        kept.compact(snapshot(3, 2), LogIndex(2));
        assert_eq!((kept.first_index(), kept.last_index()), (LogIndex(3), LogIndex(4)));
        assert_eq!((kept.term_at(LogIndex(2)), kept.term_at(LogIndex(1))), (Some(Term(1)), None));
        // The log holds the snapshot's last entry: what comes after it stays.
        assert!(kept.install(snapshot(3, 2)));
        assert_eq!(terms(&kept), [2]);
        // It does not: all of it goes.
        assert!(!kept.install(snapshot(4, 3)));
        assert_eq!((kept.last_index(), kept.last_term()), (LogIndex(4), Term(3)));
    }

    /// The follower (f) of the paper's figure 7, and one that shares a term with its leader.
    #[test]
    fn a_refusal_skips_a_whole_term() {
        let refusal = |leader: &[u64], follower: &[u64], next: u64| {
            let (leader, mut follower) = (log(leader), log(follower));
            let previous = LogIndex(next - 1);
            let term = leader.term_at(previous).unwrap();
            let conflict = follower.reconcile(previous, term, &[], LogIndex(0)).unwrap_err();
            (conflict.term.map(|term| term.0), leader.next_after_conflict(conflict).0)
        };
        let leader = [1, 1, 1, 4, 4, 5, 5, 6, 6, 6];
        let follower = [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3];
        // The leader has nothing of term 3, and nothing of term 2.
        assert_eq!(refusal(&leader, &follower, 11), (Some(3), 7));
        assert_eq!(refusal(&leader, &follower, 7), (Some(2), 4));
        // The follower's log is too short.
        assert_eq!(refusal(&leader, &[1, 1, 1, 4], 11), (None, 5));
        // Both have entries of term 4: behind the leader's last one of them.
        assert_eq!(refusal(&[1, 4, 4, 5, 5, 5], &[1, 4, 4, 4, 4, 4], 6), (Some(4), 4));
        // The leader's own entries of that term go further: then where the follower's begin.
        assert_eq!(refusal(&[1, 2, 4, 4, 4], &[1, 1, 1, 1, 1], 4), (Some(1), 2));
    }

    #[test]
    fn the_longer_log_of_the_later_term_is_up_to_date() {
        let own = log(&[1, 2, 2]);
        for (index, term, expected) in
            [(3, 2, true), (4, 2, true), (2, 2, false), (1, 3, true), (9, 1, false), (0, 0, false)]
        {
            let is = own.is_up_to_date(LogIndex(index), Term(term));
            assert_eq!(is, expected, "{index} {term}");
        }
    }
}
