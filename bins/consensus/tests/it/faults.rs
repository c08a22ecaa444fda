//! Whole clusters under faults drawn from a seed: first safety while faults
//! are on, then liveness after everything has healed.

use std::time::Duration;

use bench::lab::Lab;
use bench::lab::registers::{Recorder, draw_operation, request};
use checkers::Verdict;
use consensus::jobs::Jobs;
use consensus::lin_kv::KeyValues;
use consensus::watch::SafetyWatch;
use consensus::{ConsensusNode, Settings};
use proto::Time;
use simulator::{ClusterOptions, Cut, CutKind, LatencyDistribution, NetworkOptions, Random};

const FAULTY: Duration = Duration::from_secs(12);
const HEALTHY: Duration = Duration::from_secs(5);
const CLIENTS_PER_NODE: usize = 2;
const KEYS: u64 = 6;
pub(crate) const KINDS: [CutKind; 6] = [
    CutKind::One,
    CutKind::Majority,
    CutKind::MinorityThird,
    CutKind::MajoritiesRing,
    CutKind::Primary,
    CutKind::OneWay,
];

/// What a seed stands for.
#[derive(Debug)]
pub(crate) struct Scenario {
    pub(crate) nodes: usize,
    pub(crate) durable: bool,
    pub(crate) network: NetworkOptions,
    pub(crate) compact_after: u64,
}

impl Scenario {
    pub(crate) fn draw(random: &mut Random) -> Self {
        let distributions = [
            LatencyDistribution::Constant,
            LatencyDistribution::Uniform,
            LatencyDistribution::Exponential,
        ];
        Self {
            nodes: 3 + random.index(3),
            durable: random.chance(0.5),
            network: NetworkOptions {
                latency: Duration::from_millis(1 + random.below(15)),
                distribution: distributions[random.index(3)],
                ..NetworkOptions::default()
            },
            compact_after: 20 + random.below(200),
        }
    }
}

/// A cluster, its clients and its judges.
pub(crate) struct Run {
    pub(crate) scenario: Scenario,
    pub(crate) random: Random,
    pub(crate) lab: Lab<ConsensusNode>,
    watch: SafetyWatch<KeyValues, Jobs>,
    recorder: Recorder,
    /// When each client begins its next operation.
    next: Vec<Time>,
    /// Operations answered at each node since the faults ended.
    answered: Vec<u64>,
}

impl Run {
    pub(crate) fn new(seed: u64, scenario: Scenario, random: Random) -> Self {
        let mut options = ClusterOptions::new(scenario.nodes, seed);
        options.network = scenario.network.clone();
        options.durable = scenario.durable.then_some(Duration::from_millis(2));
        let settings = Settings { compact_after: scenario.compact_after, ..Settings::default() };
        let clients = scenario.nodes * CLIENTS_PER_NODE;
        let make = move |_| ConsensusNode::new(settings.clone());
        Self {
            lab: Lab::new(options, make, clients, Duration::from_secs(1)),
            watch: SafetyWatch::new(scenario.nodes),
            recorder: Recorder::new(clients),
            next: vec![Time::ZERO; clients],
            answered: vec![0; scenario.nodes],
            scenario,
            random,
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
                let key = self.random.below(KEYS) + KEYS * (at.as_nanos() / 2_000_000_000);
                let operation = draw_operation(key, &mut self.random);
                self.recorder.invoke(client, self.lab.now(), &operation);
                let node = client % self.scenario.nodes;
                self.lab.submit(client, node, &request(&operation));
                continue;
            }
            if event > end {
                return Ok(());
            }
            let (node, completion) = self.lab.step();
            if let Some(node) = node {
                let looked = self.watch.look(&**self.lab.cluster(), node);
                looked.map_err(|violation| violation.to_string())?;
            }
            if let Some(completion) = completion {
                let client = completion.client;
                let outcome = completion.outcome();
                self.recorder.complete(client, self.lab.now(), &outcome);
                if outcome.is_answer() {
                    self.answered[client % self.scenario.nodes] += 1;
                }
                let pause = self.random.exponential(Duration::from_millis(60));
                self.next[client] = self.lab.now() + pause;
            }
        }
    }

    fn fault(&mut self) {
        let nodes = self.scenario.nodes;
        let node = self.random.index(nodes);
        let kind = KINDS[self.random.index(KINDS.len())];
        let random = &mut self.random;
        let cluster = self.lab.cluster();
        let leads =
            |&node: &usize| cluster.node(node).replica().is_some_and(|r| r.raft().is_leader());
        let leader = (0..nodes).find(leads);
        let victim = leader.unwrap_or(node);
        // Without storage a minority may lose its memory, once everybody has met.
        let forgetful = (0..nodes).filter(|&n| n != victim && cluster.life(n) > 0).count() + 1;
        let have_met = cluster.now() > Time::ZERO + Duration::from_secs(2);
        let may_crash = self.scenario.durable || have_met && forgetful * 2 < nodes;
        match random.below(9) {
            0 | 1 => {
                let cut = kind.draw(nodes, leader, random);
                cluster.network_mut().set_cut(cut);
            }
            2 | 3 => cluster.network_mut().set_cut(Cut::none(nodes)),
            4 => cluster.network_mut().set_loss(random.fraction() * 0.2),
            5 => cluster.network_mut().set_duplicate(random.fraction() * 0.3),
            6 => cluster.pause(node),
            7 if may_crash => cluster.crash(victim),
            _ => {
                cluster.resume(node);
                cluster.restart(node);
            }
        }
    }

    /// Lets a fault happen every now and then, then ends them all: what went wrong, if anything.
    pub(crate) fn run(
        &mut self,
        between_faults: Duration,
        mut fault: impl FnMut(&mut Self),
    ) -> Result<(), String> {
        let mut now = Time::ZERO;
        while now < Time::ZERO + FAULTY {
            now = now + self.random.exponential(between_faults);
            self.run_until(now)?;
            fault(self);
        }
        let nodes = self.scenario.nodes;
        let cluster = self.lab.cluster();
        cluster.network_mut().set_cut(Cut::none(nodes));
        cluster.network_mut().set_loss(0.0);
        cluster.network_mut().set_duplicate(0.0);
        for node in 0..nodes {
            cluster.resume(node);
            cluster.restart(node);
        }
        self.answered.fill(0);
        self.run_until(now + HEALTHY)?;
        if let Some(node) = self.answered.iter().position(|&answered| answered < 5) {
            return Err(format!("node {node} answers nobody after everything has healed"));
        }
        match self.recorder.check() {
            Verdict::Valid => Ok(()),
            verdict => Err(format!("linearizability: {verdict:?}")),
        }
    }
}

/// The seeds that the environment asks for, or so many from 0 on.
pub(crate) fn seeds(count: u64) -> std::ops::Range<u64> {
    let variable = |name: &str| std::env::var(name).ok().and_then(|value| value.parse().ok());
    let first = variable("SEED").unwrap_or(0);
    first..first + variable("SEEDS").unwrap_or(count)
}

#[test]
fn clusters_stay_linearizable_under_faults_and_serve_after_them() {
    for seed in seeds(40) {
        let mut random = Random::new(seed, "faults");
        let scenario = Scenario::draw(&mut random);
        let mut run = Run::new(seed, scenario, random);
        if let Err(problem) = run.run(Duration::from_millis(400), Run::fault) {
            panic!(
                "{problem}\nin {:?}\nreplay: SEED={seed} SEEDS=1 cargo test -p consensus faults",
                run.scenario
            );
        }
    }
}

/// Nodes that are killed every moment: replies to an earlier life come while a later one waits for others.
#[test]
fn nodes_that_are_killed_at_every_moment_never_take_a_reply_to_an_earlier_life_for_theirs() {
    bench::sweep::Trial::of(consensus::program)
        .workload("lin-kv")
        .nemesis("kill,partition,pause")
        .flag("nemesis-interval", "0.17")
        .flag("latency", "8.2")
        .flag("latency-dist", "uniform")
        .flag("rate", 82)
        .flag("time-limit", 20)
        .flag("settle", 5)
        .args(["lin-kv", "--state-dir", "{run}"])
        .seeds(0..100)
        .assert_valid();
}
