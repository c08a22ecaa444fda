//! PBFT as an order of requests: when does a primary propose, and when is it given up?

use std::time::Duration;

use bft::pbft::{Message, Record, Replica, Restored, Sequence, Stage, Status, View, Vote};
use bft::{Digest, Key, NodeIndex, Quorums, Seal, Signed, Stable};
use proto::Error;

use super::order::{Keep, Order, Said, Start, TIMEOUT_MAX, Twist, of_slots, parse, slot_key};
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

    fn certified(&self) -> Vec<(u64, u64, Option<Value>)> {
        let proofs = self.replica.prepared();
        let vote = |proof: &bft::pbft::Certificate<Value>| {
            let vote = proof.proposal.statement();
            (vote.sequence.0, vote.view.0, vote.value.clone())
        };
        proofs.map(vote).collect()
    }

    fn is_proven(&self, slot: u64, quorums: &Quorums) -> bool {
        let mut decisions = self.replica.decisions();
        let decision = decisions.find(|decision| decision.vote.sequence.0 == slot);
        decision.is_some_and(|decision| decision.is_proven(quorums))
    }

    fn position(&self) -> (u64, u64) {
        (self.replica.view().0, self.replica.executed().0)
    }
}

impl Twist for Pbft {
    fn twist(
        message: &Self::Message,
        key: &Key,
        change: &mut dyn FnMut(&Value) -> Value,
    ) -> Option<Self::Message> {
        let mut other = |vote: &Signed<Vote<Value>>| {
            let vote = vote.statement().clone();
            let value = vote.value.as_ref().map(&mut *change);
            key.sign(Vote { value, ..vote })
        };
        match message {
            Message::Vote(vote) if vote.signer() == key.owner() => Some(Message::Vote(other(vote))),
            Message::NewView(new) if new.signer() == key.owner() => {
                let mut new = new.statement().clone();
                new.proposals = new.proposals.iter().map(&mut other).collect();
                Some(Message::NewView(key.sign(new)))
            }
            _ => None,
        }
    }

    fn lie(
        message: &Self::Message,
        key: &Key,
        draw: &mut dyn FnMut(u64) -> u64,
    ) -> Option<Self::Message> {
        Some(match message {
            Message::Vote(vote) => {
                let mut vote = vote.statement().clone();
                let signer = match draw(4) {
                    0 => NodeIndex(draw(4) as usize),
                    _ => key.owner(),
                };
                match draw(4) {
                    0 => vote.value = None,
                    1 => vote.view = View(vote.view.0 + draw(3)),
                    2 => vote.sequence = Sequence(vote.sequence.0 + draw(3)),
                    _ => {
                        vote.stage =
                            [Stage::PrePrepare, Stage::Prepare, Stage::Commit][draw(3) as usize]
                    }
                }
                Message::Vote(Key::of(signer).sign(vote))
            }
            Message::ViewChange(change) => {
                let mut change = change.statement().clone();
                match draw(3) {
                    0 => change.prepared.clear(),
                    1 => change.view = View(change.view.0 + draw(4)),
                    // A certificate with fewer prepares than it takes.
                    _ => change.prepared.iter_mut().for_each(|proof| drop(proof.prepares.pop())),
                }
                Message::ViewChange(key.sign(change))
            }
            Message::NewView(new) => {
                let mut new = new.statement().clone();
                match draw(2) {
                    0 => drop(new.view_changes.pop()),
                    _ => drop(new.proposals.pop()),
                }
                Message::NewView(key.sign(new))
            }
            Message::Checkpoint(vote) => {
                let mut vote = vote.statement().clone();
                vote.digest.0[0] ^= 1;
                vote.slot += draw(2) * 1000;
                Message::Checkpoint(key.sign(vote))
            }
            Message::Decision(decision) => {
                let mut decision = decision.clone();
                decision.commits.pop();
                Message::Decision(decision)
            }
            Message::Stable(_) => return None,
        })
    }
}
