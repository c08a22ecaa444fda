//! One height after the other.
//!
//! A height begins when there is something to decide, or when somebody has begun it: an idle chain is
//! silent. Decisions are kept with their proofs until a quorum has said that it has the same state
//! after them ([`crate::checkpoint`]), so that whoever missed one gets it from anybody.

#[cfg(feature = "serde")]
mod compact;

use std::collections::BTreeMap;

use super::{Restored, Round, Step, Validator, Vote};
use crate::checkpoint::{Checkpoint, Checkpoints, Digest, Stable};
use crate::types::{Key, NodeIndex, Quorums, Seal, Signed, ToBytes};

/// The most decisions in one answer to a [`Status`].
pub const HELPED_MAX: usize = 64;

/// The most votes for the next height that are kept of a node until it begins here.
const EARLY_MAX: usize = 64;

/// The proof that a value is decided: precommits of a quorum that say the same.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "serde",
    serde(
        from = "compact::Decision<V>",
        into = "compact::Decision<V>",
        bound(
            serialize = "V: Clone + serde::Serialize",
            deserialize = "V: Clone + serde::Deserialize<'de>"
        )
    )
)]
pub struct Decision<V> {
    /// What was decided, at which height and in which round.
    pub vote: Vote<V>,
    /// Who said so.
    pub precommits: Vec<Signed<Vote<V>>>,
}

impl<V: Clone + Ord> Decision<V> {
    /// Whether it proves anything.
    #[must_use]
    pub fn is_proven(&self, quorums: &Quorums) -> bool {
        self.vote.step == Step::Precommit
            && self.vote.value.is_some()
            && quorums.agree(quorums.decide, &self.precommits, &self.vote)
    }
}

/// What is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "serde",
    serde(
        rename_all = "snake_case",
        bound(
            serialize = "V: Clone + serde::Serialize",
            deserialize = "V: Clone + serde::Deserialize<'de>"
        )
    )
)]
pub enum Message<V> {
    /// A proposal or a vote.
    Vote(Signed<Vote<V>>),
    /// This is decided.
    Decision(Decision<V>),
    /// My state after some height.
    Checkpoint(Signed<Checkpoint>),
    /// A quorum has this state.
    Stable(Stable),
}

impl<V: ToBytes> Message<V> {
    /// Does something to every signature in the message.
    pub fn each_signed(&mut self, seal: &mut impl Seal) {
        match self {
            Self::Vote(vote) => seal.seal(vote),
            Self::Decision(decision) => {
                decision.precommits.iter_mut().for_each(|vote| seal.seal(vote));
            }
            Self::Checkpoint(vote) => seal.seal(vote),
            Self::Stable(stable) => stable.each_signed(seal),
        }
    }
}

impl<V> Message<V> {
    /// Shows every value in the message.
    pub fn each_value(&self, look: impl FnMut(&V)) {
        let vote = match self {
            Self::Vote(vote) => vote.statement(),
            Self::Decision(decision) => &decision.vote,
            Self::Checkpoint(_) | Self::Stable(_) => return,
        };
        vote.value.iter().for_each(look);
    }
}

/// Where a chain is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Status {
    /// The height that is not decided.
    pub height: u64,
    /// The round there, if it has begun.
    pub round: Option<Round>,
}

/// What a chain wants to have done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output<V> {
    /// To be sent to all nodes, *the sender included*, whose copy must not be lost.
    pub messages: Vec<Message<V>>,
    /// Call [`Chain::timeout`] with this some time from now, longer in later rounds.
    pub timeouts: Vec<(u64, Step, Round)>,
    /// Decisions that are new.
    pub decided: Vec<Decision<V>>,
}

impl<V> Default for Output<V> {
    fn default() -> Self {
        Self { messages: Vec::new(), timeouts: Vec::new(), decided: Vec::new() }
    }
}

/// The validator of the present height, before it begins and while it is at work.
#[derive(Debug)]
enum Present<V: Clone + Eq> {
    Waiting(Key),
    Working(Box<Validator<V>>),
    /// Between two states, and never seen from outside.
    Changing,
}

/// A validator of one height after the other.
#[derive(Debug)]
pub struct Chain<V: Clone + Eq> {
    id: NodeIndex,
    quorums: Quorums,
    is_valid: fn(&V) -> bool,
    height: u64,
    present: Present<V>,
    wish: V,
    /// Votes for the next height.
    early: BTreeMap<NodeIndex, Vec<Signed<Vote<V>>>>,
    decided: BTreeMap<u64, Decision<V>>,
    checkpoints: Checkpoints,
    output: Output<V>,
}

impl<V: Clone + Ord> Chain<V> {
    /// A chain of which nothing is decided. Its first height is 1; `wish` is what it proposes when
    /// nothing else was wished for.
    #[must_use]
    pub fn new(key: Key, quorums: Quorums, is_valid: fn(&V) -> bool, wish: V) -> Self {
        Self {
            id: key.owner(),
            quorums,
            is_valid,
            height: 1,
            present: Present::Waiting(key),
            wish,
            early: BTreeMap::new(),
            decided: BTreeMap::new(),
            checkpoints: Checkpoints::default(),
            output: Output::default(),
        }
    }

    /// Goes on from what was stored, before anything else happens.
    pub fn restore(
        &mut self,
        stable: Option<Stable>,
        decided: Vec<Decision<V>>,
        present: Option<Restored<V>>,
    ) {
        if let Some(stable) = stable {
            self.height = stable.slot() + 1;
            self.checkpoints.adopt(stable, &self.quorums);
        }
        let later = decided.into_iter().filter(|decision| decision.vote.height >= self.height);
        self.decided = later.map(|decision| (decision.vote.height, decision)).collect();
        while self.decided.contains_key(&self.height) {
            self.height += 1;
        }
        let Some(restored) = present.filter(|restored| restored.height == self.height) else {
            return;
        };
        if let Present::Waiting(key) = std::mem::replace(&mut self.present, Present::Changing) {
            let (quorums, wish) = (self.quorums, self.wish.clone());
            let validator = Validator::restore(restored, key, quorums, self.is_valid, wish);
            self.present = Present::Working(Box::new(validator));
        }
        self.collect();
    }

    /// Its place among the validators.
    #[must_use]
    pub fn id(&self) -> NodeIndex {
        self.id
    }

    /// The height that is not decided.
    #[must_use]
    pub fn height(&self) -> u64 {
        self.height
    }

    /// The validator at that height, if it has begun.
    #[must_use]
    pub fn validator(&self) -> Option<&Validator<V>> {
        match &self.present {
            Present::Working(validator) => Some(validator),
            Present::Waiting(_) | Present::Changing => None,
        }
    }

    /// A decision that is not forgotten.
    #[must_use]
    pub fn decided(&self, height: u64) -> Option<&Decision<V>> {
        self.decided.get(&height)
    }

    /// The last checkpoint that a quorum signed.
    #[must_use]
    pub fn stable(&self) -> Option<&Stable> {
        self.checkpoints.stable()
    }

    /// Takes what is to be done.
    pub fn take_output(&mut self) -> Output<V> {
        std::mem::take(&mut self.output)
    }

    /// What it proposes when it is its turn.
    pub fn wish(&mut self, value: V) {
        self.wish = value.clone();
        if let Present::Working(validator) = &mut self.present {
            validator.wish(value);
        }
    }

    /// A message came, from whomever: what counts is who signed it.
    pub fn step(&mut self, message: Message<V>) {
        match message {
            Message::Vote(vote) => self.on_vote(vote),
            Message::Decision(decision) => self.on_decision(decision),
            Message::Checkpoint(vote) => {
                if self.checkpoints.record(vote, &self.quorums) {
                    self.forget();
                }
            }
            Message::Stable(stable) => {
                if self.checkpoints.adopt(stable, &self.quorums) {
                    self.forget();
                }
            }
        }
    }

    /// A time-out of `Output::timeouts` is over.
    pub fn timeout(&mut self, height: u64, step: Step, round: Round) {
        if let Present::Working(validator) = &mut self.present
            && height == self.height
        {
            validator.timeout(step, round);
            self.collect();
        }
    }

    /// The host's state after a height, which all have to choose alike.
    pub fn checkpoint(&mut self, height: u64, digest: Digest) {
        if let Some(key) = self.key() {
            let vote = key.sign(Checkpoint { slot: height, digest });
            self.output.messages.push(Message::Checkpoint(vote));
        }
    }

    /// The host has taken over the state of a stable checkpoint.
    pub fn install(&mut self, stable: Stable) {
        let slot = stable.slot();
        self.step(Message::Stable(stable));
        if self.checkpoints.slot() >= slot && self.height <= slot {
            self.go_to(slot + 1);
        }
    }

    /// Where it is, for [`help`](Self::help).
    #[must_use]
    pub fn status(&self) -> Status {
        Status { height: self.height, round: self.validator().map(Validator::round) }
    }

    /// What somebody lacks who is there, as far as this chain has it. If the first of it is a
    /// [`Message::Stable`], it needs the state.
    #[must_use]
    pub fn help(&self, other: &Status) -> Vec<Message<V>> {
        let mut messages = Vec::new();
        let stable = self.stable().filter(|stable| stable.slot() >= other.height);
        messages.extend(stable.cloned().map(Message::Stable));
        let decided = self.decided.range(other.height..).take(HELPED_MAX);
        messages.extend(decided.map(|(_, decision)| Message::Decision(decision.clone())));
        messages.extend(self.checkpoints.latest(self.id).cloned().map(Message::Checkpoint));
        if let Some(validator) = self.validator().filter(|_| other.height == self.height) {
            let votes = validator.votes_for(other.round.unwrap_or_default());
            messages.extend(votes.cloned().map(Message::Vote));
        }
        messages
    }

    fn key(&self) -> Option<&Key> {
        match &self.present {
            Present::Waiting(key) => Some(key),
            Present::Working(validator) => Some(validator.key()),
            Present::Changing => None,
        }
    }

    fn on_vote(&mut self, vote: Signed<Vote<V>>) {
        let height = vote.statement().height;
        if height == self.height {
            self.begin();
            if let Present::Working(validator) = &mut self.present {
                validator.receive(vote);
                self.collect();
            }
        } else if height == self.height + 1 && vote.signer().0 < self.quorums.nodes {
            let early = self.early.entry(vote.signer()).or_default();
            if early.len() < EARLY_MAX && !early.contains(&vote) {
                early.push(vote);
            }
        }
    }

    fn on_decision(&mut self, decision: Decision<V>) {
        let height = decision.vote.height;
        let is_near = (self.height..self.height + HELPED_MAX as u64).contains(&height);
        let is_valid = decision.vote.value.as_ref().is_some_and(self.is_valid);
        if is_near && is_valid && decision.is_proven(&self.quorums) {
            self.decide(decision);
        }
    }

    fn decide(&mut self, decision: Decision<V>) {
        let height = decision.vote.height;
        if self.decided.contains_key(&height) {
            return;
        }
        self.output.decided.push(decision.clone());
        self.decided.insert(height, decision);
        let mut next = self.height;
        while self.decided.contains_key(&next) {
            next += 1;
        }
        if next > self.height {
            self.go_to(next);
        }
    }

    fn go_to(&mut self, height: u64) {
        self.height = height;
        while self.decided.contains_key(&self.height) {
            self.height += 1;
        }
        self.present = match std::mem::replace(&mut self.present, Present::Changing) {
            Present::Working(validator) => Present::Waiting(validator.into_key()),
            waiting => waiting,
        };
        for vote in std::mem::take(&mut self.early).into_values().flatten() {
            self.on_vote(vote);
        }
    }

    /// Begins the height, if nobody has yet: there is something to decide.
    pub fn begin(&mut self) {
        match std::mem::replace(&mut self.present, Present::Changing) {
            Present::Waiting(key) => {
                let (quorums, wish) = (self.quorums, self.wish.clone());
                let validator =
                    Validator::at_height(self.height, key, quorums, self.is_valid, wish);
                self.present = Present::Working(Box::new(validator));
                self.collect();
            }
            other => self.present = other,
        }
    }

    /// Takes what the validator wants to have done.
    fn collect(&mut self) {
        let Present::Working(validator) = &mut self.present else { return };
        let output = validator.take_output();
        self.output.messages.extend(output.messages.into_iter().map(Message::Vote));
        let height = self.height;
        let timeouts = output.timeouts.into_iter();
        self.output.timeouts.extend(timeouts.map(|(step, round)| (height, step, round)));
        if let Some(decision) = self.proof(output.decided) {
            self.decide(decision);
        }
    }

    fn proof(&self, decided: Option<V>) -> Option<Decision<V>> {
        let (value, validator) = (Some(decided?), self.validator()?);
        let (round, voters) = validator.proof()?;
        let (height, step) = (self.height, Step::Precommit);
        let vote = Vote { height, step, round, value, valid_round: None };
        let said = validator.detector().statements();
        let precommits = said.filter(|said| *said.statement() == vote);
        let precommits = precommits.filter(|said| voters.contains(&said.signer())).cloned();
        Some(Decision { precommits: precommits.collect(), vote })
    }

    fn forget(&mut self) {
        self.decided = self.decided.split_off(&(self.checkpoints.slot() + 1));
    }
}
