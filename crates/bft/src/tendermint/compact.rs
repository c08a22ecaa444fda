//! Proofs as they are written: what all votes of one say stands there once.

use serde::{Deserialize, Serialize};

use super::{Vote, chain};
use crate::types::{Claim, Signed};

/// See [`chain::Decision`].
#[derive(Serialize, Deserialize)]
#[serde(rename = "decision")]
pub(super) struct Decision<V> {
    vote: Vote<V>,
    precommits: Vec<Claim>,
}

impl<V> From<chain::Decision<V>> for Decision<V> {
    fn from(decision: chain::Decision<V>) -> Self {
        let precommits = decision.precommits.into_iter().map(Signed::into_claim).collect();
        Self { vote: decision.vote, precommits }
    }
}

impl<V: Clone> From<Decision<V>> for chain::Decision<V> {
    fn from(Decision { vote, precommits }: Decision<V>) -> Self {
        let precommit = |claim| Signed::of_claim(claim, vote.clone());
        Self { precommits: precommits.into_iter().map(precommit).collect(), vote }
    }
}
