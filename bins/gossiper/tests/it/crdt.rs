//! Replicas in virtual time: nothing that was acknowledged is lost, all become equal, and then there
//! is silence, whatever the network does and whoever is killed.

use std::collections::BTreeSet;
use std::time::Duration;

use gossiper::crdt::replica::Replicated;
use gossiper::crdt::{g_set, pn_counter, version_vectors};
use proto::{Arguments, Either, Json, MessageId, Node, NodeId, Payload};
use simulator::{Cluster, ClusterOptions, CutKind, LatencyDistribution, Random};

/// A cluster and its one client.
pub(crate) struct World<N: Node> {
    pub(crate) cluster: Cluster<N>,
    next_message: u64,
    is_slow: bool,
}

impl<N: Node<Body: PartialEq> + 'static> World<N> {
    pub(crate) fn new(options: ClusterOptions, make: impl Fn() -> N + 'static) -> Self {
        let is_slow = options.network.latency > Duration::from_millis(100);
        let cluster = Cluster::new(options, move |_| make());
        let mut world = Self { cluster, next_message: 0, is_slow };
        // Until all have started.
        world.run_for(Duration::from_millis(10));
        world
    }

    pub(crate) fn run_for(&mut self, duration: Duration) {
        let end = self.cluster.now() + duration;
        while self.cluster.next_time().is_some_and(|next| next <= end) {
            self.cluster.step();
        }
        self.cluster.advance_to(end);
    }

    /// Asks a node as a client of this name, and waits up to a second for the reply.
    fn ask_as(&mut self, client: &str, node: usize, body: N::Body) -> Option<N::Body> {
        self.next_message += 1;
        let (client, id) = (NodeId::new(client), MessageId(self.next_message));
        self.cluster.request(&client, node, id, body);
        let deadline = self.cluster.now() + Duration::from_secs(1);
        while self.cluster.next_time().is_some_and(|next| next <= deadline) {
            if let Some(message) = self.cluster.step()?.to_client
                && message.dest == client
                && message.in_reply_to == Some(id)
            {
                let Payload::Body(body) = message.payload else { return None };
                return Some(body);
            }
        }
        None
    }

    pub(crate) fn ask(&mut self, node: usize, body: N::Body) -> Option<N::Body> {
        self.ask_as("c1", node, body)
    }

    fn nodes(&self) -> usize {
        self.cluster.node_ids().len()
    }

    fn heal(&mut self) {
        let none = simulator::Cut::none(self.nodes());
        self.cluster.network_mut().set_cut(none);
    }

    fn server_messages(&self) -> u64 {
        self.cluster.network().statistics().servers.send_count
    }

    /// Panics unless nobody says anything for a minute.
    #[track_caller]
    pub(crate) fn assert_silence(&mut self, what: &str) {
        let before = self.server_messages();
        self.run_for(Duration::from_secs(60));
        assert_eq!(self.server_messages(), before, "{what}: chatter after all agree");
    }
}

impl<N: Replicated<Body: PartialEq> + 'static> World<N> {
    /// Asks a replica what clients may ask it.
    pub(crate) fn ask_replica(&mut self, node: usize, message: N::Message) -> Option<N::Message> {
        self.ask_replica_as("c1", node, message)
    }

    fn ask_replica_as(
        &mut self,
        client: &str,
        node: usize,
        message: N::Message,
    ) -> Option<N::Message> {
        match self.ask_as(client, node, Either::Left(message))? {
            Either::Left(answer) => Some(answer),
            Either::Right(_) => None,
        }
    }
}

/// A random scenario: cuts, loss, duplication, pauses and, with state directories, kills. `act` is
/// called some hundred times with a node that is up.
pub(crate) fn play<N: Node<Body: PartialEq> + 'static>(
    seed: u64,
    nodes: usize,
    make: impl Fn() -> N + 'static,
    mut act: impl FnMut(&mut World<N>, usize, &mut Random),
) -> (World<N>, String) {
    let mut random = Random::new(seed, "scenario");
    let mut options = ClusterOptions::new(nodes, seed);
    options.network.latency = Duration::from_millis(*random.pick(&[0, 10, 100, 1000]).unwrap());
    let distributions = [LatencyDistribution::Constant, LatencyDistribution::Exponential];
    options.network.distribution = *random.pick(&distributions).unwrap();
    options.network.loss = *random.pick(&[0.0, 0.1, 0.3]).unwrap();
    options.network.duplicate = *random.pick(&[0.0, 0.3]).unwrap();
    let kills = random.chance(0.5);
    options.durable = kills.then_some(Duration::from_millis(2));
    let what = format!("seed {seed}: {nodes} nodes, {:?}, kills: {kills}", options.network);
    let mut world = World::new(options, make);
    let cuts = [CutKind::One, CutKind::Majority, CutKind::MajoritiesRing, CutKind::OneWay];
    for _ in 0..5 {
        let cut = random.pick(&cuts).unwrap().draw(nodes, None, &mut random);
        world.cluster.network_mut().set_cut(cut);
        let victim = random.index(nodes);
        if kills {
            world.cluster.crash(victim);
        } else {
            world.cluster.pause(victim);
        }
        for _ in 0..20 {
            let node = random.index(nodes);
            if node != victim {
                act(&mut world, node, &mut random);
            }
            let pause = random.uniform(Duration::from_millis(200));
            world.run_for(pause);
        }
        if kills {
            world.cluster.restart(victim);
        } else {
            world.cluster.resume(victim);
        }
        world.heal();
        let pause = random.uniform(Duration::from_secs(1));
        world.run_for(pause);
    }
    (world, what)
}

/// Lets a cluster come to rest: after Maelstrom's ten seconds all is equal (a network that takes a
/// second a hop and loses a third gets more time).
pub(crate) fn settle<N: Node<Body: PartialEq> + 'static>(world: &mut World<N>) {
    world.cluster.network_mut().set_loss(0.0);
    world.run_for(Duration::from_secs(10));
    if world.is_slow {
        world.run_for(Duration::from_secs(50));
    }
}

fn g_set() -> g_set::GSetNode {
    g_set::GSetNode::from_arguments(&mut Arguments::new([""; 0])).unwrap()
}

fn pn_counter() -> pn_counter::PnCounterNode {
    pn_counter::PnCounterNode::from_arguments(&mut Arguments::new([""; 0])).unwrap()
}

fn elements(world: &mut World<g_set::GSetNode>, node: usize) -> BTreeSet<i64> {
    let Some(g_set::Body::ReadOk { value: Some(value), .. }) =
        world.ask_replica(node, g_set::Body::Read)
    else {
        panic!("n{node} does not answer")
    };
    let elements: BTreeSet<_> = value.iter().map(|value| value.as_i64().unwrap()).collect();
    assert_eq!(elements.len(), value.len(), "each once");
    elements
}

fn play_g_set(seed: u64, nodes: usize) {
    let (mut next, mut taken) = (0, BTreeSet::new());
    let (mut world, what) = play(seed, nodes, g_set, |world, node, _| {
        next += 1;
        if world.ask_replica(node, g_set::Body::Add { element: Json::from(next) }).is_some() {
            taken.insert(next);
        }
    });
    settle(&mut world);
    for node in 0..nodes {
        let elements = elements(&mut world, node);
        assert!(elements.is_superset(&taken), "{what}: n{node} lacks {:?}", &taken - &elements);
    }
    world.run_for(Duration::from_secs(20));
    world.assert_silence(&what);
}

#[test]
fn a_set_loses_nothing_and_falls_silent() {
    for seed in 0..200 {
        play_g_set(seed, 5);
    }
    for seed in 0..10 {
        play_g_set(seed, 25);
    }
}

#[test]
fn a_counter_counts_everything_once() {
    for seed in 0..200 {
        // What is not answered may have been counted or not.
        let (mut sure, mut unsure) = (0_i128, Vec::new());
        let (mut world, what) = play(seed, 5, pn_counter, |world, node, random| {
            let delta = random.below(2_000_000_000_000_000_001) as i64 - 1_000_000_000_000_000_000;
            match world.ask_replica(node, pn_counter::Body::Add { delta }) {
                Some(_) => sure += i128::from(delta),
                None => unsure.push(i128::from(delta)),
            }
        });
        settle(&mut world);
        let values: Vec<_> =
            (0..5).map(|node| world.ask_replica(node, pn_counter::Body::Read)).collect();
        let Some(pn_counter::Body::ReadOk { value }) = values[0] else { panic!("{what}") };
        assert!(values.iter().all(|other| *other == values[0]), "{what}: {values:?}");
        let mut sums = BTreeSet::from([sure]);
        for delta in unsure {
            sums.extend(sums.clone().into_iter().map(|sum| sum + delta));
        }
        assert!(sums.contains(&value), "{what}: {value} is not among {} sums", sums.len());
        world.run_for(Duration::from_secs(20));
        world.assert_silence(&what);
    }
}

/// Without a state directory a killed node is a replica of another name, so that what it counts
/// after the restart is not taken for what it had counted before.
#[test]
fn a_node_that_forgets_counts_on_and_gets_back_what_the_others_know() {
    let mut world = World::new(ClusterOptions::new(3, 1), pn_counter);
    let add = |world: &mut World<_>, node, delta| {
        assert!(world.ask_replica(node, pn_counter::Body::Add { delta }).is_some());
    };
    add(&mut world, 0, 1000);
    world.run_for(Duration::from_secs(5));
    world.cluster.crash(0);
    world.cluster.restart(0);
    world.run_for(Duration::from_millis(10));
    add(&mut world, 0, 7);
    world.run_for(Duration::from_secs(5));
    for node in 0..3 {
        let value = world.ask_replica(node, pn_counter::Body::Read);
        assert_eq!(value, Some(pn_counter::Body::ReadOk { value: 1007 }), "n{node}");
    }
    world.assert_silence("after a restart");
}

/// The first node is told to add this, tells one other node and dies.
fn leave_to(heir: usize, element: i64, world: &mut World<g_set::GSetNode>) {
    let mut cut = simulator::Cut::none(5);
    for other in (1..5).filter(|other| *other != heir) {
        cut.refuse(other, 0);
    }
    world.cluster.network_mut().set_cut(cut);
    assert!(world.ask_replica(0, g_set::Body::Add { element: Json::from(element) }).is_some());
    world.run_for(Duration::from_millis(200));
    world.cluster.crash(0);
    world.heal();
}

/// An author that dies after it has told one other node: the ring passes its update on.
#[test]
fn what_only_one_peer_was_told_reaches_all_after_its_author_is_gone() {
    for heir in 1..5 {
        let mut world = World::new(ClusterOptions::new(5, heir as u64), g_set);
        world.run_for(Duration::from_secs(3));
        leave_to(heir, 7, &mut world);
        assert_eq!(elements(&mut world, heir), BTreeSet::from([7]));
        world.run_for(Duration::from_secs(20));
        for node in 1..5 {
            assert_eq!(elements(&mut world, node), BTreeSet::from([7]), "heir n{heir}, n{node}");
        }
    }
}

/// The heir's anchor was out of reach and is back. It has got what it missed from others, thinks that it
/// has all and says nothing: the heir has to find out by itself, or the ring is broken there.
#[test]
fn who_did_not_answer_once_is_told_what_comes_later() {
    for heir in 1..5 {
        let mut world = World::new(ClusterOptions::new(5, heir as u64), g_set);
        world.run_for(Duration::from_secs(3));
        let lost = heir % 4 + 1;
        let mut cut = simulator::Cut::none(5);
        for other in (0..5).filter(|other| *other != lost) {
            cut.refuse(other, lost);
            cut.refuse(lost, other);
        }
        world.cluster.network_mut().set_cut(cut);
        assert!(world.ask_replica(0, g_set::Body::Add { element: Json::from(6) }).is_some());
        world.run_for(Duration::from_secs(10));
        world.heal();
        world.run_for(Duration::from_secs(20));
        assert_eq!(elements(&mut world, lost), BTreeSet::from([6]));
        leave_to(heir, 7, &mut world);
        world.run_for(Duration::from_secs(20));
        for node in 1..5 {
            assert_eq!(elements(&mut world, node), BTreeSet::from([6, 7]), "heir n{heir}, n{node}");
        }
    }
}

/// A write goes to every other node once and is acknowledged once, many at a time under load.
#[test]
fn gossip_costs_two_messages_a_peer_and_interval() {
    let mut options = ClusterOptions::new(5, 1);
    options.network.latency = Duration::from_millis(10);
    let mut world = World::new(options, g_set);
    world.run_for(Duration::from_secs(3));
    let before = world.server_messages();
    for element in 0..100 {
        assert!(world.ask_replica(0, g_set::Body::Add { element: Json::from(element) }).is_some());
    }
    world.run_for(Duration::from_secs(10));
    // Four deltas and their acknowledgements, and five nodes that compare once with their anchor.
    assert_eq!(world.server_messages() - before, 4 * 2 + 5 * 2);
    // A peer that was cut off gets what it missed in one message.
    world.cluster.network_mut().set_cut(simulator::Cut::halves(5, |node| node == 4));
    for element in 100..200 {
        assert!(world.ask_replica(0, g_set::Body::Add { element: Json::from(element) }).is_some());
        world.run_for(Duration::from_millis(50));
    }
    world.heal();
    world.run_for(Duration::from_secs(3));
    assert_eq!(elements(&mut world, 4).len(), 200);
}

#[test]
fn version_vectors_keep_both_of_two_concurrent_writes_and_lww_loses_one() {
    use version_vectors::{Body, Mode, VersionVectorsNode};
    for mode in [Mode::Vv, Mode::Lww] {
        let make = || VersionVectorsNode::from_arguments(&mut Arguments::new([""; 0])).unwrap();
        let mut world = World::new(ClusterOptions::new(3, 1), make);
        for node in 0..3 {
            assert_eq!(
                world.ask_replica(node, Either::Right(Body::SetMode { mode })),
                Some(Either::Right(Body::SetModeOk))
            );
        }
        let write = |world: &mut World<_>, client: &str, node, value: &str, context| {
            let body = Body::VvWrite { key: "k".to_owned(), value: Json::from(value), context };
            match world.ask_replica_as(client, node, Either::Right(body)) {
                Some(Either::Right(Body::VvWriteOk { vc })) => vc,
                other => panic!("{other:?}"),
            }
        };
        let read = |world: &mut World<_>, node| match world
            .ask_replica(node, Either::Right(Body::VvRead { key: "k".to_owned() }))
        {
            Some(Either::Right(Body::VvReadOk { values, conflict })) => {
                assert_eq!(conflict, values.len() > 1);
                values
            }
            other => panic!("{other:?}"),
        };
        // Two clients at two nodes, neither of which has seen the other's write.
        write(&mut world, "c1", 0, "a", Default::default());
        write(&mut world, "c2", 1, "b", Default::default());
        world.run_for(Duration::from_secs(5));
        let mut merged = std::collections::BTreeMap::new();
        for node in 0..3 {
            let values = read(&mut world, node);
            let texts: Vec<_> = values.iter().map(|sibling| sibling.value.text()).collect();
            let expected: &[&str] = if mode == Mode::Vv { &["\"a\"", "\"b\""] } else { &["\"b\""] };
            assert_eq!(texts, expected, "{mode:?}, n{node}");
            merged.extend(values.into_iter().flat_map(|sibling| sibling.vc));
        }
        // Somebody who has read what there is replaces that, and nothing else.
        write(&mut world, "c3", 2, "ab", merged);
        world.run_for(Duration::from_secs(5));
        for node in 0..3 {
            let values = read(&mut world, node);
            assert!(values.iter().any(|sibling| sibling.value.text() == "\"ab\""));
            assert_eq!(values.len(), 1, "{mode:?}: {values:?}");
        }
        world.assert_silence("siblings");
    }
}
