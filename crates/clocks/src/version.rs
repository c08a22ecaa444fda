//! Version vectors with dots: what a replica has seen of an object's writes, and the values that
//! no later write has seen.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use crate::lamport::Overflow;
use crate::vector::VectorClock;

/// What has been seen of an object: the number of the last write of each writer. The same vectors
/// as [`VectorClock`], counting writes instead of events.
pub type VersionVector<W> = VectorClock<W>;

/// A vector as a client writes it, taken apart: what it says, and its slots that are 0, which say nothing.
pub fn take_apart<W: Ord + Clone>(written: BTreeMap<W, u64>) -> (VersionVector<W>, BTreeSet<W>) {
    let zeros = written.iter().filter(|(_, number)| **number == 0);
    let zeros = zeros.map(|(writer, _)| writer.clone()).collect();
    (written.into_iter().collect(), zeros)
}

/// A vector as it is shown to clients, with these slots in it even if they are 0: the reverse of
/// [`take_apart`].
pub fn show<W: Ord + Clone>(vector: &VersionVector<W>, zeros: &BTreeSet<W>) -> BTreeMap<W, u64> {
    let zeros = zeros.iter().map(|writer| (writer.clone(), 0));
    zeros.chain(vector.iter().map(|(writer, number)| (writer.clone(), number))).collect()
}

/// One write: which one of which writer. Writers count from 1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Dot<W> {
    /// Who wrote.
    pub writer: W,
    /// The number of the write among the writer's writes of this object.
    pub number: u64,
}

/// A value with its history.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Version<W: Ord, V> {
    /// What its writer had seen.
    pub context: VersionVector<W>,
    /// The value.
    pub value: V,
}

/// The values of one object whose vectors no other value's vector dominates.
///
/// Replicas that [`merge`](Siblings::merge) each other's siblings, in any order and as often as
/// they like, end up with the same ones, and a write is missing only if one whose vector dominates its
/// own is there, or was: one that had seen it and all that it had seen, or a later one of its own writer
/// that had seen no less. Two things are assumed:
///
/// * a writer is one sequence of writes: the replica that numbers its writes of an object is always
///   the same and never forgets (a writer that is a *replica* is, a client that wanders is not). Two
///   replicas that give the same number keep both values as siblings, with equal vectors, and a
///   context that covers one of them covers both;
/// * a context comes from reads, possibly at other replicas. It may name writes that this replica
///   has not heard of; those that the new vector dominates will not come up here any more.
///
/// ```
/// use clocks::version::{Siblings, VersionVector};
///
/// let mut siblings = Siblings::default();
/// siblings.write("n1", VersionVector::default(), "a").unwrap();
/// siblings.write("n2", VersionVector::default(), "b").unwrap();
/// assert_eq!(siblings.len(), 2, "neither has seen the other");
/// let everything = siblings.seen().clone();
/// siblings.write("n1", everything, "c").unwrap();
/// assert_eq!(siblings.iter().map(|(_, version)| version.value).collect::<Vec<_>>(), ["c"]);
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Siblings<W: Ord, V> {
    /// Every write that was here or that one that was here had seen.
    seen: VersionVector<W>,
    /// Never none of a write, and more than one only of a writer that was at two replicas at once: in
    /// order, so that equal states are equal.
    versions: BTreeMap<Dot<W>, Vec<Version<W, V>>>,
}

impl<W: Ord, V> Default for Siblings<W, V> {
    fn default() -> Self {
        Self { seen: VersionVector::default(), versions: BTreeMap::new() }
    }
}

impl<W: Ord + Clone, V: Ord> Siblings<W, V> {
    /// What was received as siblings: what has been seen, and the values that are left.
    ///
    /// The vector is raised to what the values themselves say.
    pub fn from_parts(
        mut seen: VersionVector<W>,
        versions: impl IntoIterator<Item = (Dot<W>, Version<W, V>)>,
    ) -> Self {
        let mut siblings = Self::default();
        for (dot, version) in versions {
            seen.merge(&version.context);
            seen.raise(&dot.writer, dot.number);
            siblings.add(dot, version);
        }
        siblings.seen = seen;
        siblings
    }

    /// Every write that was here or that one that was here had seen: the context of a write that
    /// replaces everything.
    pub fn seen(&self) -> &VersionVector<W> {
        &self.seen
    }

    /// The values that are left, in the order of their writers and numbers.
    pub fn iter(&self) -> impl Iterator<Item = (&Dot<W>, &Version<W, V>)> {
        self.versions.iter().flat_map(|(dot, all)| all.iter().map(move |version| (dot, version)))
    }

    /// How many values are left.
    pub fn len(&self) -> usize {
        self.versions.values().map(Vec::len).sum()
    }

    /// Whether there is no value.
    pub fn is_empty(&self) -> bool {
        self.versions.is_empty()
    }

    /// A write by somebody who has seen `context`. Replaces the values whose vectors the new one
    /// dominates: those that were read for it, and earlier writes of the same writer, who knows them,
    /// unless it had seen more when it wrote them. Keeps the others, also a write that the context
    /// covers, if more had been seen for that one. Returns the number of the write.
    ///
    /// # Errors
    /// If the writer has no number left; nothing changes.
    pub fn write(
        &mut self,
        writer: W,
        context: VersionVector<W>,
        value: V,
    ) -> Result<Dot<W>, Overflow> {
        let number = self.seen.get(&writer).max(context.get(&writer));
        let number = number.checked_add(1).ok_or(Overflow(number))?;
        self.seen.merge(&context);
        self.seen.raise(&writer, number);
        let dot = Dot { writer, number };
        self.add(dot.clone(), Version { context, value });
        Ok(dot)
    }

    /// Takes in what another replica has. Returns whether anything changed.
    pub fn merge(&mut self, other: Self) -> bool {
        let mut changed = false;
        for (dot, versions) in other.versions {
            for version in versions {
                changed |= self.add(dot.clone(), version);
            }
        }
        let seen = self.seen.merged(&other.seen);
        changed |= seen != self.seen;
        self.seen = seen;
        changed
    }

    /// Puts a value beside the others, in place of those that it dominates, unless it is there or one
    /// of them dominates it. Returns whether it did.
    fn add(&mut self, dot: Dot<W>, version: Version<W, V>) -> bool {
        if self.iter().any(|(other, of_other)| version.is_dominated(&dot, of_other, other)) {
            return false;
        }
        self.versions.retain(|other, of_other| {
            of_other.retain(|of_other| !of_other.is_dominated(other, &version, &dot));
            !of_other.is_empty()
        });
        let siblings = self.versions.entry(dot).or_default();
        let place = siblings.binary_search_by(|other| other.order(&version));
        if let Err(place) = place {
            siblings.insert(place, version);
        }
        place.is_err()
    }
}

impl<W: Ord> Dot<W> {
    /// Whether a vector covers this write.
    pub fn is_in(&self, vector: &VersionVector<W>) -> bool {
        self.number <= vector.get(&self.writer)
    }
}

impl<W: Ord + Clone, V> Version<W, V> {
    /// What somebody who reads this value has seen: what its writer had, and the write itself.
    pub fn vector(&self, dot: &Dot<W>) -> VersionVector<W> {
        let mut vector = self.context.clone();
        vector.raise(&dot.writer, dot.number);
        vector
    }

    /// Whether the other one's vector dominates this one's.
    fn is_dominated(&self, dot: &Dot<W>, other: &Self, other_dot: &Dot<W>) -> bool {
        // What does not cover the write itself, as mostly nothing does, covers less.
        let is_covered = dot.is_in(&other.context)
            || (dot.writer == other_dot.writer && dot.number <= other_dot.number);
        is_covered && self.vector(dot) < other.vector(other_dot)
    }
}

impl<W: Ord, V: Ord> Version<W, V> {
    /// An order of the values of one write, which means nothing.
    fn order(&self, other: &Self) -> Ordering {
        self.value.cmp(&other.value).then_with(|| self.context.iter().cmp(other.context.iter()))
    }
}
