//! A cluster in virtual time as the harness sees it.

use std::time::Duration;

use proto::{AnyBody, AnyNode, Invariant, NodeId, Payload, Time};
use simulator::{AnyCluster, ClusterOptions, Limit, Limits, Overload, Statistics};

use crate::options::Options;
use crate::world::{Fault, Problem, ProblemKind, Reply, World};

/// How long a sync takes in virtual time, for nodes with a state directory.
const SYNC_TIME: Duration = Duration::from_millis(1);

/// A world in virtual time.
pub struct SimulatedWorld {
    cluster: AnyCluster,
    invariant: Option<Box<dyn Invariant>>,
    problems: Vec<Problem>,
}

impl SimulatedWorld {
    /// A cluster as the options say, of nodes made by `make`; `durable` if they have a state
    /// directory.
    pub fn new(
        options: &Options,
        durable: bool,
        make: impl FnMut(usize) -> AnyNode + 'static,
    ) -> Self {
        let cluster = ClusterOptions {
            node_ids: options.nodes.clone(),
            network: options.network(),
            durable: durable.then_some(SYNC_TIME),
            seed: options.seed,
            limits: Limits::default(),
        };
        Self { cluster: AnyCluster::new(cluster, make), invariant: None, problems: Vec::new() }
    }

    /// Looks at the cluster's insides after every event.
    #[must_use]
    pub fn watched_by(mut self, invariant: Option<Box<dyn Invariant>>) -> Self {
        self.invariant = invariant;
        self
    }

    /// The cluster itself.
    pub fn cluster_mut(&mut self) -> &mut AnyCluster {
        &mut self.cluster
    }

    fn watch(&mut self, node: usize) {
        let Some(invariant) = &mut self.invariant else { return };
        if let Err(text) = invariant.look(&self.cluster, node) {
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

impl World for SimulatedWorld {
    fn now(&self) -> Time {
        self.cluster.now()
    }

    fn node_ids(&self) -> &[NodeId] {
        self.cluster.node_ids()
    }

    fn send(&mut self, client: &NodeId, node: usize, body: String) {
        self.cluster.request(client, node, body);
    }

    fn wait(&mut self, until: Time) -> Option<Reply> {
        while self.cluster.next_time().is_some_and(|next| next <= until) {
            let step = self.cluster.step()?;
            if let Some(node) = step.node {
                self.watch(node);
            }
            // Answers to `init` are nobody's.
            if let Some(message) = step.to_client
                && let Payload::Body(AnyBody::Text(body)) = message.payload
            {
                return Some(Reply {
                    node: message.src,
                    client: message.dest,
                    in_reply_to: message.in_reply_to,
                    body: body.into_string(),
                });
            }
        }
        if until < Time::MAX {
            self.cluster.advance_to(until.max(self.cluster.now()));
        }
        None
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

    fn is_down(&self, node: usize) -> bool {
        self.cluster.is_down(node)
    }

    fn primary(&self) -> Option<usize> {
        let mut nodes = 0..self.cluster.node_ids().len();
        nodes.find(|node| self.cluster.is_leader(*node))
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
