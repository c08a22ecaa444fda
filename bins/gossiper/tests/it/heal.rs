//! The partition that clients ask for, and what comes after it (task 3-3-5).

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use gossiper::{Body, StrategyKind};
use proto::{Json, NodeId, encode, recall};
use simulator::{Cut, Fate};

use crate::world::{Setup, Shape, World};

fn world(nodes: usize, shape: Shape) -> World {
    world_with(nodes, shape, StrategyKind::Tree)
}

fn world_with(nodes: usize, shape: Shape, strategy: StrategyKind) -> World {
    let mut setup = Setup::new(nodes, shape, 1);
    setup.config.strategy = strategy;
    setup.network.latency = Duration::from_millis(10);
    World::new(&setup)
}

/// Splits the cluster by telling every node of `side` and of the rest to block each other.
fn split(world: &mut World, side: std::ops::Range<usize>) {
    let nodes = world.cluster.node_ids().len();
    for node in 0..nodes {
        let others = (0..nodes).filter(|other| side.contains(other) != side.contains(&node));
        let blocked: Vec<NodeId> =
            others.map(|other| world.cluster.node_ids()[other].clone()).collect();
        assert_eq!(world.request(node, Body::Partition { blocked }), Some(Body::PartitionOk));
    }
}

fn heal(world: &mut World) {
    for node in 0..world.cluster.node_ids().len() {
        assert_eq!(world.request(node, Body::Heal), Some(Body::HealOk));
    }
}

#[test]
fn each_side_goes_on_and_both_converge_after_the_heal() {
    for shape in [Shape::Line, Shape::Grid, Shape::Tree(3), Shape::Total] {
        check_heal(shape, StrategyKind::Tree);
    }
    for (_, strategy) in StrategyKind::NAMED {
        check_heal(Shape::Grid, strategy);
    }
}

#[track_caller]
fn check_heal(shape: Shape, strategy: StrategyKind) {
    let what = format!("{shape:?}, {strategy:?}");
    let mut world = world_with(9, shape, strategy);
    split(&mut world, 0..4);
    for node in 0..9 {
        world.broadcast(node);
    }
    world.run_for(Duration::from_secs(5));
    for node in 0..9 {
        let own_side = if node < 4 { 0..4 } else { 4..9 };
        let other_side = if node < 4 { 4..9 } else { 0..4 };
        assert!(world.has(node, own_side), "{what}: n{node} lacks values of its side");
        assert!(other_side.into_iter().all(|value| !world.has(node, value..value + 1)), "{what}");
    }
    heal(&mut world);
    world.run_for(Duration::from_secs(2));
    assert!(world.all_have(0..9), "{what}: {:?}", world.sizes());
    for node in 0..9 {
        let status = world.request(node, Body::ConvergenceStatus).unwrap();
        let Body::ConvergenceStatusOk { converged, waiting_for, convergence_ms } = status else {
            panic!("{status:?}")
        };
        assert!(converged && waiting_for.is_empty(), "{what}: n{node} {waiting_for:?}");
        assert!(convergence_ms.is_some_and(|ms| (100..1000).contains(&ms)), "{what}");
    }
}

#[test]
fn drops_are_counted_both_ways_and_clients_never_blocked() {
    let mut world = world(2, Shape::Line);
    let status = |blocked: &[&str], dropped| {
        Some(Body::PartitionStatusOk {
            blocked: blocked.iter().copied().map(NodeId::new).collect(),
            is_partitioned: !blocked.is_empty(),
            messages_dropped: dropped,
        })
    };
    let block =
        |ids: &[&str]| Body::Partition { blocked: ids.iter().copied().map(NodeId::new).collect() };
    assert_eq!(world.request(0, block(&["n1", "c1000", "n9", "n1"])), Some(Body::PartitionOk));
    assert_eq!(world.request(0, Body::PartitionStatus), status(&["n1", "c1000", "n9"], 0));
    // One goes out, one comes in; n1 does not know, and would try for ever.
    world.broadcast(0);
    world.broadcast(1);
    world.run_for(Duration::from_millis(400));
    assert_eq!(world.request(0, Body::PartitionStatus), status(&["n1", "c1000", "n9"], 2));
    // A second partition takes the place of the first one, which unblocks n1.
    assert_eq!(world.request(0, block(&["n9"])), Some(Body::PartitionOk));
    assert_eq!(world.request(0, Body::PartitionStatus), status(&["n9"], 2));
    world.run_for(Duration::from_secs(2));
    assert!(world.all_have(0..2), "{:?}", world.sizes());
    // One that names the node itself changes nothing.
    assert_eq!(world.request(0, block(&["n1", "n0"])), None);
    assert_eq!(world.request(0, Body::PartitionStatus), status(&["n9"], 2));
    assert_eq!(world.request(0, Body::Heal), Some(Body::HealOk));
    assert_eq!(world.request(0, Body::PartitionStatus), status(&[], 2));
}

/// Every value that would have gone to a blocked neighbour counts once, however long it is blocked.
#[test]
fn each_forward_to_a_blocked_neighbour_counts_once() {
    let mut world = world(2, Shape::Line);
    split(&mut world, 0..1);
    for _ in 0..4 {
        world.broadcast(0);
        world.run_for(Duration::from_secs(1));
    }
    let status = world.request(0, Body::PartitionStatus);
    let Some(Body::PartitionStatusOk { messages_dropped, .. }) = status else {
        panic!("{status:?}")
    };
    assert_eq!(messages_dropped, 4);
    heal(&mut world);
    world.run_for(Duration::from_secs(3));
    assert!(world.all_have(0..4));
}

#[test]
fn one_side_alone_can_neither_heal_nor_claim_to_have_converged() {
    let mut world = world(2, Shape::Line);
    split(&mut world, 0..1);
    world.broadcast(0);
    assert_eq!(world.request(0, Body::Heal), Some(Body::HealOk));
    world.run_for(Duration::from_secs(3));
    assert!(!world.has(1, 0..1));
    let waiting = world.request(0, Body::ConvergenceStatus);
    assert_eq!(
        waiting,
        Some(Body::ConvergenceStatusOk {
            converged: false,
            waiting_for: vec![NodeId::new("n1")],
            convergence_ms: None
        })
    );
    assert_eq!(world.request(1, Body::Heal), Some(Body::HealOk));
    world.run_for(Duration::from_secs(3));
    assert!(world.has(1, 0..1));
    let Some(Body::ConvergenceStatusOk { converged: true, convergence_ms: Some(took), .. }) =
        world.request(0, Body::ConvergenceStatus)
    else {
        panic!("not converged")
    };
    assert!((3000..6000).contains(&took), "{took} ms, counted from the own heal");
}

/// 100,000 values on both sides of a partition, 10 of them on one side only: the nodes of a line
/// exchange less than 20 kB over the link that was cut.
#[test]
fn a_heal_costs_traffic_in_proportion_to_the_difference() {
    let mut world = world(2, Shape::Line);
    for value in 0..100_000 {
        for node in 0..2 {
            let message = Json::from(value);
            assert_eq!(world.request(node, Body::Broadcast { message }), Some(Body::BroadcastOk));
        }
    }
    world.run_for(Duration::from_secs(10));
    world.cut(Cut::halves(2, |node| node == 0));
    let missing: Vec<_> = (0..10).map(|number| 1_000_000 + number).collect();
    for value in &missing {
        let message = Json::from(*value);
        assert_eq!(world.request(0, Body::Broadcast { message }), Some(Body::BroadcastOk));
    }
    world.run_for(Duration::from_secs(10));
    assert!(!world.has(1, missing.iter().copied()));
    let bytes = Rc::new(Cell::new(0));
    let counter = Rc::clone(&bytes);
    world.cluster.observe(move |observation| {
        let message = observation.message;
        let is_client = message.src.is_client() || message.dest.is_client();
        if observation.fate == Fate::Sent && !is_client {
            let mut line = Vec::new();
            let message = recall::<Body>(message.clone()).unwrap();
            encode(&message, &mut line).unwrap();
            counter.set(counter.get() + line.len());
        }
    });
    world.heal();
    world.run_for(Duration::from_secs(10));
    assert!(world.has(1, missing.iter().copied()));
    assert!((1_000..20_000).contains(&bytes.get()), "{} bytes", bytes.get());
}
