//! What a node is from `init` on: where clients' requests go, and what answers
//! them.
//!
//! A request goes to the leader, which may be this node. A read waits there for
//! the confirmation that it still leads; a change goes through the log and is
//! answered when it is applied. [`crate::clients`] has the rules of refusals.
//!
//! Where a service joins changes of several clients, they are gathered here for
//! a moment before they are one request: one message to the leader and one entry
//! of the log for all.

mod answer;
mod change;
mod forward;
mod happening;

use std::collections::BTreeMap;
use std::time::Duration;

use proto::{Caller, Context, Either, Error, ErrorCode, NodeId, Records, Time, TimerId};
use raft::{MemberId, ReadId, Term};
use rand::RngExt as _;

use self::answer::{reply, too_many};
use self::change::Changes;
use super::{Body, ServiceNode};
use crate::agreement::Agreement;
use crate::clients::Clients;
use crate::command::RequestId;
use crate::machine::{Access, Aside, Service};
use crate::settings::Settings;
use crate::token::Token;

pub(crate) type Ctx<'a, S, A, T> = Context<'a, ServiceNode<S, A, T>>;

/// The most clients whose changes become one request.
const GATHERED_MAX: usize = 4096;

/// A node that knows its cluster.
#[derive(Debug)]
pub(crate) struct Server<S: Service, A> {
    pub(crate) replica: A,
    /// Names this life of the process in the requests it passes on.
    session: u64,
    clients: Clients<S>,
    /// Changes that are to be one request, and whose they are.
    gathered: Option<(S::Operation, Vec<Caller>)>,
    /// How long they are gathered.
    batch: Duration,
    /// Followers that wait for a change of theirs to be applied.
    waiting_peers: BTreeMap<RequestId, Caller>,
    /// Answers for followers that are due now.
    owed: Vec<(Caller, RequestId, S::Answer)>,
    /// Who waits for a confirmation that this node leads.
    readers: BTreeMap<ReadId, Reader<S>>,
    next_read: u64,
    /// The leader and term that open requests were last sent after.
    seen_leadership: (Option<MemberId>, Term),
    /// Whether this node was handing leadership over when that was last looked at.
    was_handing_over: bool,
    /// How long the leader may take to answer a forward before it is repeated.
    pub(crate) forward_timeout: Duration,
    deadline_timer: Option<(Time, TimerId)>,
    pub(crate) changes: Changes,
}

/// Who waits for a read.
#[derive(Debug)]
enum Reader<S: Service> {
    /// A client of this node's.
    Client(u64),
    /// A follower, for a client of its own.
    Peer(Caller, RequestId, S::Operation),
}

impl<S: Service, A: Agreement<S>> Server<S, A> {
    pub(crate) fn start<T: Aside>(
        settings: &Settings,
        restored: &Records,
        ctx: &mut Ctx<'_, S, A, T>,
    ) -> Result<Self, Error> {
        let replica = A::start(settings, restored, ctx)?;
        let mut server = Self {
            seen_leadership: (None, Term(0)),
            replica,
            session: ctx.random().random(),
            clients: Clients::new(settings.patience()),
            gathered: None,
            batch: settings.batch,
            waiting_peers: BTreeMap::new(),
            owed: Vec::new(),
            readers: BTreeMap::new(),
            next_read: 0,
            was_handing_over: false,
            forward_timeout: settings.election_timeout,
            deadline_timer: None,
            changes: Changes::default(),
        };
        // A cluster of one leads by now.
        server.go_on(ctx);
        Ok(server)
    }

    /// The protocol has something to do.
    pub(crate) fn on_protocol_timer<T: Aside>(&mut self, ctx: &mut Ctx<'_, S, A, T>) {
        let happenings = self.replica.tick(ctx);
        self.settle(happenings, ctx);
    }

    /// A client's request may have waited too long.
    pub(crate) fn on_deadline<T: Aside>(&mut self, ctx: &mut Ctx<'_, S, A, T>) {
        self.deadline_timer = None;
        self.refuse_clients(ctx);
    }

    /// A request of a client.
    pub(crate) fn on_client<T: Aside>(
        &mut self,
        caller: Caller,
        operation: S::Operation,
        ctx: &mut Ctx<'_, S, A, T>,
    ) {
        if !self.replica.is_member() {
            let text = "this node is no member of its cluster";
            return ctx.reply_error(&caller, Error::new(ErrorCode::NotAMember, text));
        }
        match S::access(&operation) {
            Access::ReadHere => {
                let answer = self.replica.store().read(&operation);
                return reply(&[caller], answer, ctx);
            }
            Access::Change if S::JOINS && !self.batch.is_zero() => {
                return self.gather(caller, operation, ctx);
            }
            Access::Change | Access::Read => self.admit(vec![caller], operation, ctx),
        }
        self.go_on(ctx);
    }

    /// Keeps a change until more have come.
    fn gather<T: Aside>(
        &mut self,
        caller: Caller,
        operation: S::Operation,
        ctx: &mut Ctx<'_, S, A, T>,
    ) {
        match &mut self.gathered {
            Some((first, callers)) if callers.len() < GATHERED_MAX => {
                S::join(first, operation);
                callers.push(caller);
            }
            Some(_) => ctx.reply_error(&caller, too_many()),
            None => {
                self.gathered = Some((operation, vec![caller]));
                ctx.set_timer(self.batch, Token::Gathered);
            }
        }
    }

    /// What was gathered becomes one request.
    pub(crate) fn on_gathered<T: Aside>(&mut self, ctx: &mut Ctx<'_, S, A, T>) {
        if let Some((operation, callers)) = self.gathered.take() {
            self.admit(callers, operation, ctx);
            self.go_on(ctx);
        }
    }

    fn admit<T: Aside>(
        &mut self,
        callers: Vec<Caller>,
        operation: S::Operation,
        ctx: &mut Ctx<'_, S, A, T>,
    ) {
        match self.clients.admit(callers, operation, ctx.now()) {
            Ok(sequence) => {
                self.hold(sequence, ctx);
                self.dispatch(sequence, ctx);
            }
            Err(callers) => {
                callers.iter().for_each(|caller| ctx.reply_error(caller, too_many()));
            }
        }
    }

    /// A message of the protocol.
    pub(crate) fn on_peer<T: Aside>(
        &mut self,
        caller: &Caller,
        message: A::Peer,
        ctx: &mut Ctx<'_, S, A, T>,
    ) {
        let happenings = self.replica.receive(caller, message, ctx);
        self.settle(happenings, ctx);
    }

    /// An operator's wish.
    pub(crate) fn on_transfer<T: Aside>(
        &mut self,
        caller: &Caller,
        to: &NodeId,
        ctx: &mut Ctx<'_, S, A, T>,
    ) {
        if let Some(begun) = self.replica.transfer(to, ctx) {
            ctx.reply(caller, Either::Right(begun));
        } else {
            let text = "this node does not lead, or there is no such other node";
            ctx.reply_error(caller, Error::temporarily_unavailable(text));
        }
        self.go_on(ctx);
    }

    /// Carries out what the protocol wants by now.
    pub(crate) fn go_on<T: Aside>(&mut self, ctx: &mut Ctx<'_, S, A, T>) {
        let happenings = self.replica.take_happenings(ctx);
        self.settle(happenings, ctx);
    }

    /// Keeps a request until there is a leader, or until its time has come.
    fn hold<T: Aside>(&mut self, sequence: u64, ctx: &mut Ctx<'_, S, A, T>) {
        if let Some(deadline) = self.clients.hold(sequence) {
            self.wake_for_deadline(deadline, ctx);
        }
    }

    /// Refuses the requests for which the time has come.
    fn refuse_clients<T: Aside>(&mut self, ctx: &mut Ctx<'_, S, A, T>) {
        for (caller, error) in self.clients.refuse(ctx.now(), self.replica.is_isolated()) {
            ctx.reply_error(&caller, error);
        }
        if let Some(deadline) = self.clients.next_deadline() {
            self.wake_for_deadline(deadline, ctx);
        }
    }

    fn wake_for_deadline<T: Aside>(&mut self, deadline: Time, ctx: &mut Ctx<'_, S, A, T>) {
        match self.deadline_timer {
            Some((at, _)) if at <= deadline => return,
            Some((_, later)) => ctx.cancel_timer(later),
            None => {}
        }
        let timer = ctx.set_timer(deadline.since(ctx.now()), Token::Deadlines);
        self.deadline_timer = Some((deadline, timer));
    }
}
