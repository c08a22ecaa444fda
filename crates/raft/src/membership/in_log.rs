//! Which configuration is in force at each place of a log.

use std::sync::Arc;

use super::Configuration;
use crate::message::{Content, Entry};
use crate::types::LogIndex;

/// The configurations of one log.
#[derive(Debug, Clone)]
pub(crate) struct Membership {
    /// In the order of their indices; the first one covers all that is compacted away.
    configurations: Vec<(LogIndex, Arc<Configuration>)>,
}

impl Membership {
    /// What is in force from `base` on, and after each of these entries.
    pub(crate) fn new<'a, C: 'a>(
        base: (LogIndex, Arc<Configuration>),
        entries: impl Iterator<Item = &'a Entry<C>>,
    ) -> Self {
        let mut membership = Self { configurations: vec![base] };
        membership.append(entries);
        membership
    }

    /// The configuration in force.
    pub(crate) fn current(&self) -> &Arc<Configuration> {
        &self.last().1
    }

    /// Where it is in the log; 0 if it is the first one.
    pub(crate) fn index(&self) -> LogIndex {
        self.last().0
    }

    fn last(&self) -> &(LogIndex, Arc<Configuration>) {
        // There always is one: nothing removes the first.
        &self.configurations[self.configurations.len() - 1]
    }

    /// All that are known, in order.
    pub(crate) fn all(&self) -> impl Iterator<Item = (LogIndex, &Arc<Configuration>)> {
        self.configurations.iter().map(|(index, configuration)| (*index, configuration))
    }

    /// The one that was in force at `index`.
    pub(crate) fn at(&self, index: LogIndex) -> &Arc<Configuration> {
        let count = self.configurations.partition_point(|&(at, _)| at <= index);
        &self.configurations[count.saturating_sub(1)].1
    }

    /// Takes note of new entries of the log.
    pub(crate) fn append<'a, C: 'a>(&mut self, entries: impl Iterator<Item = &'a Entry<C>>) {
        self.configurations.extend(entries.filter_map(|entry| match &entry.content {
            Content::Configuration(configuration) => Some((entry.index, configuration.clone())),
            Content::Noop | Content::Command(_) => None,
        }));
    }

    /// The log was cut off: from `index` on there is nothing any more.
    pub(crate) fn truncate(&mut self, index: LogIndex) {
        let kept = self.configurations.partition_point(|&(at, _)| at < index).max(1);
        self.configurations.truncate(kept);
    }

    /// The log was compacted up to `index`.
    pub(crate) fn compact(&mut self, index: LogIndex) {
        let covered = self.configurations.partition_point(|&(at, _)| at <= index);
        self.configurations.drain(..covered.saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::MemberId;

    fn of(members: &[u64]) -> Configuration {
        Configuration::of(members.iter().copied().map(MemberId))
    }

    #[test]
    fn what_is_in_force_follows_the_log() {
        let entry = |index, members| Entry::<()> {
            term: crate::Term(1),
            index: LogIndex(index),
            content: Content::Configuration(Arc::new(of(members))),
        };
        let entries = [entry(4, &[1, 2]), entry(7, &[1])];
        let first = (LogIndex(0), Arc::new(of(&[1, 2, 3])));
        let mut membership = Membership::new(first, entries.iter());
        let at = |membership: &Membership, index| membership.at(LogIndex(index)).voters().len();
        assert_eq!([0, 3, 4, 6, 7, 9].map(|index| at(&membership, index)), [3, 3, 2, 2, 1, 1]);
        let mut cut = membership.clone();
        cut.truncate(LogIndex(7));
        assert_eq!((cut.index(), cut.all().count()), (LogIndex(4), 2));
        membership.compact(LogIndex(5));
        assert_eq!((at(&membership, 5), membership.all().count()), (2, 2));
        membership.truncate(LogIndex(7));
        assert_eq!((membership.index(), membership.current().voters().len()), (LogIndex(4), 2));
        // What is compacted stays.
        membership.truncate(LogIndex(1));
        assert_eq!(membership.index(), LogIndex(4));
    }
}
