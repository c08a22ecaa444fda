//! How messages grow with the cluster: with the work, not with the square of the nodes. Each strategy
//! is held against the bound that its file states. The time and memory of 1,000 nodes are those of
//! `just bench-scale`.

use std::time::Duration;

use gossiper::{Config, StrategyKind};

use crate::world::{Setup, Shape, World, assert_valid};

/// Values a second of the workload: half of its operations.
const VALUES: f64 = 50.0;

/// The fewest messages that a value can take in a cluster of so many nodes and edges.
fn bound(config: &Config, nodes: f64, edges: f64) -> f64 {
    let others = nodes - 1.0;
    match config.strategy {
        StrategyKind::Flood => 2.0 * (2.0 * edges - others),
        StrategyKind::Tree => 2.0 * others,
        StrategyKind::FanOut => 2.0 * nodes * config.fan_out as f64,
        StrategyKind::Batched => others / (VALUES * config.batch_interval.as_secs_f64() + 2.0),
        StrategyKind::Direct => others,
        StrategyKind::Star => others / (VALUES * config.hub_interval.as_secs_f64() + 1.0),
    }
}

#[test]
fn messages_are_within_twice_the_bound_of_each_strategy() {
    for (nodes, shape) in [(25, Shape::Grid), (25, Shape::Tree(4)), (100, Shape::Grid)] {
        for (name, strategy) in StrategyKind::NAMED {
            let mut setup = Setup::new(nodes, shape, 1);
            setup.config = Config { strategy, ..Config::default() };
            setup.network.latency = Duration::from_millis(10);
            let mut world = World::new(&setup);
            let edges: usize = world.topology(shape).values().map(Vec::len).sum();
            world.workload(2.0 * VALUES, Duration::from_secs(5));
            let messages = world.server_messages() as f64 / world.next_value as f64;
            let bound = bound(&setup.config, nodes as f64, edges as f64 / 2.0);
            let what = format!("{name} on {nodes} nodes, {shape:?}: {messages:.1} for {bound:.1}");
            assert!(messages <= 2.0 * bound, "{what}");
            assert_valid(&world.finish(), &what);
        }
    }
}
