//! How a validator comes back after a crash, and what it passes on.

use super::{Round, Step, Validator, Vote, quorum};
use crate::types::{Key, NodeIndex, Quorums, Signed};

/// What has to be stored of a height before a vote is sent: where the validator is, what it is bound
/// by, and the votes that tell why.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Restored<V> {
    /// The height.
    pub height: u64,
    /// The round.
    pub round: Round,
    /// How far it came in that.
    pub step: Step,
    /// The lock.
    pub locked: Option<(Round, V)>,
    /// What it saw a polka for last.
    pub valid: Option<(Round, V)>,
    /// The proposal of the round, its own votes in it, and the polka.
    pub votes: Vec<Signed<Vote<V>>>,
}

impl<V: Clone + Ord> Validator<V> {
    /// Goes on from what was stored.
    #[must_use]
    pub fn restore(
        restored: Restored<V>,
        key: Key,
        quorums: Quorums,
        is_valid: fn(&V) -> bool,
        wish: V,
    ) -> Self {
        let Restored { height, round, step, locked, valid, votes } = restored;
        let mut validator = Self::asleep(height, key, quorums, is_valid, wish);
        (validator.round, validator.step) = (round, step);
        (validator.locked, validator.valid) = (locked, valid);
        let polka = validator.valid.as_ref().map(|(round, _)| *round);
        if polka == Some(round) {
            // It is bound by this polka already.
            validator.votes.entry(round).or_default().is_polka_seen = true;
        }
        for vote in votes {
            validator.receive(vote);
        }
        // What it said before is said; it waits for what would end the step.
        validator.output.timeouts.push((step, round));
        validator
    }

    /// What has to be stored now.
    #[must_use]
    pub fn to_restored(&self) -> Restored<V> {
        let polka = self.valid.as_ref();
        let is_polka = |vote: &Vote<V>| {
            let (step, round, value) = (vote.step, vote.round, vote.value.as_ref());
            step == Step::Prevote && polka.is_some_and(|(r, v)| *r == round && value == Some(v))
        };
        let is_own = |vote: &&Signed<Vote<V>>| {
            let said = vote.statement();
            let is_present = said.round == self.round;
            is_polka(said)
                || is_present && (vote.signer() == self.id() || said.step == Step::Propose)
        };
        Restored {
            height: self.height,
            round: self.round,
            step: self.step,
            locked: self.locked.clone(),
            valid: self.valid.clone(),
            votes: self.detector.statements().filter(is_own).cloned().collect(),
        }
    }

    /// The votes that somebody in this round may lack: those of the round, of the present one, and of
    /// the polka that a proposal may rest on. What one honest validator got all have to get.
    pub fn votes_for(&self, round: Round) -> impl Iterator<Item = &Signed<Vote<V>>> {
        let polka = self.valid.as_ref().map(|(round, _)| *round);
        self.detector.statements().filter(move |vote| {
            let of = vote.statement().round;
            of == round || of == self.round || Some(of) == polka
        })
    }

    /// The round of a quorum of precommits, and who gave them.
    pub(super) fn proof(&self) -> Option<(Round, Vec<NodeIndex>)> {
        let value = self.decision.as_ref()?;
        let decided = |ballots| quorum(ballots, self.quorums.decide) == Some(Some(value.clone()));
        let (round, votes) = self.votes.iter().find(|(_, votes)| decided(&votes.precommits))?;
        let voters = votes.precommits.iter();
        let voters = voters.filter(|(_, values)| values.contains(&Some(value.clone())));
        Some((*round, voters.map(|(node, _)| *node).collect()))
    }
}
