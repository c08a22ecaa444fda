//! Proofs as they are written: what all votes of one say stands there once.

use serde::{Deserialize, Serialize};

use super::Vote;
use crate::types::{Claim, Signed};

/// See [`super::Decision`].
#[derive(Serialize, Deserialize)]
#[serde(rename = "decision")]
pub(super) struct Decision<V> {
    vote: Vote<V>,
    precommits: Vec<Claim>,
}

impl<V> From<super::Decision<V>> for Decision<V> {
    fn from(decision: super::Decision<V>) -> Self {
        Self { vote: decision.vote, precommits: Signed::into_claims(decision.precommits) }
    }
}

impl<V: Clone> From<Decision<V>> for super::Decision<V> {
    fn from(Decision { vote, precommits }: Decision<V>) -> Self {
        Self { precommits: Signed::of_claims(precommits, &vote), vote }
    }
}
