//! What a node is from `init` on: clients' requests, the order of all of them, and the store that
//! executes them.
//!
//! A request is signed by the node that a client gave it to and sent to all. Whoever may propose puts
//! it into a batch; every node executes what is decided, and the one that was asked answers. Reads go
//! the same way: what one node could answer by itself, it could lie about. A request that is proposed
//! twice is executed once, because the store knows what it has applied.

mod execution;

use std::collections::BTreeMap;
use std::time::Duration;

use bft::{Key, NodeIndex, Quorums, Stable};
use proto::{Caller, Error, ErrorCode, Records};
use serde::{Deserialize, Serialize};

use super::keys::Keys;
use super::order::{Keep, Order, Start, parse, unusable};
use super::pending::Pending;
use super::settings::Settings;
use super::value::{Change, Command, Request, Value};
use crate::command::RequestId;
use crate::lin_kv::{Answer, KeyValues, Operation};
use crate::members::Members;
use crate::peer;
use crate::store::{Known, Store};

/// The state, shared with whoever else holds it.
type SharedState = peer::SharedState<KeyValues>;

/// The most requests of clients that may be open at a time; further ones are refused.
const OPEN_MAX: usize = 1024;
/// How long a client's request is kept open.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often an idle node says where it is, for those that were cut off.
const IDLE_STATUS: Duration = Duration::from_secs(1);
/// The most requests that go with a [`Peer::Status`].
const RESENT_MAX: usize = 64;

const MEMBERS: &[u8] = b"members";
const STATE: &[u8] = b"state";

/// What nodes say to each other, with a protocol's messages and what it says of a node.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Peer<M, S> {
    /// A client wants this.
    Request {
        /// What, signed by the node that it asked.
        request: Request,
    },
    /// A message of the protocol.
    Agreement {
        /// Which.
        message: M,
    },
    /// "I am here, and wait for these; what do I lack?"
    Status {
        /// Where it is.
        status: S,
        /// For what it waits.
        #[serde(default = "Vec::new", skip_serializing_if = "Vec::is_empty")]
        requests: Vec<Request>,
    },
    /// The state at a checkpoint, for one that cannot get there step by step.
    State {
        /// The proof.
        stable: Stable,
        /// The state.
        state: SharedState,
    },
}

/// What nodes of a protocol say to each other.
pub type PeerOf<O> = Peer<<O as Order>::Message, <O as Order>::Status>;

/// What a node wants to have done, in this order.
#[derive(Debug)]
pub enum Effect<O: Order> {
    /// A record changes.
    Keep(Keep),
    /// To one node, or to all others.
    Send(Option<NodeIndex>, PeerOf<O>),
    /// A client's request has ended.
    Reply(Caller, Result<Answer, Error>),
}

/// A state and the proof that it is the right one, as they are stored.
#[derive(Serialize, Deserialize)]
struct Kept {
    stable: Stable,
    state: SharedState,
}

/// A client's request without an answer.
#[derive(Debug)]
struct Open {
    caller: Caller,
    /// What it reads, if it does not write.
    read: Option<Operation>,
    deadline: Duration,
}

/// A node that knows its cluster.
#[derive(Debug)]
pub struct Server<O: Order> {
    order: O,
    keys: Keys,
    key: Key,
    quorums: Quorums,
    members: Members,
    store: Store<KeyValues>,
    /// The last slot whose requests the store has seen.
    executed: u64,
    checkpoint_every: u64,
    /// The states at this node's checkpoints that are not behind the stable one.
    snapshots: BTreeMap<u64, SharedState>,
    /// The stable checkpoint that is stored.
    stored: u64,
    session: u64,
    next_sequence: u64,
    open: BTreeMap<u64, Open>,
    pending: Pending,
    status_every: Duration,
    /// When something was executed last, or it was told where this node is.
    last_news: Duration,
    /// Nothing is said before anything has happened.
    is_awake: bool,
    is_durable: bool,
    effects: Vec<Effect<O>>,
}

impl<O: Order> Server<O> {
    /// Begins, or goes on from what was stored.
    ///
    /// # Errors
    /// If what was stored is not what this node writes for this cluster.
    pub fn start(
        settings: &Settings,
        members: &Members,
        records: &Records,
        is_durable: bool,
        session: u64,
    ) -> Result<Self, Error> {
        let names: Vec<_> = members.names().cloned().collect();
        match records.get(MEMBERS) {
            Some(value) if parse::<Vec<proto::NodeId>>(value)? == names => {}
            Some(_) => return Err(unusable("the records are of a cluster of other nodes")),
            None if records.is_empty() => {}
            None => return Err(unusable("the records are not of this kind of node")),
        }
        let kept = records.get(STATE).map(|value| parse::<Kept>(value)).transpose()?;
        let quorums = settings.quorums(members.count());
        let own = NodeIndex(members.own_rank());
        let order = O::start(Start {
            key: Key::of(own),
            quorums,
            timeout: settings.timeout,
            stable: kept.as_ref().map(|kept| kept.stable.clone()),
            records,
            is_durable,
        })?;
        let mut server = Self {
            order,
            keys: Keys::derive(&settings.secret, settings.authenticity, members),
            key: Key::of(own),
            quorums,
            members: members.clone(),
            store: Store::default(),
            executed: 0,
            checkpoint_every: settings.checkpoint_every,
            snapshots: BTreeMap::new(),
            stored: 0,
            session,
            next_sequence: 0,
            open: BTreeMap::new(),
            pending: Pending::default(),
            status_every: settings.timeout / 2,
            last_news: Duration::ZERO,
            is_awake: !records.is_empty(),
            is_durable,
            effects: vec![Effect::Keep(Keep::put(MEMBERS.to_vec(), &names))],
        };
        if let Some(Kept { stable, state }) = kept {
            server.executed = stable.slot();
            server.stored = stable.slot();
            server.store.restore(state.0.clone());
            server.snapshots.insert(stable.slot(), state);
        }
        Ok(server)
    }

    /// Who is in the cluster.
    #[must_use]
    pub fn members(&self) -> &Members {
        &self.members
    }

    /// The protocol within.
    #[must_use]
    pub fn order(&self) -> &O {
        &self.order
    }

    /// How many make a quorum here.
    #[must_use]
    pub fn quorums(&self) -> Quorums {
        self.quorums
    }

    /// The store, and the last slot that it has seen.
    #[must_use]
    pub fn store(&self) -> (&Store<KeyValues>, u64) {
        (&self.store, self.executed)
    }

    /// Takes what is to be done.
    pub fn take_effects(&mut self) -> Vec<Effect<O>> {
        std::mem::take(&mut self.effects)
    }

    /// A client asks for something.
    pub fn on_client(&mut self, now: Duration, caller: Caller, operation: Operation) {
        self.is_awake = true;
        if self.open.len() >= OPEN_MAX {
            let error = Error::temporarily_unavailable("too many requests are open");
            return self.effects.push(Effect::Reply(caller, Err(error)));
        }
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        let settled = self.open.keys().next().map_or(sequence, |first| *first);
        let read = operation.is_read().then(|| operation.clone());
        let id =
            RequestId { origin: self.members.own_name().clone(), session: self.session, sequence };
        let mut request = self.key.sign(Change::from(Command { request: id, settled, operation }));
        bft::Seal::seal(&mut self.keys.signing(), &mut request);
        self.open.insert(sequence, Open { caller, read, deadline: now + PATIENCE });
        self.send_to_all(Peer::Request { request: request.clone() });
        self.pending.add(request, now);
        self.settle(now);
    }

    /// Another node says something. Whatever is not signed as it should be is not heard.
    pub fn on_peer(&mut self, now: Duration, from: NodeIndex, message: PeerOf<O>) {
        self.is_awake = true;
        match message {
            Peer::Request { request } => self.admit(now, request),
            Peer::Agreement { mut message } => {
                if !self.is_signed(&mut message) {
                    return;
                }
                self.order.step(message);
            }
            Peer::Status { status, requests } => {
                for request in requests.into_iter().take(RESENT_MAX) {
                    self.admit(now, request);
                }
                for message in self.order.help(&status) {
                    self.help(from, message);
                }
            }
            Peer::State { stable, state } => self.install(stable, state),
        }
        self.settle(now);
    }

    /// When [`tick`](Self::tick) is to be called.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Duration> {
        let of_order = self.order.deadline(self.pending.waiting_since());
        let of_clients = self.open.values().map(|open| open.deadline).min();
        of_order.into_iter().chain(of_clients).chain(self.status_due()).min()
    }

    /// Lets happen what is due.
    pub fn tick(&mut self, now: Duration) {
        self.order.tick(now, self.pending.waiting_since());
        for (_, open) in self.open.extract_if(.., |_, open| open.deadline <= now) {
            let error = match open.read {
                // A read that is still executed changes nothing.
                Some(_) => Error::temporarily_unavailable("no quorum is within reach"),
                None => Error::new(ErrorCode::Timeout, "nobody knows yet what became of it"),
            };
            self.effects.push(Effect::Reply(open.caller, Err(error)));
        }
        if self.status_due().is_some_and(|due| due <= now) {
            self.last_news = now;
            let requests = self.pending.oldest(RESENT_MAX).cloned().collect();
            self.send_to_all(Peer::Status { status: self.order.status(), requests });
        }
        self.settle(now);
    }

    /// Soon while requests wait, and now and then otherwise.
    fn status_due(&self) -> Option<Duration> {
        let every = match self.pending.waiting_since() {
            Some(_) => self.status_every,
            None => IDLE_STATUS,
        };
        (self.is_awake && self.members.count() > 1).then(|| self.last_news + every)
    }

    fn send_to_all(&mut self, message: PeerOf<O>) {
        if self.members.count() > 1 {
            self.effects.push(Effect::Send(None, message));
        }
    }

    /// Takes a request in that the node has signed which it names.
    fn admit(&mut self, now: Duration, request: Request) {
        if self.store.look_up(&request.statement().id()) != Known::New {
            return;
        }
        let mut checking = self.keys.checking();
        if is_of_its_signer(&self.members, &request) && checking.check(&request) {
            self.pending.add(request, now);
        }
    }

    fn is_signed(&mut self, message: &mut O::Message) -> bool {
        let mut checking = self.keys.checking();
        O::each_signed(message, &mut checking);
        let mut are_right = checking.are_right();
        O::each_value(message, |value: &Value| {
            let mut is_right =
                |request| is_of_its_signer(&self.members, request) && checking.check(request);
            are_right = are_right && value.requests().iter().all(&mut is_right);
        });
        are_right
    }

    /// Sends somebody what it lacks; the state as well, if it needs that.
    fn help(&mut self, to: NodeIndex, message: O::Message) {
        let stable = O::stable_of(&message);
        let state = stable.and_then(|stable| self.snapshots.get(&stable.slot()));
        let message = match (stable, state) {
            (Some(stable), Some(state)) => {
                Peer::State { stable: stable.clone(), state: state.clone() }
            }
            _ => Peer::Agreement { message },
        };
        self.effects.push(Effect::Send(Some(to), message));
    }
}

/// Whether the node has signed a request that it names as the one that was asked.
fn is_of_its_signer(members: &Members, request: &Request) -> bool {
    members.rank(&request.statement().command().request.origin) == Some(request.signer().0)
}
