//! Siblings against a model that names every write in sets, and the promise that no write goes but
//! by one that has seen it.

use std::collections::{BTreeMap, BTreeSet};

use clocks::version::{Dot, Siblings, VersionVector};
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};

const REPLICAS: usize = 3;
const CLIENTS: usize = 3;

/// A client at a replica: one sequence of writes.
type Writer = (usize, usize);

/// A replica as sets of writes: what it has, and what it has seen.
#[derive(Clone, Default)]
struct Model {
    present: BTreeSet<u32>,
    seen: BTreeSet<u32>,
}

impl Model {
    fn write(&mut self, write: u32, covered: &BTreeSet<u32>) {
        self.present = &self.present - covered;
        self.present.insert(write);
        self.seen.extend(covered);
        self.seen.insert(write);
    }

    fn merge(&mut self, other: &Self) {
        let kept = |own: &Self, other: &Self| &own.present - &(&other.seen - &other.present);
        self.present = &kept(self, other) | &kept(other, self);
        self.seen.extend(&other.seen);
    }
}

/// A run and what is known about its writes.
struct Run {
    replicas: Vec<Siblings<Writer, u32>>,
    models: Vec<Model>,
    /// What the writer of each write had seen.
    covers: BTreeMap<u32, BTreeSet<u32>>,
    /// What each write replaces wherever it comes: that, and what its vector dominates.
    replaces: BTreeMap<u32, BTreeSet<u32>>,
    /// The writes of each writer, in their order.
    writes: BTreeMap<Writer, Vec<u32>>,
}

impl Run {
    /// Everything that somebody who was shown a value has seen by its vector: the value, what its
    /// writer had seen, and what its writer wrote before.
    fn shown(&self, dot: &Dot<Writer>, write: u32) -> BTreeSet<u32> {
        let mut shown = self.covers[&write].clone();
        shown.extend(&self.writes[&dot.writer][..dot.number as usize]);
        shown
    }

    fn write(&mut self, write: u32, random: &mut Xoshiro256PlusPlus) {
        let (client, at) = (random.random_range(0..CLIENTS), random.random_range(0..REPLICAS));
        // A read anywhere, of which some values are taken note of.
        let read = random.random_range(0..REPLICAS);
        let mut context = VersionVector::default();
        let mut covered = BTreeSet::new();
        for (dot, version) in self.replicas[read].iter() {
            if random.random_bool(0.7) {
                context.merge(&version.vector(dot));
                covered.extend(self.shown(dot, version.value));
            }
        }
        let writer = (client, at);
        let before = self.replicas[at].clone();
        let dot = self.replicas[at].write(writer, context, write).unwrap();
        let writes = self.writes.entry(writer).or_default();
        writes.push(write);
        assert_eq!(dot.number, writes.len() as u64, "every write has a number of its own");
        self.covers.insert(write, covered.clone());
        let known = self.shown(&dot, write);
        let dominated = before
            .iter()
            .filter(|(dot, version)| known.is_superset(&self.shown(dot, version.value)));
        covered.extend(dominated.map(|(_, version)| version.value));
        self.models[at].write(write, &covered);
        self.replaces.insert(write, covered);
    }

    fn check(&self, step: u32, seed: u64) {
        for (siblings, model) in self.replicas.iter().zip(&self.models) {
            let values: BTreeSet<_> = siblings.iter().map(|(_, version)| version.value).collect();
            assert_eq!(values, model.present, "seed {seed}, step {step}");
        }
    }
}

fn run(seed: u64) -> Run {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut run = Run {
        replicas: vec![Siblings::default(); REPLICAS],
        models: vec![Model::default(); REPLICAS],
        covers: BTreeMap::new(),
        replaces: BTreeMap::new(),
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
            run.models[at].merge(&heard);
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
        // Writes are numbered in the order of time, so effects come after their causes.
        let mut accounted = present.clone();
        for (write, replaces) in run.replaces.iter().rev() {
            assert!(accounted.contains(write), "seed {seed}: {write} is gone, and nobody saw it");
            accounted.extend(replaces);
        }
        let obsolete =
            |write: &u32| present.iter().any(|other| run.replaces[other].contains(write));
        assert!(!present.iter().any(obsolete), "seed {seed}: {present:?}");
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
