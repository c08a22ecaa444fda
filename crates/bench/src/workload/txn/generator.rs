//! Which transactions clients ask for, as Maelstrom and Jepsen draw them.

use simulator::Random;

use super::micro::{Micro, Txn};
use proto::Json;

/// Draws transactions. Of the active keys each is drawn twice as often as the one before it, so there
/// are much and little contended ones; values of a key are 1, 2, ..., and when the last one has been
/// written a new key, the next number that was never used, takes its place.
pub(super) struct Generator {
    write: &'static str,
    length_max: u64,
    writes_max: i64,
    active: Vec<Key>,
    next_key: i64,
}

/// An active key.
struct Key {
    name: i64,
    writes: i64,
}

impl Generator {
    /// Draws from `key_count` keys at a time, transactions of up to `length_max` micro-operations,
    /// with up to `writes_max` writes to a key.
    pub(super) fn new(
        write: &'static str,
        key_count: usize,
        length_max: u64,
        writes_max: i64,
    ) -> Self {
        let active: Vec<_> = (0..).take(key_count).map(|name| Key { name, writes: 0 }).collect();
        let next_key = active.len() as i64;
        Self { write, length_max, writes_max, active, next_key }
    }

    /// The next transaction.
    pub(super) fn transaction(&mut self, random: &mut Random) -> Txn {
        let length = 1 + random.below(self.length_max);
        Txn::new((0..length).map(|_| self.micro(random)).collect())
    }

    fn micro(&mut self, random: &mut Random) -> Micro {
        let place = self.place(random);
        let key = &mut self.active[place];
        if random.chance(0.5) {
            return Micro::read(Json::from(key.name));
        }
        if key.writes >= self.writes_max {
            *key = Key { name: self.next_key, writes: 0 };
            self.next_key += 1;
        }
        key.writes += 1;
        Micro::write(self.write, Json::from(key.name), key.writes)
    }

    /// Place i of n with probability 2^i / (2^n - 1): heads are counted from the end, and a row that
    /// is longer than the keys is drawn again.
    fn place(&self, random: &mut Random) -> usize {
        let last = self.active.len() - 1;
        loop {
            let heads = random.bits().trailing_ones() as usize;
            if heads <= last {
                return last - heads;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    const DRAWN: usize = 20_000;

    /// Micro-operations of many transactions: function, key and value.
    fn drawn(key_count: usize, length_max: u64, writes_max: i64) -> Vec<Vec<Micro>> {
        let mut generator = Generator::new("append", key_count, length_max, writes_max);
        let mut random = Random::new(7, "generator");
        (0..DRAWN).map(|_| generator.transaction(&mut random).micros().to_vec()).collect()
    }

    #[test]
    fn lengths_and_functions_are_uniform_and_the_last_key_is_the_hottest() {
        let transactions = drawn(4, 4, i64::MAX);
        let mut lengths = BTreeMap::new();
        let mut keys = BTreeMap::new();
        let (mut reads, mut all) = (0, 0);
        for micros in &transactions {
            *lengths.entry(micros.len()).or_insert(0) += 1;
            for micro in micros {
                *keys.entry(micro.key.as_i64().unwrap()).or_insert(0) += 1;
                reads += i32::from(micro.is_read());
                all += 1;
            }
        }
        let near = |count: i32, of: i32, share: f64| {
            let share_drawn = f64::from(count) / f64::from(of);
            assert!((share_drawn - share).abs() < 0.015, "{share_drawn} instead of {share}");
        };
        assert_eq!(lengths.keys().copied().collect::<Vec<_>>(), [1, 2, 3, 4]);
        lengths.values().for_each(|&count| near(count, DRAWN as i32, 0.25));
        near(reads, all, 0.5);
        for (key, weight) in [(0, 1.0), (1, 2.0), (2, 4.0), (3, 8.0)] {
            near(keys[&key], all, weight / 15.0);
        }
    }

    #[test]
    fn a_value_is_written_once_and_a_key_that_is_used_up_gives_way_to_a_new_one() {
        let mut written: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
        for micro in drawn(3, 4, 5).concat() {
            if !micro.is_read() {
                let key = micro.key.as_i64().unwrap();
                written.entry(key).or_default().push(micro.value.as_i64().unwrap());
            }
        }
        let keys: BTreeSet<i64> = written.keys().copied().collect();
        assert_eq!(keys, (0..written.len() as i64).collect());
        let unfinished = written.values().filter(|values| values.len() < 5).count();
        assert!(unfinished <= 3 && written.len() > 3000, "{} keys", written.len());
        for values in written.values() {
            assert_eq!(*values, (1..=values.len() as i64).collect::<Vec<_>>());
            assert!(values.len() <= 5);
        }
    }
}
