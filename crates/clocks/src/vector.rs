//! Vector clocks: a counter for each node, which together say exactly what happened before what.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use crate::lamport::Overflow;

/// A counter for each node. A node that is not named has 0, so vectors over different sets of
/// nodes can be compared and merged.
///
/// The partial order is *happened before*: `None` means concurrent.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct VectorClock<N: Ord> {
    /// Never 0, so that equal vectors are equal maps.
    counters: BTreeMap<N, u64>,
}

/// How two vectors stand to each other, in words.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Relation {
    /// The first happened before the second.
    Before,
    /// The second happened before the first.
    After,
    /// They are the same.
    Equal,
    /// Neither happened before the other.
    Concurrent,
}

impl<N: Ord> Default for VectorClock<N> {
    fn default() -> Self {
        Self { counters: BTreeMap::new() }
    }
}

impl<N: Ord> VectorClock<N> {
    /// The counter of a node.
    pub fn get(&self, node: &N) -> u64 {
        self.counters.get(node).copied().unwrap_or(0)
    }

    /// The counters that are not 0, in the order of the nodes.
    pub fn iter(&self) -> impl Iterator<Item = (&N, u64)> {
        self.counters.iter().map(|(node, counter)| (node, *counter))
    }

    /// Whether every counter is 0.
    pub fn is_empty(&self) -> bool {
        self.counters.is_empty()
    }

    /// A local event of `node`, or the sending of a message. Returns the node's counter.
    ///
    /// # Panics
    /// After 2^64 - 1 events. Received vectors cannot lead there: [`VectorClock::receive`] refuses
    /// them.
    pub fn tick(&mut self, node: N) -> u64 {
        let counter = self.counters.entry(node).or_default();
        *counter += 1;
        *counter
    }

    /// The receipt by `node` of a message that carries `received`: the larger of each pair of
    /// counters, and then one more for the node. Returns the node's counter.
    ///
    /// # Errors
    /// If `received` has the node's own counter in the upper half of the range, where it cannot
    /// have counted to; nothing changes.
    pub fn receive(&mut self, node: N, received: &Self) -> Result<u64, Overflow>
    where
        N: Clone,
    {
        let own = received.get(&node);
        if own > u64::MAX / 2 {
            return Err(Overflow(own));
        }
        self.merge(received);
        Ok(self.tick(node))
    }

    /// Takes the larger of each pair of counters: the least vector that is not before either.
    pub fn merge(&mut self, other: &Self)
    where
        N: Clone,
    {
        for (node, counter) in other.iter() {
            self.raise(node, counter);
        }
    }

    /// [`VectorClock::merge`] as a new vector.
    #[must_use]
    pub fn merged(&self, other: &Self) -> Self
    where
        N: Clone,
    {
        let mut merged = self.clone();
        merged.merge(other);
        merged
    }

    /// Makes the counter of a node at least this.
    pub fn raise(&mut self, node: &N, counter: u64)
    where
        N: Clone,
    {
        if counter > self.get(node) {
            self.counters.insert(node.clone(), counter);
        }
    }

    /// How this stands to another vector.
    pub fn relation(&self, other: &Self) -> Relation {
        let exceeds = |a: &Self, b: &Self| a.iter().any(|(node, counter)| counter > b.get(node));
        match (exceeds(self, other), exceeds(other, self)) {
            (false, true) => Relation::Before,
            (true, false) => Relation::After,
            (false, false) => Relation::Equal,
            (true, true) => Relation::Concurrent,
        }
    }
}

impl<N: Ord> PartialOrd for VectorClock<N> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        match self.relation(other) {
            Relation::Before => Some(Ordering::Less),
            Relation::After => Some(Ordering::Greater),
            Relation::Equal => Some(Ordering::Equal),
            Relation::Concurrent => None,
        }
    }
}

impl<N: Ord> FromIterator<(N, u64)> for VectorClock<N> {
    fn from_iter<I: IntoIterator<Item = (N, u64)>>(counters: I) -> Self {
        Self { counters: counters.into_iter().filter(|(_, counter)| *counter > 0).collect() }
    }
}

impl<N: Ord, const COUNT: usize> From<[(N, u64); COUNT]> for VectorClock<N> {
    fn from(counters: [(N, u64); COUNT]) -> Self {
        counters.into_iter().collect()
    }
}
