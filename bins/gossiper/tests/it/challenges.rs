//! The efficiency challenges: 25 nodes, 100 operations a second, 100 ms, 20 s.

use std::time::Duration;

use gossiper::{Config, LateValues, StrategyKind};
use simulator::{Cut, CutKind, Random};

use crate::world::{Setup, Shape, World, assert_valid};

/// What a run came to.
#[derive(Debug)]
struct Figures {
    messages_per_operation: f64,
    median_ms: u64,
    maximum_ms: u64,
}

fn star(hub_interval_ms: u64, leaf_margin_ms: u64) -> Config {
    Config {
        strategy: StrategyKind::Star,
        hub_interval: Duration::from_millis(hub_interval_ms),
        leaf_margin: Duration::from_millis(leaf_margin_ms),
        ..Config::default()
    }
}

/// The arguments of `just challenge-3d`.
fn challenge_3d() -> Config {
    Config { late_values: LateValues::Now, ..star(380, 40) }
}

/// The arguments of `just challenge-3e`.
fn challenge_3e() -> Config {
    Config { ack_delay: Duration::from_millis(3500), ..star(1590, 35) }
}

/// The arguments of `just challenge-latency`.
fn challenge_latency() -> Config {
    Config { strategy: StrategyKind::Direct, ..Config::default() }
}

fn world(config: Config, seed: u64) -> World {
    let mut setup = Setup::new(25, Shape::Grid, seed);
    setup.config = config;
    setup.network.latency = Duration::from_millis(100);
    World::new(&setup)
}

fn finish(mut world: World, what: &str) -> Figures {
    let result = world.finish();
    assert_valid(&result, what);
    let latencies = result.stable_latencies.unwrap();
    Figures {
        messages_per_operation: world.messages_per_operation(),
        median_ms: latencies.at(0.5).unwrap(),
        maximum_ms: latencies.at(1.0).unwrap(),
    }
}

/// Runs a configuration without faults, and holds each seed against the limits.
fn challenge(config: &Config, limits: &Figures) {
    for seed in 0..5 {
        let mut world = world(config.clone(), seed);
        world.workload(100.0, Duration::from_secs(20));
        let figures = finish(world, &format!("seed {seed}"));
        assert!(
            figures.messages_per_operation <= limits.messages_per_operation
                && figures.median_ms <= limits.median_ms
                && figures.maximum_ms <= limits.maximum_ms,
            "seed {seed}: {figures:?} against {limits:?}"
        );
    }
}

#[test]
fn challenge_3d_is_met() {
    let limits = Figures { messages_per_operation: 1.05, median_ms: 399, maximum_ms: 599 };
    challenge(&challenge_3d(), &limits);
}

#[test]
fn challenge_3e_is_met() {
    let limits = Figures { messages_per_operation: 0.33, median_ms: 999, maximum_ms: 1999 };
    challenge(&challenge_3e(), &limits);
}

#[test]
fn challenge_latency_is_met() {
    let limits = Figures { messages_per_operation: 14.0, median_ms: 100, maximum_ms: 130 };
    challenge(&challenge_latency(), &limits);
}

/// Maelstrom's nemesis: partitions start and stop by turns, the first at once.
fn with_partitions(config: Config, seed: u64) -> Figures {
    let mut world = world(config, seed);
    let mut random = Random::new(seed, "nemesis");
    let mut left = Duration::from_secs(20);
    let mut is_cut = false;
    loop {
        is_cut = !is_cut;
        if is_cut {
            let kind = *random.pick(&CutKind::MAELSTROM).unwrap();
            world.cut(kind.draw(25, None, &mut random));
        } else {
            world.heal();
        }
        let pause = random.uniform(Duration::from_secs(10));
        world.workload(100.0, pause.min(left));
        if pause >= left {
            return finish(world, &format!("seed {seed}"));
        }
        left -= pause;
    }
}

#[test]
fn partitions_cost_at_most_9_messages_an_operation() {
    for seed in 0..10 {
        for config in [challenge_3d(), challenge_3e()] {
            let figures = with_partitions(config, seed);
            assert!(figures.messages_per_operation <= 9.0, "seed {seed}: {figures:?}");
        }
    }
}

#[test]
fn a_hub_that_is_cut_off_is_replaced() {
    for seed in 0..5 {
        for config in [challenge_3d(), challenge_3e()] {
            let mut world = world(config, seed);
            world.workload(100.0, Duration::from_secs(5));
            world.cut(Cut::halves(25, |node| node == 0));
            // Without a hub the other side would stand still: it has to get going again meanwhile.
            world.workload(100.0, Duration::from_secs(10));
            let first = world.next_value;
            let values = [first, first + 1];
            world.broadcast(3);
            world.broadcast(17);
            world.run_for(Duration::from_secs(4));
            let reached = (1..25).filter(|node| world.has(*node, values.into_iter())).count();
            assert_eq!(reached, 24, "seed {seed}");
            assert!(!world.has(0, values.into_iter()), "seed {seed}");
            world.heal();
            world.workload(100.0, Duration::from_secs(5));
            let figures = finish(world, &format!("seed {seed}"));
            assert!(figures.messages_per_operation <= 9.0, "seed {seed}: {figures:?}");
        }
    }
}

#[test]
fn a_hub_that_is_killed_is_replaced_and_comes_back_empty() {
    for seed in 0..5 {
        for config in [challenge_3d(), challenge_3e()] {
            let mut world = world(config, seed);
            world.workload(100.0, Duration::from_secs(5));
            world.cluster.crash(0);
            // Values that only the hub had are gone with it, so it gets none before it dies.
            world.workload(100.0, Duration::from_secs(10));
            let first = world.next_value;
            world.broadcast(3);
            world.run_for(Duration::from_secs(4));
            assert!(world.all_have(first..=first), "seed {seed}");
            world.cluster.restart(0);
            world.workload(100.0, Duration::from_secs(5));
            world.run_for(Duration::from_secs(10));
            let sizes: Vec<_> = world.sizes();
            assert!(sizes.iter().all(|size| *size == sizes[0]), "seed {seed}: {sizes:?}");
            let messages = world.messages_per_operation();
            assert!(messages <= 9.0, "seed {seed}: {messages}");
        }
    }
}
