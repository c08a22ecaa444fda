//! The store with version vectors where one client goes from node to node: it gives several writes the
//! same number, and replicas agree all the same.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use gossiper::crdt::version_vectors::{Body, Sibling, VersionVectorsNode};
use proto::{Arguments, Either, Json};
use simulator::ClusterOptions;

use crate::crdt::{World, play, settle};

fn node() -> VersionVectorsNode {
    VersionVectorsNode::from_arguments(&mut Arguments::new([""; 0])).unwrap()
}

fn read(world: &mut World<VersionVectorsNode>, node: usize) -> Option<Vec<Sibling>> {
    match world.ask_replica(node, Either::Right(Body::VvRead { key: "k".to_owned() }))? {
        Either::Right(Body::VvReadOk { values, .. }) => Some(values),
        _ => None,
    }
}

fn write(value: i64, context: BTreeMap<proto::NodeId, u64>) -> Body {
    Body::VvWrite { key: "k".to_owned(), value: Json::from(value), context }
}

/// Whether one vector dominates the other.
fn is_below(one: &Sibling, other: &Sibling) -> bool {
    let covers = one.vc.iter().all(|(slot, number)| other.vc.get(slot) >= Some(number));
    covers && one.vc != other.vc
}

#[test]
fn replicas_agree_on_the_writes_of_one_client_at_all_nodes() {
    let mut conflicts = 0;
    for seed in 0..100 {
        let mut next = 0;
        let (mut world, what) = play(seed, 4, node, |world, node, random| {
            let mut context = BTreeMap::new();
            if random.chance(0.3) {
                let seen = read(world, random.index(4)).unwrap_or_default();
                for (slot, number) in seen.into_iter().flat_map(|sibling| sibling.vc) {
                    let known = context.entry(slot).or_default();
                    *known = number.max(*known);
                }
            }
            next += 1;
            world.ask_replica(node, Either::Right(write(next, context)));
        });
        settle(&mut world);
        let first = read(&mut world, 0).expect("it answers");
        for node in 1..4 {
            assert_eq!(read(&mut world, node).as_ref(), Some(&first), "{what}: n0 and n{node}");
        }
        let obsolete = |one: &&Sibling| first.iter().any(|other| is_below(one, other));
        assert_eq!(first.iter().find(obsolete), None, "{what}: {first:?}");
        conflicts += usize::from(first.len() > 1);
        world.run_for(Duration::from_secs(20));
        world.assert_silence(&what);
    }
    assert!(conflicts > 0, "no conflict in any run");
}

#[test]
fn two_writes_with_the_same_number_stay_side_by_side() {
    let mut world = World::new(ClusterOptions::new(3, 1), node);
    for (node, value) in [(0, 1), (1, 2)] {
        let answer = world.ask_replica(node, Either::Right(write(value, BTreeMap::new())));
        let Some(Either::Right(Body::VvWriteOk { vc })) = answer else { panic!("{answer:?}") };
        assert_eq!(vc.into_iter().collect::<Vec<_>>(), [(proto::NodeId::new("c1"), 1)]);
    }
    world.run_for(Duration::from_secs(5));
    for node in 0..3 {
        let values = read(&mut world, node).unwrap();
        let texts: BTreeSet<_> =
            values.iter().filter_map(|sibling| sibling.value.as_i64()).collect();
        assert_eq!(texts, BTreeSet::from([1, 2]), "n{node}");
    }
}
