//! Proofs as they are written: what all votes of one say stands there once.

use serde::{Deserialize, Serialize};

use super::{Stage, Vote};
use crate::types::{Claim, Signed};

/// See [`super::Certificate`].
#[derive(Serialize, Deserialize)]
#[serde(rename = "certificate")]
pub(super) struct Certificate<V> {
    proposal: Signed<Vote<V>>,
    prepares: Vec<Claim>,
}

impl<V> From<super::Certificate<V>> for Certificate<V> {
    fn from(proof: super::Certificate<V>) -> Self {
        Self { proposal: proof.proposal, prepares: Signed::into_claims(proof.prepares) }
    }
}

impl<V: Clone> From<Certificate<V>> for super::Certificate<V> {
    fn from(Certificate { proposal, prepares }: Certificate<V>) -> Self {
        let said = Vote { stage: Stage::Prepare, ..proposal.statement().clone() };
        Self { prepares: Signed::of_claims(prepares, &said), proposal }
    }
}

/// See [`super::Decision`].
#[derive(Serialize, Deserialize)]
#[serde(rename = "decision")]
pub(super) struct Decision<V> {
    vote: Vote<V>,
    commits: Vec<Claim>,
}

impl<V> From<super::Decision<V>> for Decision<V> {
    fn from(decision: super::Decision<V>) -> Self {
        Self { vote: decision.vote, commits: Signed::into_claims(decision.commits) }
    }
}

impl<V: Clone> From<Decision<V>> for super::Decision<V> {
    fn from(Decision { vote, commits }: Decision<V>) -> Self {
        Self { commits: Signed::of_claims(commits, &vote), vote }
    }
}
