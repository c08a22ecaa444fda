//! A replica of any [`Lattice`](crdt::Lattice) in a cluster: what it tells its peers, and when it is silent.
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

mod comparison;
mod delivery;
mod link;
mod settings;
mod step;

use crdt::DeltaBuffer;
use proto::{Caller, Context, Either, Error, ErrorCode, NodeId, Records, Time, TimerId};
use rand::RngExt as _;

use self::comparison::{Comparison, GREETING_DELAY, QUIET, Settling};
use self::link::{ATTEMPTS_MAX, Asked, Link};
pub use self::settings::Settings;
pub use self::step::{Replicated, Replication, State, Step};
use super::journal::Journal;
use crate::value_set::{Hash, hash};

/// Who a replica is: a node, and which of its lives that have forgotten each other.
pub type ReplicaName = (NodeId, u32);

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
        self.links = ring.cloned().map(Link::new).collect();
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

    fn sum(&mut self) -> Hash {
        *self.sum.get_or_insert_with(|| Hash(hash(&self.state)))
    }

    /// A message to a peer that is sent now, for the so-many-th time.
    fn asked<N: Replicated<State = S>>(
        &self,
        index: usize,
        attempts: u32,
        ctx: &mut Context<'_, N>,
    ) -> Asked {
        let jitter = ctx.random().random_range(1.0..1.25);
        self.links[index].ask(ctx.now(), attempts, jitter)
    }

    fn send<N: Replicated<State = S>>(
        &mut self,
        index: usize,
        step: Step<S>,
        ctx: &mut Context<'_, N>,
    ) {
        self.messages_sent += 1;
        ctx.send(&self.links[index].id, Either::Right(Replication::Replicate { step }));
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
