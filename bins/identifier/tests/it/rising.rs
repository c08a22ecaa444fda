//! Snowflake and hybrid ids in clusters in virtual time, under partitions, loss, duplicates, kills
//! and clocks that jump: unique, rising on each node, and for hybrid ids above everything that the
//! node could have heard of.

use std::cell::RefCell;
use std::collections::{BTreeSet, VecDeque};
use std::rc::Rc;
use std::time::Duration;

use checkers::Verdict;
use checkers::causal::ids::{Event, check};
use clocks::hybrid::Stamp;
use clocks::snowflake::{Epoch, Parts};
use identifier::hlc::{self, Hlc};
use identifier::snowflake::{self, Snowflake};
use proto::{AnyMessage, MessageId, Node, NodeId, Payload, Time};
use simulator::{Cluster, ClusterOptions, Cut, CutKind, Fate, LatencyDistribution, Random};

const NODES: usize = 5;
const SYNC: Duration = Duration::from_millis(3);

/// What a run needs to know of a node that gives out ids.
trait Ids: Node + Sized + 'static {
    type Id: Ord + Clone + std::fmt::Debug + std::hash::Hash + 'static;
    fn make() -> Self;
    fn generate() -> Self::Body;
    fn id(body: &Self::Body) -> Option<Self::Id>;
}

impl Ids for Snowflake {
    type Id = u64;

    fn make() -> Self {
        Self::new(Epoch::YEAR_2024)
    }

    fn generate() -> Self::Body {
        snowflake::Body::Generate
    }

    fn id(body: &Self::Body) -> Option<u64> {
        match body {
            snowflake::Body::GenerateOk { id } => Some(*id),
            _ => None,
        }
    }
}

impl Ids for Hlc {
    type Id = (Stamp, String);

    fn make() -> Self {
        Self::default()
    }

    fn generate() -> Self::Body {
        hlc::Body::Generate
    }

    fn id(body: &Self::Body) -> Option<Self::Id> {
        match body {
            hlc::Body::GenerateOk { id } => {
                let (stamp, node) = hlc::read_id(id)?;
                Some((stamp, node.to_owned()))
            }
            _ => None,
        }
    }
}

/// Everything that happened at the nodes, for the checker.
///
/// With a state directory what a node sends waits for its records, for up to `delay`, so it may be
/// older than what the node received meanwhile. A receipt therefore counts `delay` later, and one
/// that is younger when the node is killed died with it: nothing that depends on it has left.
struct Record<I> {
    events: Vec<Event<I>>,
    received: VecDeque<(Time, usize, u64)>,
    delay: Duration,
}

impl<I> Record<I> {
    fn push(&mut self, now: Time, event: Event<I>) {
        self.settle(now);
        self.events.push(event);
    }

    fn settle(&mut self, now: Time) {
        while let Some((at, node, message)) = self.received.front().copied()
            && at + self.delay < now
        {
            self.received.pop_front();
            self.events.push(Event::Receive { node, message });
        }
    }

    fn receive(&mut self, now: Time, node: usize, message: u64) {
        match self.delay.is_zero() {
            true => self.events.push(Event::Receive { node, message }),
            false => self.received.push_back((now, node, message)),
        }
    }

    fn kill(&mut self, killed: usize, now: Time) {
        self.settle(now);
        self.received.retain(|(_, node, _)| *node != killed);
    }
}

/// Which faults a run has.
#[derive(Clone, Copy)]
struct Faults {
    kills: bool,
    clock_jumps: bool,
}

fn options(seed: u64, faults: Faults) -> ClusterOptions {
    let mut options = ClusterOptions::new(NODES, seed);
    options.network.latency = Duration::from_millis(5);
    options.network.distribution = LatencyDistribution::Exponential;
    options.network.loss = 0.05;
    options.network.duplicate = 0.05;
    options.durable = faults.kills.then_some(SYNC);
    options
}

/// Ids in the order in which their nodes gave them out, and what the nodes said to each other.
fn run<N: Ids>(seed: u64, faults: Faults) -> Vec<Event<N::Id>> {
    let mut random = Random::new(seed, "faults and requests");
    let mut cluster = Cluster::<N>::new(options(seed, faults), |_| N::make());
    let delay = if faults.kills { SYNC } else { Duration::ZERO };
    let record = Record { events: Vec::new(), received: VecDeque::new(), delay };
    let record = Rc::new(RefCell::new(record));
    let sink = Rc::clone(&record);
    cluster.observe(move |seen| {
        let number = |id: &NodeId| id.as_str().strip_prefix('n').and_then(|n| n.parse().ok());
        let (src, dest): (Option<usize>, Option<usize>) =
            (number(&seen.message.src), number(&seen.message.dest));
        let event = match (seen.fate, src, dest) {
            (Fate::Sent, Some(node), Some(_)) => Event::Send { node, message: seen.number },
            (Fate::Received, Some(_), Some(node)) => {
                sink.borrow_mut().receive(seen.time, node, seen.number);
                return;
            }
            // An id is given out when its reply leaves the node.
            (Fate::Sent, Some(node), None) => match id_of::<N>(seen.message) {
                Some(id) => Event::Issue { node, id },
                None => return,
            },
            _ => return,
        };
        sink.borrow_mut().push(seen.time, event);
    });
    let client = NodeId::new("c9");
    for number in 0..600 {
        let node = random.index(NODES);
        match random.below(100) {
            0 if faults.kills => {
                cluster.crash(node);
                record.borrow_mut().kill(node, cluster.now());
            }
            1..4 => (0..NODES).for_each(|node| cluster.restart(node)),
            4..6 if faults.clock_jumps => {
                let offset_ms = random.below(20_000) as i64 - 10_000;
                cluster.set_wall_clock_offset(node, offset_ms);
            }
            6 => {
                let kind = random.pick(&CutKind::MAELSTROM).copied().unwrap();
                let cut = kind.draw(NODES, None, &mut random);
                cluster.network_mut().set_cut(cut);
            }
            7 => cluster.network_mut().set_cut(Cut::none(NODES)),
            _ => cluster.request(&client, node, MessageId(number), N::generate()),
        }
        let until = cluster.now() + Duration::from_micros(random.below(4_000));
        while cluster.next_time().is_some_and(|next| next <= until) {
            cluster.step();
        }
        cluster.advance_to(until);
    }
    while cluster.step().is_some() {}
    std::mem::take(&mut record.borrow_mut().events)
}

fn id_of<N: Ids>(message: &AnyMessage) -> Option<N::Id> {
    match proto::recall::<N::Body>(message.clone()).ok()?.payload {
        Payload::Body(body) => N::id(&body),
        _ => None,
    }
}

fn check_unique_and_rising<I: Ord + Clone + std::fmt::Debug>(events: &[Event<I>], seed: u64) {
    let mut seen = BTreeSet::new();
    let mut last = vec![None; NODES];
    for event in events {
        if let Event::Issue { node, id } = event {
            assert!(seen.insert(id.clone()), "seed {seed}: {id:?} came twice");
            assert!(last[*node].as_ref() < Some(id), "seed {seed}: {id:?} after {:?}", last[*node]);
            last[*node] = Some(id.clone());
        }
    }
    assert!(seen.len() > 300, "seed {seed}: {} ids", seen.len());
}

const EVERYTHING: Faults = Faults { kills: true, clock_jumps: true };

#[test]
fn snowflakes_are_unique_and_rise_on_each_node_under_every_fault() {
    for seed in 0..150 {
        let events = run::<Snowflake>(seed, EVERYTHING);
        check_unique_and_rising(&events, seed);
        let machines = events.iter().filter_map(|event| match event {
            Event::Issue { node, id } => Some((*node as u64, Parts::decode(*id).unwrap().machine)),
            _ => None,
        });
        assert!(machines.into_iter().all(|(node, machine)| node == machine));
    }
}

#[test]
fn hybrid_ids_are_unique_rise_and_respect_causality_under_every_fault() {
    let mut pairs = 0;
    for seed in 0..150 {
        let events = run::<Hlc>(seed, EVERYTHING);
        check_unique_and_rising(&events, seed);
        let result = check(&events);
        assert_eq!(result.verdict, Verdict::Valid, "seed {seed}: {result:?}");
        assert_eq!(result.unsent_count, 0);
        pairs += result.pairs_across_nodes;
    }
    assert!(pairs > 150 * 1_000, "few pairs prove little: {pairs}");
}

/// The checker must be able to fail: the same runs, with ids that only count on each node.
#[test]
fn ids_that_rise_on_each_node_but_hear_nothing_break_causality() {
    let broken = |seed| {
        let mut counts = [0; NODES];
        let events = run::<Hlc>(seed, Faults { kills: false, clock_jumps: true });
        let deaf = events.into_iter().map(|event| match event {
            Event::Issue { node, .. } => {
                counts[node] += 1;
                Event::Issue { node, id: (counts[node], node) }
            }
            Event::Send { node, message } => Event::Send { node, message },
            Event::Receive { node, message } => Event::Receive { node, message },
            Event::Ask { .. } | Event::Answer { .. } | Event::Restart { .. } => {
                unreachable!("ids are seen as they are made, and nobody is killed")
            }
        });
        check(&deaf.collect::<Vec<_>>()).verdict == Verdict::Invalid
    };
    assert!((0..10).all(broken));
}

/// A node that is killed without a state directory forgets what it has given out; with a clock that
/// was set back its ids repeat or fall. This is what the state directory is for.
#[test]
fn without_a_state_directory_a_kill_and_a_clock_set_back_break_the_order() {
    let client = NodeId::new("c9");
    let mut cluster = Cluster::<Hlc>::new(ClusterOptions::new(1, 1), |_| Hlc::default());
    let mut ids = VecDeque::new();
    for life in 0..2 {
        cluster.request(&client, 0, MessageId(life), hlc::Body::Generate);
        while let Some(step) = cluster.step() {
            let payload = step.to_client.map(|message| message.payload);
            if let Some(Payload::Body(body)) = payload {
                ids.extend(Hlc::id(&body));
            }
        }
        cluster.crash(0);
        cluster.restart(0);
        cluster.set_wall_clock_offset(0, -60_000);
    }
    assert!(ids[1] < ids[0], "{ids:?}");
}
