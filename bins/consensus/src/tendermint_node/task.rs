//! Task 7-4-5: rounds of voting among four validators.
//!
//! The validators are [`bft::tendermint::Validator`]s inside this node. The messages say when one
//! prevotes and for what; all the rest, precommits, locks and the decision, is what the validators do
//! then. One that was not asked to prevote yet says nothing else either.

use bft::tendermint::{Ballots, ROUNDS_AHEAD, Round, Step, Validator, Vote};
use bft::{Key, NodeIndex, Quorums, Signed};
use proto::Error;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::StepMessage;
use crate::input::bad_field;

/// The task's number of validators.
const VALIDATORS: usize = 4;

/// A block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    /// Its place in the chain.
    pub height: u64,
    /// What is in it.
    pub txs: Vec<String>,
}

/// How far a round is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// There is a proposal.
    Propose,
    /// There are prevotes.
    Prevote,
    /// There is a quorum of prevotes, or a precommit.
    Precommit,
    /// There is a decision.
    Commit,
}

/// What the four validators do at one height.
#[derive(Debug)]
struct Height {
    height: u64,
    /// The round in which the height began, and who proposed in it: validator 0 of the cluster.
    first: (u64, usize),
    validators: Vec<Validator<String>>,
    /// What each was asked to prevote in the present round.
    prevotes: [Option<Option<String>>; VALIDATORS],
    /// What each would prevote by itself in the present round.
    opinions: [Option<Option<String>>; VALIDATORS],
    /// What those want to say that were not asked yet.
    held: [Vec<Signed<Vote<String>>>; VALIDATORS],
}

impl Height {
    fn new(height: u64, round: u64, proposer: usize, hash: &str) -> Self {
        let quorums = Quorums::of(VALIDATORS);
        let validator =
            |id| Validator::new(Key::of(NodeIndex(id)), quorums, |_| true, hash.to_owned());
        let mut new = Self {
            height,
            first: (round, proposer),
            validators: (0..VALIDATORS).map(validator).collect(),
            prevotes: Default::default(),
            opinions: Default::default(),
            held: Default::default(),
        };
        new.settle();
        new
    }

    fn index(&self, wire: usize) -> usize {
        (wire + VALIDATORS - self.first.1) % VALIDATORS
    }

    fn round(&self) -> Round {
        self.validators[0].round()
    }

    /// Delivers until nobody has anything to say.
    fn settle(&mut self) {
        loop {
            let mut said = Vec::new();
            for id in 0..VALIDATORS {
                for message in self.validators[id].take_output().messages {
                    match message.statement().step {
                        Step::Propose => said.push(message),
                        Step::Prevote => {
                            self.opinions[id] = Some(message.statement().value.clone())
                        }
                        Step::Precommit => self.held[id].push(message),
                    }
                }
                if self.prevotes[id].is_some() {
                    said.append(&mut self.held[id]);
                }
            }
            if said.is_empty() {
                return;
            }
            said.into_iter().for_each(|message| self.deliver(&message));
        }
    }

    fn deliver(&mut self, message: &Signed<Vote<String>>) {
        self.validators.iter_mut().for_each(|validator| validator.receive(message.clone()));
    }

    /// Lets the time of rounds run out until this one is there, with something to propose in it.
    fn go_to(&mut self, round: Round, hash: &str) {
        self.validators.iter_mut().for_each(|validator| validator.wish(hash.to_owned()));
        while self.round() < round {
            let present = self.round();
            for validator in &mut self.validators {
                validator.timeout(Step::Precommit, present);
            }
            self.prevotes = Default::default();
            self.opinions = Default::default();
            self.held = Default::default();
            self.settle();
        }
    }

    fn is_decided(&self) -> bool {
        self.validators[0].decision().is_some()
    }

    /// The votes of a round in which something was proposed.
    fn votes(&self, round: u64) -> Option<(Round, [Ballots<String>; 2])> {
        let round = Round(round.checked_sub(self.first.0)?);
        self.validators[0].proposal(round)?;
        let votes = self.validators[0].votes(round);
        Some((round, votes.map(|votes| votes.cloned().unwrap_or_default())))
    }
}

/// How many voted for this.
fn count(ballots: &Ballots<String>, value: &Option<String>) -> usize {
    ballots.values().filter(|values| values.contains(value)).count()
}

/// Validators within the node.
#[derive(Debug, Default)]
pub struct Steps {
    height: Option<Height>,
}

impl Steps {
    pub(super) fn propose(
        &mut self,
        round: u64,
        proposer: &str,
        block: &Block,
    ) -> Result<StepMessage, Error> {
        let who = validator("proposer", proposer)?;
        let hash = hash(block)?;
        let present = self.height.as_mut().filter(|present| !present.is_decided());
        if let Some(present) = present {
            if block.height != present.height {
                let reason = format!("height {} is not decided yet", present.height);
                return Err(bad_field("block", reason));
            }
            let first = present.first.0;
            let Some(turn) = round.checked_sub(first).map(Round).filter(|r| *r >= present.round())
            else {
                let reason = format!("round {} has begun", first + present.round().0);
                return Err(bad_field("round", reason));
            };
            if turn.0 > present.round().0 + ROUNDS_AHEAD {
                let reason = format!("is more than {ROUNDS_AHEAD} rounds ahead");
                return Err(bad_field("round", reason));
            }
            if turn.proposer(0, VALIDATORS).0 != present.index(who) {
                let reason = format!("it is not the turn of {proposer} in round {round}");
                return Err(bad_field("proposer", reason));
            }
            let before = present.validators[0].proposal(turn).and_then(|vote| vote.value.clone());
            if before.is_some_and(|before| before != hash) {
                let reason = format!("{proposer} proposed another in round {round}: equivocation");
                return Err(bad_field("block", reason));
            }
            present.go_to(turn, &hash);
        } else {
            if let Some(decided) = self.height.as_ref().filter(|old| old.height >= block.height) {
                let reason = format!("height {} is decided", decided.height);
                return Err(bad_field("block", reason));
            }
            self.height = Some(Height::new(block.height, round, who, &hash));
        }
        let proposed = self.height.as_ref().and_then(|present| {
            present.validators[0].proposal(present.round()).and_then(|vote| vote.value.clone())
        });
        Ok(StepMessage::TendermintProposeOk { round, block_hash: proposed.unwrap_or(hash) })
    }

    pub(super) fn prevote(
        &mut self,
        round: u64,
        name: &str,
        value: Option<String>,
    ) -> Result<StepMessage, Error> {
        let who = validator("validator", name)?;
        let unknown = || bad_field("round", format!("nothing was proposed in round {round}"));
        let present = self.height.as_mut().ok_or_else(unknown)?;
        let (turn, _) = present.votes(round).ok_or_else(unknown)?;
        let id = present.index(who);
        if turn == present.round() && !present.is_decided() && present.prevotes[id].is_none() {
            let own = present.opinions[id].clone().flatten();
            if let (Some((since, locked)), Some(value)) = (present.validators[id].locked(), &value)
                && value != locked
                && own.as_ref() != Some(value)
            {
                let since = present.first.0 + since.0;
                let reason = format!("{name} is locked on {locked} since round {since}");
                return Err(bad_field("block_hash", reason));
            }
            let step = Step::Prevote;
            let vote =
                Vote { height: 0, step, round: turn, value: value.clone(), valid_round: None };
            present.deliver(&Key::of(NodeIndex(id)).sign(vote));
            present.prevotes[id] = Some(value.clone());
            present.settle();
        } else {
            let (_, [prevotes, _]) = present.votes(round).ok_or_else(unknown)?;
            match prevotes.get(&NodeIndex(id)) {
                Some(before) if before.contains(&value) => {}
                Some(_) => {
                    let reason =
                        format!("{name} prevoted otherwise in round {round}: equivocation");
                    return Err(bad_field("block_hash", reason));
                }
                None => return Err(bad_field("round", format!("round {round} is over"))),
            }
        }
        let (_, [prevotes, _]) = present.votes(round).ok_or_else(unknown)?;
        Ok(StepMessage::TendermintPrevoteOk {
            prevotes_for_block: count(&prevotes, &value) as u64,
            total_prevotes: prevotes.len() as u64,
            threshold: Quorums::of(VALIDATORS).certify as u64,
        })
    }

    pub(super) fn status(&self, round: u64) -> Result<StepMessage, Error> {
        let votes = self.height.as_ref().and_then(|height| height.votes(round));
        let Some((_, [prevotes, precommits])) = votes else {
            return Err(bad_field("round", format!("nothing was proposed in round {round}")));
        };
        let Quorums { certify, decide, .. } = Quorums::of(VALIDATORS);
        let mut values = precommits.values().flatten().filter(|value| value.is_some());
        let block_committed = values.any(|value| count(&precommits, value) >= decide);
        let phase = if block_committed {
            Phase::Commit
        } else if !precommits.is_empty() || prevotes.len() >= certify {
            Phase::Precommit
        } else if prevotes.is_empty() {
            Phase::Propose
        } else {
            Phase::Prevote
        };
        let (prevote_count, precommit_count) = (prevotes.len() as u64, precommits.len() as u64);
        Ok(StepMessage::TendermintStatusOk {
            phase,
            block_committed,
            prevote_count,
            precommit_count,
        })
    }
}

/// n1 and v1 are the first validator, and so on.
fn validator(field: &str, name: &str) -> Result<usize, Error> {
    let number = name.strip_prefix(['n', 'v']).and_then(|number| number.parse::<usize>().ok());
    number.filter(|number| (1..=VALIDATORS).contains(number)).map(|number| number - 1).ok_or_else(
        || bad_field(field, format!("has to be n1 to n{VALIDATORS} or v1 to v{VALIDATORS}")),
    )
}

fn hash(block: &Block) -> Result<String, Error> {
    let text = serde_json::to_vec(block).map_err(|error| bad_field("block", error))?;
    Ok(Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect())
}
