//! What a node has stored, as the records of its outputs leave it.

use raft::{Record, Restored};

/// The image of one node's storage.
#[derive(Debug, Clone)]
pub(crate) struct Store<C, S> {
    pub(crate) stored: Restored<C, S>,
}

impl<C, S> Default for Store<C, S> {
    fn default() -> Self {
        Self { stored: Restored::default() }
    }
}

impl<C, S> Store<C, S> {
    pub(crate) fn write(&mut self, record: Record<C, S>) {
        let stored = &mut self.stored;
        match record {
            Record::Ballot { term, voted_for } => {
                stored.term = term;
                stored.voted_for = voted_for;
            }
            Record::Truncate(from) => stored.entries.retain(|entry| entry.index < from),
            Record::Append(entries) => stored.entries.extend(entries),
            Record::Snapshot(snapshot) => {
                stored.entries.retain(|entry| entry.index > snapshot.index);
                stored.snapshot = Some(snapshot);
            }
            Record::Incarnations(known) => stored.incarnations = (*known).clone(),
        }
    }
}
