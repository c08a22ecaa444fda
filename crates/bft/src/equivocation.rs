//! Who said two things where only one may be said.
//!
//! Agreement does not need this: a quorum is a quorum whoever lies. But a lie that was signed twice
//! is a proof that anybody can check (Haeberlen, Kouznetsov and Druschel, *PeerReview*, 2007), and
//! systems that hold deposits take them away for it (Buchman, 2016).

use std::collections::{BTreeMap, BTreeSet};

use crate::types::{NodeIndex, Signed};

/// Something of which an honest node says at most one in each place.
pub trait Statement: Clone + Eq {
    /// The place: a phase of a view and a sequence number, or of a round.
    type Place: Ord + Clone;

    /// Where it is said.
    fn place(&self) -> Self::Place;
}

/// Collects statements, and finds those that contradict each other.
#[derive(Debug, Clone)]
pub struct Detector<S: Statement> {
    /// What a node said in a place: one statement, or all that contradict each other up to
    /// [`KEPT_MAX`], in the order of their coming.
    said: BTreeMap<(NodeIndex, S::Place), Vec<Signed<S>>>,
    /// Who was caught in places that are forgotten.
    convicted: BTreeSet<NodeIndex>,
}

/// Contradictory statements kept a place: two are a proof, and a liar must not fill the memory.
pub const KEPT_MAX: usize = 16;

impl<S: Statement> Default for Detector<S> {
    fn default() -> Self {
        Self { said: BTreeMap::new(), convicted: BTreeSet::new() }
    }
}

impl<S: Statement> Detector<S> {
    /// Takes note of a statement. True if it contradicts an earlier one, and is not yet known to.
    pub fn record(&mut self, statement: Signed<S>) -> bool {
        let place = (statement.signer(), statement.statement().place());
        let said = self.said.entry(place).or_default();
        if said.contains(&statement) || said.len() >= KEPT_MAX {
            return false;
        }
        said.push(statement);
        said.len() > 1
    }

    /// The proofs: for each node and place, at least two statements signed by the same node.
    pub fn evidence(&self) -> impl Iterator<Item = &[Signed<S>]> {
        self.said.values().map(Vec::as_slice).filter(|said| said.len() > 1)
    }

    /// Who was caught.
    #[must_use]
    pub fn caught(&self) -> BTreeSet<NodeIndex> {
        let convicted = self.convicted.iter().copied();
        self.evidence().flatten().map(Signed::signer).chain(convicted).collect()
    }

    /// All statements that are kept, in the order of their signers and places.
    pub fn statements(&self) -> impl Iterator<Item = &Signed<S>> {
        self.said.values().flatten()
    }

    /// Drops what was said in these places, but not who was caught there.
    pub fn forget(&mut self, is_over: impl Fn(&S::Place) -> bool) {
        let caught = self.caught();
        self.convicted = caught;
        self.said.retain(|(_, place), _| !is_over(place));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Key;

    #[derive(Debug, Clone, PartialEq, Eq)]
    struct Said(u8, &'static str);

    impl Statement for Said {
        type Place = u8;

        fn place(&self) -> u8 {
            self.0
        }
    }

    #[test]
    fn two_values_in_one_place_are_a_proof_and_nothing_else_is() {
        let mut detector = Detector::default();
        let [a, b] = [0, 1].map(|node| Key::of(NodeIndex(node)));
        assert!(!detector.record(a.sign(Said(1, "x"))));
        assert!(!detector.record(a.sign(Said(1, "x"))), "said again");
        assert!(!detector.record(a.sign(Said(2, "y"))), "said elsewhere");
        assert!(!detector.record(b.sign(Said(1, "y"))), "said by somebody else");
        assert!(detector.caught().is_empty());
        assert!(detector.record(a.sign(Said(1, "y"))));
        assert!(!detector.record(a.sign(Said(1, "y"))), "already known");
        assert_eq!(detector.caught(), BTreeSet::from([NodeIndex(0)]));
        let evidence: Vec<_> = detector.evidence().collect();
        assert_eq!(evidence, [[a.sign(Said(1, "x")), a.sign(Said(1, "y"))]]);
    }

    #[test]
    fn a_node_that_says_everything_fills_no_memory() {
        let mut detector = Detector::default();
        let words: Vec<&'static str> =
            "a b c d e f g h i j k l m n o p q r s t".split(' ').collect();
        let key = Key::of(NodeIndex(0));
        let found = words.iter().filter(|word| detector.record(key.sign(Said(0, word)))).count();
        assert_eq!(found, KEPT_MAX - 1);
        assert_eq!(detector.evidence().map(<[_]>::len).sum::<usize>(), KEPT_MAX);
    }
}
