//! A cluster in virtual time: hosts, the network between them, and one clock that jumps from event
//! to event. Nothing happens but by [`AnyCluster::step`], and the same seed makes the same things
//! happen in the same order on every machine.

use std::any::Any;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use proto::{AnyMessage, AnyNode, Insides, Liar, MessageId, NodeId, Time};

use crate::chance::Source;
use crate::coverage::Reached;
use crate::engine_host::{EngineHost, MakeNode};
use crate::fabric::{Alarm, Care, Fabric, Happening, Parcel};
use crate::host::{Host, Output};
use crate::network::Network;
use crate::observation::{Fate, Observation};
use crate::options::ClusterOptions;
use crate::overload::{Load, Overload};

/// Something that happened: see [`AnyCluster::step`].
#[derive(Debug)]
pub struct AnyStep {
    /// The node that handled a message or a timer.
    pub node: Option<usize>,
    /// A message that reached a client; its body is text.
    pub to_client: Option<AnyMessage>,
}

/// Something wrong with a node, said by its host.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Trouble {
    /// When.
    pub time: Time,
    /// Which node.
    pub node: usize,
    /// What, for people.
    pub text: String,
}

/// Hosts, network and the clock that they share.
pub struct AnyCluster {
    now: Time,
    fabric: Fabric,
    places: Vec<Place>,
    load: Load,
    outputs: Vec<Output>,
    logs: Vec<(Time, usize, String)>,
    troubles: Vec<Trouble>,
    conditions: BTreeMap<&'static str, u64>,
    /// The node whose logic was asked last.
    acting: usize,
    /// Whether any node has a mouth of its own.
    has_liars: bool,
}

/// A host and what it is up to.
struct Place {
    host: Box<dyn Host>,
    /// What speaks in the host's place, if the node is Byzantine.
    liar: Option<Box<dyn Liar>>,
    lies: bool,
    state: State,
    /// Which life this is; alarms of earlier lives are void.
    life: u64,
    /// The earliest alarm that is set.
    wake: Option<Time>,
}

enum State {
    Up,
    /// Messages pile up until it goes on.
    Paused(Vec<Parcel>),
    Down,
}

impl AnyCluster {
    /// A cluster whose nodes are made by `make`, each time one starts or restarts. All of them get
    /// `init` at time zero.
    pub fn new(options: ClusterOptions, make: impl FnMut(usize) -> AnyNode + 'static) -> Self {
        let make: MakeNode = Rc::new(RefCell::new(make));
        let spared = options.network.chance.spared(Source::Nodes);
        let host = |index: usize| -> Box<dyn Host> {
            let seed = (!spared.contains(index as u64)).then_some(options.seed);
            Box::new(EngineHost::new(index, seed, options.durable, Rc::clone(&make)))
        };
        let hosts = (0..options.node_ids.len()).map(host).collect();
        Self::with_hosts(options, hosts)
    }

    /// A cluster of these hosts, one for each name in the options. All of them are started and get
    /// `init` at time zero.
    pub fn with_hosts(options: ClusterOptions, hosts: Vec<Box<dyn Host>>) -> Self {
        let ClusterOptions { node_ids, network, seed, limits, .. } = options;
        let place =
            |host| Place { host, liar: None, lies: false, state: State::Down, life: 0, wake: None };
        let mut cluster = Self {
            now: Time::ZERO,
            load: Load::new(limits, node_ids.len()),
            fabric: Fabric::new(node_ids, network, seed),
            places: hosts.into_iter().map(place).collect(),
            outputs: Vec::new(),
            logs: Vec::new(),
            troubles: Vec::new(),
            conditions: BTreeMap::new(),
            acting: 0,
            has_liars: false,
        };
        (0..cluster.places.len()).for_each(|node| cluster.restart(node));
        cluster
    }

    /// Has every message, as it is sent and as it ends, shown to `observer` as well.
    pub fn observe(&mut self, observer: impl FnMut(Observation<'_>) + 'static) {
        self.fabric.observe(observer);
    }

    /// The time.
    pub fn now(&self) -> Time {
        self.now
    }

    /// The names of the nodes.
    pub fn node_ids(&self) -> &[NodeId] {
        self.fabric.node_ids()
    }

    /// A node's logic, to look into, if the node has one that can be seen.
    pub fn insides(&self, index: usize) -> Option<&dyn Any> {
        self.places[index].host.insides()
    }

    /// Which life of a node this is: 0 until it is first killed, one more each time.
    pub fn life(&self, index: usize) -> u64 {
        self.places[index].life
    }

    /// Whether a node is neither paused nor down.
    pub fn is_up(&self, index: usize) -> bool {
        matches!(self.places[index].state, State::Up)
    }

    /// Whether a node was killed and not started again.
    pub fn is_down(&self, index: usize) -> bool {
        matches!(self.places[index].state, State::Down)
    }

    /// Whether a node leads the others, as far as can be seen.
    pub fn is_leader(&self, index: usize) -> bool {
        self.is_up(index) && self.places[index].host.is_leader()
    }

    /// The network, to count and to cut.
    pub fn network(&self) -> &Network {
        self.fabric.network()
    }

    /// The network, to count and to cut.
    pub fn network_mut(&mut self) -> &mut Network {
        self.fabric.network_mut()
    }

    /// Takes what nodes said to people since the last call: when, which node, what.
    pub fn take_logs(&mut self) -> Vec<(Time, usize, String)> {
        std::mem::take(&mut self.logs)
    }

    /// What went wrong with nodes so far, in the words of their hosts.
    pub fn troubles(&self) -> &[Trouble] {
        &self.troubles
    }

    /// How often each condition has held that a node told (see [`proto::Context::sometimes`]).
    pub fn conditions(&self) -> &BTreeMap<&'static str, u64> {
        &self.conditions
    }

    /// Sends a client's request to a node: a whole body as text, `msg_id` included.
    pub fn request(&mut self, client: &NodeId, node: usize, body: impl Into<Box<str>>) {
        self.fabric.request(self.now, client, node, body.into());
        self.weigh();
    }

    /// Has the states noted that the cluster goes through, as nodes [say](proto::Node::aspects) them.
    pub fn cover(&mut self) {
        self.fabric.cover();
    }

    /// The states gone through since [`cover`](Self::cover), each once, with when it was reached first.
    pub fn take_reached(&mut self) -> Vec<Reached> {
        self.fabric.take_reached()
    }

    /// Has all that is drawn be drawn from another seed from now on; what happened stays.
    pub fn reseed(&mut self, seed: u64) {
        self.fabric.reseed(seed);
        self.places.iter_mut().for_each(|place| place.host.reseed(seed));
    }

    /// When the next event happens; never, once there is an [`overload`](Self::overload).
    pub fn next_time(&self) -> Option<Time> {
        self.fabric.next_time().filter(|_| self.load.overload().is_none())
    }

    /// Which of its [`Limits`](crate::Limits) the cluster has reached, if it has. From then on nothing
    /// happens any more: what goes on would cost all memory, or have no end.
    pub fn overload(&self) -> Option<&Overload> {
        self.load.overload()
    }

    /// Lets time pass without an event.
    ///
    /// # Panics
    /// If that would skip an event or go back.
    pub fn advance_to(&mut self, time: Time) {
        assert!(time >= self.now, "time goes forward");
        assert!(self.next_time().is_none_or(|next| next >= time), "no event is skipped");
        self.now = time;
    }

    /// Lets the next event happen. Returns nothing when nothing is going to happen any more.
    pub fn step(&mut self) -> Option<AnyStep> {
        self.next_time()?;
        let (time, happening) = self.fabric.poll(Time::MAX)?;
        self.now = time;
        self.load.count_step(time);
        let mut step = AnyStep { node: None, to_client: None };
        match happening {
            Happening::AtClient(message) => step.to_client = Some(message),
            Happening::AtNode(node, parcel) => step.node = self.arrive(node, parcel),
            Happening::Alarm(alarm) => step.node = self.ring(alarm),
            Happening::Within => {}
        }
        Some(step)
    }

    /// Kills a node: what it had not synced is gone, and so is what is on its way to it.
    pub fn crash(&mut self, node: usize) {
        let place = &mut self.places[node];
        if let State::Paused(backlog) = std::mem::replace(&mut place.state, State::Down) {
            self.load.release(backlog.len());
        }
        place.life += 1;
        place.wake = None;
        place.host.crash(self.now);
        self.look(node);
    }

    /// For whoever has caught a panic of a node's logic: that node is dead from now on, as its process
    /// would be, and what it was about to do is not done. Returns which one it is.
    pub fn bury(&mut self) -> usize {
        self.outputs.clear();
        self.crash(self.acting);
        self.acting
    }

    /// Starts a node that is down again, with the records it had synced, and sends it `init`.
    pub fn restart(&mut self, node: usize) {
        let place = &mut self.places[node];
        if matches!(place.state, State::Down) {
            place.state = State::Up;
            self.acting = node;
            place.host.start(self.now, &mut self.outputs);
            self.fabric.send_init(self.now, node, MessageId(1));
            self.carry_out(node);
        }
    }

    /// Stops a node in its tracks: its timers wait, and what is sent to it piles up.
    pub fn pause(&mut self, node: usize) {
        let place = &mut self.places[node];
        if matches!(place.state, State::Up) {
            place.state = State::Paused(Vec::new());
            place.host.pause(self.now);
            self.look(node);
        }
    }

    /// Lets a paused node go on with what piled up.
    pub fn resume(&mut self, node: usize) {
        let place = &mut self.places[node];
        if let State::Paused(backlog) = &mut place.state {
            let backlog = std::mem::take(backlog);
            place.state = State::Up;
            self.acting = node;
            place.host.resume(self.now, &mut self.outputs);
            self.load.release(backlog.len());
            self.carry_out(node);
            for parcel in backlog {
                self.hand_over(node, parcel);
            }
        }
    }

    /// Moves a node's wall clock by so many milliseconds from the true one. Timers do not notice.
    pub fn set_wall_clock_offset(&mut self, node: usize, offset_ms: i64) {
        self.places[node].host.set_wall_clock_offset(offset_ms);
    }

    /// Gives a node a mouth of its own, which is silent until it is told to [`lie`](Self::lie).
    pub fn set_liar(&mut self, node: usize, liar: Box<dyn Liar>) {
        self.places[node].liar = Some(liar);
        self.has_liars = true;
    }

    /// Lets a node be Byzantine, or no more. Nothing happens to one that has no [`Liar`].
    pub fn lie(&mut self, node: usize, lies: bool) {
        self.places[node].lies = lies;
    }

    /// Takes the requests of clients that Byzantine nodes have made up since the last call, as bodies
    /// with the node that did.
    pub fn take_invented(&mut self) -> Vec<(usize, Box<str>)> {
        if !self.has_liars {
            return Vec::new();
        }
        let liars = self.places.iter_mut().enumerate();
        let of = |(node, place): (usize, &mut Place)| {
            let invented = place.liar.as_mut().map(|liar| liar.take_invented());
            invented.into_iter().flatten().map(move |body| (node, body)).collect::<Vec<_>>()
        };
        liars.flat_map(of).collect()
    }

    /// Returns the node if it handled the message.
    fn arrive(&mut self, node: usize, parcel: Parcel) -> Option<usize> {
        if matches!(self.places[node].state, State::Down) {
            self.fabric.lose(self.now, Fate::ReceiverDown, &parcel);
            return None;
        }
        if !self.fabric.enters(self.now, &parcel) {
            return None;
        }
        if let State::Paused(backlog) = &mut self.places[node].state {
            backlog.push(parcel);
            self.load.keep(1);
            self.weigh();
            return None;
        }
        self.hand_over(node, parcel);
        Some(node)
    }

    fn hand_over(&mut self, node: usize, parcel: Parcel) {
        self.fabric.received(self.now, &parcel);
        if let Some(liar) = &mut self.places[node].liar {
            liar.hear(&parcel.message);
        }
        self.acting = node;
        self.places[node].host.receive(self.now, parcel.message, &mut self.outputs);
        self.carry_out(node);
    }

    /// Returns the node if the alarm was for it.
    fn ring(&mut self, alarm: Alarm) -> Option<usize> {
        let place = &mut self.places[alarm.node];
        if place.life != alarm.life || place.wake != Some(self.now) {
            return None;
        }
        place.wake = None;
        self.acting = alarm.node;
        place.host.wake(self.now, &mut self.outputs);
        self.carry_out(alarm.node);
        Some(alarm.node)
    }

    fn carry_out(&mut self, node: usize) {
        let mut outputs = std::mem::take(&mut self.outputs);
        for output in outputs.drain(..) {
            match output {
                Output::Send(message) => self.send(node, message),
                Output::Log(line) => self.logs.push((self.now, node, line)),
                Output::Sometimes(condition, holds) => {
                    *self.conditions.entry(condition).or_default() += u64::from(holds);
                }
                Output::Trouble(text) => {
                    self.troubles.push(Trouble { time: self.now, node, text });
                }
            }
        }
        self.outputs = outputs;
        self.look(node);
        self.weigh();
        self.schedule_wake(node);
    }

    /// Notes the state that the cluster is in once this node has changed, if somebody wants to know.
    fn look(&mut self, node: usize) {
        let Some(coverage) = self.fabric.coverage_mut() else { return };
        let Place { host, state, .. } = &self.places[node];
        let status = match state {
            State::Up => 0,
            State::Paused(_) => 1,
            State::Down => 2,
        };
        coverage.look(node, status, |aspects| host.aspects(aspects));
        self.fabric.note_state(self.now);
    }

    fn send(&mut self, node: usize, message: AnyMessage) {
        let mut said = Vec::new();
        match &mut self.places[node] {
            Place { liar: Some(liar), lies: true, .. } => liar.tell(message, &mut said),
            _ => return self.pass_on(node, message),
        }
        for message in said {
            self.pass_on(node, message);
        }
    }

    fn pass_on(&mut self, node: usize, message: AnyMessage) {
        self.load.count_send(node);
        // One to nobody is in the journal, and nothing else can be done about it.
        let _ = self.fabric.send_from(self.now, node, message, Care::AsUsual);
    }

    fn schedule_wake(&mut self, node: usize) {
        let place = &mut self.places[node];
        let Some(due) = place.host.next_due() else { return };
        if place.wake.is_none_or(|wake| due < wake) {
            let due = due.max(self.now);
            place.wake = Some(due);
            self.fabric.set_alarm(due, Alarm { node, life: place.life });
        }
    }

    fn weigh(&mut self) {
        self.load.weigh(self.now, self.fabric.in_flight().messages);
    }
}

impl Insides for AnyCluster {
    fn count(&self) -> usize {
        self.places.len()
    }

    fn life(&self, index: usize) -> u64 {
        self.life(index)
    }

    fn node(&self, index: usize) -> &dyn Any {
        self.insides(index).unwrap_or(&())
    }
}
