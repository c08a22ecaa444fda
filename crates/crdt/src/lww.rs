//! The last writer wins: a register and a map of registers that keep the write with the highest
//! stamp, and forget all others.

use serde::{Deserialize, Serialize};

use crate::lattice::{Lattice, MapOf};

/// A register in which the last writer wins (Shapiro et al. 2011, specification 8).
///
/// What "last" means is up to the stamps: a time and, for writes at the same time, who wrote. If
/// two writes have the same stamp nevertheless, the larger value wins, so that all replicas agree
/// even then.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct LwwRegister<S, V> {
    write: Option<(S, V)>,
}

impl<S, V> Default for LwwRegister<S, V> {
    fn default() -> Self {
        Self { write: None }
    }
}

impl<S: Ord + Clone, V: Ord + Clone> LwwRegister<S, V> {
    /// A register that was written once: the delta of that write.
    pub fn written(stamp: S, value: V) -> Self {
        Self { write: Some((stamp, value)) }
    }

    /// The value, if it was ever written.
    pub fn value(&self) -> Option<&V> {
        self.write.as_ref().map(|(_, value)| value)
    }

    /// The stamp of the write that has won so far.
    pub fn stamp(&self) -> Option<&S> {
        self.write.as_ref().map(|(stamp, _)| stamp)
    }
}

impl<S: Ord + Clone, V: Ord + Clone> Lattice for LwwRegister<S, V> {
    fn join(&mut self, other: Self) -> bool {
        // Nothing is less than any write.
        let is_news = other.write > self.write;
        if is_news {
            *self = other;
        }
        is_news
    }

    fn beyond(&self, other: &Self) -> Self {
        if self.write > other.write { self.clone() } else { Self::default() }
    }
}

/// A key-value store in which the last writer of each key wins.
pub type LwwMap<K, S, V> = MapOf<K, LwwRegister<S, V>>;

impl<K: Ord + Clone, S: Ord + Clone, V: Ord + Clone> LwwMap<K, S, V> {
    /// Writes a key, unless it has a write with a higher stamp. Returns the delta.
    pub fn write(&mut self, key: K, stamp: S, value: V) -> Self {
        let delta = Self::of(key, LwwRegister::written(stamp, value));
        self.join(delta.clone());
        delta
    }
}
