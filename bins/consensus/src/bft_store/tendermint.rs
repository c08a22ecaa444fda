//! Tendermint as an order of requests: when does a height begin, and how long does a step last?

use std::collections::BTreeSet;
use std::time::Duration;

use bft::tendermint::{Chain, Decision, Message, Restored, Round, Status, Step, Validator, Vote};
use bft::{Digest, Key, NodeIndex, Quorums, Seal, Stable};
use proto::Error;

use super::order::{Keep, Order, Said, Start, TIMEOUT_MAX, Twist, of_slots, parse, slot_key};
use super::pending::Pending;
use super::value::{BATCH_MAX, Value};

const PRESENT: &[u8] = b"present";
const DECIDED: &str = "decided/";

/// A chain and its clock.
#[derive(Debug)]
pub struct Tendermint {
    chain: Chain<Value>,
    quorums: Quorums,
    timeout: Duration,
    timeouts: BTreeSet<(Duration, u64, Round, Step)>,
    /// For which height, and of which requests, a wish was made.
    wished: (u64, u64),
    stored: Option<Restored<Value>>,
    is_durable: bool,
}

impl Tendermint {
    /// The chain within.
    #[must_use]
    pub fn chain(&self) -> &Chain<Value> {
        &self.chain
    }

    /// How long a step of a round lasts.
    fn length(&self, round: Round) -> Duration {
        let doubled = self.timeout.saturating_mul(1 << round.0.min(16));
        doubled.min(TIMEOUT_MAX)
    }
}

impl Order for Tendermint {
    type Message = Message<Value>;
    type Status = Status;

    const SLOT_RECORDS: &'static [&'static str] = &[DECIDED];

    fn start(start: Start<'_>) -> Result<Self, Error> {
        let Start { key, quorums, timeout, stable, records, is_durable } = start;
        let mut chain = Chain::new(key, quorums, Value::is_valid, Vec::new().into());
        let present = records.get(PRESENT).map(|value| parse(value)).transpose()?;
        chain.restore(stable, of_slots::<Decision<Value>>(records, DECIDED)?, present);
        Ok(Self {
            chain,
            quorums,
            timeout,
            timeouts: BTreeSet::new(),
            wished: (0, 0),
            stored: None,
            is_durable,
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
        self.chain.step(message);
    }

    fn offer(&mut self, pending: &mut Pending) {
        let wished = (self.chain.height(), pending.version());
        if wished != self.wished {
            self.wished = wished;
            let batch: Vec<_> = pending.oldest(BATCH_MAX).cloned().collect();
            let is_empty = batch.is_empty();
            self.chain.wish(batch.into());
            if !is_empty {
                self.chain.begin();
            }
        }
    }

    fn take(&mut self, now: Duration) -> Said<Self::Message> {
        let output = self.chain.take_output();
        for (height, step, round) in output.timeouts {
            self.timeouts.insert((now + self.length(round), height, round, step));
        }
        let height = self.chain.height();
        self.timeouts.retain(|&(_, of, ..)| of == height);
        let decided = output.decided.iter();
        let mut keep: Vec<Keep> = decided
            .map(|decision| Keep::put(slot_key(DECIDED, decision.vote.height), decision))
            .collect();
        let validator = self.chain.validator().filter(|_| self.is_durable);
        let present = validator.map(Validator::to_restored);
        if let Some(present) = present.filter(|present| Some(present) != self.stored.as_ref()) {
            keep.push(Keep::put(PRESENT.to_vec(), &present));
            self.stored = Some(present);
        }
        Said { keep, messages: output.messages }
    }

    fn decided(&self, slot: u64) -> Option<Option<Value>> {
        self.chain.decided(slot).map(|decision| decision.vote.value.clone())
    }

    fn checkpoint(&mut self, slot: u64, digest: Digest) {
        self.chain.checkpoint(slot, digest);
    }

    fn stable(&self) -> Option<&Stable> {
        self.chain.stable()
    }

    fn install(&mut self, stable: Stable) {
        self.chain.install(stable);
    }

    fn status(&self) -> Status {
        self.chain.status()
    }

    fn help(&self, other: &Status) -> Vec<Self::Message> {
        self.chain.help(other)
    }

    fn deadline(&self, _: Option<Duration>) -> Option<Duration> {
        self.timeouts.first().map(|&(at, ..)| at)
    }

    fn tick(&mut self, now: Duration, _: Option<Duration>) {
        while let Some(&(at, height, round, step)) = self.timeouts.first()
            && at <= now
        {
            self.timeouts.pop_first();
            self.chain.timeout(height, step, round);
        }
    }

    fn is_leader(&self) -> bool {
        let round = self.chain.validator().map(Validator::round);
        let turn = round.unwrap_or_default().proposer(self.chain.height(), self.quorums.nodes);
        turn == self.chain.id()
    }

    fn certified(&self) -> Vec<(u64, u64, Option<Value>)> {
        let locked = self.chain.validator().and_then(Validator::locked);
        let height = self.chain.height();
        locked.map(|(round, value)| (height, round.0, Some(value.clone()))).into_iter().collect()
    }

    fn is_proven(&self, slot: u64, quorums: &Quorums) -> bool {
        self.chain.decided(slot).is_some_and(|decision| decision.is_proven(quorums))
    }

    fn position(&self) -> (u64, u64) {
        (self.chain.height(), self.chain.validator().map_or(0, |validator| validator.round().0))
    }
}

impl Twist for Tendermint {
    fn twist(
        message: &Self::Message,
        key: &Key,
        change: &mut dyn FnMut(&Value) -> Value,
    ) -> Option<Self::Message> {
        let Message::Vote(vote) = message else { return None };
        let vote = vote.statement().clone();
        let value = vote.value.as_ref().map(change);
        Some(Message::Vote(key.sign(Vote { value, ..vote })))
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
                match draw(5) {
                    0 => vote.value = None,
                    1 => vote.round = Round(vote.round.0 + draw(3)),
                    2 => vote.height += draw(3),
                    3 => vote.valid_round = Some(Round(draw(3))),
                    _ => {
                        vote.step =
                            [Step::Propose, Step::Prevote, Step::Precommit][draw(3) as usize]
                    }
                }
                Message::Vote(Key::of(signer).sign(vote))
            }
            Message::Checkpoint(vote) => {
                let mut vote = vote.statement().clone();
                vote.digest.0[0] ^= 1;
                vote.slot += draw(2) * 1000;
                Message::Checkpoint(key.sign(vote))
            }
            Message::Decision(decision) => {
                let mut decision = decision.clone();
                decision.precommits.pop();
                Message::Decision(decision)
            }
            Message::Stable(_) => return None,
        })
    }
}
