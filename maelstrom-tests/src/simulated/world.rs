//! A cluster in virtual time as the harness sees it.

use std::time::Duration;

use checkers::Op;
use proto::{Json, MessageId, Node, NodeId, Payload, Time};
use simulator::{Cluster, ClusterOptions, Limit, Limits, Overload, Statistics};

use crate::options::Options;
use crate::world::{Answer, Fault, Problem, ProblemKind, Question, Reply, Topology, World};

/// How long a sync takes in virtual time, for nodes with a state directory.
const SYNC_TIME: Duration = Duration::from_millis(1);

/// A node that can be run in virtual time: how clients talk to it in its own types, and what must
/// hold of a cluster of such nodes at every moment.
pub trait Simulated: Node {
    /// What is remembered between looks at the cluster.
    type Watcher;

    /// The message that tells a node its neighbours, if it knows one.
    fn topology(topology: &Topology) -> Option<Self::Body> {
        let _ = topology;
        None
    }

    /// Whether this message is the answer to `topology`.
    fn is_topology_ok(body: &Self::Body) -> bool {
        let _ = body;
        false
    }

    /// The request for an operation, if the node knows it.
    fn ask(op: &Op<Json>) -> Option<Self::Body>;

    /// Writes an answer into the operation that it answers; false if it is of another kind.
    fn answer(body: Self::Body, op: &mut Op<Json>) -> bool;

    /// Whether this node leads the others.
    fn is_primary(&self) -> bool {
        false
    }

    /// A watcher for a cluster of so many nodes.
    fn watcher(nodes: usize) -> Self::Watcher;

    /// Looks at the node at `index` after it has handled something.
    ///
    /// # Errors
    /// Says what does not hold that must.
    fn watch(
        watcher: &mut Self::Watcher,
        cluster: &Cluster<Self>,
        index: usize,
    ) -> Result<(), String> {
        let _ = (watcher, cluster, index);
        Ok(())
    }
}

/// A world in virtual time.
pub struct SimulatedWorld<N: Simulated> {
    cluster: Cluster<N>,
    watcher: N::Watcher,
    problems: Vec<Problem>,
}

impl<N: Simulated> SimulatedWorld<N> {
    /// A cluster as the options say, of nodes made by `make`; `durable` if they have a state
    /// directory.
    pub fn new(options: &Options, durable: bool, make: impl FnMut(usize) -> N + 'static) -> Self {
        let cluster = ClusterOptions {
            node_ids: options.nodes.clone(),
            network: options.network(),
            durable: durable.then_some(SYNC_TIME),
            seed: options.seed,
            limits: Limits::default(),
        };
        Self {
            cluster: Cluster::new(cluster, make),
            watcher: N::watcher(options.nodes.len()),
            problems: Vec::new(),
        }
    }

    /// The cluster itself.
    pub fn cluster_mut(&mut self) -> &mut Cluster<N> {
        &mut self.cluster
    }

    fn watch(&mut self, node: usize) {
        if let Err(text) = N::watch(&mut self.watcher, &self.cluster, node) {
            // One broken invariant breaks others; the first one is the one to look at.
            if let Some(first) = self.problems.first_mut() {
                first.count += 1;
                return;
            }
            self.problems.push(Problem {
                node: self.cluster.node_ids()[node].clone(),
                time: self.cluster.now().as_nanos(),
                kind: ProblemKind::Invariant,
                text,
                count: 1,
            });
        }
    }
}

impl<N: Simulated> World for SimulatedWorld<N> {
    type Payload = Payload<N::Body>;

    fn now(&self) -> Time {
        self.cluster.now()
    }

    fn node_ids(&self) -> &[NodeId] {
        self.cluster.node_ids()
    }

    fn send(&mut self, client: &NodeId, node: usize, msg_id: MessageId, question: &Question) {
        let body = match question {
            Question::Topology(topology) => N::topology(topology),
            Question::Op(op) => N::ask(op),
        };
        if let Some(body) = body {
            self.cluster.request(client, node, msg_id, body);
        }
    }

    fn wait(&mut self, until: Time) -> Option<Reply<Self::Payload>> {
        while self.cluster.next_time().is_some_and(|next| next <= until) {
            let step = self.cluster.step()?;
            if let Some(node) = step.node {
                self.watch(node);
            }
            if let Some(message) = step.to_client {
                // Answers to `init` are nobody's.
                if !matches!(message.payload, Payload::InitOk) {
                    return Some(Reply {
                        node: message.src,
                        client: message.dest,
                        in_reply_to: message.in_reply_to,
                        payload: message.payload,
                    });
                }
            }
        }
        if until < Time::MAX {
            self.cluster.advance_to(until.max(self.cluster.now()));
        }
        None
    }

    fn read(&self, question: &mut Question, payload: Self::Payload) -> Answer {
        let answered = match (question, payload) {
            (_, Payload::Error(error)) => return Answer::Error(error),
            (Question::Op(op), Payload::Body(body)) => N::answer(body, op),
            (Question::Topology(_), Payload::Body(body)) => N::is_topology_ok(&body),
            _ => false,
        };
        if answered {
            Answer::Ok
        } else {
            Answer::Malformed("the reply is of another kind than the request".to_owned())
        }
    }

    fn inject(&mut self, fault: &Fault) {
        let nodes = 0..self.cluster.node_ids().len();
        match fault {
            Fault::Partition(cut) => self.cluster.network_mut().set_cut(cut.clone()),
            Fault::Loss(p) => self.cluster.network_mut().set_loss(*p),
            Fault::Duplicate(p) => self.cluster.network_mut().set_duplicate(*p),
            Fault::Kill(targets) => targets.iter().for_each(|node| self.cluster.crash(*node)),
            Fault::Restart => nodes.for_each(|node| self.cluster.restart(node)),
            Fault::Pause(targets) => targets.iter().for_each(|node| self.cluster.pause(*node)),
            Fault::Resume => nodes.for_each(|node| self.cluster.resume(node)),
            Fault::Clocks(offsets) => {
                for (node, offset) in offsets.iter().enumerate() {
                    self.cluster.set_wall_clock_offset(node, *offset);
                }
            }
        }
    }

    fn primary(&self) -> Option<usize> {
        let mut nodes = 0..self.cluster.node_ids().len();
        nodes.find(|node| self.cluster.is_up(*node) && self.cluster.node(*node).is_primary())
    }

    fn statistics(&self) -> Statistics {
        *self.cluster.network().statistics()
    }

    fn problems(&self) -> Vec<Problem> {
        let overload = self.cluster.overload().map(|overload| Problem {
            node: self.cluster.node_ids()[overload.node].clone(),
            time: overload.time.as_nanos(),
            kind: ProblemKind::Overflow,
            text: describe(overload),
            count: 1,
        });
        self.problems.iter().cloned().chain(overload).collect()
    }

    fn interrupted(&self) -> bool {
        self.cluster.overload().is_some()
    }
}

/// What was too much for a cluster, for people.
fn describe(overload: &Overload) -> String {
    let (what, why) = match overload.limit {
        Limit::InFlight(most) => (
            format!("more than {most} messages were on their way"),
            "is a message sent on each time that it comes, or again before its answer can be there?",
        ),
        Limit::Events(most) => (
            format!("more than {most} things happened within a second of virtual time"),
            "do nodes answer each other for ever, or set timers that are due at once?",
        ),
    };
    let Overload { time, sent, .. } = overload;
    let seconds = time.as_nanos() as f64 / 1e9;
    format!(
        "a storm of messages ended the run at {seconds:.3} s: {what}, and this node had sent the most \
         so far ({sent}); {why}"
    )
}
