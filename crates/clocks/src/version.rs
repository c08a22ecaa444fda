//! Version vectors with dots: what a replica has seen of an object's writes, and the values that
//! no later write has seen.

use std::collections::BTreeMap;

use crate::lamport::Overflow;
use crate::vector::VectorClock;

/// What has been seen of an object: the number of the last write of each writer. The same vectors
/// as [`VectorClock`], counting writes instead of events.
pub type VersionVector<W> = VectorClock<W>;

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

/// The values of one object that no other value's writer has seen.
///
/// Replicas that [`merge`](Siblings::merge) each other's siblings, in any order and as often as
/// they like, end up with the same ones, and a write is missing only if one that had seen it is
/// there, or was. Two things are assumed:
///
/// * a writer is one sequence of writes: the replica that numbers its writes of an object is always
///   the same and never forgets (a writer that is a *replica* is, a client that wanders is not);
/// * a context comes from reads, possibly at other replicas. It may name writes that this replica
///   has not heard of; it then never will, because the new write replaces them.
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
    /// Every write that was here or was replaced by one that was here.
    seen: VersionVector<W>,
    versions: BTreeMap<Dot<W>, Version<W, V>>,
}

impl<W: Ord, V> Default for Siblings<W, V> {
    fn default() -> Self {
        Self { seen: VersionVector::default(), versions: BTreeMap::new() }
    }
}

impl<W: Ord + Clone, V> Siblings<W, V> {
    /// What was received as siblings: what has been seen, and the values that are left.
    ///
    /// The vector is raised to what the values themselves say.
    pub fn from_parts(
        mut seen: VersionVector<W>,
        versions: impl IntoIterator<Item = (Dot<W>, Version<W, V>)>,
    ) -> Self {
        let versions: BTreeMap<_, _> = versions.into_iter().collect();
        for (dot, version) in &versions {
            seen.merge(&version.context);
            seen.raise(&dot.writer, dot.number);
        }
        Self { seen, versions }
    }

    /// Every write that was here or was replaced by one that was here.
    pub fn seen(&self) -> &VersionVector<W> {
        &self.seen
    }

    /// The values that are left, in the order of their writers and numbers.
    pub fn iter(&self) -> impl Iterator<Item = (&Dot<W>, &Version<W, V>)> {
        self.versions.iter()
    }

    /// How many values are left.
    pub fn len(&self) -> usize {
        self.versions.len()
    }

    /// Whether there is no value.
    pub fn is_empty(&self) -> bool {
        self.versions.is_empty()
    }

    /// A write by somebody who has seen `context`. Replaces the values that the context covers and
    /// keeps the others. Returns the number of the write.
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
        self.versions.retain(|dot, _| !dot.is_in(&context));
        self.seen.merge(&context);
        self.seen.raise(&writer, number);
        let dot = Dot { writer, number };
        self.versions.insert(dot.clone(), Version { context, value });
        Ok(dot)
    }

    /// Takes in what another replica has. Returns whether anything changed.
    pub fn merge(&mut self, other: Self) -> bool {
        let before = self.versions.len();
        // What the other has seen and no longer has was replaced there.
        self.versions.retain(|dot, _| !dot.is_in(&other.seen) || other.versions.contains_key(dot));
        let mut changed = self.versions.len() < before;
        for (dot, version) in other.versions {
            if !dot.is_in(&self.seen) {
                self.versions.insert(dot, version);
                changed = true;
            }
        }
        let seen = self.seen.merged(&other.seen);
        changed |= seen != self.seen;
        self.seen = seen;
        changed
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
}
