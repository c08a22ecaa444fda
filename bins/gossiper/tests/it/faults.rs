//! Nothing is lost, whatever the network does: every strategy and topology under partitions, loss,
//! duplication and one-way cuts, one random scenario a seed.

use std::time::Duration;

use gossiper::{Config, StrategyKind};
use simulator::{CutKind, LatencyDistribution, Random};

use crate::world::{Setup, Shape, World, assert_valid};

const SHAPES: [Shape; 6] =
    [Shape::Grid, Shape::Line, Shape::Total, Shape::Tree(2), Shape::Tree(3), Shape::Tree(4)];
const CUTS: [CutKind; 5] = [
    CutKind::One,
    CutKind::Majority,
    CutKind::MinorityThird,
    CutKind::MajoritiesRing,
    CutKind::OneWay,
];

/// Draws a scenario, plays it and checks it.
fn play(seed: u64, nodes: usize, rate: f64) {
    let mut random = Random::new(seed, "scenario");
    let mut setup = Setup::new(nodes, *random.pick(&SHAPES).unwrap(), seed);
    let (name, strategy) = *random.pick(&StrategyKind::NAMED).unwrap();
    setup.config = Config { strategy, ..Config::default() };
    let latencies = [0, 10, 100];
    setup.network.latency = Duration::from_millis(*random.pick(&latencies).unwrap());
    let distributions = [LatencyDistribution::Constant, LatencyDistribution::Exponential];
    setup.network.distribution = *random.pick(&distributions).unwrap();
    let loss = [0.0, 0.02, 0.1];
    setup.network.loss = *random.pick(&loss).unwrap();
    setup.network.duplicate = *random.pick(&loss).unwrap();
    let what =
        format!("seed {seed}: {nodes} nodes, {name}, {:?}, {:?}", setup.shape, setup.network);
    let mut world = World::new(&setup);
    for _ in 0..4 {
        let cut = CUTS[random.index(CUTS.len())].draw(nodes, None, &mut random);
        world.cut(cut);
        world.workload(rate, random.uniform(Duration::from_secs(4)));
        world.heal();
        world.workload(rate, random.uniform(Duration::from_secs(1)));
    }
    world.cluster.network_mut().set_loss(0.0);
    let result = world.finish();
    assert_valid(&result, &what);
    // When everything is settled there is silence.
    world.run_for(Duration::from_secs(20));
    let before = world.server_messages();
    world.run_for(Duration::from_secs(60));
    assert_eq!(world.server_messages(), before, "{what}: chatter after everything is settled");
}

#[test]
fn nothing_is_lost_in_5_nodes() {
    for seed in 0..300 {
        play(seed, 5, 10.0);
    }
}

#[test]
fn nothing_is_lost_in_25_nodes() {
    for seed in 0..40 {
        play(seed, 25, 20.0);
    }
}
