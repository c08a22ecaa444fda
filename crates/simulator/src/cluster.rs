//! A cluster of nodes in virtual time: the same [`proto::Engine`]s that run as processes, joined
//! by the network model and one queue of events. Nothing happens but by [`Cluster::step`], and the
//! same seed makes the same things happen in the same order on every machine.

use std::time::Duration;

use proto::service::SERVICE_IDS;
use proto::{Effect, Engine, Init, Message, MessageId, Node, NodeId, Payload, Records, Time};
use rustc_hash::FxHashMap;

use crate::machine::{Arrival, Machine, Paused, State, Sync};
use crate::network::{Endpoint, Network};
use crate::observation::{Fate, Observation};
use crate::options::ClusterOptions;
use crate::overload::{Load, Overload};
use crate::queue::Queue;
use crate::random::Random;
use crate::service::Services;

/// Something that happened: see [`Cluster::step`].
#[derive(Debug)]
pub struct Step<B> {
    /// The node that handled a message or a timer.
    pub node: Option<usize>,
    /// A message that reached a client.
    pub to_client: Option<Message<Payload<B>>>,
}

/// Nodes, network, services and the clock that they share.
pub struct Cluster<N: Node> {
    now: Time,
    seed: u64,
    durable: Option<Duration>,
    make: Box<dyn FnMut(usize) -> N>,
    node_ids: Vec<NodeId>,
    indices: FxHashMap<NodeId, Endpoint>,
    machines: Vec<Machine<N>>,
    network: Network,
    services: Services,
    queue: Queue<Event<N::Body>>,
    messages_sent: u64,
    load: Load,
    effects: Vec<Effect<N::Body>>,
    observer: Option<Observer<N::Body>>,
    logs: Vec<(Time, usize, String)>,
}

type Observer<B> = Box<dyn FnMut(Observation<'_, B>)>;

enum Event<B> {
    Arrive { to: Endpoint, arrival: Arrival<B> },
    Wake { node: usize, life: u64 },
    Synced { node: usize, life: u64 },
}

impl<N: Node> Cluster<N> {
    /// A cluster whose nodes are made by `make`, each time one starts or restarts. All of them get
    /// `init` at time zero.
    pub fn new(options: ClusterOptions, make: impl FnMut(usize) -> N + 'static) -> Self {
        let ClusterOptions { node_ids, network, durable, seed, limits } = options;
        let nodes = node_ids.iter().cloned().zip((0..).map(Endpoint::Node));
        let services =
            SERVICE_IDS.iter().map(|id| NodeId::new(id)).zip((0..).map(Endpoint::Service));
        let mut cluster = Self {
            now: Time::ZERO,
            seed,
            durable,
            make: Box::new(make),
            indices: nodes.chain(services).collect(),
            machines: Vec::new(),
            network: Network::new(node_ids.len(), network, seed),
            services: Services::new(seed),
            queue: Queue::default(),
            messages_sent: 0,
            load: Load::new(limits, node_ids.len()),
            effects: Vec::new(),
            observer: None,
            logs: Vec::new(),
            node_ids,
        };
        for index in 0..cluster.node_ids.len() {
            let engine = cluster.new_engine(index, 0);
            cluster.machines.push(Machine {
                engine,
                state: State::Up,
                life: 0,
                wake: None,
                synced: Records::new(),
                syncs: Vec::new(),
                wall_offset_ms: 0,
            });
        }
        for index in 0..cluster.node_ids.len() {
            cluster.send_init(index);
        }
        cluster
    }

    /// Has every message, as it is sent and as it ends, shown to `observer`.
    pub fn observe(&mut self, observer: impl FnMut(Observation<'_, N::Body>) + 'static) {
        self.observer = Some(Box::new(observer));
    }

    /// The time.
    pub fn now(&self) -> Time {
        self.now
    }

    /// The names of the nodes.
    pub fn node_ids(&self) -> &[NodeId] {
        &self.node_ids
    }

    /// A node's logic, to look into.
    pub fn node(&self, index: usize) -> &N {
        self.machines[index].engine.node()
    }

    /// Which life of a node this is: 0 until it is first killed, one more each time.
    pub fn life(&self, index: usize) -> u64 {
        self.machines[index].life
    }

    /// Whether a node is neither paused nor down.
    pub fn is_up(&self, index: usize) -> bool {
        matches!(self.machines[index].state, State::Up)
    }

    /// The network, to count and to cut.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The network, to count and to cut.
    pub fn network_mut(&mut self) -> &mut Network {
        &mut self.network
    }

    /// Takes what nodes said to people since the last call: when, which node, what.
    pub fn take_logs(&mut self) -> Vec<(Time, usize, String)> {
        std::mem::take(&mut self.logs)
    }

    /// Sends a client's request to a node.
    pub fn request(&mut self, client: &NodeId, node: usize, msg_id: MessageId, body: N::Body) {
        self.send(Message {
            src: client.clone(),
            dest: self.node_ids[node].clone(),
            msg_id: Some(msg_id),
            in_reply_to: None,
            payload: Payload::Body(body),
        });
    }

    /// When the next event happens; never, once there is an [`overload`](Self::overload).
    pub fn next_time(&self) -> Option<Time> {
        self.queue.next_time().filter(|_| self.load.overload().is_none())
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
    pub fn step(&mut self) -> Option<Step<N::Body>> {
        self.next_time()?;
        let (time, event) = self.queue.pop()?;
        self.now = time;
        self.load.count_step(time);
        let mut step = Step { node: None, to_client: None };
        match event {
            Event::Arrive { to, arrival } => {
                self.load.remove(1);
                if let Endpoint::Node(node) = to
                    && matches!(self.machines[node].state, State::Down)
                {
                    self.show(Fate::ReceiverDown, arrival.number, &arrival.message);
                    return Some(step);
                }
                if !self.network.arrive(arrival.from, to) {
                    self.show(Fate::Cut, arrival.number, &arrival.message);
                    return Some(step);
                }
                match to {
                    Endpoint::Client => {
                        self.show(Fate::Received, arrival.number, &arrival.message);
                        step.to_client = Some(arrival.message);
                    }
                    Endpoint::Service(service) => {
                        self.show(Fate::Received, arrival.number, &arrival.message);
                        self.serve(service, arrival.message);
                    }
                    Endpoint::Node(node) => {
                        step.node = self.arrive_at_node(node, arrival).then_some(node);
                    }
                }
            }
            Event::Wake { node, life } => {
                let machine = &mut self.machines[node];
                if machine.life == life && machine.wake == Some(time) {
                    machine.wake = None;
                    if matches!(machine.state, State::Up) {
                        let now = machine.clocks(time);
                        machine.engine.fire(now, &mut self.effects);
                        self.carry_out(node);
                        step.node = Some(node);
                    }
                }
            }
            Event::Synced { node, life } => self.finish_sync(node, life),
        }
        Some(step)
    }

    /// Kills a node: what it had not synced is gone, and so is what is on its way to it.
    pub fn crash(&mut self, node: usize) {
        let machine = &mut self.machines[node];
        if let State::Paused(paused) = std::mem::replace(&mut machine.state, State::Down) {
            self.load.remove(paused.backlog.len() + paused.unsent.len());
        }
        machine.life += 1;
        machine.wake = None;
        let waiting = machine.syncs.drain(..).map(|sync| sync.then.len());
        self.load.remove(waiting.sum());
    }

    /// Starts a node that is down again, with the records it had synced, and sends it `init`.
    pub fn restart(&mut self, node: usize) {
        if matches!(self.machines[node].state, State::Down) {
            let engine = self.new_engine(node, self.machines[node].life);
            self.machines[node].engine = engine;
            self.machines[node].state = State::Up;
            self.send_init(node);
        }
    }

    /// Stops a node in its tracks: its timers wait, and what is sent to it piles up.
    pub fn pause(&mut self, node: usize) {
        let machine = &mut self.machines[node];
        if matches!(machine.state, State::Up) {
            machine.state = State::Paused(Paused::default());
        }
    }

    /// Lets a paused node go on with what piled up.
    pub fn resume(&mut self, node: usize) {
        let machine = &mut self.machines[node];
        if let State::Paused(paused) = &mut machine.state {
            let Paused { backlog, unsent } = std::mem::take(paused);
            machine.state = State::Up;
            self.load.remove(backlog.len() + unsent.len());
            for message in unsent {
                self.send(message);
            }
            for arrival in backlog {
                self.hand_over(node, arrival);
            }
            self.schedule_wake(node);
        }
    }

    /// Moves a node's wall clock by so many milliseconds from the true one. Timers do not notice.
    pub fn set_wall_clock_offset(&mut self, node: usize, offset_ms: i64) {
        self.machines[node].wall_offset_ms = offset_ms;
    }

    fn new_engine(&mut self, node: usize, life: u64) -> Engine<N> {
        let seed = Random::new(self.seed, &format!("node {node} life {life}")).bits();
        Engine::new((self.make)(node), seed, self.durable.is_some())
    }

    /// `init` comes from a client of its own, as with Maelstrom, and counts like any message; but
    /// no fault touches it, because a node that never gets one says nothing about its logic.
    fn send_init(&mut self, node: usize) {
        let node_id = self.node_ids[node].clone();
        let init = Init { node_id: node_id.clone(), node_ids: self.node_ids.clone() };
        let message = Message {
            src: NodeId::new(&format!("c{node}")),
            dest: node_id,
            msg_id: Some(MessageId(1)),
            in_reply_to: None,
            payload: Payload::Init(init),
        };
        let number = self.number_message();
        self.show(Fate::Sent, number, &message);
        self.network.send_surely(Endpoint::Client, Endpoint::Node(node));
        let arrival = Arrival { from: Endpoint::Client, number, message };
        self.push_arrival(Duration::ZERO, Endpoint::Node(node), arrival);
    }

    fn push_arrival(&mut self, after: Duration, to: Endpoint, arrival: Arrival<N::Body>) {
        self.load.add(self.now);
        self.queue.push(self.now + after, Event::Arrive { to, arrival });
    }

    fn number_message(&mut self) -> u64 {
        let number = self.messages_sent;
        self.messages_sent += 1;
        number
    }

    fn endpoint(&self, id: &NodeId) -> Option<Endpoint> {
        match self.indices.get(id) {
            Some(endpoint) => Some(*endpoint),
            None => id.is_client().then_some(Endpoint::Client),
        }
    }

    fn send(&mut self, message: Message<Payload<N::Body>>) {
        let number = self.number_message();
        let (Some(from), Some(to)) = (self.endpoint(&message.src), self.endpoint(&message.dest))
        else {
            return self.show(Fate::NoReceiver, number, &message);
        };
        self.show(Fate::Sent, number, &message);
        if let Endpoint::Node(node) = from {
            self.load.count_send(node);
        }
        let [first, second] = self.network.send(from, to).arrivals;
        if let Some(after) = second {
            let arrival = Arrival { from, number, message: message.clone() };
            self.push_arrival(after, to, arrival);
        }
        match first {
            None => self.show(Fate::Lost, number, &message),
            Some(after) => {
                self.push_arrival(after, to, Arrival { from, number, message });
            }
        }
    }

    fn show(&mut self, fate: Fate, number: u64, message: &Message<Payload<N::Body>>) {
        if let Some(observer) = &mut self.observer {
            observer(Observation { time: self.now, number, fate, message });
        }
    }

    /// Returns whether the node handled the message.
    fn arrive_at_node(&mut self, node: usize, arrival: Arrival<N::Body>) -> bool {
        if let State::Paused(paused) = &mut self.machines[node].state {
            self.load.add(self.now);
            paused.backlog.push(arrival);
            return false;
        }
        self.hand_over(node, arrival);
        true
    }

    fn hand_over(&mut self, node: usize, arrival: Arrival<N::Body>) {
        self.show(Fate::Received, arrival.number, &arrival.message);
        let machine = &mut self.machines[node];
        let now = machine.clocks(self.now);
        let synced = &machine.synced;
        machine.engine.receive(now, arrival.message, |_| synced.clone(), &mut self.effects);
        self.carry_out(node);
    }

    fn carry_out(&mut self, node: usize) {
        let mut effects = std::mem::take(&mut self.effects);
        let mut sync = None::<Sync<N::Body>>;
        for effect in effects.drain(..) {
            match effect {
                Effect::Log(line) => self.logs.push((self.now, node, line)),
                Effect::Persist(write) => {
                    sync.get_or_insert_with(Sync::default).writes.push(write);
                }
                Effect::Send(message) => {
                    match sync.as_mut().or_else(|| self.machines[node].syncs.last_mut()) {
                        Some(sync) => {
                            self.load.add(self.now);
                            sync.then.push(message);
                        }
                        None => self.send(message),
                    }
                }
            }
        }
        self.effects = effects;
        if let (Some(sync), Some(duration)) = (sync, self.durable) {
            let machine = &mut self.machines[node];
            machine.syncs.push(sync);
            self.queue.push(self.now + duration, Event::Synced { node, life: machine.life });
        }
        self.schedule_wake(node);
    }

    fn finish_sync(&mut self, node: usize, life: u64) {
        let machine = &mut self.machines[node];
        if machine.life != life || machine.syncs.is_empty() {
            return;
        }
        let Sync { writes, then } = machine.syncs.remove(0);
        for write in writes {
            write.apply(&mut machine.synced);
        }
        // The disk finishes what it was told; a process that is stopped does not hear of it.
        if let State::Paused(paused) = &mut machine.state {
            paused.unsent.extend(then);
            return;
        }
        self.load.remove(then.len());
        for message in then {
            self.send(message);
        }
    }

    fn schedule_wake(&mut self, node: usize) {
        let machine = &mut self.machines[node];
        let Some(due) = machine.engine.next_due() else { return };
        if machine.wake.is_none_or(|wake| due < wake) {
            let due = due.max(self.now);
            machine.wake = Some(due);
            self.queue.push(due, Event::Wake { node, life: machine.life });
        }
    }

    fn serve(&mut self, service: usize, message: Message<Payload<N::Body>>) {
        let Payload::ServiceRequest(request) = &message.payload else { return };
        let Some(answer) = self.services.handle(service, &message.src, request) else { return };
        self.send(Message {
            src: message.dest,
            dest: message.src,
            msg_id: None,
            in_reply_to: message.msg_id,
            payload: match answer {
                Ok(reply) => Payload::ServiceReply(reply),
                Err(error) => Payload::Error(error),
            },
        });
    }
}
