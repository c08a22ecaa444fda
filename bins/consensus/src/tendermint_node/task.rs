//! Task 7-4-5: rounds of voting among four validators, or those that `init` names if it names as many.
//!
//! The validators are [`bft::tendermint::Validator`]s inside this node. The messages say when one
//! prevotes and for what; all the rest, precommits, locks and the decision, is what the validators do
//! then. One that was not asked to prevote yet says nothing else either. A vote may come before
//! anything is proposed in its round, and then counts from the proposal on; and one that comes after
//! its round is counted, and changes nothing.

use std::collections::BTreeMap;

use bft::tendermint::{Ballots, ROUNDS_AHEAD};
use bft::{NodeIndex, Quorums};
use proto::{Error, NodeId};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::StepMessage;
use super::height::{Height, Votes};
use crate::input::bad_field;

/// The task's number of validators, which is the smallest.
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
    /// There is no vote yet.
    Propose,
    /// There are prevotes.
    Prevote,
    /// There is a quorum of prevotes, or a precommit.
    Precommit,
    /// There is a decision.
    Commit,
}

/// How many voted for this.
fn count(ballots: &Ballots<String>, value: &Option<String>) -> usize {
    ballots.values().filter(|values| values.contains(value)).count()
}

/// How many voted for the block that this vote names. A vote for nil names none: then, for the one that
/// most voted for.
fn count_for_block(ballots: &Ballots<String>, value: &Option<String>) -> usize {
    let blocks = ballots.values().flatten().filter(|each| each.is_some());
    match value {
        Some(_) => count(ballots, value),
        None => blocks.map(|block| count(ballots, block)).max().unwrap_or(0),
    }
}

/// Validators within the node.
#[derive(Debug)]
pub struct Steps {
    validators: usize,
    /// What they are called besides; nothing where `init` names fewer than a cluster takes.
    names: Vec<NodeId>,
    height: Option<Height>,
    /// The votes of rounds of earlier heights, all before the first of this one.
    over: BTreeMap<u64, Votes>,
    /// Prevotes of rounds that have not begun.
    early: BTreeMap<u64, BTreeMap<usize, Option<String>>>,
}

impl Default for Steps {
    fn default() -> Self {
        Self {
            validators: VALIDATORS,
            names: Vec::new(),
            height: None,
            over: BTreeMap::new(),
            early: BTreeMap::new(),
        }
    }
}

impl Steps {
    pub(super) fn set_nodes(&mut self, mut nodes: Vec<NodeId>) {
        self.validators = nodes.len().max(VALIDATORS);
        // n2 comes before n10.
        nodes.sort_by_key(|name| (name.as_str().len(), name.clone()));
        self.names = if nodes.len() < VALIDATORS { Vec::new() } else { nodes };
    }

    pub(super) fn propose(
        &mut self,
        round: u64,
        proposer: &str,
        block: &Block,
    ) -> Result<StepMessage, Error> {
        let who = self.validator("proposer", proposer)?;
        let hash = hash(block)?;
        // Who proposes for a later height has seen this one decided.
        let is_present =
            |present: &&mut Height| !present.is_decided() && block.height <= present.height;
        if let Some(present) = self.height.as_mut().filter(is_present) {
            if block.height != present.height {
                let reason = format!("height {} has begun", present.height);
                return Err(bad_field("block", reason));
            }
            if round < present.round() {
                let reason = format!("round {} has begun", present.round());
                return Err(bad_field("round", reason));
            }
            if round - present.round() > ROUNDS_AHEAD {
                let reason = format!("is more than {ROUNDS_AHEAD} rounds ahead");
                return Err(bad_field("round", reason));
            }
            if !present.is_turn(round, who) {
                let reason = format!("it is not the turn of {proposer} in round {round}");
                return Err(bad_field("proposer", reason));
            }
            if present.proposal(round).is_some_and(|before| before != hash) {
                let reason = format!("{proposer} proposed another in round {round}: equivocation");
                return Err(bad_field("block", reason));
            }
            present.go_to(round, &hash);
        } else {
            if let Some(decided) = self.height.as_ref().filter(|old| old.height >= block.height) {
                let reason = format!("height {} is decided", decided.height);
                return Err(bad_field("block", reason));
            }
            let new = Height::new(self.validators, block.height, round, who, &hash);
            if let Some(old) = self.height.replace(new) {
                self.over.extend(old.all_votes());
            }
            self.over.split_off(&round);
            self.early = self.early.split_off(&round);
        }
        self.catch_up(round);
        let proposed = self.height.as_ref().and_then(|present| present.proposal(round));
        Ok(StepMessage::TendermintProposeOk { round, block_hash: proposed.unwrap_or(hash) })
    }

    /// Has the votes count that came before their rounds, up to this one.
    fn catch_up(&mut self, round: u64) {
        let Some(height) = &mut self.height else { return };
        while let Some(first) = self.early.first_entry().filter(|first| *first.key() <= round) {
            let (round, votes) = first.remove_entry();
            for (who, value) in votes {
                height.catch_up(round, who, value);
            }
        }
    }

    pub(super) fn prevote(
        &mut self,
        round: u64,
        name: &str,
        value: Option<String>,
    ) -> Result<StepMessage, Error> {
        let who = self.validator("validator", name)?;
        let [prevotes, _] = self.votes(round);
        match prevotes.get(&NodeIndex(who)) {
            Some(before) if before.contains(&value) => {}
            Some(_) => {
                let reason = format!("{name} prevoted otherwise in round {round}: equivocation");
                return Err(bad_field("block_hash", reason));
            }
            None => {
                let height = self.height.as_mut();
                match height.and_then(|height| height.prevote(round, who, value.clone())) {
                    Some(Ok(())) => {}
                    Some(Err((since, locked))) => {
                        let reason = format!("{name} is locked on {locked} since round {since}");
                        return Err(bad_field("block_hash", reason));
                    }
                    None => match self.over.get_mut(&round) {
                        Some([prevotes, _]) => {
                            prevotes.entry(NodeIndex(who)).or_default().insert(value.clone());
                        }
                        None => self.vote_early(round, who, value.clone())?,
                    },
                }
            }
        }
        let [prevotes, _] = self.votes(round);
        Ok(StepMessage::TendermintPrevoteOk {
            prevotes_for_block: count_for_block(&prevotes, &value) as u64,
            total_prevotes: prevotes.len() as u64,
            threshold: Quorums::of(self.validators).certify as u64,
        })
    }

    fn vote_early(&mut self, round: u64, who: usize, value: Option<String>) -> Result<(), Error> {
        if self.early.len() as u64 >= ROUNDS_AHEAD && !self.early.contains_key(&round) {
            let reason = format!("votes of {ROUNDS_AHEAD} rounds wait for a proposal");
            return Err(bad_field("round", reason));
        }
        self.early.entry(round).or_default().insert(who, value);
        Ok(())
    }

    /// The votes of any round.
    fn votes(&self, round: u64) -> Votes {
        if let Some(votes) = self.height.as_ref().and_then(|height| height.votes(round)) {
            return votes;
        }
        if let Some(votes) = self.over.get(&round) {
            return votes.clone();
        }
        let early = self.early.get(&round).into_iter().flatten();
        let ballot = |(who, value): (&usize, &Option<String>)| {
            (NodeIndex(*who), std::iter::once(value.clone()).collect())
        };
        [early.map(ballot).collect(), Ballots::new()]
    }

    pub(super) fn status(&self, round: u64) -> StepMessage {
        let [prevotes, precommits] = self.votes(round);
        let Quorums { certify, decide, .. } = Quorums::of(self.validators);
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
        StepMessage::TendermintStatusOk { phase, block_committed, prevote_count, precommit_count }
    }

    /// A node's name. Otherwise v1 is the first validator, and so is n1 unless the nodes have such
    /// names themselves.
    fn validator(&self, field: &str, name: &str) -> Result<usize, Error> {
        if let Some(place) = self.names.iter().position(|node| node.as_str() == name) {
            return Ok(place);
        }
        let number = |prefix, name: &str| name.strip_prefix(prefix)?.parse::<usize>().ok();
        let are_numbered = self.names.iter().any(|node| number('n', node.as_str()).is_some());
        let last = self.validators;
        number('v', name)
            .or_else(|| number('n', name).filter(|_| !are_numbered))
            .filter(|number| (1..=last).contains(number))
            .map(|number| number - 1)
            .ok_or_else(|| {
                let names = match &*self.names {
                    [] => format!("n1 to n{last}"),
                    [first, .., last] if are_numbered => format!("{first} to {last}"),
                    _ => format!("a node of `init`, n1 to n{last}"),
                };
                bad_field(field, format!("has to be {names} or v1 to v{last}"))
            })
    }
}

fn hash(block: &Block) -> Result<String, Error> {
    let text = serde_json::to_vec(block).map_err(|error| bad_field("block", error))?;
    Ok(Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect())
}
