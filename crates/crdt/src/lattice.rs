//! What all replicated types have in common: states that are joined, and two ways to compose them.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A state that grows by joining others: a *join-semilattice* with a least element.
///
/// The default value is the least one and says nothing. Joining has to be commutative, associative
/// and idempotent; a state is *at least* another one if joining that changes nothing. Deltas are
/// states as well: what an update adds, to be joined wherever the update is to be known.
pub trait Lattice: Clone + Default + PartialEq {
    /// Takes in all that `other` says: the least state that is at least both. Returns whether that
    /// was anything new.
    fn join(&mut self, other: Self) -> bool;

    /// The part of this state that `other` lacks: the least state whose join with `other` is the
    /// join of both. (The "optimal delta" of Enes, Almeida, Baquero and Leitão, 2019.)
    #[must_use]
    fn beyond(&self, other: &Self) -> Self;

    /// Whether this says nothing.
    fn is_bottom(&self) -> bool {
        *self == Self::default()
    }

    /// Whether `other` says nothing that this does not.
    fn is_at_least(&self, other: &Self) -> bool {
        other.beyond(self).is_bottom()
    }

    /// The join of both as a new state.
    #[must_use]
    fn joined(mut self, other: Self) -> Self {
        self.join(other);
        self
    }
}

/// The larger of two values. The default has to be the least value that occurs.
#[derive(
    Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Max<T>(pub T);

impl<T: Ord + Clone + Default> Lattice for Max<T> {
    fn join(&mut self, other: Self) -> bool {
        let is_news = other.0 > self.0;
        if is_news {
            self.0 = other.0;
        }
        is_news
    }

    fn beyond(&self, other: &Self) -> Self {
        if self.0 > other.0 { self.clone() } else { Self::default() }
    }
}

/// Two lattices side by side, each joined by itself.
impl<A: Lattice, B: Lattice> Lattice for (A, B) {
    fn join(&mut self, (first, second): Self) -> bool {
        // Both, whatever the first says.
        self.0.join(first) | self.1.join(second)
    }

    fn beyond(&self, other: &Self) -> Self {
        (self.0.beyond(&other.0), self.1.beyond(&other.1))
    }
}

/// A lattice for each key, joined key by key. A key that is not there has the least element.
///
/// Written as a list of pairs, because keys need not be strings.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct MapOf<K: Ord, L> {
    /// Without keys that say nothing, so that equal states are equal maps.
    entries: BTreeMap<K, L>,
}

impl<K: Ord, L> Default for MapOf<K, L> {
    fn default() -> Self {
        Self { entries: BTreeMap::new() }
    }
}

impl<K: Ord, L: Lattice> MapOf<K, L> {
    /// A map with one key.
    pub fn of(key: K, value: L) -> Self {
        let mut map = Self::default();
        map.join_at(key, value);
        map
    }

    /// What a key has, if that is anything.
    pub fn get(&self, key: &K) -> Option<&L> {
        self.entries.get(key)
    }

    /// All keys that have something, in their order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&K, &L)> {
        self.entries.iter()
    }

    /// How many keys have something.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether no key has anything.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Joins something to one key. Returns whether that was anything new.
    pub fn join_at(&mut self, key: K, value: L) -> bool {
        !value.is_bottom() && self.entries.entry(key).or_default().join(value)
    }
}

impl<K: Ord + Clone, L: Lattice> Lattice for MapOf<K, L> {
    fn join(&mut self, other: Self) -> bool {
        if self.is_empty() {
            *self = other;
            return !self.is_empty();
        }
        let mut is_news = false;
        for (key, value) in other.entries {
            is_news |= self.join_at(key, value);
        }
        is_news
    }

    fn beyond(&self, other: &Self) -> Self {
        let beyond = self.iter().map(|(key, value)| match other.get(key) {
            Some(known) => (key.clone(), value.beyond(known)),
            None => (key.clone(), value.clone()),
        });
        beyond.collect()
    }
}

impl<K: Ord, L: Lattice> FromIterator<(K, L)> for MapOf<K, L> {
    fn from_iter<I: IntoIterator<Item = (K, L)>>(entries: I) -> Self {
        let mut map = Self::default();
        for (key, value) in entries {
            map.join_at(key, value);
        }
        map
    }
}

impl<K: Ord + Serialize, L: Serialize> Serialize for MapOf<K, L> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(&self.entries)
    }
}

impl<'de, K, L> Deserialize<'de> for MapOf<K, L>
where
    K: Ord + Deserialize<'de>,
    L: Lattice + Deserialize<'de>,
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Vec::<(K, L)>::deserialize(deserializer)?.into_iter().collect())
    }
}
