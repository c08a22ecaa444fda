//! The store on Multi-Paxos: clusters under faults drawn from a seed, and one node with its records.

use std::time::Duration;

use bench::lab::Lab;
use bench::lab::registers::{Recorder, draw_operation, request};
use checkers::Verdict;
use consensus::Settings;
use consensus::multi_paxos::MultiPaxosNode;
use consensus::multi_paxos::watch::PaxosWatch;
use proto::{Effect, Engine, Invariant as _, Node, Now, Records, Script, Time};
use serde_json::{Value, json};
use simulator::{Cluster, ClusterOptions, Cut, Random};

use crate::faults::KINDS;

type Body = <MultiPaxosNode as Node>::Body;

const FAULTY: Duration = Duration::from_secs(10);
const HEALTHY: Duration = Duration::from_secs(5);
const CLIENTS_PER_NODE: usize = 2;
const KEYS: u64 = 6;
const TIMEOUT: Duration = Duration::from_secs(1);

/// A cluster, its clients and its judges.
struct Run {
    lab: Lab<MultiPaxosNode>,
    random: Random,
    watch: PaxosWatch,
    recorder: Recorder,
    /// When each client begins its next operation.
    next: Vec<Time>,
    nodes: usize,
    /// Operations answered at each node since the faults ended.
    answered: Vec<u64>,
}

impl Run {
    fn new(seed: u64, is_durable: bool) -> Self {
        let mut random = Random::new(seed, "multi-paxos");
        let nodes = 3 + random.index(3);
        let mut options = ClusterOptions::new(nodes, seed);
        options.network.latency = Duration::from_millis(1 + random.below(15));
        options.durable = is_durable.then_some(Duration::from_millis(2));
        let settings = Settings { compact_after: 20 + random.below(100), ..Settings::default() };
        let count = nodes * CLIENTS_PER_NODE;
        let make = move |_| MultiPaxosNode::new(settings.clone());
        Self {
            lab: Lab::new(options, make, count, TIMEOUT),
            random,
            watch: PaxosWatch::new(nodes),
            recorder: Recorder::new(count),
            next: vec![Time::ZERO; count],
            nodes,
            answered: vec![0; nodes],
        }
    }

    fn run_until(&mut self, end: Time) -> Result<(), String> {
        loop {
            let free = (0..self.next.len()).filter(|&client| !self.lab.is_busy(client));
            let begins = free.map(|client| (self.next[client], client)).min();
            let event = self.lab.next_time().unwrap_or(Time::MAX);
            if let Some((at, client)) = begins.filter(|&(at, _)| at <= event.min(end)) {
                let now = at.max(self.lab.now());
                self.lab.cluster().advance_to(now);
                let key = self.random.below(KEYS) + KEYS * (now.as_nanos() / 2_000_000_000);
                let operation = draw_operation(key, &mut self.random);
                self.recorder.invoke(client, now, &operation);
                self.lab.submit(client, client % self.nodes, &request(&operation));
                continue;
            }
            if event > end {
                return Ok(());
            }
            let (node, completion) = self.lab.step();
            if let Some(node) = node {
                self.watch.look(&**self.lab.cluster(), node)?;
            }
            if let Some(completion) = completion {
                let (client, outcome) = (completion.client, completion.outcome());
                self.recorder.complete(client, self.lab.now(), &outcome);
                if outcome.is_answer() {
                    self.answered[client % self.nodes] += 1;
                }
                let pause = self.random.exponential(Duration::from_millis(60));
                self.next[client] = self.lab.now() + pause;
            }
        }
    }

    fn fault(&mut self) {
        let nodes = self.nodes;
        let node = self.random.index(nodes);
        let kind = KINDS[self.random.index(KINDS.len())];
        let cluster = self.lab.cluster();
        let leader = (0..nodes).find(|&node| cluster.is_leader(node));
        let victim = leader.unwrap_or(node);
        match self.random.below(9) {
            0 | 1 => {
                let cut = kind.draw(nodes, leader, &mut self.random);
                self.lab.cluster().network_mut().set_cut(cut);
            }
            2 => self.lab.cluster().network_mut().set_cut(Cut::none(nodes)),
            3 => self.lab.cluster().network_mut().set_loss(self.random.fraction() * 0.2),
            4 => self.lab.cluster().network_mut().set_duplicate(self.random.fraction() * 0.3),
            5 => self.lab.cluster().pause(node),
            6 | 7 => self.lab.cluster().crash(victim),
            _ => {
                self.lab.cluster().resume(node);
                self.lab.cluster().restart(node);
            }
        }
    }

    /// Lets a fault happen every now and then, then ends them all: what went wrong, if anything.
    fn run(&mut self) -> Result<(), String> {
        let mut now = Time::ZERO;
        while now < Time::ZERO + FAULTY {
            now = now + self.random.exponential(Duration::from_millis(400));
            self.run_until(now)?;
            self.fault();
        }
        let network = self.lab.cluster().network_mut();
        network.set_cut(Cut::none(self.nodes));
        network.set_loss(0.0);
        network.set_duplicate(0.0);
        for node in 0..self.nodes {
            self.lab.cluster().resume(node);
            self.lab.cluster().restart(node);
        }
        let healed = now + Duration::from_secs(2);
        self.run_until(healed)?;
        self.answered.fill(0);
        self.run_until(healed + HEALTHY)?;
        if let Some(node) = self.answered.iter().position(|&answered| answered < 10) {
            return Err(format!("node {node} serves nobody after healing"));
        }
        match self.recorder.check() {
            Verdict::Valid => Ok(()),
            verdict => Err(format!("linearizability: {verdict:?}")),
        }
    }
}

#[test]
fn clusters_are_safe_under_faults_and_serve_after_them() {
    for seed in 0..40 {
        assert_eq!(Run::new(seed, true).run(), Ok(()), "seed {seed}");
    }
}

#[test]
fn acceptors_that_forget_are_found_within_ten_seeds() {
    let found = (0..10).find_map(|seed| Run::new(seed, false).run().err());
    assert!(found.is_some());
}

#[test]
fn an_idle_cluster_says_nothing_but_heartbeats() {
    let mut cluster =
        Cluster::new(ClusterOptions::new(5, 1), |_| MultiPaxosNode::new(Settings::default()));
    let mut run = |seconds| {
        let end = Time::ZERO + Duration::from_secs(seconds);
        while cluster.next_time().is_some_and(|next| next <= end) {
            cluster.step();
        }
        cluster.network().statistics().servers.send_count
    };
    let (before, after) = (run(2), run(12));
    // Four heartbeats and their answers every 100 ms.
    assert!((700..=800).contains(&(after - before)), "{} messages in 10 s", after - before);
}

/// A node in a life of its own, which `seed` stands for.
fn start(records: Records, nodes: &[&str], seed: u64) -> Script<MultiPaxosNode> {
    let settings = Settings { compact_after: 10, ..Settings::default() };
    let mut script = Script::with_records(MultiPaxosNode::new(settings), seed, Some(records));
    script.init("n1", nodes);
    script
}

fn ask(script: &mut Script<MultiPaxosNode>, body: Value) -> Value {
    let lines = script.line(&json!({"src": "c1", "dest": "n1", "body": body}).to_string());
    serde_json::from_str::<Value>(&lines[0]).unwrap()["body"].clone()
}

#[test]
fn what_was_acknowledged_is_there_after_a_restart() {
    let mut records = Records::new();
    for life in 0..5 {
        let mut script = start(records, &["n1"], life);
        for step in 0..13 {
            let written = life * 13 + step;
            if written > 0 {
                let read = ask(&mut script, json!({"type": "read", "key": "x", "msg_id": 1}));
                assert_eq!(read["value"], written - 1);
            }
            let write = json!({"type": "write", "key": "x", "value": written, "msg_id": 2});
            assert_eq!(ask(&mut script, write)["type"], "write_ok");
        }
        records = script.records().clone();
        // Compacted: the state, and what came after it.
        assert!(records.len() < 25, "{} records", records.len());
    }
}

#[test]
fn a_node_whose_records_cannot_be_used_takes_no_part() {
    let mut script = start(Records::new(), &["n1"], 1);
    for value in 0..15 {
        ask(&mut script, json!({"type": "write", "key": "x", "value": value, "msg_id": 2}));
    }
    let good = script.records().clone();
    let mut cases: Vec<(Records, &[&str])> = vec![(good.clone(), &["n1", "n2", "n3"])];
    for key in good.keys() {
        let mut damaged = good.clone();
        damaged.insert(key.clone(), b"{\"ballot\": not".to_vec());
        cases.push((damaged, &["n1"]));
    }
    // The log keeps entries that the snapshot covers; none of them may be another slot's.
    let entries: Vec<_> = good.keys().filter(|key| key.starts_with(b"entry/")).collect();
    let mut swapped = good.clone();
    swapped.insert(entries[1].clone(), good[entries[0]].clone());
    cases.push((swapped, &["n1"]));
    for missing in ["members", "promised"] {
        let mut foreign = good.clone();
        foreign.remove(missing.as_bytes());
        cases.push((foreign, &["n1"]));
    }
    let mut other = good.clone();
    other.insert(b"value/1".to_vec(), b"1".to_vec());
    cases.push((other, &["n1"]));
    for (records, nodes) in cases {
        let mut script = start(records.clone(), nodes, 2);
        let [log] = script.logs() else { panic!("{:?}", script.logs()) };
        // To start empty would break promises: that is not proposed.
        assert!(log.contains("restore the directory") && !log.contains("start empty"), "{log}");
        assert_eq!(ask(&mut script, json!({"type": "read", "key": "x", "msg_id": 1}))["code"], 14);
        assert!(script.advance(Duration::from_secs(2)).is_empty(), "it does not campaign");
        assert_eq!(*script.records(), records, "nothing is written over");
    }
}

#[test]
fn promises_and_acceptances_are_stored_before_they_are_told() {
    let mut engine = Engine::new(MultiPaxosNode::new(Settings::default()), 1, true);
    let mut hear = |src: &str, body: Value| {
        let line = json!({"src": src, "dest": "n1", "body": body}).to_string();
        let mut effects: Vec<Effect<Body>> = Vec::new();
        let message = proto::decode(&line).unwrap();
        engine.receive(Now::default(), message, |_| Records::new(), &mut effects);
        effects
    };
    let nodes = ["n1", "n2", "n3"];
    hear("c0", json!({"type": "init", "msg_id": 1, "node_id": "n1", "node_ids": nodes}));
    let is_stored_first = |effects: &[Effect<Body>]| {
        let is_write = |effect: &Effect<_>| matches!(effect, Effect::Persist(_));
        let is_send = |effect: &Effect<_>| matches!(effect, Effect::Send(_));
        let first_send = effects.iter().position(is_send).expect("nothing is sent");
        effects.iter().rposition(is_write).is_some_and(|last_write| last_write < first_send)
    };
    let said = hear("n2", json!({"type": "prepare", "ballot": 4, "first_slot": 1}));
    assert!(is_stored_first(&said), "a promise: {said:?}");
    let accept = json!({"type": "accept", "ballot": 4, "round": 1, "chosen_through": 0,
        "first_slot": 1, "commands": [null]});
    let said = hear("n2", accept);
    assert!(is_stored_first(&said), "an acceptance: {said:?}");
    let install = json!({"type": "install_state", "ballot": 4, "round": 1,
        "snapshot": {"slot": 7, "state": {"values": [], "sessions": {}}}});
    let said = hear("n2", install);
    assert!(is_stored_first(&said), "a state: {said:?}");
    let said = hear("n9", json!({"type": "prepare", "ballot": 40, "first_slot": 1, "msg_id": 1}));
    assert!(!said.iter().any(|effect| matches!(effect, Effect::Persist(_))), "a stranger");
}
