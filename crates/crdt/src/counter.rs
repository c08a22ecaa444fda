//! Counters: one that only grows, and one that goes both ways.

use serde::{Deserialize, Serialize};

use crate::lattice::{Lattice, MapOf, Max};

/// A counter of one replica is at its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("this replica has counted to {0} and cannot count {1} more")]
pub struct Overflow(pub u64, pub u64);

/// A grow-only counter (Shapiro et al. 2011, specification 6): for each replica how much it has
/// counted itself. The value is the sum, the join takes the larger count of each replica.
///
/// A replica raises its own count and no other, and no two replicas have the same name; one that
/// forgets its count takes a new name when it starts again, or what it counts is lost until it has
/// overtaken the count that the others remember.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
#[serde(bound(serialize = "R: Serialize", deserialize = "R: Deserialize<'de>"))]
pub struct GCounter<R: Ord> {
    counts: MapOf<R, Max<u64>>,
}

impl<R: Ord> Default for GCounter<R> {
    fn default() -> Self {
        Self { counts: MapOf::default() }
    }
}

impl<R: Ord + Clone> GCounter<R> {
    /// Counts. Returns the delta, which says what the replica has counted in all.
    ///
    /// # Errors
    /// If that is more than the replica can count; nothing changes.
    pub fn add(&mut self, replica: R, amount: u64) -> Result<Self, Overflow> {
        let count = self.count(&replica);
        let sum = count.checked_add(amount).ok_or(Overflow(count, amount))?;
        let delta = Self { counts: MapOf::of(replica, Max(sum)) };
        self.join(delta.clone());
        Ok(delta)
    }

    /// What a replica has counted.
    pub fn count(&self, replica: &R) -> u64 {
        self.counts.get(replica).map_or(0, |count| count.0)
    }

    /// What all have counted together. It cannot overflow with fewer than 2⁶⁴ replicas.
    pub fn value(&self) -> u128 {
        self.counts.iter().map(|(_, count)| u128::from(count.0)).sum()
    }
}

impl<R: Ord + Clone> Lattice for GCounter<R> {
    fn join(&mut self, other: Self) -> bool {
        self.counts.join(other.counts)
    }

    fn beyond(&self, other: &Self) -> Self {
        Self { counts: self.counts.beyond(&other.counts) }
    }
}

/// A counter that goes up and down (Shapiro et al. 2011, specification 7): a grow-only counter of
/// what was added and one of what was taken away, because the larger of two counts is the later one
/// only while counts do not fall.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(bound(serialize = "R: Serialize", deserialize = "R: Deserialize<'de>"))]
pub struct PnCounter<R: Ord> {
    up: GCounter<R>,
    down: GCounter<R>,
}

impl<R: Ord> Default for PnCounter<R> {
    fn default() -> Self {
        Self { up: GCounter::default(), down: GCounter::default() }
    }
}

impl<R: Ord + Clone> PnCounter<R> {
    /// Counts up or, with a negative amount, down. Returns the delta.
    ///
    /// # Errors
    /// If that is more than the replica can count in this direction; nothing changes.
    pub fn add(&mut self, replica: R, amount: i64) -> Result<Self, Overflow> {
        let mut delta = Self::default();
        if amount < 0 {
            delta.down = self.down.add(replica, amount.unsigned_abs())?;
        } else {
            delta.up = self.up.add(replica, amount.unsigned_abs())?;
        }
        Ok(delta)
    }

    /// What all have counted up less what all have counted down. It cannot overflow with fewer
    /// than 2⁶³ replicas.
    pub fn value(&self) -> i128 {
        self.up.value() as i128 - self.down.value() as i128
    }
}

impl<R: Ord + Clone> Lattice for PnCounter<R> {
    fn join(&mut self, other: Self) -> bool {
        // Both, whatever the first says.
        self.up.join(other.up) | self.down.join(other.down)
    }

    fn beyond(&self, other: &Self) -> Self {
        Self { up: self.up.beyond(&other.up), down: self.down.beyond(&other.down) }
    }
}
