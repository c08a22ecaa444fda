//! The replicated set with removal and the store of last writes, in virtual time, under the faults of
//! [`play`]: all replicas come to the one state that what was acknowledged allows, and fall silent.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use gossiper::crdt::key_value::{Message, Seconds};
use gossiper::crdt::lww::LwwNode;
use gossiper::crdt::two_phase_set::{Body as Set, TwoPhaseSetNode};
use proto::{Arguments, Either, Json};
use simulator::Random;

use crate::crdt::{World, play, settle};

const NODES: usize = 5;
const SEEDS: u64 = 200;

fn two_phase_set() -> TwoPhaseSetNode {
    TwoPhaseSetNode::from_arguments(&mut Arguments::new([""; 0])).unwrap()
}

fn lww() -> LwwNode {
    LwwNode::from_arguments(&mut Arguments::new([""; 0])).unwrap()
}

/// What was done with an element.
#[derive(Clone, Copy, Debug, Default)]
struct Done {
    /// Asked for, whether it was answered or not.
    add: bool,
    added: bool,
    remove: bool,
    removed: bool,
}

fn elements(world: &mut World<TwoPhaseSetNode>, node: usize) -> BTreeSet<i64> {
    let Some(Set::ReadOk { elements }) = world.ask_replica(node, Set::Read) else {
        panic!("n{node} does not answer")
    };
    let set: BTreeSet<_> = elements.iter().map(|element| element.as_i64().unwrap()).collect();
    assert_eq!(set.len(), elements.len(), "each once");
    set
}

/// Adds or removes one of few elements, so that both happen to the same one at different nodes.
fn change(
    world: &mut World<TwoPhaseSetNode>,
    node: usize,
    random: &mut Random,
    done: &mut BTreeMap<i64, Done>,
) {
    let element = random.below(60) as i64;
    let (json, done) = (Json::from(element), done.entry(element).or_default());
    if random.chance(0.7) {
        done.add = true;
        done.added |= world.ask_replica(node, Set::Add { element: json }).is_some();
    } else {
        done.remove = true;
        done.removed |= world.ask_replica(node, Set::Remove { element: json }).is_some();
    }
}

#[test]
fn a_set_keeps_what_was_added_and_nothing_that_was_removed() {
    for seed in 0..SEEDS {
        let mut done: BTreeMap<i64, Done> = BTreeMap::new();
        let (mut world, what) = play(seed, NODES, two_phase_set, |world, node, random| {
            change(world, node, random, &mut done);
            // What a node has said is removed is not there any more.
            let seen = elements(world, node);
            assert!(seen.iter().all(|element| done[element].add), "nobody added one of {seen:?}");
        });
        settle(&mut world);
        let first = elements(&mut world, 0);
        for node in 1..NODES {
            assert_eq!(elements(&mut world, node), first, "{what}: n0 and n{node} differ");
        }
        for (element, done) in &done {
            let is_there = first.contains(element);
            assert!(!(is_there && done.removed), "{what}: {element} was removed and is there");
            assert!(!is_there || done.add, "{what}: nobody added {element}");
            let has_to_be = done.added && !done.remove;
            assert!(is_there || !has_to_be, "{what}: {element} was added and is gone");
        }
        assert!(done.values().any(|done| done.removed && done.added), "{what}: no conflict");
        world.run_for(Duration::from_secs(20));
        world.assert_silence(&what);
    }
}

/// A write that was acknowledged with this stamp.
type Stamp = (Seconds, String);

fn read(world: &mut World<LwwNode>, node: usize, key: &str) -> Option<(i64, Seconds)> {
    match world.ask_replica(node, Either::Left(Message::KvRead { key: key.to_owned() })) {
        Some(Either::Left(Message::KvReadOk { value, ts, .. })) => {
            Some((value.as_i64().unwrap(), ts))
        }
        _ => None,
    }
}

#[test]
fn of_each_key_the_acknowledged_write_of_the_latest_time_stays_everywhere() {
    let mut contested = 0;
    for seed in 0..SEEDS {
        let mut next = 0;
        // By key: the acknowledged writes, and those that may have happened.
        let mut sure: BTreeMap<String, BTreeMap<Stamp, i64>> = BTreeMap::new();
        let mut unsure: BTreeSet<i64> = BTreeSet::new();
        let (mut world, what) = play(seed, NODES, lww, |world, node, random| {
            // Clocks that run apart by up to ten seconds, and jump.
            if random.chance(0.1) {
                let offset = random.below(20_000) as i64 - 10_000;
                world.cluster.set_wall_clock_offset(random.index(NODES), offset);
            }
            next += 1;
            let key = format!("k{}", random.below(5));
            let body = Either::Left(Message::Write { key: key.clone(), value: Json::from(next) });
            let Some(Either::Left(Message::WriteOk { ts })) = world.ask_replica(node, body) else {
                unsure.insert(next);
                return;
            };
            let writer = world.cluster.node_ids()[node].to_string();
            let writes = sure.entry(key.clone()).or_default();
            assert_eq!(writes.insert((ts, writer), next), None, "each stamp is given once");
            // A client that reads where it wrote sees its write, or a later one that has come
            // meanwhile, whatever the clock says.
            let seen = read(world, node, &key).expect("it was written");
            assert!(seen == (next, ts) || seen.1 > ts, "n{node}: {seen:?} after {next} at {ts:?}");
        });
        settle(&mut world);
        for (key, writes) in &sure {
            let first = read(&mut world, 0, key).expect("it was written");
            for node in 1..NODES {
                assert_eq!(read(&mut world, node, key), Some(first), "{what}: {key} at n{node}");
            }
            let ((latest, _), value) = writes.last_key_value().unwrap();
            let stays =
                if unsure.contains(&first.0) { first.1 >= *latest } else { first.0 == *value };
            assert!(stays, "{what}: {key} is {first:?} and not {value} of {latest:?}");
            let writers: BTreeSet<_> = writes.keys().map(|(_, writer)| writer).collect();
            contested += usize::from(writers.len() > 1);
        }
        world.run_for(Duration::from_secs(20));
        world.assert_silence(&what);
    }
    assert!(contested > 500, "{contested} keys were written by several nodes");
}

/// Times travel between nodes, and to records and back, as JSON. One that came back as its neighbour
/// was given out twice, and replicas never came to the same state.
#[test]
fn a_time_that_was_written_and_is_read_again_is_the_same() {
    let mut random = Random::new(1, "times");
    for _ in 0..100_000 {
        let ms = 1_767_225_600_000 + random.below(1_000_000_000);
        let mut time = ms as f64 / 1000.0;
        for _ in 0..random.below(3) {
            time = time.next_up();
        }
        let written = Seconds::try_from(time).unwrap();
        let text = serde_json::to_string(&written).unwrap();
        assert_eq!(serde_json::from_str::<Seconds>(&text).unwrap(), written, "{text}");
    }
}
