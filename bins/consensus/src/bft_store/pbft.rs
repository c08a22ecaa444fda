//! PBFT as an order of requests: when does a primary propose, and when is it given up?

use std::time::Duration;

use bft::pbft::{Message, Record, Replica, Restored, Sequence, Status, View};
use bft::{Digest, Seal, Stable};
use proto::Error;

use super::order::{Keep, Order, Said, Start, TIMEOUT_MAX, of_slots, parse, slot_key};
use super::pending::Pending;
use super::value::Value;

/// How many batches may be on their way.
const PIPELINE: u64 = 8;

/// After so many places of one view its time-out is halved again, down to what it was at first.
const CALM: u64 = 64;

const VIEW: &[u8] = b"view";
const ACCEPTED: &str = "accepted/";
const PREPARED: &str = "prepared/";
const DECIDED: &str = "decided/";

/// A replica and its patience.
#[derive(Debug)]
pub struct Pbft {
    replica: Replica<Value>,
    first_timeout: Duration,
    timeout: Duration,
    /// The view and the wanted one, as they were last seen, and when they changed.
    seen: (View, Option<View>),
    since: Duration,
    /// What was executed when the time-out changed last.
    executed: Sequence,
    offers_from: View,
}

impl Pbft {
    /// The replica within.
    #[must_use]
    pub fn replica(&self) -> &Replica<Value> {
        &self.replica
    }
}

impl Order for Pbft {
    type Message = Message<Value>;
    type Status = Status;

    const SLOT_RECORDS: &'static [&'static str] = &[ACCEPTED, PREPARED, DECIDED];

    fn start(start: Start<'_>) -> Result<Self, Error> {
        let Start { key, quorums, timeout, stable, records, .. } = start;
        let mut replica = Replica::new(key, quorums, Value::is_valid);
        let (view, wanted) = match records.get(VIEW) {
            Some(value) => parse(value)?,
            None => (View(0), None),
        };
        replica.restore(Restored {
            view,
            wanted,
            stable,
            accepted: of_slots(records, ACCEPTED)?,
            prepared: of_slots(records, PREPARED)?,
            decided: of_slots(records, DECIDED)?,
        });
        let timeout = timeout.min(TIMEOUT_MAX);
        Ok(Self {
            seen: (view, wanted),
            executed: replica.executed(),
            offers_from: view,
            replica,
            first_timeout: timeout,
            timeout,
            since: Duration::ZERO,
        })
    }

    fn each_signed(message: &mut Self::Message, seal: &mut impl Seal) {
        message.each_signed(seal);
    }

    fn each_value(message: &Self::Message, look: impl FnMut(&Value)) {
        message.each_value(look);
    }

    fn stable_of(message: &Self::Message) -> Option<&Stable> {
        match message {
            Message::Stable(stable) => Some(stable),
            _ => None,
        }
    }

    fn step(&mut self, message: Self::Message) {
        self.replica.step(message);
    }

    fn offer(&mut self, pending: &mut Pending) {
        if self.offers_from != self.replica.view() {
            self.offers_from = self.replica.view();
            pending.offer_again();
        }
        while self.replica.is_primary()
            && self.replica.proposed().0 - self.replica.executed().0 < PIPELINE
            && let Some(batch) = pending.offer_new()
        {
            self.replica.propose(batch);
        }
    }

    fn take(&mut self, now: Duration) -> Said<Self::Message> {
        let seen = (self.replica.view(), self.replica.wanted());
        if seen != self.seen {
            (self.seen, self.since) = (seen, now);
            self.executed = self.replica.executed();
        }
        if self.replica.executed().0 >= self.executed.0 + CALM {
            self.executed = self.replica.executed();
            self.timeout = (self.timeout / 2).max(self.first_timeout);
        }
        let output = self.replica.take_output();
        let keep = |record| match record {
            Record::View { view, wanted } => Keep::put(VIEW.to_vec(), &(view, wanted)),
            Record::Accepted(vote) => {
                Keep::put(slot_key(ACCEPTED, vote.statement().sequence.0), &vote)
            }
            Record::Prepared(proof) => Keep::put(slot_key(PREPARED, proof.sequence().0), &proof),
            Record::Decided(decision) => {
                Keep::put(slot_key(DECIDED, decision.vote.sequence.0), &decision)
            }
        };
        Said { keep: output.records.into_iter().map(keep).collect(), messages: output.messages }
    }

    fn decided(&self, slot: u64) -> Option<Option<Value>> {
        self.replica.decided(Sequence(slot)).cloned()
    }

    fn checkpoint(&mut self, slot: u64, digest: Digest) {
        self.replica.checkpoint(Sequence(slot), digest);
    }

    fn stable(&self) -> Option<&Stable> {
        self.replica.stable()
    }

    fn install(&mut self, stable: Stable) {
        self.replica.install(stable);
    }

    fn status(&self) -> Status {
        self.replica.status()
    }

    fn help(&self, other: &Status) -> Vec<Self::Message> {
        self.replica.help(other)
    }

    fn deadline(&self, waiting_since: Option<Duration>) -> Option<Duration> {
        let since = match self.replica.wanted() {
            Some(_) => self.since,
            None => waiting_since?.max(self.since),
        };
        Some(since + self.timeout)
    }

    fn tick(&mut self, now: Duration, waiting_since: Option<Duration>) {
        if self.deadline(waiting_since).is_some_and(|deadline| deadline <= now) {
            self.replica.suspect();
            // Whether or not others are as impatient: it waits twice as long for the next view.
            self.since = now;
            self.timeout = (self.timeout * 2).min(TIMEOUT_MAX);
        }
    }

    fn is_leader(&self) -> bool {
        self.replica.is_primary()
    }
}
