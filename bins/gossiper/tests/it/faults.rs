//! Nothing is lost, whatever the network does: every strategy and topology under partitions, loss,
//! duplication, one-way cuts, pauses and kills, one random scenario a seed.

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
    let loss = [0.0, 0.02, 0.1, 0.3];
    setup.network.loss = *random.pick(&loss).unwrap();
    setup.network.duplicate = *random.pick(&loss).unwrap();
    let what =
        format!("seed {seed}: {nodes} nodes, {name}, {:?}, {:?}", setup.shape, setup.network);
    let mut world = World::new(&setup);
    for _ in 0..4 {
        let cut = CUTS[random.index(CUTS.len())].draw(nodes, None, &mut random);
        world.cut(cut);
        let paused = random.index(nodes);
        if random.chance(0.3) {
            world.cluster.pause(paused);
        }
        world.workload(rate, random.uniform(Duration::from_secs(4)));
        world.cluster.resume(paused);
        world.heal();
        world.workload(rate, random.uniform(Duration::from_secs(1)));
    }
    let result = world.finish();
    assert_valid(&result, &what);
    world.cluster.network_mut().set_loss(0.0);
    // When everything is settled there is silence.
    world.run_for(Duration::from_secs(20));
    let before = world.server_messages();
    world.run_for(Duration::from_secs(60));
    assert_eq!(world.server_messages(), before, "{what}: chatter after everything is settled");
}

/// Kills and restarts nodes as well. With state directories nothing that was acknowledged is lost.
fn play_with_kills(seed: u64, nodes: usize) {
    let mut random = Random::new(seed, "scenario");
    let mut setup = Setup::new(nodes, *random.pick(&SHAPES).unwrap(), seed);
    let (name, strategy) = *random.pick(&StrategyKind::NAMED).unwrap();
    setup.config = Config { strategy, ..Config::default() };
    setup.network.latency = Duration::from_millis(20);
    setup.network.loss = if random.chance(0.5) { 0.0 } else { 0.05 };
    setup.durable = Some(Duration::from_millis(2));
    let what =
        format!("seed {seed}: {nodes} nodes, {name}, {:?}, {:?}", setup.shape, setup.network);
    let mut world = World::new(&setup);
    for _ in 0..5 {
        world.workload(20.0, random.uniform(Duration::from_secs(2)));
        let mut order: Vec<_> = (0..nodes).collect();
        random.shuffle(&mut order);
        let killed = &order[..1 + random.index(nodes / 2)];
        for node in killed {
            world.cluster.crash(*node);
        }
        world.workload(20.0, random.uniform(Duration::from_secs(2)));
        for node in killed {
            world.cluster.restart(*node);
        }
    }
    assert_valid(&world.finish(), &what);
}

#[test]
fn with_state_directories_kills_lose_nothing() {
    for seed in 0..100 {
        play_with_kills(seed, 5);
    }
    for seed in 0..10 {
        play_with_kills(seed, 25);
    }
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
