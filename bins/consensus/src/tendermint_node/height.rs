//! What the validators do at one height.

use std::collections::BTreeMap;

use bft::tendermint::{Ballots, Round, Step, Validator, Vote};
use bft::{Key, NodeIndex, Quorums, Signed};

/// The votes of a round: prevotes and precommits.
pub(super) type Votes = [Ballots<String>; 2];

/// One that a validator cannot cast: since which round it is locked, and on what.
pub(super) type Lock = (u64, String);

/// What each validator was asked for, and what it would say by itself, in the present round.
#[derive(Debug, Default, Clone)]
struct Asked {
    /// What it was asked to prevote.
    prevote: Option<Option<String>>,
    /// What it would prevote by itself.
    opinion: Option<Option<String>>,
    /// What it wants to say, but was not asked yet.
    held: Vec<Signed<Vote<String>>>,
}

/// What the validators do at one height.
#[derive(Debug)]
pub(super) struct Height {
    pub(super) height: u64,
    /// The round in which the height began, and who proposed in it: validator 0 of the cluster.
    first: (u64, usize),
    validators: Vec<Validator<String>>,
    asked: Vec<Asked>,
    /// Votes that came when their round was over. They are counted, and change nothing.
    late: BTreeMap<Round, Votes>,
}

impl Height {
    pub(super) fn new(count: usize, height: u64, round: u64, proposer: usize, hash: &str) -> Self {
        let quorums = Quorums::of(count);
        let validator =
            |id| Validator::new(Key::of(NodeIndex(id)), quorums, |_| true, hash.to_owned());
        let mut new = Self {
            height,
            first: (round, proposer),
            validators: (0..count).map(validator).collect(),
            asked: vec![Asked::default(); count],
            late: BTreeMap::new(),
        };
        new.settle();
        new
    }

    fn index(&self, wire: usize) -> usize {
        let count = self.validators.len();
        (wire + count - self.first.1) % count
    }

    /// The present round, as the messages count.
    pub(super) fn round(&self) -> u64 {
        self.first.0.saturating_add(self.present().0)
    }

    fn present(&self) -> Round {
        self.validators[0].round()
    }

    /// Whether it is somebody's turn to propose in a round that is not before the height.
    pub(super) fn is_turn(&self, round: u64, who: usize) -> bool {
        let turn = round.checked_sub(self.first.0).map(Round);
        turn.is_some_and(|turn| turn.proposer(0, self.validators.len()).0 == self.index(who))
    }

    /// What was proposed in a round.
    pub(super) fn proposal(&self, round: u64) -> Option<String> {
        self.validators[0].proposal(self.begun(round)?).and_then(|vote| vote.value.clone())
    }

    /// The round, if it is of this height and has begun.
    fn begun(&self, round: u64) -> Option<Round> {
        let turn = Round(round.checked_sub(self.first.0)?);
        (turn <= self.present()).then_some(turn)
    }

    /// Delivers until nobody has anything to say.
    fn settle(&mut self) {
        loop {
            let mut said = Vec::new();
            for (validator, asked) in self.validators.iter_mut().zip(&mut self.asked) {
                for message in validator.take_output().messages {
                    match message.statement().step {
                        Step::Propose => said.push(message),
                        Step::Prevote => asked.opinion = Some(message.statement().value.clone()),
                        Step::Precommit => asked.held.push(message),
                    }
                }
                if asked.prevote.is_some() {
                    said.append(&mut asked.held);
                }
            }
            if said.is_empty() {
                return;
            }
            said.into_iter().for_each(|message| self.deliver(&message));
        }
    }

    fn deliver(&mut self, message: &Signed<Vote<String>>) {
        if self.is_decided() {
            // Validators that have decided listen no more.
            let Vote { step, round, value, .. } = message.statement().clone();
            let [prevotes, precommits] = self.late.entry(round).or_default();
            match step {
                Step::Propose => return,
                Step::Prevote => prevotes,
                Step::Precommit => precommits,
            }
            .entry(message.signer())
            .or_default()
            .insert(value);
            return;
        }
        self.validators.iter_mut().for_each(|validator| validator.receive(message.clone()));
    }

    /// Lets the time of rounds run out until this one is there, with something to propose in it.
    pub(super) fn go_to(&mut self, round: u64, hash: &str) {
        self.validators.iter_mut().for_each(|validator| validator.wish(hash.to_owned()));
        while self.round() < round {
            let present = self.present();
            for validator in &mut self.validators {
                validator.timeout(Step::Precommit, present);
            }
            self.asked.fill(Asked::default());
            self.settle();
        }
    }

    pub(super) fn is_decided(&self) -> bool {
        self.validators[0].decision().is_some()
    }

    /// The votes of a round that has begun, by whom the messages name.
    pub(super) fn votes(&self, round: u64) -> Option<Votes> {
        let turn = self.begun(round)?;
        let count = self.validators.len();
        let mut known = self.late.get(&turn).cloned().unwrap_or_default();
        for (known, votes) in known.iter_mut().zip(self.validators[0].votes(turn)) {
            known.extend(votes.into_iter().flatten().map(|(id, values)| (*id, values.clone())));
        }
        let wire = |NodeIndex(id)| NodeIndex((id + self.first.1) % count);
        Some(known.map(|votes| votes.into_iter().map(|(id, each)| (wire(id), each)).collect()))
    }

    /// The votes of all rounds that have begun and in which somebody voted.
    pub(super) fn all_votes(&self) -> impl Iterator<Item = (u64, Votes)> {
        let rounds = self.first.0..=self.round();
        let votes = rounds.filter_map(|round| Some((round, self.votes(round)?)));
        votes.filter(|(_, votes)| votes.iter().any(|votes| !votes.is_empty()))
    }

    /// Has a validator prevote that did not in this round, if the round has begun and the validator
    /// is not locked on something else.
    pub(super) fn prevote(
        &mut self,
        round: u64,
        who: usize,
        value: Option<String>,
    ) -> Option<Result<(), Lock>> {
        let turn = self.begun(round)?;
        if turn < self.present() || self.is_decided() {
            self.count_late(turn, who, value);
            return Some(Ok(()));
        }
        let id = self.index(who);
        let own = self.asked[id].opinion.clone().flatten();
        if let (Some((since, locked)), Some(value)) = (self.validators[id].locked(), &value)
            && value != locked
            && own.as_ref() != Some(value)
        {
            return Some(Err((self.first.0 + since.0, locked.clone())));
        }
        let step = Step::Prevote;
        let vote = Vote { height: 0, step, round: turn, value: value.clone(), valid_round: None };
        self.deliver(&Key::of(NodeIndex(id)).sign(vote));
        self.asked[id].prevote = Some(value);
        self.settle();
        Some(Ok(()))
    }

    /// Has a vote that came before its round count, if its round has begun. One against a lock does
    /// no more than that.
    pub(super) fn catch_up(&mut self, round: u64, who: usize, value: Option<String>) {
        if let (Some(turn), Some(Err(_))) =
            (self.begun(round), self.prevote(round, who, value.clone()))
        {
            self.count_late(turn, who, value);
        }
    }

    /// Counts a prevote, and what its validator held back in this round.
    fn count_late(&mut self, turn: Round, who: usize, value: Option<String>) {
        let id = self.index(who);
        let is_present = turn == self.present() && self.is_decided();
        let held = if is_present { std::mem::take(&mut self.asked[id].held) } else { Vec::new() };
        let [prevotes, _] = self.late.entry(turn).or_default();
        prevotes.entry(NodeIndex(id)).or_default().insert(value);
        held.iter().for_each(|message| self.deliver(message));
    }
}
