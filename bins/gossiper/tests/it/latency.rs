//! A slow network costs no more than a fast one: the node learns how long a round trip takes, with
//! the time-out as it is by default and without being told.

use std::time::Duration;

use gossiper::StrategyKind;

use crate::world::{Setup, Shape, World};

const SHAPES: [Shape; 6] =
    [Shape::Total, Shape::Line, Shape::Grid, Shape::Tree(2), Shape::Tree(3), Shape::Tree(4)];

/// Messages between nodes for each operation of a client, all that comes later included.
fn cost(nodes: usize, rate: f64, strategy: StrategyKind, shape: Shape, latency_ms: u64) -> f64 {
    let mut setup = Setup::new(nodes, shape, 1);
    setup.network.latency = Duration::from_millis(latency_ms);
    setup.config.strategy = strategy;
    let mut world = World::new(&setup);
    world.workload(rate, Duration::from_secs(20));
    world.run_for(Duration::from_secs(60));
    assert!(world.all_have(0..world.next_value), "{strategy:?}, {shape:?}, {latency_ms} ms");
    world.messages_per_operation()
}

#[test]
fn a_round_trip_beyond_the_time_out_costs_at_most_twice_as_much() {
    let (nodes, rate) = (9, 20.0);
    let mut dear = Vec::new();
    for (name, strategy) in StrategyKind::NAMED {
        for shape in SHAPES {
            let [fast, slow] =
                [100, 1000].map(|latency_ms| cost(nodes, rate, strategy, shape, latency_ms));
            if slow > 2.0 * fast {
                dear.push(format!("{name}, {shape:?}: {fast:.1} at 100 ms, {slow:.1} at 1,000 ms"));
            }
        }
    }
    assert!(dear.is_empty(), "{nodes} nodes: {dear:#?}");
}

/// The rate at which a tree of 25 nodes once sent 487 messages an operation at 260 ms, because every
/// value was sent every way there is, and each copy was a failure of its own.
#[test]
fn a_busy_cluster_whose_round_trips_just_exceed_the_time_out_does_not_drown() {
    for strategy in [StrategyKind::Tree, StrategyKind::FanOut] {
        let [fast, slow] =
            [240, 260].map(|latency_ms| cost(25, 100.0, strategy, Shape::Tree(4), latency_ms));
        assert!(slow < 1.5 * fast, "{strategy:?}: {fast:.1} at 240 ms, {slow:.1} at 260 ms");
    }
}
