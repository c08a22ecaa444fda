//! Tendermint: one validator at one height, and a chain of heights.
//!
//! Line numbers are those of Algorithm 1 of Buchman, Kwon and Milosevic (2018). A [`Chain`] is a
//! validator for each height, each begun when the one before has decided.

use std::collections::{BTreeMap, BTreeSet};

use crate::equivocation::{Detector, KEPT_MAX, Statement};
use crate::types::{Key, NodeIndex, Quorums, Signed, ToBytes};

mod chain;
mod restore;

pub use chain::{Chain, Decision, HELPED_MAX, Message, Status};
pub use restore::Restored;

/// How many rounds ahead of its own a validator keeps votes for.
pub const ROUNDS_AHEAD: u64 = 64;

/// An attempt to decide, with a proposer of its own. Counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
pub struct Round(pub u64);

impl Round {
    /// The validator that proposes in this round of a height: they take turns, from height to height
    /// as well.
    #[must_use]
    pub fn proposer(self, height: u64, nodes: usize) -> NodeIndex {
        NodeIndex((height.wrapping_add(self.0) % nodes as u64) as usize)
    }
}

/// The three steps of a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Step {
    /// Waiting for the proposal.
    Propose,
    /// The first vote is given.
    Prevote,
    /// The second vote is given.
    Precommit,
}

/// What a validator signs: its proposal, or its vote in a step. Values stand where the paper has
/// their digests.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Vote<V> {
    /// The height.
    pub height: u64,
    /// The step.
    pub step: Step,
    /// The round.
    pub round: Round,
    /// The value; none is nil, which nobody proposes.
    pub value: Option<V>,
    /// In a proposal, the earlier round in which the value had a quorum of prevotes (a *polka*).
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    pub valid_round: Option<Round>,
}

impl<V: Clone + Eq> Statement for Vote<V> {
    type Place = (u64, Round, Step);

    fn place(&self) -> Self::Place {
        (self.height, self.round, self.step)
    }
}

impl<V: ToBytes> ToBytes for Vote<V> {
    fn to_bytes(&self, out: &mut Vec<u8>) {
        out.extend(b"tendermint vote");
        out.push(self.step as u8);
        out.extend(self.height.to_be_bytes());
        out.extend(self.round.0.to_be_bytes());
        out.extend(self.valid_round.map_or(u64::MAX, |round| round.0).to_be_bytes());
        out.push(u8::from(self.value.is_some()));
        self.value.iter().for_each(|value| value.to_bytes(out));
    }
}

/// What each node voted for. An honest one votes once; of others all votes count up to
/// [`KEPT_MAX`], as in the paper's log of messages: a decision may rest on any of them.
pub type Ballots<V> = BTreeMap<NodeIndex, BTreeSet<Option<V>>>;

/// What a validator knows of a round.
#[derive(Debug, Clone)]
struct Votes<V> {
    /// The first proposal that came, and that counts.
    proposal: Option<Vote<V>>,
    prevotes: Ballots<V>,
    precommits: Ballots<V>,
    /// What is done only once a round (lines 34, 36 and 47).
    is_polka_seen: bool,
    is_prevote_timed: bool,
    is_precommit_timed: bool,
}

impl<V> Default for Votes<V> {
    fn default() -> Self {
        Self {
            proposal: None,
            prevotes: BTreeMap::new(),
            precommits: BTreeMap::new(),
            is_polka_seen: false,
            is_prevote_timed: false,
            is_precommit_timed: false,
        }
    }
}

/// What a validator wants to have done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output<V> {
    /// To be sent to all nodes, *the sender included*, whose copy must not be lost.
    pub messages: Vec<Signed<Vote<V>>>,
    /// Call [`Validator::timeout`] with this some time from now, longer in later rounds.
    pub timeouts: Vec<(Step, Round)>,
    /// The decision, once.
    pub decided: Option<V>,
}

impl<V> Default for Output<V> {
    fn default() -> Self {
        Self { messages: Vec::new(), timeouts: Vec::new(), decided: None }
    }
}

/// A validator at one height.
#[derive(Debug)]
pub struct Validator<V: Clone + Eq> {
    height: u64,
    quorums: Quorums,
    key: Key,
    is_valid: fn(&V) -> bool,
    wish: V,
    round: Round,
    step: Step,
    locked: Option<(Round, V)>,
    valid: Option<(Round, V)>,
    votes: BTreeMap<Round, Votes<V>>,
    decision: Option<V>,
    detector: Detector<Vote<V>>,
    output: Output<V>,
}

impl<V: Clone + Ord> Validator<V> {
    /// A validator in round 0 of height 0, which proposes its wish when it is its turn. It votes only
    /// for valid values.
    #[must_use]
    pub fn new(key: Key, quorums: Quorums, is_valid: fn(&V) -> bool, wish: V) -> Self {
        Self::at_height(0, key, quorums, is_valid, wish)
    }

    /// The same at any height.
    #[must_use]
    pub fn at_height(
        height: u64,
        key: Key,
        quorums: Quorums,
        is_valid: fn(&V) -> bool,
        wish: V,
    ) -> Self {
        let mut validator = Self::asleep(height, key, quorums, is_valid, wish);
        validator.start(Round(0));
        validator
    }

    /// One that has not begun its first round.
    fn asleep(height: u64, key: Key, quorums: Quorums, is_valid: fn(&V) -> bool, wish: V) -> Self {
        Self {
            height,
            quorums,
            key,
            is_valid,
            wish,
            round: Round(0),
            step: Step::Propose,
            locked: None,
            valid: None,
            votes: BTreeMap::new(),
            decision: None,
            detector: Detector::default(),
            output: Output::default(),
        }
    }

    pub(crate) fn key(&self) -> &Key {
        &self.key
    }

    /// The key, for the validator of the next height.
    #[must_use]
    pub fn into_key(self) -> Key {
        self.key
    }

    /// The height.
    #[must_use]
    pub fn height(&self) -> u64 {
        self.height
    }

    /// The validator that proposes in a round here.
    #[must_use]
    pub fn proposer(&self, round: Round) -> NodeIndex {
        round.proposer(self.height, self.quorums.nodes)
    }

    /// Its place among the validators.
    #[must_use]
    pub fn id(&self) -> NodeIndex {
        self.key.owner()
    }

    /// The round it is in.
    #[must_use]
    pub fn round(&self) -> Round {
        self.round
    }

    /// How far it came in that round.
    #[must_use]
    pub fn current_step(&self) -> Step {
        self.step
    }

    /// What it is locked on, and since which round.
    #[must_use]
    pub fn locked(&self) -> Option<&(Round, V)> {
        self.locked.as_ref()
    }

    /// The proposal that it took in a round.
    #[must_use]
    pub fn proposal(&self, round: Round) -> Option<&Vote<V>> {
        self.votes.get(&round)?.proposal.as_ref()
    }

    /// The prevotes and the precommits that it has of a round, by who gave them.
    pub fn votes(&self, round: Round) -> [Option<&Ballots<V>>; 2] {
        let votes = self.votes.get(&round);
        [votes.map(|votes| &votes.prevotes), votes.map(|votes| &votes.precommits)]
    }

    /// What is decided.
    #[must_use]
    pub fn decision(&self) -> Option<&V> {
        self.decision.as_ref()
    }

    /// Contradictions among the votes it got.
    #[must_use]
    pub fn detector(&self) -> &Detector<Vote<V>> {
        &self.detector
    }

    /// Changes what it proposes when it is its turn, and not bound by what it saw.
    pub fn wish(&mut self, value: V) {
        self.wish = value;
    }

    /// Takes what is to be done.
    pub fn take_output(&mut self) -> Output<V> {
        std::mem::take(&mut self.output)
    }

    /// A message came, from whomever: what counts is who signed it.
    pub fn receive(&mut self, message: Signed<Vote<V>>) {
        let (signer, vote) = (message.signer(), message.statement().clone());
        let is_far = vote.round.0 > self.round.0 + ROUNDS_AHEAD || vote.height != self.height;
        // Only a proposal rests on an earlier round.
        let is_odd = vote.step != Step::Propose && vote.valid_round.is_some();
        if signer.0 >= self.quorums.nodes || is_far || is_odd || self.decision.is_some() {
            return;
        }
        self.detector.record(message);
        let is_turn = self.proposer(vote.round) == signer;
        let votes = self.votes.entry(vote.round).or_default();
        match vote.step {
            Step::Propose if is_turn => {
                votes.proposal.get_or_insert(vote);
            }
            Step::Propose => {}
            Step::Prevote => count(&mut votes.prevotes, signer, vote.value),
            Step::Precommit => count(&mut votes.precommits, signer, vote.value),
        }
        self.follow();
    }

    /// A time-out of [`Output::timeouts`] is over (lines 57 to 67).
    pub fn timeout(&mut self, step: Step, round: Round) {
        if self.decision.is_some() || round != self.round {
            return;
        }
        match step {
            Step::Propose | Step::Prevote if self.step != step => {}
            Step::Propose => self.prevote(None),
            Step::Prevote => self.precommit(None),
            Step::Precommit => self.start(Round(round.0 + 1)),
        }
        self.follow();
    }

    /// Lines 11 to 21.
    fn start(&mut self, round: Round) {
        self.round = round;
        self.step = Step::Propose;
        if self.proposer(round) != self.id() {
            self.output.timeouts.push((Step::Propose, round));
            return;
        }
        let (valid_round, value) = match self.valid.clone() {
            Some((round, value)) => (Some(round), value),
            None => (None, self.wish.clone()),
        };
        self.send(Step::Propose, Some(value), valid_round);
    }

    fn send(&mut self, step: Step, value: Option<V>, valid_round: Option<Round>) {
        let vote = Vote { height: self.height, step, round: self.round, value, valid_round };
        self.output.messages.push(self.key.sign(vote));
    }

    fn prevote(&mut self, value: Option<V>) {
        self.step = Step::Prevote;
        self.send(Step::Prevote, value, None);
    }

    fn precommit(&mut self, value: Option<V>) {
        self.step = Step::Precommit;
        self.send(Step::Precommit, value, None);
    }

    /// Applies the rules until none applies any more.
    fn follow(&mut self) {
        while self.decision.is_none() && (self.decide() || self.skip() || self.advance()) {}
    }

    /// Line 49: whatever the round, a quorum of precommits decides.
    fn decide(&mut self) -> bool {
        let decide = self.quorums.decide;
        let mut rounds = self.votes.values();
        let Some(value) = rounds.find_map(|votes| quorum(&votes.precommits, decide).flatten())
        else {
            return false;
        };
        if !(self.is_valid)(&value) {
            return false;
        }
        self.decision = Some(value.clone());
        self.output.decided = Some(value);
        true
    }

    /// Line 55: somebody honest is in a later round.
    fn skip(&mut self) -> bool {
        let later = self.votes.range(Round(self.round.0 + 1)..).rev();
        let mut nodes = later.map(|(&round, votes)| {
            let voters = votes.prevotes.keys().chain(votes.precommits.keys()).copied();
            let proposer = votes.proposal.iter().map(|p| self.proposer(p.round));
            (round, voters.chain(proposer).collect::<BTreeSet<_>>().len())
        });
        let Some((round, _)) = nodes.find(|&(_, count)| count > self.quorums.faulty) else {
            return false;
        };
        self.start(round);
        true
    }

    /// The rules of the present round. True if one applied.
    fn advance(&mut self) -> bool {
        let certify = self.quorums.certify;
        let Some(mut votes) = self.votes.remove(&self.round) else { return false };
        let polka = quorum(&votes.prevotes, certify);
        let is_answered = self.step == Step::Propose && self.answer(votes.proposal.as_ref());
        let mut applied = true;
        if let Some(Some(value)) = polka.clone()
            && self.step > Step::Propose
            && !votes.is_polka_seen
            && (self.is_valid)(&value)
        {
            // Line 36. What was proposed is not looked at: a quorum prevoted for it.
            votes.is_polka_seen = true;
            self.valid = Some((self.round, value.clone()));
            if self.step == Step::Prevote {
                self.locked = Some((self.round, value.clone()));
                self.precommit(Some(value));
            }
        } else if polka == Some(None) && self.step == Step::Prevote {
            self.precommit(None);
        } else if self.step == Step::Prevote
            && votes.prevotes.len() >= certify
            && !votes.is_prevote_timed
        {
            votes.is_prevote_timed = true;
            self.output.timeouts.push((Step::Prevote, self.round));
        } else if votes.precommits.len() >= self.quorums.decide && !votes.is_precommit_timed {
            votes.is_precommit_timed = true;
            self.output.timeouts.push((Step::Precommit, self.round));
        } else {
            applied = is_answered;
        }
        self.votes.insert(self.round, votes);
        applied
    }

    /// Lines 22 to 33: the prevote that a proposal gets, if it can be judged already.
    fn answer(&mut self, proposal: Option<&Vote<V>>) -> bool {
        let Some(Vote { value: Some(value), valid_round, .. }) = proposal else { return false };
        if let Some(earlier) = *valid_round {
            // A polka that nobody can have seen, or that has not come here yet.
            let polka = self.votes.get(&earlier);
            let polka = polka.and_then(|votes| quorum(&votes.prevotes, self.quorums.certify));
            if earlier >= self.round || polka != Some(Some(value.clone())) {
                return false;
            }
        }
        let is_free = match &self.locked {
            None => true,
            Some((round, locked)) => locked == value || valid_round.is_some_and(|r| *round <= r),
        };
        let is_good = is_free && (self.is_valid)(value);
        self.prevote(is_good.then(|| value.clone()));
        true
    }
}

fn count<V: Ord>(ballots: &mut Ballots<V>, signer: NodeIndex, value: Option<V>) {
    let values = ballots.entry(signer).or_default();
    if values.len() < KEPT_MAX {
        values.insert(value);
    }
}

/// The value for which a quorum voted, nil included.
fn quorum<V: Clone + Ord>(ballots: &Ballots<V>, size: usize) -> Option<Option<V>> {
    let mut counts: BTreeMap<&Option<V>, usize> = BTreeMap::new();
    for value in ballots.values().flatten() {
        *counts.entry(value).or_default() += 1;
    }
    counts.into_iter().find(|&(_, count)| count >= size).map(|(value, _)| value.clone())
}
