//! A cluster in virtual time as the harness sees it.

use std::collections::BTreeMap;
use std::time::Duration;

use proto::{AnyBody, AnyNode, Invariant, Liar, NodeId, Payload, Time};
use simulator::{
    AnyCluster, AnyStep, ClusterOptions, Limit, Limits, Overload, Reached, Statistics,
};

use super::panics::caught;
use crate::options::Options;
use crate::world::{Fault, Problem, ProblemKind, Reply, World};

/// How long a sync takes in virtual time, for nodes with a state directory.
const SYNC_TIME: Duration = Duration::from_millis(1);

/// Nodes, and what speaks for them when they are Byzantine.
pub type Liars = Vec<(usize, Box<dyn Liar>)>;

/// A world in virtual time.
pub struct SimulatedWorld {
    cluster: AnyCluster,
    seed: u64,
    invariant: Option<Box<dyn Invariant>>,
    problems: Vec<Problem>,
    panics: Vec<Problem>,
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
        let mut cluster = AnyCluster::new(cluster, make);
        if options.cover {
            cluster.cover();
        }
        Self {
            cluster,
            seed: options.seed,
            invariant: None,
            problems: Vec::new(),
            panics: Vec::new(),
        }
    }

    /// Looks at the cluster's insides after every event.
    #[must_use]
    pub fn watched_by(mut self, invariant: Option<Box<dyn Invariant>>) -> Self {
        self.invariant = invariant;
        self
    }

    /// Has these speak for nodes that are Byzantine, once they are.
    #[must_use]
    pub fn with_liars(mut self, liars: Liars) -> Self {
        for (node, liar) in liars {
            self.cluster.set_liar(node, liar);
        }
        self
    }

    /// The cluster itself.
    pub fn cluster_mut(&mut self) -> &mut AnyCluster {
        &mut self.cluster
    }

    /// Lets something happen in which a node's logic may panic. Then that node is dead from now on,
    /// as its process would be, and the others go on.
    fn guarded<T>(&mut self, act: impl FnOnce(&mut AnyCluster) -> T) -> Option<T> {
        match caught(|| act(&mut self.cluster)) {
            Ok(done) => Some(done),
            Err(panic) => {
                let node = self.cluster.bury();
                self.panics.push(Problem {
                    node: self.cluster.node_ids()[node].clone(),
                    time: self.cluster.now().as_nanos(),
                    kind: ProblemKind::Panicked,
                    text: format!("its logic panicked (seed {}) at {panic}", self.seed),
                    count: 1,
                });
                None
            }
        }
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

    fn send(&mut self, client: &NodeId, node: usize, body: &str) {
        self.cluster.request(client, node, body);
    }

    fn wait(&mut self, until: Time) -> Option<Reply> {
        let is_watched = self.invariant.is_some();
        // Or there is other news: a node has died.
        while let Some(step) = self.guarded(|cluster| next_step(cluster, until, is_watched))? {
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

    fn reseed(&mut self, seed: u64) {
        self.cluster.reseed(seed);
    }

    fn take_reached(&mut self) -> Vec<Reached> {
        self.cluster.take_reached()
    }

    fn conditions(&self) -> BTreeMap<String, u64> {
        let told = self.cluster.conditions().iter();
        told.map(|(condition, count)| ((*condition).to_owned(), *count)).collect()
    }

    fn inject(&mut self, fault: &Fault) {
        let nodes = 0..self.cluster.node_ids().len();
        match fault {
            Fault::RemoveMembers(_) | Fault::AddMembers => {}
            Fault::Partition(_) | Fault::Loss(_) | Fault::Duplicate(_) => {
                fault.strike(self.cluster.network_mut());
            }
            // Whatever kills them, what they have not synced is gone.
            Fault::Kill(targets) | Fault::PowerCut(targets) => {
                targets.iter().for_each(|node| self.cluster.crash(*node));
            }
            Fault::Restart => nodes.for_each(|node| {
                self.guarded(|cluster| cluster.restart(node));
            }),
            Fault::Pause(targets) => targets.iter().for_each(|node| self.cluster.pause(*node)),
            Fault::Resume => nodes.for_each(|node| {
                let is_paused = !self.cluster.is_up(node) && !self.cluster.is_down(node);
                let went_on = self.guarded(|cluster| cluster.resume(node));
                // It has handled what had piled up, if it lives.
                if is_paused && went_on.is_some() {
                    self.watch(node);
                }
            }),
            Fault::Lie(liars) => {
                nodes.for_each(|node| self.cluster.lie(node, liars.contains(&node)));
            }
            Fault::Clocks(offsets) => {
                for (node, offset) in offsets.iter().enumerate() {
                    self.cluster.set_wall_clock_offset(node, *offset);
                }
            }
        }
    }

    fn take_invented(&mut self) -> Vec<Box<str>> {
        self.cluster.take_invented().into_iter().map(|(_, body)| body).collect()
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

    fn sent(&self) -> &[u64] {
        self.cluster.network().sent()
    }

    fn problems(&self) -> Vec<Problem> {
        let overload = self.cluster.overload().map(|overload| Problem {
            node: self.cluster.node_ids()[overload.node].clone(),
            time: overload.time.as_nanos(),
            kind: ProblemKind::Overflow,
            text: describe(overload),
            count: 1,
        });
        self.problems.iter().chain(&self.panics).cloned().chain(overload).collect()
    }

    fn interrupted(&self) -> bool {
        self.cluster.overload().is_some()
    }
}

/// Lets things happen up to `until`, but no more once a client has got something or, if somebody watches
/// them, a node has done something. What it was, unless the time is over.
fn next_step(cluster: &mut AnyCluster, until: Time, is_watched: bool) -> Option<AnyStep> {
    while cluster.next_time().is_some_and(|next| next <= until) {
        let step = cluster.step()?;
        if step.to_client.is_some() || (is_watched && step.node.is_some()) {
            return Some(step);
        }
    }
    None
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

#[cfg(test)]
mod tests {
    use proto::{Caller, Context, Insides, Node, Records};
    use serde::{Deserialize, Serialize};

    use super::*;
    use crate::workload::registry::named;

    #[derive(Clone, Debug, Serialize, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Body {
        Ask,
        AskOk,
        Break,
    }

    /// Counts what it is asked, and breaks when it is told to.
    #[derive(Debug, Default)]
    struct Fragile {
        asked: usize,
    }

    impl Node for Fragile {
        type Body = Body;
        type Token = ();

        fn init(&mut self, _: Records, _: &mut Context<'_, Self>) {}

        fn request(&mut self, from: Caller, body: Body, ctx: &mut Context<'_, Self>) {
            self.asked += 1;
            ctx.reply(&from, Body::AskOk);
            assert!(!matches!(body, Body::Break), "it was told to break");
        }
    }

    fn world() -> SimulatedWorld {
        let mut options = Options::new(named("echo")).with_nodes(2);
        options.seed = 7;
        SimulatedWorld::new(&options, false, |_| AnyNode::new(Fragile::default()))
    }

    fn ask(world: &mut SimulatedWorld, node: usize, kind: &str) {
        let body = format!(r#"{{"type":"{kind}","msg_id":1}}"#);
        world.send(&NodeId::new("c1"), node, &body);
    }

    const SECOND: Time = Time::from_nanos(1_000_000_000);

    #[test]
    fn a_node_that_panics_is_dead_and_named_with_place_message_and_seed() {
        let mut world = world();
        // Both get `init`.
        assert!(world.wait(Time::from_nanos(1)).is_none());
        ask(&mut world, 0, "break");
        let said = world.wait(SECOND);
        assert!(said.is_none(), "what it was about to say is not said: {said:?}");
        assert!(world.is_down(0) && !world.interrupted());
        let [problem] = &world.problems()[..] else { panic!("{:?}", world.problems()) };
        let nodes = world.node_ids().to_vec();
        assert_eq!((&problem.node, problem.kind), (&nodes[0], ProblemKind::Panicked));
        let expected = ["world.rs:", "it was told to break", "seed 7"];
        assert!(expected.iter().all(|part| problem.text.contains(part)), "{}", problem.text);
        // The others go on, and so does it, when somebody starts it again.
        ask(&mut world, 1, "ask");
        assert_eq!(world.wait(SECOND).map(|reply| reply.node), Some(nodes[1].clone()));
        world.inject(&Fault::Restart);
        ask(&mut world, 0, "ask");
        assert_eq!(world.wait(SECOND).map(|reply| reply.node), Some(nodes[0].clone()));
    }

    /// No node may ever be asked anything.
    struct NeverAsked;

    impl Invariant for NeverAsked {
        fn look(&mut self, cluster: &dyn Insides, index: usize) -> Result<(), String> {
            let node = cluster.node(index).downcast_ref::<Fragile>().expect("its type");
            if node.asked == 0 { Ok(()) } else { Err(format!("asked {} times", node.asked)) }
        }
    }

    #[test]
    fn what_a_node_did_as_it_went_on_after_a_pause_is_looked_at() {
        let mut world = world().watched_by(Some(Box::new(NeverAsked)));
        assert!(world.wait(Time::from_nanos(1)).is_none());
        world.inject(&Fault::Pause(vec![0]));
        ask(&mut world, 0, "ask");
        let later = Time::from_nanos(2_000_000_000);
        assert!(world.wait(later).is_none() && world.problems().is_empty());
        world.inject(&Fault::Resume);
        let [problem] = &world.problems()[..] else { panic!("{:?}", world.problems()) };
        assert_eq!((problem.kind, &*problem.text), (ProblemKind::Invariant, "asked 1 times"));
    }
}
