//! The laws of merging, on states that replicas really reach: random updates and random exchanges of
//! states and deltas, late, twice and in any order. And what the states mean, against models that
//! know nothing of lattices.

#![expect(clippy::unwrap_used, reason = "a test fails where it finds nothing")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use crdt::{GCounter, GSet, Lattice, LwwMap, MvRegister, PnCounter, TwoPhaseSet};
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt as _, SeedableRng as _};
use serde::Serialize;
use serde::de::DeserializeOwned;

const REPLICAS: u8 = 4;
const STEPS: usize = 40;
const SEEDS: u64 = 200;

/// A replicated type under test: how a replica updates it at random.
trait Subject: Lattice + Debug + Serialize + DeserializeOwned {
    /// Updates the state of a replica; `step` never comes twice. Returns the delta.
    fn update(&mut self, replica: u8, step: u64, random: &mut Xoshiro256PlusPlus) -> Self;
}

impl Subject for GSet<u64> {
    fn update(&mut self, _: u8, _: u64, random: &mut Xoshiro256PlusPlus) -> Self {
        self.add(random.random_range(0..12))
    }
}

impl Subject for TwoPhaseSet<u64> {
    fn update(&mut self, _: u8, _: u64, random: &mut Xoshiro256PlusPlus) -> Self {
        let element = random.random_range(0..12);
        if random.random_bool(0.3) { self.remove(element) } else { self.add(element) }
    }
}

impl Subject for GCounter<u8> {
    fn update(&mut self, replica: u8, _: u64, random: &mut Xoshiro256PlusPlus) -> Self {
        self.add(replica, random.random_range(0..u64::MAX / 100)).unwrap()
    }
}

impl Subject for PnCounter<u8> {
    fn update(&mut self, replica: u8, _: u64, random: &mut Xoshiro256PlusPlus) -> Self {
        self.add(replica, random.random_range(i64::MIN / 100..i64::MAX / 100)).unwrap()
    }
}

impl Subject for LwwMap<u8, (u64, u8), u64> {
    fn update(&mut self, replica: u8, step: u64, random: &mut Xoshiro256PlusPlus) -> Self {
        // Clocks differ, and now and then two writes have the same stamp.
        let stamp = (step / 2 + random.random_range(0..5), replica % 2);
        self.write(random.random_range(0..4), stamp, step)
    }
}

impl Subject for MvRegister<u8, u64> {
    fn update(&mut self, replica: u8, step: u64, _: &mut Xoshiro256PlusPlus) -> Self {
        self.write(replica, step).unwrap()
    }
}

/// What an execution leaves behind.
struct Execution<S> {
    /// What each replica has at the end.
    replicas: Vec<S>,
    /// Every delta.
    deltas: Vec<S>,
    /// States from all along the way, deltas among them.
    states: Vec<S>,
}

fn execute<S: Subject>(seed: u64) -> Execution<S> {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut replicas = vec![S::default(); usize::from(REPLICAS)];
    let (mut deltas, mut states) = (Vec::new(), vec![S::default()]);
    for step in 0..STEPS {
        let replica = random.random_range(0..REPLICAS);
        let state = &mut replicas[usize::from(replica)];
        let before = state.clone();
        if random.random_bool(0.5) {
            let delta = state.update(replica, step as u64, &mut random);
            // The delta is the update: joined to what was before it gives what came of it.
            assert_eq!(before.clone().joined(delta.clone()), *state);
            deltas.push(delta.clone());
            states.push(delta);
        } else {
            let received = states[random.random_range(0..states.len())].clone();
            let is_news = state.join(received);
            assert_eq!(is_news, *state != before, "join says whether it was news");
        }
        assert!(state.is_at_least(&before), "states only grow");
        states.push(state.clone());
    }
    Execution { replicas, deltas, states }
}

fn check_laws<S: Subject>() {
    for seed in 0..SEEDS {
        let Execution { replicas, deltas, states } = execute::<S>(seed);
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        for _ in 0..50 {
            let [a, b, c] = [0; 3].map(|_| states[random.random_range(0..states.len())].clone());
            let ab = a.clone().joined(b.clone());
            assert_eq!(ab, b.clone().joined(a.clone()), "commutative");
            let abc = ab.clone().joined(c.clone());
            assert_eq!(abc, a.clone().joined(b.clone().joined(c)), "associative");
            assert_eq!(a.clone().joined(a.clone()), a, "idempotent");
            assert_eq!(a.clone().joined(S::default()), a, "the bottom says nothing");
            assert!(ab.is_at_least(&a) && ab.is_at_least(&b) && abc.is_at_least(&ab), "monotone");
            assert_eq!(a.is_at_least(&b), ab == a, "the order is that of the join");
            // What one has beyond the other is enough, and nothing if there is nothing.
            let beyond = b.beyond(&a);
            assert_eq!(a.clone().joined(beyond.clone()), ab, "{b:?} beyond {a:?}");
            assert_eq!(beyond.is_bottom(), ab == a);
            assert!(b.is_at_least(&beyond), "it is a part");
            assert!(beyond.beyond(&a) == beyond, "it is the least part");
            let text = serde_json::to_string(&a).unwrap();
            assert_eq!(serde_json::from_str::<S>(&text).unwrap(), a, "{text}");
        }
        // All deltas, in any order and some of them twice, are the whole.
        let whole = replicas.into_iter().fold(S::default(), Lattice::joined);
        let mut parts = deltas.clone();
        parts.extend(deltas.iter().take(5).cloned());
        for index in (1..parts.len()).rev() {
            parts.swap(index, random.random_range(0..=index));
        }
        assert_eq!(parts.into_iter().fold(S::default(), Lattice::joined), whole);
    }
}

#[test]
fn a_grow_only_set_obeys_the_laws() {
    check_laws::<GSet<u64>>();
}

#[test]
fn a_two_phase_set_obeys_the_laws() {
    check_laws::<TwoPhaseSet<u64>>();
}

#[test]
fn counters_obey_the_laws() {
    check_laws::<GCounter<u8>>();
    check_laws::<PnCounter<u8>>();
}

#[test]
fn a_last_writer_wins_map_obeys_the_laws() {
    check_laws::<LwwMap<u8, (u64, u8), u64>>();
}

#[test]
fn a_multi_value_register_obeys_the_laws() {
    check_laws::<MvRegister<u8, u64>>();
}

/// Each replica beside a model: the set of updates that it has seen, as an operation-based store
/// with perfect memory would have it.
fn check_model<S: Subject, U: Clone>(
    note: impl Fn(&S, u8, u64, &S) -> U,
    means: impl Fn(&S, &BTreeMap<u64, U>),
) {
    for seed in 0..SEEDS {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let mut replicas = vec![(S::default(), BTreeMap::new()); usize::from(REPLICAS)];
        for step in 0..STEPS as u64 {
            let replica = random.random_range(0..REPLICAS);
            let index = usize::from(replica);
            if random.random_bool(0.6) {
                let (state, seen) = &mut replicas[index];
                let before = state.clone();
                state.update(replica, step, &mut random);
                let update = note(&before, replica, step, state);
                seen.insert(step, update);
            } else {
                let (state, seen) = replicas[random.random_range(0..replicas.len())].clone();
                replicas[index].0.join(state);
                replicas[index].1.extend(seen);
            }
            means(&replicas[index].0, &replicas[index].1);
        }
    }
}

#[test]
fn counters_add_up_what_was_seen() {
    check_model::<GCounter<u8>, u128>(
        |before, _, _, after| after.value() - before.value(),
        |state, seen| assert_eq!(state.value(), seen.values().sum()),
    );
    check_model::<PnCounter<u8>, i128>(
        |before, _, _, after| after.value() - before.value(),
        |state, seen| assert_eq!(state.value(), seen.values().sum()),
    );
}

/// Of the writes that were seen, those stay that no other one of them had seen.
#[test]
fn a_multi_value_register_loses_only_what_a_later_writer_had_seen() {
    check_model::<MvRegister<u8, u64>, Vec<u64>>(
        |before, _, _, _| before.values().copied().collect(),
        |state, seen| {
            // The values at the time of a write stand for all that its writer had seen: whatever
            // else it had seen was replaced by one of them.
            let replaced: BTreeSet<_> = seen.values().flatten().collect();
            let left = seen.keys().filter(|step| !replaced.contains(step)).collect();
            assert_eq!(state.values().collect::<BTreeSet<_>>(), left, "{seen:?}");
        },
    );
}

#[test]
fn a_removed_element_never_comes_back() {
    type State = TwoPhaseSet<u64>;
    check_model::<State, State>(
        |before, _, _, after| after.beyond(before),
        |state, seen| {
            let removed: BTreeSet<_> = seen.values().flat_map(|s| s.removed().iter()).collect();
            let added: BTreeSet<_> = seen.values().flat_map(|s| s.added().iter()).collect();
            let left = added.difference(&removed).copied().collect();
            assert_eq!(state.iter().collect::<BTreeSet<_>>(), left);
        },
    );
}

#[test]
fn the_last_writer_wins_and_the_larger_value_where_that_does_not_decide() {
    let mut writes: Vec<(u8, (u64, u8), u64)> = Vec::new();
    let mut random = Xoshiro256PlusPlus::seed_from_u64(1);
    for value in 0..200 {
        let stamp = (random.random_range(0..10), random.random_range(0..2));
        writes.push((random.random_range(0..4), stamp, value));
    }
    for _ in 0..20 {
        for index in (1..writes.len()).rev() {
            writes.swap(index, random.random_range(0..=index));
        }
        let mut map = LwwMap::default();
        let mut best = BTreeMap::new();
        for (key, stamp, value) in &writes {
            map.write(*key, *stamp, *value);
            let entry = best.entry(*key).or_insert((*stamp, *value));
            *entry = (*entry).max((*stamp, *value));
        }
        let state: BTreeMap<_, _> = map
            .iter()
            .map(|(key, register)| (*key, (*register.stamp().unwrap(), *register.value().unwrap())))
            .collect();
        assert_eq!(state, best);
    }
}

#[test]
fn a_count_that_is_full_is_refused_and_stays() {
    let mut counter = GCounter::default();
    counter.add('a', u64::MAX).unwrap();
    counter.add('b', u64::MAX).unwrap();
    assert_eq!(counter.value(), 2 * u128::from(u64::MAX));
    let before = counter.clone();
    assert!(counter.add('a', 1).unwrap_err().to_string().contains("cannot count 1 more"));
    assert_eq!(counter, before);
    let mut counter = PnCounter::default();
    counter.add('a', i64::MIN).unwrap();
    counter.add('a', i64::MIN).unwrap_err();
    counter.add('a', i64::MAX).unwrap();
    assert_eq!(counter.value(), -1);
}

/// A delta may overtake those before it: what they say is not lost when they come.
#[test]
fn deltas_of_a_register_may_come_in_any_order() {
    let mut writer = MvRegister::default();
    let first = writer.write('a', 1).unwrap();
    let mut other = MvRegister::default();
    other.write('b', 2).unwrap();
    let second = writer.write('a', 3).unwrap();
    let mut reader = MvRegister::default();
    reader.join(second);
    assert_eq!(reader.values().collect::<Vec<_>>(), [&3]);
    reader.join(other);
    assert!(!reader.join(first), "it was replaced before it came");
    assert_eq!(reader.values().collect::<Vec<_>>(), [&3, &2]);
}
