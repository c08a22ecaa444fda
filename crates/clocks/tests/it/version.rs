//! Siblings against a model that names every write in sets, and the promise that no write goes but
//! by one that has seen it.

use std::collections::{BTreeMap, BTreeSet};

use clocks::version::{Siblings, VersionVector};
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};

const REPLICAS: usize = 3;
const CLIENTS: usize = 3;

/// A client at a replica: one sequence of writes.
type Writer = (usize, usize);

/// What somebody who was shown a write has seen by its vector: the write, what its writer had seen,
/// and what its writer wrote before.
type Known = BTreeMap<u32, BTreeSet<u32>>;

/// The writes of a replica that no other one there is known to have seen, with all that they had seen.
fn settle(present: &mut BTreeSet<u32>, known: &Known) {
    let all = present.clone();
    let is_dominated = |write: &u32, other: &u32| {
        write != other && known[other].is_superset(&known[write]) && known[other] != known[write]
    };
    present.retain(|write| !all.iter().any(|other| is_dominated(write, other)));
}

/// A run and what is known about its writes.
struct Run {
    replicas: Vec<Siblings<Writer, u32>>,
    /// The writes that each replica has.
    models: Vec<BTreeSet<u32>>,
    known: Known,
    /// The writes of each writer, in their order.
    writes: BTreeMap<Writer, Vec<u32>>,
}

impl Run {
    fn write(&mut self, write: u32, random: &mut Xoshiro256PlusPlus) {
        let (client, at) = (random.random_range(0..CLIENTS), random.random_range(0..REPLICAS));
        // A read anywhere, of which some values are taken note of.
        let read = random.random_range(0..REPLICAS);
        let mut context = VersionVector::default();
        let mut known = BTreeSet::new();
        for (dot, version) in self.replicas[read].iter() {
            if random.random_bool(0.7) {
                context.merge(&version.vector(dot));
                known.extend(&self.known[&version.value]);
            }
        }
        let writer = (client, at);
        let dot = self.replicas[at].write(writer, context, write).unwrap();
        let writes = self.writes.entry(writer).or_default();
        writes.push(write);
        assert_eq!(dot.number, writes.len() as u64, "every write has a number of its own");
        known.extend(&*writes);
        self.known.insert(write, known);
        self.models[at].insert(write);
        settle(&mut self.models[at], &self.known);
    }

    fn check(&self, step: u32, seed: u64) {
        for (siblings, model) in self.replicas.iter().zip(&self.models) {
            let values: BTreeSet<_> = siblings.iter().map(|(_, version)| version.value).collect();
            assert_eq!(values, *model, "seed {seed}, step {step}");
        }
    }
}

fn run(seed: u64) -> Run {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut run = Run {
        replicas: vec![Siblings::default(); REPLICAS],
        models: vec![BTreeSet::new(); REPLICAS],
        known: Known::new(),
        writes: BTreeMap::new(),
    };
    for step in 0..random.random_range(1..60) {
        if random.random_bool(0.5) {
            run.write(step, &mut random);
        } else {
            let (at, from) = (random.random_range(0..REPLICAS), random.random_range(0..REPLICAS));
            let (before, heard) = (run.replicas[at].clone(), run.replicas[from].clone());
            let changed = run.replicas[at].merge(heard);
            assert_eq!(changed, before != run.replicas[at], "seed {seed}, step {step}");
            let heard = run.models[from].clone();
            run.models[at].extend(heard);
            settle(&mut run.models[at], &run.known);
        }
        run.check(step, seed);
    }
    run
}

#[test]
fn a_replica_has_what_sets_of_writes_say() {
    for seed in 0..500 {
        run(seed);
    }
}

#[test]
fn replicas_agree_whatever_the_order_in_which_they_hear_of_each_other() {
    for seed in 0..200 {
        let run = run(seed);
        let merged = |order: [usize; 5]| {
            let mut siblings = Siblings::default();
            for replica in order {
                siblings.merge(run.replicas[replica].clone());
            }
            siblings
        };
        assert_eq!(merged([0, 1, 2, 1, 0]), merged([2, 2, 1, 0, 2]), "seed {seed}");
    }
}

#[test]
fn no_write_goes_but_by_one_that_has_seen_it() {
    let mut siblings_seen = 0;
    for seed in 0..500 {
        let mut run = run(seed);
        let mut all = run.replicas.remove(0);
        for replica in run.replicas.drain(..) {
            all.merge(replica);
        }
        let present: BTreeSet<_> = all.iter().map(|(_, version)| version.value).collect();
        siblings_seen = siblings_seen.max(present.len());
        // Whatever order they came in, those are left that nobody is known to have seen.
        let mut expected = run.known.keys().copied().collect();
        settle(&mut expected, &run.known);
        assert_eq!(present, expected, "seed {seed}");
    }
    assert!(siblings_seen > 3, "runs without conflicts prove little: {siblings_seen}");
}

fn vectors(siblings: &Siblings<&'static str, &'static str>) -> Vec<VersionVector<&'static str>> {
    siblings.iter().map(|(dot, version)| version.vector(dot)).collect()
}

#[test]
fn a_write_replaces_what_its_vector_dominates() {
    let mut siblings = Siblings::default();
    for (writer, context, value) in
        [("c1", [("c9", 0)], "a"), ("c1", [("c9", 0)], "b"), ("c1", [("c9", 1)], "c")]
    {
        siblings.write(writer, VersionVector::from(context), value).unwrap();
    }
    assert_eq!(vectors(&siblings), [VersionVector::from([("c1", 3), ("c9", 1)])]);
    siblings.write("c1", VersionVector::default(), "d").unwrap();
    let beside = [VersionVector::from([("c1", 3), ("c9", 1)]), VersionVector::from([("c1", 4)])];
    assert_eq!(vectors(&siblings), beside, "it had seen more");
}

/// Whoever goes on from a value need not have seen what its writer had seen for an earlier one.
#[test]
fn a_write_stays_beside_one_that_did_not_see_all_that_it_saw() {
    let mut siblings = Siblings::default();
    siblings.write("c2", VersionVector::default(), "a").unwrap();
    siblings.write("c1", VersionVector::from([("c2", 1)]), "b").unwrap();
    siblings.write("c1", VersionVector::default(), "c").unwrap();
    // Only of `c`, and also at a replica that has heard of neither.
    let context = VersionVector::from([("c1", 2)]);
    let mut other = Siblings::default();
    other.write("c3", context.clone(), "d").unwrap();
    siblings.merge(other.clone());
    let beside =
        [VersionVector::from([("c1", 1), ("c2", 1)]), VersionVector::from([("c1", 2), ("c3", 1)])];
    assert_eq!(vectors(&siblings), beside);
    other.merge(siblings.clone());
    assert_eq!(other, siblings);
    siblings.write("c1", context, "e").unwrap();
    assert_eq!(vectors(&siblings)[0], beside[0], "it does not go on from `b`");
    siblings.write("c4", siblings.seen().clone(), "f").unwrap();
    assert_eq!(siblings.len(), 1);
}

/// A client that writes at several replicas at once has its writes numbered alike.
#[test]
fn replicas_that_gave_one_number_twice_agree_and_keep_both() {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(1);
    for seed in 0..2000 {
        let mut replicas: Vec<Siblings<&str, u32>> = vec![Siblings::default(); REPLICAS];
        for value in 0..random.random_range(1..20) {
            let (at, read) = (random.random_range(0..REPLICAS), random.random_range(0..REPLICAS));
            let mut context = VersionVector::default();
            for (dot, version) in replicas[read].iter() {
                if random.random_bool(0.3) {
                    context.merge(&version.vector(dot));
                }
            }
            let client = ["c1", "c2"][random.random_range(0..2)];
            replicas[at].write(client, context, value).unwrap();
            if random.random_bool(0.3) {
                let heard = replicas[read].clone();
                replicas[at].merge(heard);
            }
        }
        let merged = |order: &[usize]| {
            let mut siblings = Siblings::default();
            for replica in order {
                let before = siblings.clone();
                let changed = siblings.merge(replicas[*replica].clone());
                assert_eq!(changed, before != siblings, "seed {seed}");
            }
            siblings
        };
        let all = merged(&[0, 1, 2]);
        for order in [[0, 2, 1, 0], [1, 0, 2, 1], [2, 1, 0, 2]] {
            assert_eq!(merged(&order), all, "seed {seed}");
        }
        let vectors: Vec<_> = all.iter().map(|(dot, version)| version.vector(dot)).collect();
        let is_dominated = |vector| vectors.iter().any(|other| vector < other);
        assert!(!vectors.iter().any(is_dominated), "seed {seed}: {all:?}");
    }
    let mut siblings = Siblings::default();
    for value in ["a", "b", "a"] {
        let mut replica = Siblings::default();
        replica.write("c1", VersionVector::default(), value).unwrap();
        siblings.merge(replica);
    }
    assert_eq!(siblings.len(), 2, "equal vectors: neither dominates the other");
    siblings.write("c2", VersionVector::from([("c1", 1)]), "c").unwrap();
    assert_eq!(vectors(&siblings), [VersionVector::from([("c1", 1), ("c2", 1)])]);
}

#[test]
fn a_context_that_leaves_no_number_is_refused_and_changes_nothing() {
    let mut siblings = Siblings::default();
    siblings.write("c1", VersionVector::default(), "a").unwrap();
    let before = siblings.clone();
    siblings.write("c1", VersionVector::from([("c1", u64::MAX)]), "b").unwrap_err();
    assert_eq!(siblings, before);
}
