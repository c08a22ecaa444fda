//! Nodes that leave the rest to chance: hybrid and anti-entropy broadcast lose nothing under faults,
//! and a rumour reaches as many as the formula and the simulation say.

use std::time::Duration;

use gossiper::anti_entropy::{self, AntiEntropyNode};
use gossiper::hybrid::{self, HybridNode, Way};
use gossiper::reach::{Simulation, min_fanout};
use gossiper::{Body, Config, Gossiper, StrategyKind};
use proto::{Arguments, Json, Node, Script};
use rand::SeedableRng as _;
use rand::rngs::Xoshiro256PlusPlus;
use simulator::ClusterOptions;

use crate::crdt::{World, play, settle};

fn hybrid() -> HybridNode {
    HybridNode::from_arguments(&mut Arguments::new([""; 0])).unwrap()
}

fn anti_entropy() -> AntiEntropyNode {
    AntiEntropyNode::from_arguments(&mut Arguments::new([""; 0])).unwrap()
}

/// What a node sends in a minute in which nothing comes, before and after it has a value.
fn minutes<N: Node>(node: N) -> [usize; 2] {
    let mut script = Script::new(node);
    script.init("n1", &["n1", "n2", "n3"]);
    let minute = Duration::from_secs(60);
    let before = script.advance(minute).len();
    script.line(r#"{"src":"c1","dest":"n1","body":{"type":"broadcast","msg_id":2,"message":1}}"#);
    [before, script.advance(minute).len()]
}

#[test]
fn a_node_without_values_says_nothing() {
    for [before, after] in [minutes(hybrid()), minutes(anti_entropy())] {
        assert_eq!(before, 0);
        assert!(after > 20, "{after} messages");
    }
}

#[test]
fn a_round_with_nobody_to_contact_sends_nothing() {
    let mut script = Script::new(anti_entropy());
    script.init("n1", &["n1"]);
    script.line(r#"{"src":"c1","dest":"n1","body":{"type":"broadcast","msg_id":2,"message":1}}"#);
    let sent = script.line(r#"{"src":"c1","dest":"n1","body":{"type":"gossip_round","msg_id":3}}"#);
    assert_eq!(sent.len(), 1);
    let counts = r#""peers_contacted":0,"messages_sent":0"#;
    assert!(sent[0].contains(counts), "{}", sent[0]);
}

#[test]
fn hybrid_broadcast_loses_nothing() {
    for seed in 0..100 {
        let (mut next, mut taken) = (0, Vec::new());
        let (mut world, what) = play(seed, 5, hybrid, |world, node, _| {
            next += 1;
            let body = hybrid::Body::Broadcast { message: Json::from(next), hops: None };
            if world.ask(node, body).is_some() {
                taken.push(Json::from(next));
            }
        });
        settle(&mut world);
        for node in 0..5 {
            let values = world.cluster.node(node).values();
            let lost: Vec<_> = taken.iter().filter(|v| values.position(v).is_none()).collect();
            assert!(lost.is_empty(), "{what}: n{node} lacks {lost:?}");
        }
    }
}

#[test]
fn anti_entropy_broadcast_loses_nothing() {
    for seed in 0..100 {
        let (mut next, mut taken) = (0, Vec::new());
        let (mut world, what) = play(seed, 5, anti_entropy, |world, node, _| {
            next += 1;
            let body = anti_entropy::Body::Broadcast { message: Json::from(next) };
            if world.ask(node, body).is_some() {
                taken.push(Json::from(next));
            }
        });
        settle(&mut world);
        for node in 0..5 {
            let values = world.cluster.node(node).values();
            let lost: Vec<_> = taken.iter().filter(|v| values.position(v).is_none()).collect();
            assert!(lost.is_empty(), "{what}: n{node} lacks {lost:?}");
        }
    }
}

/// Along a line of five nodes, and then with the second one gone.
#[test]
fn a_hybrid_node_knows_how_each_value_came_and_from_how_far() {
    let mut world = World::new(ClusterOptions::new(5, 1), hybrid);
    let ids = world.cluster.node_ids().to_vec();
    let list = |node: usize| {
        let near = [node.checked_sub(1), Some(node + 1)].into_iter().flatten();
        near.filter_map(|other| ids.get(other).cloned()).collect()
    };
    let topology: std::collections::BTreeMap<_, _> =
        (0..5).map(|node| (ids[node].clone(), list(node))).collect();
    for node in 0..5 {
        let reply = world.ask(node, hybrid::Body::Topology { topology: topology.clone() });
        assert_eq!(reply, Some(hybrid::Body::TopologyOk));
    }
    let tell = |world: &mut World<HybridNode>, value: i64| {
        let body = hybrid::Body::Broadcast { message: Json::from(value), hops: None };
        assert_eq!(world.ask(0, body), Some(hybrid::Body::BroadcastOk));
    };
    let came = |world: &mut World<HybridNode>, node: usize, value: i64| match world
        .ask(node, hybrid::Body::DeliveryInfo { value: Json::from(value) })
    {
        Some(hybrid::Body::DeliveryInfoOk { delivered_via, hops, .. }) => {
            Some((delivered_via, hops))
        }
        _ => None,
    };
    tell(&mut world, 1);
    world.run_for(Duration::from_millis(100));
    for node in 0..5 {
        assert_eq!(came(&mut world, node, 1), Some((Way::Tree, node as u64)), "n{node}");
    }
    world.cluster.crash(1);
    tell(&mut world, 2);
    world.run_for(Duration::from_millis(100));
    assert_eq!(came(&mut world, 2, 2), None, "the tree is broken");
    world.run_for(Duration::from_secs(15));
    for node in 2..5 {
        let (way, hops) = came(&mut world, node, 2).unwrap();
        assert_eq!(way, Way::Gossip, "n{node}");
        assert!((1..=3).contains(&hops), "n{node}: {hops}");
    }
    let stats = world.ask(4, hybrid::Body::HybridStats);
    assert_eq!(
        stats,
        Some(hybrid::Body::HybridStatsOk { tree_deliveries: 1, gossip_deliveries: 1, total: 2 })
    );
}

/// What share of the other nodes of a cluster has a value that `--strategy fan-out` has told, before
/// notes are compared, over so many seeds.
fn reached_by_strategy(nodes: usize, fan_out: usize, seeds: u64) -> f64 {
    let mut reached = 0;
    for seed in 0..seeds {
        let config = Config { strategy: StrategyKind::FanOut, fan_out, ..Config::default() };
        let mut options = ClusterOptions::new(nodes, seed);
        options.network.latency = Duration::from_millis(5);
        let mut world = World::new(options, move || Gossiper::new(config.clone()));
        let value = Json::from(7);
        assert!(world.ask(0, Body::Broadcast { message: value.clone() }).is_some());
        world.run_for(Duration::from_millis(300));
        let has = |node: &usize| world.cluster.node(*node).values().position(&value).is_some();
        reached += (1..nodes).filter(has).count();
    }
    reached as f64 / (seeds * (nodes as u64 - 1)) as f64
}

/// The table of `docs/reach.md`: for the fan-out that the formula asks for, three ways to find out
/// which share of the other nodes is reached agree within three points.
#[test]
fn formula_simulation_and_cluster_agree_on_how_many_are_reached() {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(1);
    for (nodes, rounds) in [(5, 5), (10, 5), (25, 3), (25, 5), (25, 10), (25, 20)] {
        let (fanout, miss) = min_fanout(nodes, 0.99, rounds);
        let by_formula = 1.0 - miss;
        let mut simulation = Simulation::new(nodes as u32, fanout, rounds, 1000);
        while !simulation.run(1_000_000, &mut random) {}
        let simulated = simulation.delivery_rate();
        let in_cluster = reached_by_strategy(nodes as usize, fanout as usize, 1000);
        println!(
            "| {nodes} | {rounds} | {fanout} | {:.2} % | {:.2} % | {:.2} % |",
            100.0 * by_formula,
            100.0 * simulated,
            100.0 * in_cluster
        );
        let shares = [by_formula, simulated, in_cluster];
        for (a, b) in shares.iter().flat_map(|a| shares.map(|b| (*a, b))) {
            assert!((a - b).abs() <= 0.03, "{nodes} nodes, {rounds} rounds: {shares:?}");
        }
    }
}
