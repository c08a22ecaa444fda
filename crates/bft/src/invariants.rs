//! What must hold of a cluster as a whole, checked from outside after every event.
//!
//! [`Invariants`] hears every signed vote that is sent to anybody, by honest nodes and by Byzantine
//! ones, and every decision of an honest node. It believes no state machine: it counts by itself.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Debug};

use crate::types::{NodeIndex, Quorums};

/// The two phases of voting, under the names that both protocols can share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Prepares (with the pre-prepare as the primary's), or prevotes.
    First,
    /// Commits, or precommits.
    Second,
}

/// A safety property that did not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Violation<V> {
    /// *Agreement*: two honest nodes decided differently.
    Disagreement {
        /// The sequence number or height.
        slot: u64,
        /// Who decided first, and what.
        first: (NodeIndex, V),
        /// Who decided otherwise.
        second: (NodeIndex, V),
    },
    /// *Validity*: an honest node decided what it should have known to be invalid.
    Invalid(NodeIndex, V),
    /// *One value a view*: quorums for two values in the same phase of the same view or round.
    TwoQuorums {
        /// The phase.
        phase: Phase,
        /// The view or round.
        view: u64,
        /// The sequence number or height.
        slot: u64,
    },
    /// A decision for which no quorum of second votes was ever sent.
    DecidedAlone(NodeIndex, u64),
}

impl<V: Debug> fmt::Display for Violation<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Disagreement { slot, first: (a, x), second: (b, y) } => {
                write!(f, "agreement: node {a} decided {x:?} at {slot}, and node {b} {y:?}")
            }
            Self::Invalid(node, value) => write!(f, "validity: node {node} decided {value:?}"),
            Self::TwoQuorums { phase, view, slot } => {
                write!(f, "one value a view: {phase:?} phase of {view} at {slot} has two quorums")
            }
            Self::DecidedAlone(node, slot) => {
                write!(f, "node {node} decided at {slot} without a quorum")
            }
        }
    }
}

/// Who voted for what, in one phase of one view and slot.
type Votes<V> = BTreeMap<V, BTreeSet<NodeIndex>>;

/// The checker over one cluster.
#[derive(Debug)]
pub struct Invariants<V> {
    quorums: Quorums,
    is_valid: fn(&V) -> bool,
    votes: BTreeMap<(Phase, u64, u64), Votes<V>>,
    decided: BTreeMap<u64, (NodeIndex, V)>,
}

impl<V: Clone + Ord> Invariants<V> {
    /// For a cluster with these quorums, in which these values may be decided.
    #[must_use]
    pub fn new(quorums: Quorums, is_valid: fn(&V) -> bool) -> Self {
        Self { quorums, is_valid, votes: BTreeMap::new(), decided: BTreeMap::new() }
    }

    /// What was decided in a slot first.
    #[must_use]
    pub fn decided(&self, slot: u64) -> Option<&V> {
        self.decided.get(&slot).map(|(_, value)| value)
    }

    /// Somebody sent a vote to somebody.
    ///
    /// # Errors
    /// If it makes a second quorum.
    pub fn voted(
        &mut self,
        node: NodeIndex,
        phase: Phase,
        (view, slot): (u64, u64),
        value: V,
    ) -> Result<(), Violation<V>> {
        let size = self.size(phase);
        let votes = self.votes.entry((phase, view, slot)).or_default();
        votes.entry(value).or_default().insert(node);
        match votes.values().filter(|nodes| nodes.len() >= size).count() {
            0 | 1 => Ok(()),
            _ => Err(Violation::TwoQuorums { phase, view, slot }),
        }
    }

    /// An honest node decided.
    ///
    /// # Errors
    /// The first property found not to hold.
    pub fn decide(&mut self, node: NodeIndex, slot: u64, value: V) -> Result<(), Violation<V>> {
        if !(self.is_valid)(&value) {
            return Err(Violation::Invalid(node, value));
        }
        let size = self.size(Phase::Second);
        let mut seconds =
            self.votes.iter().filter(|&(&(p, _, s), _)| p == Phase::Second && s == slot);
        if !seconds.any(|(_, votes)| votes.get(&value).is_some_and(|nodes| nodes.len() >= size)) {
            return Err(Violation::DecidedAlone(node, slot));
        }
        let (first, before) = self.decided.entry(slot).or_insert_with(|| (node, value.clone()));
        match *before == value {
            true => Ok(()),
            false => Err(Violation::Disagreement {
                slot,
                first: (*first, before.clone()),
                second: (node, value),
            }),
        }
    }

    fn size(&self, phase: Phase) -> usize {
        match phase {
            Phase::First => self.quorums.certify,
            Phase::Second => self.quorums.decide,
        }
    }
}
