//! The network as one object: who is there, the numbers of messages, `init`, fate, cuts, services
//! and the journal. It carries messages for clusters in virtual time and for real processes alike;
//! those differ only in who tells it the time and who takes what arrives.
//!
//! A message is sent with [`Fabric::send`]. When its time has come [`Fabric::poll`] hands it out as
//! a [`Happening`]; whoever runs the receiver then says whether it is there to take it
//! ([`Fabric::enters`], [`Fabric::received`], [`Fabric::lose`]). Messages to services are answered
//! within.

mod parcel;

use std::time::Duration;

use proto::service::SERVICE_IDS;
use proto::{AnyBody, AnyMessage, Init, Message, MessageId, NodeId, Payload, Time};
use rustc_hash::FxHashMap;

use crate::coverage::{Coverage, Reached};
use crate::endpoint::Endpoint;
use crate::network::{Network, NetworkOptions};
use crate::observation::{Fate, Observation};
use crate::queue::Queue;
use crate::service::{Services, read_request};

pub use self::parcel::{Alarm, Care, Happening, InFlight, Parcel, Unsent};

/// Endpoints, messages on their way, and what becomes of them.
pub struct Fabric {
    node_ids: Vec<NodeId>,
    /// How many of the first nodes have the names that Maelstrom gives them, n0, n1 and so on: so many
    /// messages go to them that it is worth not to look for those in the directory.
    counted: u16,
    directory: FxHashMap<NodeId, Endpoint>,
    network: Network,
    services: Services,
    queue: Queue<Event>,
    numbered: u64,
    in_flight: InFlight,
    /// Most bytes that may be on their way.
    room: usize,
    observers: Vec<Observer>,
    /// The states gone through, if somebody wants to know.
    coverage: Option<Coverage>,
    /// Where bodies are made text, kept for its memory.
    text: Vec<u8>,
    /// Where messages are waited for in turn (see [`NetworkOptions::in_turn`]): the readers of the
    /// nodes, and then those of the services.
    readers: Vec<Reader>,
}

/// Waits for one message after the other.
#[derive(Default)]
struct Reader {
    /// Those that it has not looked at, by when they are due.
    waiting: Queue<Parcel>,
    /// Whether it waits for one.
    is_busy: bool,
}

/// What a message on its way costs besides its body, in bytes.
const ENVELOPE_BYTES: usize = 256;

type Observer = Box<dyn FnMut(Observation<'_>)>;

enum Event {
    Arrive(Parcel),
    Alarm(Alarm),
}

impl Fabric {
    /// A healed network between nodes of these names, Maelstrom's services and any clients. All
    /// its decisions come from `seed`.
    pub fn new(node_ids: Vec<NodeId>, options: NetworkOptions, seed: u64) -> Self {
        let nodes = node_ids.iter().cloned().zip((0..).map(Endpoint::Node));
        let services =
            SERVICE_IDS.iter().map(|id| NodeId::new(id)).zip((0..).map(Endpoint::Service));
        let readers = if options.in_turn { node_ids.len() + SERVICE_IDS.len() } else { 0 };
        let clients = (0..node_ids.len()).map(|node| (Self::init_client(node), Endpoint::Client));
        let counted = node_ids.iter().zip(0..u16::MAX);
        let counted = counted.take_while(|(id, number)| id.number() == Some(*number)).count();
        Self {
            counted: counted as u16,
            directory: nodes.chain(services).chain(clients).collect(),
            services: Services::new(seed, &options.chance),
            network: Network::new(node_ids.len(), options, seed),
            queue: Queue::default(),
            numbered: 0,
            in_flight: InFlight::default(),
            room: usize::MAX,
            observers: Vec::new(),
            coverage: None,
            text: Vec::new(),
            readers: (0..readers).map(|_| Reader::default()).collect(),
            node_ids,
        }
    }

    /// Has what comes on top of so many bytes on their way lost.
    #[must_use]
    pub fn with_room(mut self, bytes: usize) -> Self {
        self.room = bytes;
        self
    }

    /// Has every message, as it is sent and as it ends, shown to `observer` as well.
    pub fn observe(&mut self, observer: impl FnMut(Observation<'_>) + 'static) {
        self.observers.push(Box::new(observer));
    }

    /// Forgets all observers, and what they hold.
    pub fn observe_no_more(&mut self) {
        self.observers.clear();
    }

    /// Has the states noted that the cluster goes through.
    pub fn cover(&mut self) {
        self.coverage = Some(Coverage::new(self.node_ids.len()));
    }

    /// The states gone through since [`cover`](Self::cover), each once, with when it was reached first.
    pub fn take_reached(&mut self) -> Vec<Reached> {
        self.coverage.take().map(Coverage::into_reached).unwrap_or_default()
    }

    /// Who notes the states, if somebody does.
    pub(crate) fn coverage_mut(&mut self) -> Option<&mut Coverage> {
        self.coverage.as_mut()
    }

    /// The state that the cluster is in is noted, if somebody wants to know.
    pub(crate) fn note_state(&mut self, now: Time) {
        if let Some(coverage) = &mut self.coverage {
            coverage.note(now, self.network.cut());
        }
    }

    /// Has all that is drawn be drawn from another seed from now on.
    pub fn reseed(&mut self, seed: u64) {
        self.network.reseed(seed);
        self.services.reseed(seed);
    }

    /// The names of the nodes.
    pub fn node_ids(&self) -> &[NodeId] {
        &self.node_ids
    }

    /// The model of links, to count and to cut.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The model of links, to count and to cut.
    pub fn network_mut(&mut self) -> &mut Network {
        &mut self.network
    }

    /// How much is on its way.
    pub fn in_flight(&self) -> InFlight {
        self.in_flight
    }

    /// When the next thing comes out.
    pub fn next_time(&self) -> Option<Time> {
        self.queue.next_time()
    }

    /// Who has this name: a node, a service, or a client that has asked something.
    pub fn endpoint(&self, id: &NodeId) -> Option<Endpoint> {
        match id.number() {
            Some(number) if number < self.counted => Some(Endpoint::Node(number.into())),
            _ => self.directory.get(id).copied(),
        }
    }

    /// The client from which a node gets its `init`, as with Maelstrom: `c0` for the first node.
    pub fn init_client(node: usize) -> NodeId {
        NodeId::new(&format!("c{node}"))
    }

    /// Sends a node its `init` as message `msg_id` of its [`init_client`](Self::init_client). It
    /// counts like any message, but no fault touches it, because a node that never gets one says
    /// nothing about its logic.
    pub fn send_init(&mut self, now: Time, node: usize, msg_id: MessageId) {
        let node_id = self.node_ids[node].clone();
        let init = Init {
            node_id: node_id.clone(),
            node_ids: self.node_ids.clone(),
            initial_member_ids: None,
        };
        let message = Message {
            src: Self::init_client(node),
            dest: node_id,
            msg_id: Some(msg_id),
            in_reply_to: None,
            payload: Payload::Init(Box::new(init)),
        };
        self.send_surely(now, Endpoint::Client, Endpoint::Node(node), message);
    }

    /// Sends a client's request to a node: a whole body as text.
    pub fn request(&mut self, now: Time, client: &NodeId, node: usize, body: Box<str>) {
        if !self.directory.contains_key(client) {
            self.directory.insert(client.clone(), Endpoint::Client);
        }
        let message = Message {
            src: client.clone(),
            dest: self.node_ids[node].clone(),
            msg_id: None,
            in_reply_to: None,
            payload: Payload::Body(AnyBody::Text(body)),
        };
        // A client that finds no room asks in vain, as one whose request is lost.
        let _ = self.transmit(now, Endpoint::Client, Endpoint::Node(node), message);
    }

    /// Sends what a node says. What is for anybody but a node leaves as text, because clients and
    /// services know no node's types. It counts as sent by whoever `src` names, as with Maelstrom.
    ///
    /// # Errors
    /// If sender or receiver are unknown, or there is no room. The message is in the journal, as lost.
    pub fn send(&mut self, now: Time, message: AnyMessage, care: Care) -> Result<(), Unsent> {
        let from = self.endpoint(&message.src);
        self.carry(now, from, message, care)
    }

    /// The same for what is surely said by this node, and mostly in its own name.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn send_from(
        &mut self,
        now: Time,
        node: usize,
        message: AnyMessage,
        care: Care,
    ) -> Result<(), Unsent> {
        let from = match self.node_ids[node] == message.src {
            true => Some(Endpoint::Node(node)),
            false => self.endpoint(&message.src),
        };
        self.carry(now, from, message, care)
    }

    fn carry(
        &mut self,
        now: Time,
        from: Option<Endpoint>,
        message: AnyMessage,
        care: Care,
    ) -> Result<(), Unsent> {
        let unsent = match (from, self.endpoint(&message.dest)) {
            (Some(from), Some(to)) => {
                let message = if to == Endpoint::Client { self.as_text(message) } else { message };
                if care == Care::Safe {
                    self.send_surely(now, from, to, message);
                    return Ok(());
                }
                return self.transmit(now, from, to, message);
            }
            (_, None) => Unsent::NoReceiver,
            (None, _) => Unsent::NoSender,
        };
        let number = self.number();
        self.show(now, Fate::NoReceiver, number, &message);
        Err(unsent)
    }

    /// Carries a message past all faults and without delay; it counts like any other.
    pub fn send_surely(&mut self, now: Time, from: Endpoint, to: Endpoint, message: AnyMessage) {
        let number = self.number();
        self.show(now, Fate::Sent, number, &message);
        self.network.send_surely(from, to);
        self.push(now, Duration::ZERO, Parcel::new(number, from, to, message));
    }

    /// Lets something come out at a time. Among things of one time the order is that in which they
    /// were put in, messages included.
    pub fn set_alarm(&mut self, at: Time, alarm: Alarm) {
        self.queue.push(at, Event::Alarm(alarm));
    }

    /// Takes the next thing that comes out by `now`.
    #[inline(always)]
    pub fn poll(&mut self, now: Time) -> Option<(Time, Happening)> {
        self.queue.next_time().filter(|next| *next <= now)?;
        let (time, event) = self.queue.pop()?;
        let parcel = match event {
            Event::Alarm(alarm) => return Some((time, Happening::Alarm(alarm))),
            Event::Arrive(parcel) => parcel,
        };
        self.in_flight.messages -= 1;
        self.in_flight.bytes -= bytes(&parcel.message);
        self.read_on(time, parcel.to());
        let happening = match parcel.to() {
            Endpoint::Node(node) => Happening::AtNode(node, parcel),
            _ if !self.enters(time, &parcel) => Happening::Within,
            Endpoint::Client => {
                self.received(time, &parcel);
                Happening::AtClient(parcel.message)
            }
            Endpoint::Service(service) => {
                self.received(time, &parcel);
                self.serve(time, service, parcel.message);
                Happening::Within
            }
        };
        Some((time, happening))
    }

    /// Whether a message that is at the door gets through the cuts in force. It is counted if so,
    /// and in the journal as lost if not.
    pub fn enters(&mut self, now: Time, parcel: &Parcel) -> bool {
        let enters = self.network.arrive(parcel.from(), parcel.to());
        if !enters {
            self.lose(now, Fate::Cut, parcel);
        }
        enters
    }

    /// Notes that a message was handed to its receiver.
    pub fn received(&mut self, now: Time, parcel: &Parcel) {
        self.show(now, Fate::Received, parcel.number, &parcel.message);
        if let (Some(coverage), Endpoint::Node(node)) = (&mut self.coverage, parcel.to()) {
            coverage.hear(node, &parcel.message);
            self.note_state(now);
        }
    }

    /// Notes that a message is lost, and why.
    pub fn lose(&mut self, now: Time, fate: Fate, parcel: &Parcel) {
        self.show(now, fate, parcel.number, &parcel.message);
    }

    fn transmit(
        &mut self,
        now: Time,
        from: Endpoint,
        to: Endpoint,
        message: AnyMessage,
    ) -> Result<(), Unsent> {
        let number = self.number();
        self.show(now, Fate::Sent, number, &message);
        let is_full = self.in_flight.bytes > self.room;
        let [first, second] = self.network.send(number, from, to).arrivals;
        if let Some(after) = second.filter(|_| !is_full) {
            let message = message.clone();
            self.push(now, after, Parcel::new(number, from, to, message));
        }
        match first {
            // What arrives at once takes no room.
            Some(after) if is_full && !after.is_zero() => {
                self.show(now, Fate::Lost, number, &message);
                return Err(Unsent::NoRoom);
            }
            None => self.show(now, Fate::Lost, number, &message),
            Some(after) => self.push(now, after, Parcel::new(number, from, to, message)),
        }
        Ok(())
    }

    fn push(&mut self, now: Time, after: Duration, parcel: Parcel) {
        self.in_flight.messages += 1;
        self.in_flight.bytes += bytes(&parcel.message);
        match self.reader(parcel.to()) {
            Some(reader) if reader.is_busy => reader.waiting.push_after(now, after, parcel),
            Some(reader) => {
                reader.is_busy = true;
                self.queue.push_after(now, after, Event::Arrive(parcel));
            }
            None => self.queue.push_after(now, after, Event::Arrive(parcel)),
        }
    }

    /// Who waits for the messages to somebody, if they are waited for in turn.
    fn reader(&mut self, to: Endpoint) -> Option<&mut Reader> {
        let place = match to {
            Endpoint::Node(node) => node,
            Endpoint::Service(service) => self.node_ids.len() + service,
            Endpoint::Client => return None,
        };
        self.readers.get_mut(place)
    }

    /// A message was handed over: its receiver's reader takes the next one.
    fn read_on(&mut self, now: Time, to: Endpoint) {
        let Some(reader) = self.reader(to) else { return };
        let next = reader.waiting.pop();
        reader.is_busy = next.is_some();
        if let Some((due, parcel)) = next {
            self.queue.push(due.max(now), Event::Arrive(parcel));
        }
    }

    /// A service answers at once; its answer takes its time on the way back.
    fn serve(&mut self, now: Time, service: usize, message: AnyMessage) {
        let (msg_id, answer) = match &message.payload {
            Payload::ServiceRequest(request) => {
                (message.msg_id, self.services.handle(service, &message.src, request))
            }
            Payload::Body(_) => {
                let Ok(body) = proto::body_text(&message) else { return };
                let Some((msg_id, request)) = read_request(&body) else { return };
                (Some(msg_id), self.services.handle(service, &message.src, &request))
            }
            _ => return,
        };
        let Some(answer) = answer else { return };
        // The answer goes to whom it may concern, which is not its sender if that lied.
        let Some(to) = self.endpoint(&message.src) else { return };
        let reply = Message {
            src: message.dest,
            dest: message.src,
            msg_id: None,
            in_reply_to: msg_id,
            payload: answer.map_or_else(Payload::Error, Payload::ServiceReply),
        };
        // Without room the answer is lost, as on a link that loses it.
        let _ = self.transmit(now, Endpoint::Service(service), to, reply);
    }

    /// The same message with its body as text. One that cannot be written is a defect of its node's
    /// types, which shows as an empty body.
    fn as_text(&mut self, message: AnyMessage) -> AnyMessage {
        if matches!(message.payload, Payload::Body(AnyBody::Text(_)) | Payload::InitOk) {
            return message;
        }
        self.text.clear();
        let written = proto::write_body(&message, &mut self.text).ok();
        let text = written.and_then(|()| std::str::from_utf8(&self.text).ok());
        Message { payload: Payload::Body(AnyBody::Text(text.unwrap_or("{}").into())), ..message }
    }

    fn number(&mut self) -> u64 {
        self.numbered += 1;
        self.numbered - 1
    }

    fn show(&mut self, time: Time, fate: Fate, number: u64, message: &AnyMessage) {
        self.network.count_fate(fate);
        for observer in &mut self.observers {
            observer(Observation { time, number, fate, message });
        }
    }
}

fn bytes(message: &AnyMessage) -> usize {
    let body = match &message.payload {
        Payload::Body(AnyBody::Text(text)) => text.len(),
        _ => 0,
    };
    body + ENVELOPE_BYTES
}
