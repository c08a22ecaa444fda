//! A load at a fixed rate on a simulated cluster, and what it costs: the
//! benchmark prints the figures, a test holds them.

use std::time::Duration;

use proto::Time;
use simulator::{Cluster, ClusterOptions, NetworkOptions, Random};

use crate::node::ConsensusNode;
use crate::recorder::draw_operation;
use crate::settings::Settings;
use crate::simulated::{Outcome, SimulatedCluster};

/// How many nodes the cluster has.
pub const NODES: usize = 5;
/// One-way latency between them.
pub const LATENCY: Duration = Duration::from_millis(10);
const CLIENT_TIMEOUT: Duration = Duration::from_secs(1);
/// Time to elect a leader before the first request.
const WARM_UP: Duration = Duration::from_secs(2);
const KEYS: u64 = 10;

/// Requests at random times, of random kinds, at random nodes.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// Requests a second, on average.
    pub rate: u64,
    /// For how long they come.
    pub length: Duration,
}

/// What a load cost.
#[derive(Debug)]
pub struct Report {
    done: Vec<Done>,
    /// Messages between nodes, from the first request on.
    pub messages_per_operation: f64,
    /// The longest time in which no operation succeeded anywhere.
    pub longest_gap: Duration,
}

/// An operation that ended.
#[derive(Debug, Clone, Copy)]
struct Done {
    is_read: bool,
    at_leader: bool,
    latency: Duration,
    succeeded: bool,
}

/// An operation that a client waits for.
#[derive(Debug, Clone, Copy)]
struct Begun {
    at: Time,
    is_read: bool,
    at_leader: bool,
}

impl Load {
    /// Runs it, with `nemesis` called once a second.
    pub fn run(self, mut nemesis: impl FnMut(u64, &mut Cluster<ConsensusNode>)) -> Report {
        let mut options = ClusterOptions::new(NODES, 1);
        options.network = NetworkOptions { latency: LATENCY, ..NetworkOptions::default() };
        // Enough that one is free even if every request takes its whole timeout.
        let clients = 4 * NODES + self.rate as usize * 2;
        let mut simulated =
            SimulatedCluster::new(options, &Settings::default(), clients, CLIENT_TIMEOUT);
        let mut random = Random::new(1, "generator");
        let mut free: Vec<usize> = (0..clients).collect();
        let mut begun = vec![None; clients];
        let mut report =
            Report { done: Vec::new(), messages_per_operation: 0.0, longest_gap: Duration::ZERO };
        let start = Time::ZERO + WARM_UP;
        let end = start + self.length;
        let mut next_request = start;
        let mut seconds = 0;
        let mut messages_before = None;
        let mut requests = 0_u64;
        let mut last_success = start;
        loop {
            let next_second = start + Duration::from_secs(seconds);
            let next_event = simulated.next_time().unwrap_or(Time::MAX);
            if next_event.min(next_request) >= end {
                break;
            }
            if next_second <= next_event.min(next_request) {
                nemesis(seconds, simulated.cluster());
                seconds += 1;
            } else if next_request <= next_event {
                let now = next_request;
                simulated.cluster().advance_to(now);
                messages_before.get_or_insert_with(|| messages(&mut simulated));
                let mean = Duration::from_nanos(1_000_000_000 / self.rate);
                next_request = next_request + random.uniform(mean);
                requests += 1;
                let Some(client) = free.pop() else { continue };
                let node = random.index(NODES);
                let operation = draw_operation(random.below(KEYS), &mut random);
                let replica = simulated.cluster().node(node).replica();
                begun[client] = Some(Begun {
                    at: now,
                    is_read: operation.is_read(),
                    at_leader: replica.is_some_and(|replica| replica.raft().is_leader()),
                });
                simulated.submit(client, node, operation);
            } else if let (_, Some(completion)) = simulated.step() {
                free.push(completion.client);
                let Some(Begun { at, is_read, at_leader }) = begun[completion.client].take() else {
                    continue;
                };
                let now = simulated.now();
                let succeeded = matches!(completion.outcome, Outcome::Answer(_));
                if succeeded {
                    report.longest_gap = report.longest_gap.max(now.since(last_success));
                    last_success = now;
                }
                report.done.push(Done { is_read, at_leader, latency: now.since(at), succeeded });
            }
        }
        let sent = messages(&mut simulated) - messages_before.unwrap_or(0);
        report.messages_per_operation = sent as f64 / requests as f64;
        report
    }
}

fn messages(simulated: &mut SimulatedCluster) -> u64 {
    simulated.cluster().network().statistics().servers.send_count
}

impl Report {
    /// The median latency of reads or changes that succeeded, through the
    /// leader or through a follower, in milliseconds.
    #[must_use]
    pub fn median_ms(&self, is_read: bool, at_leader: bool) -> f64 {
        let chosen = self.done.iter().filter(|done| {
            done.succeeded && done.is_read == is_read && done.at_leader == at_leader
        });
        let mut latencies: Vec<Duration> = chosen.map(|done| done.latency).collect();
        latencies.sort_unstable();
        latencies.get(latencies.len() / 2).map_or(f64::NAN, |median| median.as_secs_f64() * 1e3)
    }

    /// The share of operations that succeeded.
    #[must_use]
    pub fn availability(&self) -> f64 {
        let succeeded = self.done.iter().filter(|done| done.succeeded).count();
        succeeded as f64 / self.done.len() as f64
    }
}
