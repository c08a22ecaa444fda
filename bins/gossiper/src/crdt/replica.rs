//! A replica of any [`Lattice`] in a cluster: what it tells its peers, and when it is silent.
//!
//! - **An update** is joined to the state, kept in the state directory, and answered. Its delta goes
//!   to every peer a moment later, together with whatever else came in that moment
//!   (`--gossip-interval`), and again with back-off until the peer acknowledges it. A peer that was
//!   cut off gets what it missed, joined, in one message.
//! - **A delta** of a peer is joined and acknowledged. It is not passed on: its author tells all.
//! - **Comparing.** An author may be gone before it has told all, and a peer may have lost what it
//!   acknowledged. So when nothing has changed for a while, a replica sends the fingerprint of its
//!   state to its *anchor*, the next node that answers in the order of `init`. If the anchor's is
//!   another one it answers with its state, and gets what it lacks. The anchors form a ring, and
//!   somewhere along the ring a replica that has an update is followed by one that lacks it.
//! - **Silence.** When a replica and its anchor agree, and every peer has acknowledged, nothing is
//!   sent until the next change. Only a peer that does not answer is asked every two seconds.
//!
//! A replica's name is new with each start, unless a state directory remembers it (and with it what
//! the name has done): see [`Replica::name`].

use std::fmt::Debug;
use std::hash::Hash as StdHash;
use std::time::Duration;

use crdt::{DeltaBuffer, Interval, Lattice};
use proto::UsageError;
use proto::{Arguments, Caller, Context, Error, ErrorCode, Node, NodeId, Records, Time, TimerId};
use rand::RngExt as _;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::journal::Journal;
use crate::flags;
use crate::round_trip::RoundTrip;
use crate::value_set::{Hash, hash};

/// A state that can be replicated.
pub trait State: Lattice + StdHash + Debug + Serialize + DeserializeOwned + Send + 'static {}

impl<S: Lattice + StdHash + Debug + Serialize + DeserializeOwned + Send + 'static> State for S {}

/// A node that has a replica.
pub trait Replicated: Node<Token = ()> {
    /// What is replicated.
    type State: State;

    /// A step of replication as a message of this node.
    fn message(step: Step<Self::State>) -> Self::Body;
}

/// What replicas say to each other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[serde(bound(serialize = "S: Serialize", deserialize = "S: Deserialize<'de>"))]
pub enum Step<S> {
    /// Something to be joined; to be acknowledged with the same numbers.
    Delta {
        /// What it says.
        state: S,
        /// All deltas of the sender below this number are in it or were acknowledged.
        end: u64,
        /// Which start of the sender numbers them.
        start: u32,
    },
    /// Something to be joined at once. Nobody acknowledges it: it comes again as a `delta`.
    Early {
        /// What it says.
        state: S,
    },
    /// A `delta` was joined, and will not be forgotten.
    Ack {
        /// As in the delta.
        end: u64,
        /// As in the delta.
        start: u32,
    },
    /// Asks whether the receiver has the same.
    Compare {
        /// The fingerprint of the sender's state.
        sum: Hash,
    },
    /// Yes.
    Agree {
        /// The fingerprint of both states.
        sum: Hash,
    },
    /// No, here is what the sender of this has; what it lacks, it would like as a `delta`.
    Differ {
        /// All of it.
        state: S,
    },
}

/// What all nodes with a replica can be told on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How long updates are collected before they are sent.
    pub gossip_interval: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self { gossip_interval: Duration::from_millis(100) }
    }
}

impl Settings {
    /// Reads the flag that came last, if it is one of these.
    ///
    /// # Errors
    /// If its value is wrong, or if it is another flag.
    pub fn read(&mut self, flag: &str, arguments: &mut Arguments) -> Result<(), UsageError> {
        match flag {
            "--gossip-interval" => self.gossip_interval = flags::time(arguments)?,
            _ => return Err(arguments.unknown(flag)),
        }
        Ok(())
    }

    /// Reads a command line that has no other flags.
    ///
    /// # Errors
    /// If it is wrong.
    pub fn parse(arguments: &mut Arguments) -> Result<Self, UsageError> {
        let mut settings = Self::default();
        while let Some(flag) = arguments.next_flag()? {
            settings.read(&flag, arguments)?;
        }
        Ok(settings)
    }
}

/// Who a replica is: a node, and which of its lives that have forgotten each other.
pub type ReplicaName = (NodeId, u32);

/// The shortest time-out for an answer; longer where round trips take longer.
const ANSWER_TIMEOUT: Duration = Duration::from_millis(500);
/// The longest wait before a peer is asked again, unless its round trips take longer.
const RETRY_MAX: Duration = Duration::from_secs(2);
/// When a replica that has just started compares, a little more by chance.
const GREETING_DELAY: Duration = Duration::from_millis(700);
/// How long nothing has to change before a replica compares.
const QUIET: Duration = Duration::from_secs(1);
/// How long changes can put that off.
const PATIENCE: Duration = Duration::from_secs(5);
/// After so many messages without an answer a peer is taken for gone, and asked with small ones.
const ATTEMPTS_MAX: u32 = 2;

/// See the module.
#[derive(Debug)]
pub struct Replica<S> {
    settings: Settings,
    state: S,
    /// The fingerprint of the state, once it was asked for.
    sum: Option<Hash>,
    name: ReplicaName,
    /// Drawn at every start: deltas are numbered anew.
    start: u32,
    buffer: DeltaBuffer<NodeId, S>,
    journal: Journal,
    /// In the order of the ring, from the next node on.
    links: Vec<Link>,
    /// When deltas leave.
    flush_at: Option<Time>,
    /// When to compare, if the anchor may have something else.
    settling: Option<Settling>,
    comparison: Option<Comparison>,
    timer: Option<(TimerId, Time)>,
    messages_sent: u64,
    refusal: Option<Error>,
}

/// What is known of a peer.
#[derive(Debug)]
struct Link {
    id: NodeId,
    round_trip: RoundTrip,
    /// Deltas that it has not acknowledged.
    open: Option<Asked>,
    /// It does not answer.
    failed: bool,
}

/// A message that has to be answered.
#[derive(Clone, Copy, Debug)]
struct Asked {
    at: Time,
    next_at: Time,
    attempts: u32,
}

#[derive(Clone, Copy, Debug)]
struct Settling {
    since: Time,
    at: Time,
}

#[derive(Clone, Copy, Debug)]
struct Comparison {
    /// The place of the peer among the links.
    link: usize,
    asked: Asked,
}

impl<S: State> Replica<S> {
    /// A replica that has nothing yet.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            state: S::default(),
            sum: None,
            name: (NodeId::new(""), 0),
            start: 0,
            buffer: DeltaBuffer::new([]),
            journal: Journal::default(),
            links: Vec::new(),
            flush_at: None,
            settling: None,
            comparison: None,
            timer: None,
            messages_sent: 0,
            refusal: None,
        }
    }

    /// What it has.
    pub fn state(&self) -> &S {
        &self.state
    }

    /// Who it is. Without a state directory each start is a replica of its own, because it does not
    /// know what the earlier ones did.
    pub fn name(&self) -> &ReplicaName {
        &self.name
    }

    /// Messages to peers since the start.
    pub fn messages_sent(&self) -> u64 {
        self.messages_sent
    }

    /// Why the node takes no part: what it kept in an earlier life is damaged.
    pub fn refusal(&self) -> Option<&Error> {
        self.refusal.as_ref()
    }

    /// To be called in the node's `init`.
    pub fn init<N: Replicated<State = S>>(&mut self, restored: &Records, ctx: &mut Context<'_, N>) {
        self.start = ctx.random().random();
        let mut life = ctx.random().random();
        match self.journal.restore(restored) {
            Ok((state, earlier)) => {
                self.state = state;
                life = earlier.unwrap_or(life);
            }
            Err(error) => {
                ctx.log(format!("nothing can be answered: {}", error.text));
                self.refusal = Some(error);
                return;
            }
        }
        self.name = (ctx.id().clone(), life);
        self.journal.name(life, ctx);
        let ids = ctx.node_ids();
        let here = ids.iter().position(|id| id == ctx.id()).map_or(0, |here| here + 1);
        let ring = ids.iter().cycle().skip(here).take(ids.len()).filter(|id| *id != ctx.id());
        let link = |id: &NodeId| Link {
            id: id.clone(),
            round_trip: RoundTrip::default(),
            open: None,
            failed: false,
        };
        self.links = ring.map(link).collect();
        self.buffer = DeltaBuffer::new(self.links.iter().map(|link| link.id.clone()));
        if !self.links.is_empty() {
            let jitter = ctx.random().random_range(1.0..1.3);
            let at = ctx.now() + GREETING_DELAY.mul_f64(jitter);
            self.settling = Some(Settling { since: ctx.now(), at });
        }
        self.arm(ctx);
    }

    /// Joins what a client has changed. Returns what of it was news. Whatever is sent afterwards
    /// leaves when that is stored.
    pub fn update<N: Replicated<State = S>>(&mut self, delta: S, ctx: &mut Context<'_, N>) -> S {
        let news = self.learn(delta, ctx);
        if !news.is_bottom() {
            self.buffer.push(news.clone());
            self.flush_soon(ctx.now());
            self.arm(ctx);
        }
        news
    }

    /// Tells all peers of an update at once, for nodes that would rather be early than say little.
    pub fn tell<N: Replicated<State = S>>(&mut self, news: &S, ctx: &mut Context<'_, N>) {
        for index in 0..self.links.len() {
            self.send(index, Step::Early { state: news.clone() }, ctx);
        }
    }

    /// Handles a step of a peer.
    pub fn receive<N: Replicated<State = S>>(
        &mut self,
        from: &Caller,
        step: Step<S>,
        ctx: &mut Context<'_, N>,
    ) {
        let Some(index) = self.links.iter().position(|link| link.id == from.id) else {
            let text = "this type is for messages between nodes of the cluster";
            ctx.reply_error(from, Error::new(ErrorCode::NotSupported, text));
            return;
        };
        match step {
            Step::Delta { state, end, start } => {
                self.learn(state, ctx);
                self.send(index, Step::Ack { end, start }, ctx);
            }
            Step::Early { state } => drop(self.learn(state, ctx)),
            Step::Ack { end, start } if start == self.start => self.acknowledged(index, end, ctx),
            Step::Ack { .. } => {}
            Step::Compare { sum } => {
                let answer = if sum == self.sum() {
                    Step::Agree { sum }
                } else {
                    Step::Differ { state: self.state.clone() }
                };
                self.send(index, answer, ctx);
            }
            Step::Agree { sum } => {
                let is_same = sum == self.sum();
                if is_same {
                    self.has_all(index);
                }
                if self.compared(index, ctx.now()) {
                    let since = ctx.now();
                    let again = Settling { since, at: since + QUIET };
                    self.settling = (!is_same).then_some(again);
                }
            }
            Step::Differ { state } => {
                if self.compared(index, ctx.now()) {
                    let at = ctx.now() + QUIET;
                    self.settling = Some(Settling { since: ctx.now(), at });
                }
                let rest = self.state.beyond(&state);
                self.learn(state, ctx);
                if rest.is_bottom() {
                    self.has_all(index);
                } else {
                    self.send_delta(index, rest, 1, ctx);
                }
            }
        }
        self.answers(index, ctx);
        self.arm(ctx);
    }

    /// To be called when the node's timer is due.
    pub fn timer<N: Replicated<State = S>>(&mut self, ctx: &mut Context<'_, N>) {
        self.timer = None;
        let now = ctx.now();
        for index in 0..self.links.len() {
            if self.links[index].open.is_some_and(|open| open.next_at <= now) {
                self.send_again(index, ctx);
            }
        }
        if self.flush_at.is_some_and(|at| at <= now) {
            self.flush_at = None;
            for index in 0..self.links.len() {
                self.send_pending(index, 1, ctx);
            }
        }
        match self.comparison {
            None => {
                if self.settling.is_some_and(|settling| settling.at <= now) {
                    self.compare(0, ctx);
                }
            }
            Some(Comparison { asked, link }) if asked.next_at <= now => {
                self.links[link].round_trip.expired();
                if asked.attempts >= ATTEMPTS_MAX {
                    self.fail(link, ctx);
                }
                self.compare(asked.attempts, ctx);
            }
            Some(_) => {}
        }
        self.arm(ctx);
    }

    /// Joins something. Returns what of it was news, which is kept.
    fn learn<N: Replicated<State = S>>(&mut self, state: S, ctx: &mut Context<'_, N>) -> S {
        let news = state.beyond(&self.state);
        if !news.is_bottom() {
            self.state.join(news.clone());
            self.journal.keep(&news, &self.state, ctx);
            self.sum = None;
            self.unsettle(ctx.now());
        }
        news
    }

    /// Something has changed that the anchor may not know.
    fn unsettle(&mut self, now: Time) {
        if !self.links.is_empty() {
            let since = self.settling.map_or(now, |settling| settling.since);
            self.settling = Some(Settling { since, at: (now + QUIET).min(since + PATIENCE) });
        }
    }

    fn sum(&mut self) -> Hash {
        *self.sum.get_or_insert_with(|| Hash(hash(&self.state)))
    }

    fn acknowledged<N: Replicated<State = S>>(
        &mut self,
        index: usize,
        end: u64,
        ctx: &mut Context<'_, N>,
    ) {
        let link = &mut self.links[index];
        self.buffer.acknowledge(&link.id, end);
        if let Some(open) = link.open.take()
            && open.attempts == 1
        {
            // Karn's rule: the answer to what was sent again measures nothing.
            let took = ctx.now().since(open.at);
            link.round_trip.measure(open.at, took, ctx.now(), ANSWER_TIMEOUT);
        }
        if self.buffer.lacks(&link.id) {
            self.flush_soon(ctx.now());
        }
    }

    /// The peer has all that this replica has.
    fn has_all(&mut self, index: usize) {
        let link = &mut self.links[index];
        if let Some(Interval { end, .. }) = self.buffer.interval(&link.id) {
            self.buffer.acknowledge(&link.id, end);
        }
        link.open = None;
    }

    /// Ends the comparison with this peer, if there is one.
    fn compared(&mut self, index: usize, now: Time) -> bool {
        let Some(comparison) = self.comparison.filter(|comparison| comparison.link == index) else {
            return false;
        };
        self.comparison = None;
        let asked = comparison.asked;
        if asked.attempts == 1 {
            let took = now.since(asked.at);
            self.links[index].round_trip.measure(asked.at, took, now, ANSWER_TIMEOUT);
        }
        true
    }

    /// The peer has said something: it is there.
    fn answers<N: Replicated<State = S>>(&mut self, index: usize, ctx: &mut Context<'_, N>) {
        let link = &mut self.links[index];
        if link.failed {
            link.failed = false;
            ctx.log(format!("{} answers again", link.id));
            if link.open.is_some_and(|open| open.attempts > 1) {
                link.open = None;
                self.send_pending(index, 1, ctx);
            }
            self.unsettle(ctx.now());
        }
    }

    /// The peer does not answer. Another one may be the anchor now.
    fn fail<N: Replicated<State = S>>(&mut self, index: usize, ctx: &mut Context<'_, N>) {
        let link = &mut self.links[index];
        if !link.failed {
            link.failed = true;
            ctx.log(format!("{} does not answer", link.id));
            self.unsettle(ctx.now());
        }
    }

    fn flush_soon(&mut self, now: Time) {
        self.flush_at.get_or_insert(now + self.settings.gossip_interval);
    }

    /// Sends what a peer lacks, unless something is on its way to it.
    fn send_pending<N: Replicated<State = S>>(
        &mut self,
        index: usize,
        attempts: u32,
        ctx: &mut Context<'_, N>,
    ) {
        let link = &self.links[index];
        if link.open.is_none()
            && let Some(Interval { delta, .. }) = self.buffer.interval(&link.id)
        {
            self.send_delta(index, delta, attempts, ctx);
        }
    }

    fn send_delta<N: Replicated<State = S>>(
        &mut self,
        index: usize,
        state: S,
        attempts: u32,
        ctx: &mut Context<'_, N>,
    ) {
        let end = self.buffer.end();
        self.links[index].open = Some(self.asked(index, attempts, ctx));
        self.send(index, Step::Delta { state, end, start: self.start }, ctx);
    }

    /// Asks once more for the acknowledgement of what is open.
    fn send_again<N: Replicated<State = S>>(&mut self, index: usize, ctx: &mut Context<'_, N>) {
        let Some(open) = self.links[index].open.take() else { return };
        self.links[index].round_trip.expired();
        let attempts = open.attempts.saturating_add(1);
        if attempts <= ATTEMPTS_MAX {
            self.send_pending(index, attempts, ctx);
            return;
        }
        self.fail(index, ctx);
        self.links[index].open = Some(self.asked(index, attempts, ctx));
        let sum = self.sum();
        self.send(index, Step::Compare { sum }, ctx);
    }

    /// Asks the anchor whether it has the same, after so many attempts without an answer.
    fn compare<N: Replicated<State = S>>(&mut self, attempts: u32, ctx: &mut Context<'_, N>) {
        let up = self.links.iter().position(|link| !link.failed);
        // If nobody answers, all are asked in turn.
        let Some(index) = up.or_else(|| (attempts as usize).checked_rem(self.links.len())) else {
            return;
        };
        let is_same = self.comparison.is_some_and(|comparison| comparison.link == index);
        let attempts = if is_same || up.is_none() { attempts.saturating_add(1) } else { 1 };
        let asked = self.asked(index, attempts, ctx);
        self.comparison = Some(Comparison { link: index, asked });
        let sum = self.sum();
        self.send(index, Step::Compare { sum }, ctx);
    }

    /// A message to a peer that is sent now, for the so-many-th time.
    fn asked<N: Replicated<State = S>>(
        &self,
        index: usize,
        attempts: u32,
        ctx: &mut Context<'_, N>,
    ) -> Asked {
        let first = self.links[index].round_trip.timeout(ANSWER_TIMEOUT);
        let doublings = attempts.saturating_sub(ATTEMPTS_MAX).min(8);
        let wait = first.saturating_mul(1 << doublings).min(RETRY_MAX.max(first));
        let jitter = ctx.random().random_range(1.0..1.25);
        Asked { at: ctx.now(), next_at: ctx.now() + wait.mul_f64(jitter), attempts }
    }

    fn send<N: Replicated<State = S>>(
        &mut self,
        index: usize,
        step: Step<S>,
        ctx: &mut Context<'_, N>,
    ) {
        self.messages_sent += 1;
        ctx.send(&self.links[index].id, N::message(step));
    }

    /// Sets the timer for whatever is due first, if it is not set for that or earlier.
    fn arm<N: Replicated<State = S>>(&mut self, ctx: &mut Context<'_, N>) {
        let open = self.links.iter().filter_map(|link| link.open).map(|open| open.next_at);
        let settling = match self.comparison {
            Some(comparison) => Some(comparison.asked.next_at),
            None => self.settling.map(|settling| settling.at),
        };
        let Some(due) = open.chain(self.flush_at).chain(settling).min() else { return };
        if self.timer.is_some_and(|(_, at)| at <= due) {
            return;
        }
        if let Some((timer, _)) = self.timer {
            ctx.cancel_timer(timer);
        }
        self.timer = Some((ctx.set_timer(due.since(ctx.now()), ()), due));
    }
}
