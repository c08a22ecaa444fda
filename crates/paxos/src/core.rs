//! What every role of a replica works on: the acceptor's promise, the log, and what is to be done.

use std::time::Duration;

use rand::RngExt as _;
use rand::rngs::Xoshiro256PlusPlus;

use crate::log::Log;
use crate::message::{Apply, Config, Entry, Envelope, Message, Output, Record, Snapshot};
use crate::types::{Ballot, NodeIndex, Slot};

/// What every role works on.
#[derive(Debug)]
pub(crate) struct Core<C, S> {
    pub(crate) config: Config,
    pub(crate) promised: Ballot,
    pub(crate) log: Log<C, S>,
    pub(crate) output: Output<C, S>,
    /// The highest ballot seen anywhere.
    pub(crate) seen: Ballot,
    /// Whether no majority answered when it was last asked for something.
    pub(crate) isolated: bool,
    pub(crate) random: Xoshiro256PlusPlus,
}

impl<C: Clone, S: Clone> Core<C, S> {
    pub(crate) fn send(&mut self, to: NodeIndex, message: Message<C, S>) {
        self.output.messages.push(Envelope { to, message });
    }

    pub(crate) fn send_all(&mut self, message: &Message<C, S>) {
        let own = self.config.id;
        for node in (0..self.config.nodes).map(NodeIndex).filter(|&node| node != own) {
            self.send(node, message.clone());
        }
    }

    pub(crate) fn draw_deadline(&mut self, now: Duration) -> Duration {
        let shortest = self.config.election_timeout;
        let extra = self.random.random_range(0..=shortest.as_micros() as u64);
        now + shortest + Duration::from_micros(extra)
    }

    pub(crate) fn promise(&mut self, ballot: Ballot) {
        self.seen = self.seen.max(ballot);
        if ballot > self.promised {
            self.promised = ballot;
            self.output.records.push(Record::Promised(ballot));
        }
    }

    /// Accepts as the acceptor that this replica is, too.
    pub(crate) fn accept(&mut self, ballot: Ballot, first: Slot, commands: &[Option<C>]) {
        let mut taken = Vec::new();
        for (slot, command) in (first.0..).map(Slot).zip(commands) {
            if self.log.put(slot, ballot, command.clone()) {
                taken.push(Entry { slot, ballot, command: command.clone() });
            }
        }
        if !taken.is_empty() {
            self.output.records.push(Record::Accepted(taken));
        }
    }

    /// The next slot is chosen, and there is an entry in it.
    pub(crate) fn choose_next(&mut self) {
        if let Some((slot, command)) = self.log.choose_next() {
            self.output.applies.push(Apply::Command(slot, command));
        }
    }

    pub(crate) fn install(&mut self, snapshot: Snapshot<S>) {
        if self.log.install(snapshot.clone()) {
            let first_kept = self.log.first();
            self.output.records.push(Record::Snapshot { snapshot: snapshot.clone(), first_kept });
            self.output.applies.push(Apply::Restore(snapshot));
        }
    }
}
