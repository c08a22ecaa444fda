//! Proofs as they are written: what all votes of one say stands there once.

use serde::{Deserialize, Serialize};

use super::message::{self, Stage, Vote};
use crate::types::{Claim, Signed};

/// See [`message::Certificate`].
#[derive(Serialize, Deserialize)]
#[serde(rename = "certificate")]
pub(super) struct Certificate<V> {
    proposal: Signed<Vote<V>>,
    prepares: Vec<Claim>,
}

impl<V> From<message::Certificate<V>> for Certificate<V> {
    fn from(proof: message::Certificate<V>) -> Self {
        let prepares = proof.prepares.into_iter().map(Signed::into_claim).collect();
        Self { proposal: proof.proposal, prepares }
    }
}

impl<V: Clone> From<Certificate<V>> for message::Certificate<V> {
    fn from(Certificate { proposal, prepares }: Certificate<V>) -> Self {
        let said = Vote { stage: Stage::Prepare, ..proposal.statement().clone() };
        let prepare = |claim| Signed::of_claim(claim, said.clone());
        Self { prepares: prepares.into_iter().map(prepare).collect(), proposal }
    }
}

/// See [`message::Decision`].
#[derive(Serialize, Deserialize)]
#[serde(rename = "decision")]
pub(super) struct Decision<V> {
    vote: Vote<V>,
    commits: Vec<Claim>,
}

impl<V> From<message::Decision<V>> for Decision<V> {
    fn from(decision: message::Decision<V>) -> Self {
        let commits = decision.commits.into_iter().map(Signed::into_claim).collect();
        Self { vote: decision.vote, commits }
    }
}

impl<V: Clone> From<Decision<V>> for message::Decision<V> {
    fn from(Decision { vote, commits }: Decision<V>) -> Self {
        let commit = |claim| Signed::of_claim(claim, vote.clone());
        Self { commits: commits.into_iter().map(commit).collect(), vote }
    }
}
