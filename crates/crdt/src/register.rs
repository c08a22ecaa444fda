//! A register that keeps concurrent writes side by side, and what that needs: dots and causal
//! contexts.

use std::collections::{BTreeMap, BTreeSet};

use clocks::version::Dot;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::lattice::Lattice;

/// A set of writes that have been seen: for each replica all up to a number, and the few beyond
/// that which came early (Almeida, Shoker and Baquero 2018, section 7).
///
/// Without the early ones a delta could not be taken in before those that it overtook: a vector
/// that says "three" says "one and two" as well.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Context<R: Ord> {
    /// All writes of a replica from 1 to this number. Never 0.
    through: BTreeMap<R, u64>,
    /// Writes beyond that. Never one that follows directly.
    early: BTreeSet<Dot<R>>,
}

impl<R: Ord> Default for Context<R> {
    fn default() -> Self {
        Self { through: BTreeMap::new(), early: BTreeSet::new() }
    }
}

impl<R: Ord + Clone> Context<R> {
    /// Whether a write has been seen.
    pub fn contains(&self, dot: &Dot<R>) -> bool {
        dot.number <= self.through(&dot.writer) || self.early.contains(dot)
    }

    /// Adds a write that has been seen.
    pub fn insert(&mut self, dot: Dot<R>) {
        if !self.contains(&dot) {
            let replica = dot.writer.clone();
            self.early.insert(dot);
            self.close_gap(&replica);
        }
    }

    /// The number of the next write of a replica.
    fn next(&self, replica: &R) -> Option<u64> {
        let last = Dot { writer: replica.clone(), number: u64::MAX };
        let early = self.early.range(..=last).next_back().filter(|dot| dot.writer == *replica);
        let early = early.map_or(0, |dot| dot.number);
        early.max(self.through(replica)).checked_add(1)
    }

    fn through(&self, replica: &R) -> u64 {
        self.through.get(replica).copied().unwrap_or(0)
    }

    /// Takes those early writes of a replica in that follow directly by now.
    fn close_gap(&mut self, replica: &R) {
        let mut through = self.through(replica);
        while let Some(number) = through.checked_add(1)
            && self.early.remove(&Dot { writer: replica.clone(), number })
        {
            through = number;
        }
        // Others may have been overtaken by the number.
        let first = Dot { writer: replica.clone(), number: 0 };
        let last = Dot { writer: replica.clone(), number: through };
        while let Some(dot) = self.early.range(&first..=&last).next().cloned() {
            self.early.remove(&dot);
        }
        if through > 0 {
            self.through.insert(replica.clone(), through);
        }
    }

    /// Every write that this has seen and `other` has not.
    fn without(&self, other: &Self) -> BTreeSet<Dot<R>> {
        let in_rows = self.through.iter().flat_map(|(writer, through)| {
            let from = other.through(writer).min(*through) + 1;
            (from..=*through).map(|number| Dot { writer: writer.clone(), number })
        });
        let all = in_rows.chain(self.early.iter().cloned());
        all.filter(|dot| !other.contains(dot)).collect()
    }
}

impl<R: Ord + Clone> Lattice for Context<R> {
    fn join(&mut self, other: Self) -> bool {
        let before = self.clone();
        for (replica, through) in other.through {
            if through > self.through(&replica) {
                self.through.insert(replica.clone(), through);
                self.close_gap(&replica);
            }
        }
        for dot in other.early {
            self.insert(dot);
        }
        *self != before
    }

    fn beyond(&self, other: &Self) -> Self {
        let mut beyond = Self::default();
        for dot in self.without(other) {
            beyond.insert(dot);
        }
        beyond
    }
}

/// A multi-value register (Shapiro et al. 2011, specification 10; with deltas Almeida, Shoker and
/// Baquero 2018, section 7): it keeps every write that no other one has seen, so that of two
/// concurrent writes none is lost, and somebody who reads both can write what becomes of them.
///
/// A replica is one sequence of writes: no two have the same name, and one that forgets takes a new
/// one.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct MvRegister<R: Ord, V> {
    seen: Context<R>,
    /// Those of the writes seen that were not replaced.
    values: BTreeMap<Dot<R>, V>,
}

impl<R: Ord, V> Default for MvRegister<R, V> {
    fn default() -> Self {
        Self { seen: Context::default(), values: BTreeMap::new() }
    }
}

impl<R: Ord + Clone, V: Clone + PartialEq> MvRegister<R, V> {
    /// Writes, in place of all values that are here. Returns the delta, or nothing if the replica
    /// has no number left.
    pub fn write(&mut self, replica: R, value: V) -> Option<Self> {
        let dot = Dot { number: self.seen.next(&replica)?, writer: replica };
        let mut delta = Self::default();
        for replaced in self.values.keys() {
            delta.seen.insert(replaced.clone());
        }
        delta.seen.insert(dot.clone());
        delta.values.insert(dot, value);
        self.join(delta.clone());
        Some(delta)
    }

    /// The values, in the order of their writers and numbers: none if nothing was ever written,
    /// several if there were concurrent writes.
    pub fn values(&self) -> impl ExactSizeIterator<Item = &V> {
        self.values.values()
    }

    /// Which writes the values are.
    pub fn dots(&self) -> impl ExactSizeIterator<Item = &Dot<R>> {
        self.values.keys()
    }
}

impl<R: Ord + Clone, V: Clone + PartialEq> Lattice for MvRegister<R, V> {
    fn join(&mut self, other: Self) -> bool {
        let before = self.values.len();
        // What the other one has seen and no longer has was replaced there.
        self.values.retain(|dot, _| !other.seen.contains(dot) || other.values.contains_key(dot));
        let mut is_news = self.values.len() < before;
        for (dot, value) in other.values {
            if !self.seen.contains(&dot) {
                self.values.insert(dot, value);
                is_news = true;
            }
        }
        self.seen.join(other.seen) | is_news
    }

    fn beyond(&self, other: &Self) -> Self {
        let mut beyond = Self { seen: self.seen.beyond(&other.seen), values: BTreeMap::new() };
        // What was replaced here and is still there.
        for dot in other.values.keys() {
            if self.seen.contains(dot) && !self.values.contains_key(dot) {
                beyond.seen.insert(dot.clone());
            }
        }
        let news = self.values.iter().filter(|(dot, _)| beyond.seen.contains(dot));
        beyond.values = news.map(|(dot, value)| (dot.clone(), value.clone())).collect();
        beyond
    }
}

/// How it is written: lists, because replicas need not be strings.
#[derive(Serialize, Deserialize)]
struct Written<R, V> {
    through: Vec<(R, u64)>,
    early: Vec<(R, u64)>,
    values: Vec<(R, u64, V)>,
}

impl<R: Ord + Clone + Serialize, V: Clone + Serialize> Serialize for MvRegister<R, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let pair = |dot: &Dot<R>| (dot.writer.clone(), dot.number);
        let values = self.values.iter();
        let values = values.map(|(dot, value)| (dot.writer.clone(), dot.number, value.clone()));
        let written = Written {
            through: self.seen.through.clone().into_iter().collect(),
            early: self.seen.early.iter().map(pair).collect(),
            values: values.collect(),
        };
        written.serialize(serializer)
    }
}

impl<'de, R, V> Deserialize<'de> for MvRegister<R, V>
where
    R: Ord + Clone + Deserialize<'de>,
    V: Clone + PartialEq + Deserialize<'de>,
{
    /// Whatever is written becomes a state: what has a value was seen.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = Written::deserialize(deserializer)?;
        let mut register = Self::default();
        register.seen.through = written.through.into_iter().filter(|(_, n)| *n > 0).collect();
        for (writer, number) in written.early {
            register.seen.insert(Dot { writer, number });
        }
        for (writer, number, value) in written.values {
            let dot = Dot { writer, number };
            register.seen.insert(dot.clone());
            register.values.insert(dot, value);
        }
        Ok(register)
    }
}
