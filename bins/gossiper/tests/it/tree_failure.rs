//! Killed nodes in trees (task 3-3-2): every survivor has every value that a survivor has taken,
//! within [`RECOVERY`].

use std::time::Duration;

use gossiper::{Body, StrategyKind};
use simulator::Random;

use crate::world::{Setup, Shape, World};

const LATENCY: Duration = Duration::from_millis(10);
/// From a broadcast to the moment every survivor has it, one or two nodes being dead that nobody
/// has noticed: the time-out of 500 ms, twice if the way round leads to another dead node, and the
/// way along the tree.
const RECOVERY: Duration = Duration::from_millis(1500);

/// A tree with constant latency in which all is quiet.
fn tree(nodes: usize, children: usize, seed: u64) -> World {
    let mut setup = Setup::new(nodes, Shape::Tree(children), seed);
    setup.network.latency = LATENCY;
    let mut world = World::new(&setup);
    for node in 0..nodes {
        world.broadcast(node);
    }
    world.run_for(Duration::from_secs(10));
    assert!(world.all_have(0..nodes as i64));
    world
}

/// Kills nodes, has every survivor (or some of many) take a value, and waits for [`RECOVERY`].
#[track_caller]
fn check_kill(nodes: usize, children: usize, killed: &[usize], seed: u64) {
    let mut world = tree(nodes, children, seed);
    let what = format!("{nodes} nodes with {children} children, killed {killed:?}, seed {seed}");
    for node in killed {
        world.cluster.crash(*node);
    }
    for node in (0..nodes).filter(|node| !killed.contains(node)).step_by(nodes.div_ceil(25)) {
        world.broadcast(node);
    }
    let all = 0..world.next_value;
    world.run_for(RECOVERY);
    assert!(world.all_have(all), "{what}: {:?}", world.sizes());
    // Once the failure is known, a value need not wait for it.
    let survivor = (0..nodes).rev().find(|node| !killed.contains(node)).unwrap();
    let value = world.next_value;
    world.broadcast(survivor);
    world.run_for(Duration::from_millis(700));
    assert!(world.all_have(value..=value), "{what}: a value after the failure was known");
}

#[test]
fn the_root_an_inner_node_or_a_leaf_may_be_killed() {
    for (nodes, children) in [(5, 2), (25, 2), (25, 4), (100, 3)] {
        for killed in [0, 1, nodes / children - 1, nodes - 1] {
            check_kill(nodes, children, &[killed], 1);
        }
    }
}

#[test]
fn any_two_may_be_killed_at_once() {
    for first in 0..5 {
        for second in first + 1..5 {
            check_kill(5, 2, &[first, second], 2);
        }
    }
    let mut random = Random::new(3, "pairs");
    for seed in 0..20 {
        let mut order: Vec<_> = (0..25).collect();
        random.shuffle(&mut order);
        check_kill(25, 2, &order[..2], seed);
    }
    // A parent and its child, the root among them, in a large tree.
    check_kill(100, 3, &[0, 1], 4);
    check_kill(100, 3, &[1, 4], 5);
    check_kill(100, 3, &[2, 3], 6);
}

/// A value that dies with the node that has acknowledged it but could tell nobody is found: by the
/// next value that is not acknowledged, or, if none comes, when notes are compared.
#[test]
fn an_acknowledged_value_that_went_no_further_is_found() {
    for is_busy in [false, true] {
        let mut world = tree(7, 2, 7);
        // n1's children never hear it: n1 is dead before it could send it again.
        let mut cut = simulator::Cut::none(7);
        for child in [3, 4] {
            cut.refuse(child, 1);
        }
        world.cut(cut);
        let value = world.next_value;
        world.broadcast(0);
        world.run_for(3 * LATENCY);
        world.cluster.crash(1);
        world.heal();
        assert!(!world.has(3, value..=value) && world.has(5, value..=value));
        for _ in 0..20 {
            if is_busy {
                world.broadcast(6);
            }
            world.run_for(Duration::from_millis(200));
        }
        assert!(world.all_have(value..=value), "busy: {is_busy}");
    }
}

#[test]
fn the_numbers_of_check_acks_and_failure_stats() {
    // n0 has the children n1 and n2, and n1 has n3 and n4.
    let mut world = tree(5, 2, 8);
    let check = |pending, timed_out, direct_sent| {
        Some(Body::CheckAcksOk { pending, timed_out, direct_sent })
    };
    let stats = |total_failures, direct_deliveries| {
        Some(Body::FailureStatsOk { total_failures, direct_deliveries })
    };
    assert_eq!(world.request(0, Body::CheckAcks), check(0, 0, 0));
    world.cluster.crash(1);
    world.broadcast(0);
    assert_eq!(world.request(0, Body::CheckAcks), check(2, 0, 0));
    world.run_for(3 * LATENCY);
    assert_eq!(world.request(0, Body::CheckAcks), check(1, 0, 0));
    world.run_for(Duration::from_millis(500));
    // Time is up for n1: what lies behind it, n3 and n4, got direct copies.
    assert_eq!(world.request(0, Body::CheckAcks), check(0, 1, 2));
    assert_eq!(world.request(0, Body::FailureStats), stats(1, 2));
    let logs = world.cluster.take_logs();
    assert!(logs.iter().any(|(_, node, line)| *node == 0 && line == "n1 does not answer"));
    // The next value goes round n1 at once.
    world.broadcast(0);
    world.run_for(3 * LATENCY);
    assert!(world.all_have(0..world.next_value));
    let direct = world.request(0, Body::FailureStats);
    assert_eq!(direct, stats(1, 4));
    // It comes back, is compared with, and all is well; the totals stay.
    world.cluster.restart(1);
    world.run_for(Duration::from_secs(5));
    assert_eq!(world.request(0, Body::CheckAcks), check(0, 0, 0));
    assert_eq!(world.request(0, Body::FailureStats), stats(1, 4));
    assert!(world.all_have(0..world.next_value));
}

/// A slow network is no failure if the time-out allows for it, whatever waits for an answer.
#[test]
fn a_slow_network_costs_no_more_than_a_fast_one() {
    for (_, strategy) in StrategyKind::NAMED {
        let costs = [10, 1000].map(|latency_ms| {
            let mut setup = Setup::new(9, Shape::Tree(2), 12);
            setup.network.latency = Duration::from_millis(latency_ms);
            setup.config.strategy = strategy;
            setup.config.ack_timeout = Duration::from_secs(3);
            let mut world = World::new(&setup);
            world.workload(20.0, Duration::from_secs(10));
            world.run_for(Duration::from_secs(20));
            assert!(world.all_have(0..world.next_value));
            assert_eq!(world.cluster.take_logs(), []);
            world.messages_per_operation()
        });
        // Notes are compared while more is under way, which moves some values twice.
        assert!(costs[1] < 1.5 * costs[0], "{strategy:?}: {costs:?}");
    }
}

/// Without a state directory a killed node comes back empty, and without a topology.
#[test]
fn a_restarted_node_catches_up_and_takes_its_place_again() {
    for shape in [Shape::Line, Shape::Tree(2), Shape::Grid] {
        let mut setup = Setup::new(9, shape, 9);
        setup.network.latency = LATENCY;
        let mut world = World::new(&setup);
        for node in 0..9 {
            world.broadcast(node);
        }
        world.run_for(Duration::from_secs(5));
        for killed in [4, 0, 8] {
            world.cluster.crash(killed);
            world.run_for(Duration::from_millis(100));
            world.cluster.restart(killed);
            world.run_for(Duration::from_secs(3));
            assert!(world.all_have(0..world.next_value), "{shape:?}: {:?}", world.sizes());
            // It passes values on again, in every direction.
            world.broadcast(killed);
            world.broadcast((killed + 5) % 9);
            world.run_for(Duration::from_millis(150));
            assert!(world.all_have(0..world.next_value), "{shape:?}: {:?}", world.sizes());
        }
    }
}

/// More values than one message moves.
#[test]
fn a_node_that_lacks_thousands_of_values_gets_them_all() {
    let mut setup = Setup::new(2, Shape::Line, 11);
    setup.network.latency = LATENCY;
    let mut world = World::new(&setup);
    for _ in 0..3500 {
        world.broadcast(0);
    }
    world.run_for(Duration::from_secs(3));
    world.cluster.crash(1);
    world.cluster.restart(1);
    world.run_for(Duration::from_secs(3));
    assert!(world.all_have(0..3500), "{:?}", world.sizes());
}

#[test]
fn with_a_state_directory_a_killed_node_still_has_what_it_took() {
    let mut setup = Setup::new(3, Shape::Line, 10);
    setup.durable = Some(Duration::from_millis(1));
    let mut world = World::new(&setup);
    // Nobody hears of the value before its only holder dies.
    world.cut(simulator::Cut::halves(3, |node| node == 0));
    world.broadcast(0);
    world.run_for(Duration::from_millis(10));
    world.cluster.crash(0);
    world.heal();
    world.run_for(Duration::from_secs(1));
    assert!(!world.has(1, 0..1));
    world.cluster.restart(0);
    world.run_for(Duration::from_secs(3));
    assert!(world.all_have(0..1), "{:?}", world.sizes());
}
