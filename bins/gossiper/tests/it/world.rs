//! A cluster of gossipers in virtual time, with Maelstrom's broadcast workload: its topologies, its
//! mix of operations, its counting of messages, its checker.

use std::collections::BTreeMap;
use std::time::Duration;

use checkers::history::{Event, Kind};
use checkers::set::{self, SetOp, SetResult};
use checkers::verdict::Verdict;
use gossiper::{Body, Config, Gossiper};
use proto::{Json, MessageId, NodeId, Payload, Time};
use simulator::{Cluster, ClusterOptions, Cut, NetworkOptions, Random};

/// Maelstrom's topologies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Shape {
    /// Rows of a square.
    Grid,
    /// A chain.
    Line,
    /// A tree with so many children a node.
    Tree(usize),
    /// Everyone beside everyone.
    Total,
}

impl Shape {
    fn neighbours(self, node: usize, count: usize) -> Vec<usize> {
        let all: Vec<usize> = match self {
            Self::Grid => {
                let side = (1..).find(|side| side * side >= count).unwrap();
                let mut all = vec![node + side];
                all.extend(node.checked_sub(side));
                all.extend((node % side + 1 < side).then_some(node + 1));
                all.extend((!node.is_multiple_of(side)).then(|| node - 1));
                all
            }
            Self::Line => node.checked_sub(1).into_iter().chain([node + 1]).collect(),
            Self::Tree(children) => {
                let parent = (node > 0).then(|| (node - 1) / children);
                parent.into_iter().chain((1..=children).map(|c| node * children + c)).collect()
            }
            Self::Total => (0..count).filter(|other| *other != node).collect(),
        };
        all.into_iter().filter(|other| *other < count).collect()
    }
}

/// What a run looks like. Its faults are up to the test.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) nodes: usize,
    pub(crate) shape: Shape,
    pub(crate) config: Config,
    pub(crate) network: NetworkOptions,
    pub(crate) durable: Option<Duration>,
    pub(crate) seed: u64,
}

impl Setup {
    pub(crate) fn new(nodes: usize, shape: Shape, seed: u64) -> Self {
        Self {
            nodes,
            shape,
            config: Config::default(),
            network: NetworkOptions::default(),
            durable: None,
            seed,
        }
    }
}

/// A running cluster.
pub(crate) struct World {
    pub(crate) cluster: Cluster<Gossiper>,
    pub(crate) random: Random,
    pub(crate) history: Vec<Event<SetOp<i64>>>,
    /// Client operations so far.
    pub(crate) operations: u64,
    pub(crate) next_value: i64,
    next_message: u64,
}

impl World {
    /// Nodes that have had `init` and, as with Maelstrom, `topology`.
    pub(crate) fn new(setup: &Setup) -> Self {
        let mut options = ClusterOptions::new(setup.nodes, setup.seed);
        options.network = setup.network.clone();
        options.durable = setup.durable;
        let config = setup.config.clone();
        let cluster = Cluster::new(options, move |_| Gossiper::new(config.clone()));
        let random = Random::new(setup.seed, "workload");
        let mut world = Self {
            cluster,
            random,
            history: Vec::new(),
            operations: 0,
            next_value: 0,
            next_message: 0,
        };
        let topology = world.topology(setup.shape);
        for node in 0..setup.nodes {
            let reply = world.request(node, Body::Topology { topology: topology.clone() });
            assert_eq!(reply, Some(Body::TopologyOk));
        }
        world
    }

    pub(crate) fn topology(&self, shape: Shape) -> BTreeMap<NodeId, Vec<NodeId>> {
        let ids = self.cluster.node_ids();
        let list = |node| {
            shape.neighbours(node, ids.len()).into_iter().map(|other| ids[other].clone()).collect()
        };
        (0..ids.len()).map(|node| (ids[node].clone(), list(node))).collect()
    }

    /// Lets time pass until `time`.
    pub(crate) fn run_until(&mut self, time: Time) {
        while self.cluster.next_time().is_some_and(|next| next <= time) {
            self.cluster.step();
        }
        self.cluster.advance_to(time);
    }

    pub(crate) fn run_for(&mut self, duration: Duration) {
        self.run_until(self.cluster.now() + duration);
    }

    /// Asks a node, and waits up to a second for the reply.
    pub(crate) fn request(&mut self, node: usize, body: Body) -> Option<Body> {
        self.next_message += 1;
        let client = NodeId::new(&format!("c{}", 1000 + node));
        let id = MessageId(self.next_message);
        self.cluster.request(&client, node, id, body);
        let deadline = self.cluster.now() + Duration::from_secs(1);
        while self.cluster.next_time().is_some_and(|next| next <= deadline) {
            let message = self.cluster.step()?.to_client;
            if let Some(message) = message
                && message.dest == client
                && message.in_reply_to == Some(id)
            {
                let Payload::Body(body) = message.payload else { return None };
                return Some(body);
            }
        }
        None
    }

    fn record(&mut self, node: usize, kind: Kind, op: SetOp<i64>) {
        let (index, time) = (self.history.len() as u64, self.cluster.now().as_nanos());
        self.history.push(Event::of_client(index, time, node as u64, kind, op));
    }

    pub(crate) fn broadcast(&mut self, node: usize) {
        let message = self.next_value;
        self.next_value += 1;
        self.operations += 1;
        self.record(node, Kind::Invoke, SetOp::Add { element: message });
        let reply = self.request(node, Body::Broadcast { message: Json::from(message) });
        let kind = if reply == Some(Body::BroadcastOk) { Kind::Ok } else { Kind::Fail };
        self.record(node, kind, SetOp::Add { element: message });
    }

    pub(crate) fn read(&mut self, node: usize) -> Option<Vec<i64>> {
        self.operations += 1;
        self.record(node, Kind::Invoke, SetOp::Read { elements: None });
        let reply = self.request(node, Body::Read);
        let elements = match reply {
            Some(Body::ReadOk { messages }) => {
                Some(messages.iter().filter_map(Json::as_i64).collect::<Vec<_>>())
            }
            _ => None,
        };
        let kind = if elements.is_some() { Kind::Ok } else { Kind::Fail };
        let shared = elements.clone().map(Into::into);
        self.record(node, kind, SetOp::Read { elements: shared });
        elements
    }

    /// Maelstrom's mix of `broadcast` and `read` for so long, at random nodes that are up.
    pub(crate) fn workload(&mut self, rate: f64, duration: Duration) {
        let end = self.cluster.now() + duration;
        loop {
            let gap = self.random.uniform(Duration::from_secs_f64(1.0 / rate));
            let at = self.cluster.now() + gap;
            if at >= end {
                return self.run_until(end.max(self.cluster.now()));
            }
            self.run_until(at);
            let node = self.random.index(self.cluster.node_ids().len());
            if !self.cluster.is_up(node) {
                continue;
            }
            if self.random.chance(0.5) { self.broadcast(node) } else { drop(self.read(node)) }
        }
    }

    /// Replaces the partition.
    pub(crate) fn cut(&mut self, cut: Cut) {
        self.cluster.network_mut().set_cut(cut);
    }

    pub(crate) fn heal(&mut self) {
        self.cut(Cut::none(self.cluster.node_ids().len()));
    }

    /// A read of every node, as Maelstrom does it 10 s after the end, and the verdict.
    pub(crate) fn finish(&mut self) -> SetResult<i64> {
        self.heal();
        self.run_for(Duration::from_secs(10));
        for node in 0..self.cluster.node_ids().len() {
            self.read(node);
        }
        set::check(&self.history).unwrap()
    }

    /// Messages between nodes for each operation of a client.
    pub(crate) fn messages_per_operation(&self) -> f64 {
        self.server_messages() as f64 / self.operations as f64
    }

    pub(crate) fn server_messages(&self) -> u64 {
        self.cluster.network().statistics().servers.send_count
    }

    /// Whether a node has all these values.
    pub(crate) fn has(&self, node: usize, mut values: impl Iterator<Item = i64>) -> bool {
        let set = self.cluster.node(node).values();
        values.all(|value| set.position(&Json::from(value)).is_some())
    }

    /// Whether every node that is up has all these values.
    pub(crate) fn all_have(&self, values: impl Iterator<Item = i64> + Clone) -> bool {
        (0..self.cluster.node_ids().len())
            .filter(|node| self.cluster.is_up(*node))
            .all(|node| self.has(node, values.clone()))
    }

    /// How many values each node has.
    pub(crate) fn sizes(&self) -> Vec<u32> {
        let nodes = 0..self.cluster.node_ids().len();
        nodes.map(|node| self.cluster.node(node).values().len()).collect()
    }
}

/// Panics unless nothing was lost and nothing doubled.
#[track_caller]
pub(crate) fn assert_valid(result: &SetResult<i64>, what: &str) {
    assert_eq!(
        result.verdict,
        Verdict::Valid,
        "{what}: lost {:?}, duplicated {:?}",
        result.lost,
        result.duplicated
    );
    assert!(result.never_read.is_empty(), "{what}: never read {:?}", result.never_read);
}
