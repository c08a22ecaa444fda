//! `just compare-consensus`: Raft, Multi-Paxos, PBFT and Tendermint as the same store for the same
//! clients, in virtual time, so that the figures are the same on every machine.
//!
//! Four nodes, which bear one crash or, with the last two, one liar; 10 ms one-way constant latency
//! between them; reads, writes and compare-and-sets alike at random nodes, at random times at a mean
//! rate. Messages and bytes are those between nodes. Then the same again, with the node cut off that
//! leads after five seconds, for ten: how long until clients of the others are served again?

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use proto::{AnyBody, NodeId, Payload, Time};
use simulator::{AnyCluster, ClusterOptions, Cut, Fate, NetworkOptions, Random};

const NODES: usize = 4;
const LATENCY: Duration = Duration::from_millis(10);
/// Time to elect a leader before the first request.
const WARM_UP: Duration = Duration::from_secs(2);
const LENGTH: Duration = Duration::from_secs(30);
const RATE: u64 = 50;
const KEYS: u64 = 10;
/// When the leader is cut off, after the first request, and for how long.
const CUT: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(10));

const PROTOCOLS: [(&str, &[&str]); 4] = [
    ("Raft", &["lin-kv"]),
    ("Multi-Paxos", &["multi-paxos"]),
    ("PBFT", &["pbft"]),
    ("Tendermint", &["tendermint"]),
];

/// An operation under way.
struct Open {
    begun: Time,
    node: usize,
    at_leader: bool,
}

/// What a run came to.
#[derive(Default)]
struct Report {
    at_leader: Vec<Duration>,
    at_follower: Vec<Duration>,
    operations: u64,
    messages: u64,
    bytes: u64,
    /// The longest time without an answer at the nodes that were not cut off.
    longest_gap: Duration,
}

/// What went over the links between nodes.
#[derive(Default)]
struct Traffic {
    messages: Cell<u64>,
    bytes: Cell<u64>,
}

fn request(random: &mut Random, id: u64) -> String {
    let (key, a, b) = (random.below(KEYS), random.below(5), random.below(5));
    match random.below(3) {
        0 => format!(r#"{{"type":"read","key":{key},"msg_id":{id}}}"#),
        1 => format!(r#"{{"type":"write","key":{key},"value":{a},"msg_id":{id}}}"#),
        _ => format!(r#"{{"type":"cas","key":{key},"from":{a},"to":{b},"msg_id":{id}}}"#),
    }
}

/// Whether a reply is a result, and not a refusal.
fn is_result(body: &str) -> bool {
    let codes = [r#""code":20"#, r#""code":22"#];
    !body.contains(r#""type":"error""#) || codes.iter().any(|code| body.contains(code))
}

fn run(arguments: &'static [&'static str], cuts: bool) -> Report {
    let mut options = ClusterOptions::new(NODES, 1);
    options.network = NetworkOptions { latency: LATENCY, ..NetworkOptions::default() };
    let program = consensus::program();
    let make = move |_| match program.choose(arguments) {
        Ok(chosen) => chosen.node,
        Err(error) => unreachable!("these arguments are right: {error}"),
    };
    let mut cluster = AnyCluster::new(options, make);
    let (traffic, names) = (Rc::new(Traffic::default()), cluster.node_ids().to_vec());
    let seen = Rc::clone(&traffic);
    cluster.observe(move |message| {
        let (from, to) = (&message.message.src, &message.message.dest);
        if message.fate == Fate::Sent && names.contains(from) && names.contains(to) {
            seen.messages.set(seen.messages.get() + 1);
            let bytes = proto::body_text(message.message).map_or(0, |body| body.len() as u64);
            seen.bytes.set(seen.bytes.get() + bytes);
        }
    });
    let client = NodeId::new("client");
    let mut random = Random::new(1, "generator");
    let (start, end) = (Time::ZERO + WARM_UP, Time::ZERO + WARM_UP + LENGTH);
    let mut report = Report::default();
    let mut open: BTreeMap<u64, Open> = BTreeMap::new();
    let mut next = start;
    // Cut off, then healed.
    let mut faults = [start + CUT.0, start + CUT.0 + CUT.1].into_iter().filter(|_| cuts).peekable();
    let mut cut_off = None;
    let mut last_result = start;
    let mut before = None;
    while next < end {
        let event = cluster.next_time().unwrap_or(Time::MAX);
        if let Some(at) = faults.next_if(|at| *at <= event.min(next)) {
            cluster.advance_to(at);
            cut_off = match cut_off {
                None => (0..NODES).find(|node| cluster.is_leader(*node)).or(Some(0)),
                Some(_) => None,
            };
            let cut = Cut::halves(NODES, |node| cut_off == Some(node));
            cluster.network_mut().set_cut(cut);
        } else if next <= event {
            cluster.advance_to(next);
            before.get_or_insert_with(|| (traffic.messages.get(), traffic.bytes.get()));
            report.operations += 1;
            let node = random.index(NODES);
            let at_leader = cluster.is_leader(node);
            open.insert(report.operations, Open { begun: next, node, at_leader });
            cluster.request(&client, node, request(&mut random, report.operations));
            next = next + random.uniform(Duration::from_nanos(1_000_000_000 / RATE));
        } else if let Some(message) = cluster.step().and_then(|step| step.to_client)
            && let Payload::Body(AnyBody::Text(body)) = &message.payload
            && let Some(id) = message.in_reply_to
            && let Some(Open { begun, node, at_leader }) = open.remove(&id.0)
            && is_result(body)
        {
            let now = cluster.now();
            let latencies = if at_leader { &mut report.at_leader } else { &mut report.at_follower };
            latencies.push(now.since(begun));
            if cut_off != Some(node) {
                report.longest_gap = report.longest_gap.max(now.since(last_result));
                last_result = now;
            }
        }
    }
    let (messages, bytes) = before.unwrap_or_default();
    report.messages = traffic.messages.get() - messages;
    report.bytes = traffic.bytes.get() - bytes;
    report
}

/// A quantile in milliseconds.
fn quantile(latencies: &mut [Duration], part: f64) -> f64 {
    latencies.sort_unstable();
    let place = (latencies.len() as f64 * part) as usize;
    latencies.get(place).map_or(f64::NAN, |latency| latency.as_secs_f64() * 1e3)
}

fn main() {
    println!(
        "{NODES} nodes, {} ms one-way latency, {RATE} operations a second for {} s, virtual time",
        LATENCY.as_millis(),
        LENGTH.as_secs()
    );
    println!();
    println!(
        "             at the leader, ms   elsewhere, ms      messages      bytes  without service"
    );
    println!(
        "             median       p99   median       p99   an operation  an op.  leader cut, ms"
    );
    for (name, arguments) in PROTOCOLS {
        let mut healthy = run(arguments, false);
        let cut = run(arguments, true);
        let operations = healthy.operations as f64;
        println!(
            "{name:<12} {:>6.1} {:>9.1}   {:>6.1} {:>9.1} {:>14.1} {:>7.0} {:>15}",
            quantile(&mut healthy.at_leader, 0.5),
            quantile(&mut healthy.at_leader, 0.99),
            quantile(&mut healthy.at_follower, 0.5),
            quantile(&mut healthy.at_follower, 0.99),
            healthy.messages as f64 / operations,
            healthy.bytes as f64 / operations,
            cut.longest_gap.as_millis(),
        );
    }
}
