//! `bench-consensus`: what the key-value store costs, in virtual time, so that
//! the figures are the same on every machine.
//!
//! Five nodes, 10 ms one-way constant latency between them, requests at random
//! times at a fixed mean rate, half of them reads, the others writes and
//! compare-and-sets, at random nodes.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::time::Duration;

use consensus::command::Operation;
use consensus::simulated::{Outcome, SimulatedCluster};
use consensus::{ConsensusNode, Settings};
use proto::Time;
use simulator::{Cluster, ClusterOptions, Cut, NetworkOptions, Random};

const NODES: usize = 5;
const LATENCY: Duration = Duration::from_millis(10);
const CLIENT_TIMEOUT: Duration = Duration::from_secs(1);
const WARM_UP: Duration = Duration::from_secs(2);

fn main() {
    println!("consensus: {NODES} nodes, {} ms one-way latency, virtual time", LATENCY.as_millis());
    println!();
    println!("healthy, 30 s   read p50 at leader, follower   write p50, same   server msgs/op");
    for rate in [10, 100, 1_000, 5_000] {
        let run = Run::new(rate, Duration::from_secs(30)).go(|_, _| {});
        println!(
            "rate {rate:>5}              {:>6.1} {:>6.1} ms           {:>6.1} {:>6.1} ms        {:>5.2}",
            run.median(true, true),
            run.median(true, false),
            run.median(false, true),
            run.median(false, false),
            run.messages_per_operation,
        );
    }
    println!();
    println!("partitions, 60 s, rate 100: cut for 10 s, healed for 10 s, halves drawn at random");
    let mut random = Random::new(7, "nemesis");
    let run = Run::new(100, Duration::from_secs(60)).go(move |second, cluster| match second % 20 {
        10 => {
            let mut order: Vec<usize> = (0..NODES).collect();
            random.shuffle(&mut order);
            let cut = Cut::halves(NODES, |node| order[..NODES / 2].contains(&node));
            cluster.network_mut().set_cut(cut);
        }
        0 => cluster.network_mut().set_cut(Cut::none(NODES)),
        _ => {}
    });
    println!("availability            {:>6.3}", run.availability());
    println!("longest gap, majority   {:>6.0} ms between successes", run.longest_gap_ms);
    println!("server msgs/op          {:>6.2}", run.messages_per_operation);
}

/// One operation that got an answer, or did not.
struct Done {
    is_read: bool,
    at_leader: bool,
    latency_ms: f64,
    succeeded: bool,
}

struct Run {
    rate: u64,
    length: Duration,
}

struct Report {
    done: Vec<Done>,
    messages_per_operation: f64,
    longest_gap_ms: f64,
}

impl Run {
    fn new(rate: u64, length: Duration) -> Self {
        Self { rate, length }
    }

    /// Runs, with `nemesis` called once a second.
    fn go(self, mut nemesis: impl FnMut(u64, &mut Cluster<ConsensusNode>)) -> Report {
        let mut options = ClusterOptions::new(NODES, 1);
        options.network = NetworkOptions { latency: LATENCY, ..NetworkOptions::default() };
        let clients = 4 * NODES + self.rate as usize;
        let mut simulated =
            SimulatedCluster::new(options, &Settings::default(), clients, CLIENT_TIMEOUT);
        let mut random = Random::new(1, "generator");
        let mut started = vec![(Time::ZERO, 0, false, false); clients];
        let mut done = Vec::new();
        let start = Time::ZERO + WARM_UP;
        let end = start + self.length;
        let mut next_request = start;
        let mut seconds = 0;
        let mut messages_before = None;
        let mut requests = 0_u64;
        let mut last_success = start;
        let mut longest_gap = Duration::ZERO;
        loop {
            let next_second = start + Duration::from_secs(seconds);
            let next = simulated.next_time().unwrap_or(Time::MAX);
            if next.min(next_request) >= end {
                break;
            }
            if next_second <= next.min(next_request) {
                nemesis(seconds, simulated.cluster());
                seconds += 1;
                continue;
            }
            if next_request <= next {
                let sent = |c: &mut SimulatedCluster| c.cluster().network().statistics().servers;
                messages_before.get_or_insert_with(|| sent(&mut simulated).msg_count);
                simulated.cluster().advance_to(next_request);
                let mean = Duration::from_nanos(1_000_000_000 / self.rate);
                next_request = next_request + random.uniform(mean);
                requests += 1;
                let Some(client) = (0..clients).find(|client| !simulated.is_busy(*client)) else {
                    continue;
                };
                let node = random.index(NODES);
                let operation = operation(&mut random);
                let leads =
                    simulated.cluster().node(node).replica().is_some_and(|r| r.raft().is_leader());
                started[client] = (simulated.now(), node, operation.is_read(), leads);
                simulated.submit(client, node, operation);
                continue;
            }
            let (_, Some(completion)) = simulated.step() else { continue };
            let (at, _, is_read, at_leader) = started[completion.client];
            let succeeded = matches!(completion.outcome, Outcome::Answer(_));
            let now = simulated.now();
            if succeeded {
                longest_gap = longest_gap.max(now.since(last_success));
                last_success = now;
            }
            let latency_ms = now.since(at).as_secs_f64() * 1e3;
            done.push(Done { is_read, at_leader, latency_ms, succeeded });
        }
        let sent = simulated.cluster().network().statistics().servers.msg_count;
        Report {
            done,
            messages_per_operation: (sent - messages_before.unwrap_or(0)) as f64 / requests as f64,
            longest_gap_ms: longest_gap.as_secs_f64() * 1e3,
        }
    }
}

fn operation(random: &mut Random) -> Operation {
    let key = (random.below(10) as i64).into();
    let value = random.below(5) as i64;
    match random.below(4) {
        0 | 1 => Operation::Read { key },
        2 => Operation::Write { key, value: value.into() },
        _ => Operation::Cas { key, from: value.into(), to: (random.below(5) as i64).into() },
    }
}

impl Report {
    fn median(&self, is_read: bool, at_leader: bool) -> f64 {
        let mut latencies: Vec<f64> = self
            .done
            .iter()
            .filter(|d| d.succeeded && d.is_read == is_read && d.at_leader == at_leader)
            .map(|d| d.latency_ms)
            .collect();
        latencies.sort_unstable_by(f64::total_cmp);
        latencies.get(latencies.len() / 2).copied().unwrap_or(f64::NAN)
    }

    fn availability(&self) -> f64 {
        let succeeded = self.done.iter().filter(|done| done.succeeded).count();
        succeeded as f64 / self.done.len() as f64
    }
}
