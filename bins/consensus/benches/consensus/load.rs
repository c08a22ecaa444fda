//! A load at a fixed rate on a simulated cluster, and what it costs: the
//! benchmark prints the figures, a test holds them.

use std::time::Duration;

use bench::lab::Lab;
use bench::lab::registers::{draw_operation, request};
use checkers::linearizable::RegisterOp;
use consensus::{ConsensusNode, Settings};
use proto::Time;
use simulator::{Cluster, ClusterOptions, NetworkOptions, Random};

/// How many nodes the cluster has.
pub(crate) const NODES: usize = 5;
/// One-way latency between them.
pub(crate) const LATENCY: Duration = Duration::from_millis(10);
const CLIENT_TIMEOUT: Duration = Duration::from_secs(1);
/// Time to elect a leader before the first request.
const WARM_UP: Duration = Duration::from_secs(2);
const KEYS: u64 = 10;

/// Requests at random times, of random kinds, at random nodes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    /// Requests a second, on average.
    pub(crate) rate: u64,
    /// For how long they come.
    pub(crate) length: Duration,
    /// How long the leader gathers requests for a round.
    pub(crate) gather: Duration,
}

/// What a load cost.
#[derive(Debug)]
pub(crate) struct Report {
    done: Vec<Done>,
    /// Messages between nodes, from the first request on.
    pub(crate) messages_per_operation: f64,
    /// The longest time in which no operation succeeded anywhere.
    pub(crate) longest_gap: Duration,
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
    /// On nodes as they are when nothing is said.
    pub(crate) fn new(rate: u64, length: Duration) -> Self {
        Self { rate, length, gather: Settings::default().gather }
    }

    /// Runs it, with `nemesis` called once a second.
    pub(crate) fn run(self, mut nemesis: impl FnMut(u64, &mut Cluster<ConsensusNode>)) -> Report {
        let mut options = ClusterOptions::new(NODES, 1);
        options.network = NetworkOptions { latency: LATENCY, ..NetworkOptions::default() };
        // Enough that one is free even if every request takes its whole timeout.
        let clients = 4 * NODES + self.rate as usize * 2;
        let settings = Settings { gather: self.gather, ..Settings::default() };
        let make = move |_| ConsensusNode::new(settings.clone());
        let mut lab = Lab::new(options, make, clients, CLIENT_TIMEOUT);
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
            let next_event = lab.next_time().unwrap_or(Time::MAX);
            if next_event.min(next_request) >= end {
                break;
            }
            if next_second <= next_event.min(next_request) {
                nemesis(seconds, lab.cluster());
                seconds += 1;
            } else if next_request <= next_event {
                let now = next_request;
                lab.cluster().advance_to(now);
                messages_before.get_or_insert_with(|| messages(&mut lab));
                let mean = Duration::from_nanos(1_000_000_000 / self.rate);
                next_request = next_request + random.uniform(mean);
                requests += 1;
                let Some(client) = free.pop() else { continue };
                let node = random.index(NODES);
                let operation = draw_operation(random.below(KEYS), &mut random);
                let replica = lab.cluster().node(node).replica();
                begun[client] = Some(Begun {
                    at: now,
                    is_read: matches!(operation, RegisterOp::Read { .. }),
                    at_leader: replica.is_some_and(|replica| replica.raft().is_leader()),
                });
                lab.submit(client, node, &request(&operation));
            } else if let (_, Some(completion)) = lab.step() {
                free.push(completion.client);
                let Some(Begun { at, is_read, at_leader }) = begun[completion.client].take() else {
                    continue;
                };
                let now = lab.now();
                let succeeded = completion.outcome().is_answer();
                if succeeded {
                    report.longest_gap = report.longest_gap.max(now.since(last_success));
                    last_success = now;
                }
                report.done.push(Done { is_read, at_leader, latency: now.since(at), succeeded });
            }
        }
        let sent = messages(&mut lab) - messages_before.unwrap_or(0);
        report.messages_per_operation = sent as f64 / requests as f64;
        report
    }
}

fn messages(lab: &mut Lab<ConsensusNode>) -> u64 {
    lab.cluster().network().statistics().servers.send_count
}

impl Report {
    /// The median latency of reads or changes that succeeded, through the
    /// leader or through a follower, in milliseconds.
    pub(crate) fn median_ms(&self, is_read: bool, at_leader: bool) -> f64 {
        let chosen = self.done.iter().filter(|done| {
            done.succeeded && done.is_read == is_read && done.at_leader == at_leader
        });
        let mut latencies: Vec<Duration> = chosen.map(|done| done.latency).collect();
        latencies.sort_unstable();
        latencies.get(latencies.len() / 2).map_or(f64::NAN, |median| median.as_secs_f64() * 1e3)
    }

    /// The share of operations that succeeded.
    pub(crate) fn availability(&self) -> f64 {
        let succeeded = self.done.iter().filter(|done| done.succeeded).count();
        succeeded as f64 / self.done.len() as f64
    }
}
