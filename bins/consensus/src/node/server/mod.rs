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

mod change;

use std::collections::BTreeMap;
use std::time::Duration;

use proto::{Caller, Context, Either, Error, ErrorCode, NodeId, Outcome, Records, Time, TimerId};
use raft::{MemberId, ReadId, Term};
use rand::RngExt as _;

use self::change::Changes;
use super::{Body, ServiceNode};
use crate::agreement::{Agreement, Happening, Heard};
use crate::clients::{Clients, Place};
use crate::command::{Command, RequestId};
use crate::machine::{Access, Aside, Service};
use crate::settings::Settings;
use crate::sometimes::ANSWERED_AGAIN;
use crate::store::Known;
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
    Peer(Caller, S::Operation),
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

    /// Sends an open request to the leader, if one is known that has not
    /// refused it.
    fn dispatch<T: Aside>(&mut self, sequence: u64, ctx: &mut Ctx<'_, S, A, T>) {
        let settled = self.clients.settled();
        let (leader, term) = self.replica.leadership();
        let own = self.replica.members().own();
        let origin = self.replica.members().own_name().clone();
        let Some(request) = self.clients.get_mut(sequence) else { return };
        let Some(leader) = leader.filter(|_| request.refused_in != Some(term)) else { return };
        let id = RequestId { origin, session: self.session, sequence };
        let command = Command { request: id, settled, operation: request.operation.clone() };
        if leader != own {
            request.attempt += 1;
            request.place = Place::Forwarded(term);
            let forward = Either::Right(A::forward(term, command.into()));
            let token = Token::Forwarded { sequence, attempt: request.attempt };
            ctx.call(self.replica.members().name(leader), forward, self.forward_timeout, token);
        } else if S::access(&request.operation) != Access::Change {
            let read = ReadId(self.next_read);
            self.next_read += 1;
            request.place = Place::Reading(read);
            self.readers.insert(read, Reader::Client(sequence));
            self.replica.read(read, ctx);
        } else if self.replica.propose(command, ctx) {
            request.place = Place::Proposed;
        }
    }

    /// A follower passes a request on to this node.
    pub(crate) fn on_forward<T: Aside>(
        &mut self,
        caller: Caller,
        term: Term,
        request: S::Wire,
        ctx: &mut Ctx<'_, S, A, T>,
    ) {
        let command: Command<S::Operation> = request.into();
        let members = self.replica.members();
        let refusal = match members.id(&caller.id) {
            Some(_) if caller.id == command.request.origin => None,
            Some(_) => Some("the sender is not whom the body names"),
            None => Some("the sender is no member of the cluster"),
        };
        if let Some(what) = refusal {
            return ctx.reply_error(&caller, Error::malformed_request(what));
        }
        if self.replica.leadership() != (Some(members.own()), term) {
            let error = Error::temporarily_unavailable("not the leader of that term");
            ctx.reply_error(&caller, error);
            return;
        }
        if S::access(&command.operation) != Access::Change {
            let read = ReadId(self.next_read);
            self.next_read += 1;
            self.readers.insert(read, Reader::Peer(caller, command.operation));
            self.replica.read(read, ctx);
        } else {
            let id = command.request.clone();
            match self.replica.store().look_up(&id) {
                Known::Applied(answer) => {
                    ctx.sometimes(ANSWERED_AGAIN, true);
                    reply_to_peer(&caller, answer, ctx);
                }
                Known::Void => {}
                // A copy of a request that is in the log already: whichever of
                // its messages the follower waits for gets the answer.
                Known::New if self.waiting_peers.contains_key(&id) => {
                    self.waiting_peers.insert(id, caller);
                }
                // While leadership is handed over nothing is promised, not
                // even a refusal: this term may go on.
                Known::New => {
                    if self.replica.propose(command, ctx) {
                        self.waiting_peers.insert(id, caller);
                    }
                }
            }
        }
        self.go_on(ctx);
    }

    /// What became of a request that was passed on.
    pub(crate) fn on_forward_outcome<T: Aside>(
        &mut self,
        sequence: u64,
        attempt: u32,
        outcome: Outcome<Body<S, A, T>>,
        ctx: &mut Ctx<'_, S, A, T>,
    ) {
        match outcome {
            Outcome::Reply(body) => {
                if let Some(request) = self.clients.finish(sequence) {
                    pass_on(&request.callers, body, ctx);
                }
            }
            Outcome::Error(error) if is_answer(error.code) => {
                if let Some(request) = self.clients.finish(sequence) {
                    let callers = request.callers.iter();
                    callers.for_each(|caller| ctx.reply_error(caller, error.clone()));
                }
            }
            unanswered => {
                let Some(request) = self.clients.get_mut(sequence) else { return };
                let Place::Forwarded(term) = request.place else { return };
                if request.attempt != attempt {
                    return;
                }
                match unanswered {
                    Outcome::Error(error) => {
                        // Whoever says so will not take it in this term, but
                        // may have taken an earlier copy, unless it says more.
                        request.refused_in = Some(term);
                        if error.code != ErrorCode::Abort {
                            request.lose_track();
                        }
                    }
                    Outcome::Reply(_) | Outcome::Timeout => request.lose_track(),
                }
                self.hold(sequence, ctx);
                self.dispatch(sequence, ctx);
            }
        }
        self.go_on(ctx);
    }

    /// Carries out what the protocol wants by now.
    pub(crate) fn go_on<T: Aside>(&mut self, ctx: &mut Ctx<'_, S, A, T>) {
        let happenings = self.replica.take_happenings(ctx);
        self.settle(happenings, ctx);
    }

    /// Answers whoever waited for what happened, and sends open requests on if
    /// the leader has changed.
    fn settle<T: Aside>(&mut self, mut happenings: Vec<Happening<S>>, ctx: &mut Ctx<'_, S, A, T>) {
        while !happenings.is_empty() {
            for happening in happenings {
                self.on_happening(happening, ctx);
            }
            happenings = self.replica.take_happenings(ctx);
        }
        let hands_over = self.replica.is_handing_over();
        let goes_on = std::mem::replace(&mut self.was_handing_over, hands_over) && !hands_over;
        if self.replica.leadership() != self.seen_leadership {
            self.on_new_leadership(ctx);
        } else if goes_on {
            // What came meanwhile was held, and this node leads still.
            for sequence in self.clients.held() {
                self.dispatch(sequence, ctx);
            }
            let happenings = self.replica.take_happenings(ctx);
            for happening in happenings {
                self.on_happening(happening, ctx);
            }
        }
        if self.replica.is_isolated() {
            self.refuse_clients(ctx);
        }
    }

    fn on_happening<T: Aside>(&mut self, happening: Happening<S>, ctx: &mut Ctx<'_, S, A, T>) {
        match happening {
            Happening::Applied(id, answer) => {
                if self.is_own(&id) {
                    let request = self.clients.finish(id.sequence);
                    if let (Some(request), Some(answer)) = (request, answer) {
                        reply(&request.callers, answer, ctx);
                    }
                } else if let (Some(caller), Some(answer)) =
                    (self.waiting_peers.remove(&id), answer)
                {
                    reply_to_peer(&caller, answer, ctx);
                }
            }
            Happening::ReadReady(read) => match self.readers.remove(&read) {
                Some(Reader::Client(sequence)) => {
                    if let Some(request) = self.clients.finish(sequence) {
                        let answer = self.replica.store().read(&request.operation);
                        reply(&request.callers, answer, ctx);
                    }
                }
                Some(Reader::Peer(caller, operation)) => {
                    reply_to_peer(&caller, self.replica.store().read(&operation), ctx);
                }
                None => {}
            },
            Happening::ReadRefused(read) => match self.readers.remove(&read) {
                Some(Reader::Client(sequence)) => self.hold(sequence, ctx),
                Some(Reader::Peer(caller, _)) => refuse_forward(&caller, ctx),
                None => {}
            },
            Happening::Dropped(command) => {
                let id = &command.0.request;
                if self.is_own(id) {
                    self.hold(id.sequence, ctx);
                } else if let Some(caller) = self.waiting_peers.remove(id) {
                    refuse_forward(&caller, ctx);
                }
            }
            Happening::Changed(outcome) => self.on_changed(outcome, ctx),
        }
    }

    fn is_own(&self, id: &RequestId) -> bool {
        id.origin == *self.replica.members().own_name() && id.session == self.session
    }

    /// Keeps a request until there is a leader, or until its time has come.
    fn hold<T: Aside>(&mut self, sequence: u64, ctx: &mut Ctx<'_, S, A, T>) {
        if let Some(deadline) = self.clients.hold(sequence) {
            self.wake_for_deadline(deadline, ctx);
        }
    }

    /// Another leader, or another term: what was sent to the last one may or
    /// may not have got into a log, so it is sent again.
    fn on_new_leadership<T: Aside>(&mut self, ctx: &mut Ctx<'_, S, A, T>) {
        self.seen_leadership = self.replica.leadership();
        // What is in the log will be answered by whoever applies it.
        self.waiting_peers.clear();
        if self.seen_leadership.0.is_none() {
            return;
        }
        for sequence in self.clients.lose_track_of_all() {
            self.dispatch(sequence, ctx);
        }
        let happenings = self.replica.take_happenings(ctx);
        for happening in happenings {
            self.on_happening(happening, ctx);
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

/// Tells clients what came of what they wanted.
fn reply<S: Service, A: Agreement<S>, T: Aside>(
    callers: &[Caller],
    answer: S::Answer,
    ctx: &mut Ctx<'_, S, A, T>,
) {
    for (caller, reply) in callers.iter().zip(S::replies(answer)) {
        match reply {
            Ok(message) => ctx.reply(caller, Either::Left(Either::Left(message))),
            Err(error) => ctx.reply_error(caller, error),
        }
    }
}

/// Tells a node what came of what it passed on: in the words for its client, unless it may have
/// several.
fn reply_to_peer<S: Service, A: Agreement<S>, T: Aside>(
    caller: &Caller,
    answer: S::Answer,
    ctx: &mut Ctx<'_, S, A, T>,
) {
    if S::JOINS {
        ctx.reply(caller, Either::Right(A::forward_ok(answer)));
    } else {
        reply(std::slice::from_ref(caller), answer, ctx);
    }
}

/// Tells clients what the leader replied to what was passed on for them.
fn pass_on<S: Service, A: Agreement<S>, T: Aside>(
    callers: &[Caller],
    body: Body<S, A, T>,
    ctx: &mut Ctx<'_, S, A, T>,
) {
    match body {
        Either::Right(message) => {
            if let Heard::ForwardOk(answer) = A::hear(message) {
                reply(callers, answer, ctx);
            }
        }
        for_client @ Either::Left(_) => {
            callers.iter().for_each(|caller| ctx.reply(caller, for_client.clone()));
        }
    }
}

fn too_many() -> Error {
    Error::temporarily_unavailable("too many requests are open")
}

/// Final: the request was taken out before it got into the log, and this node
/// does not lead in its term any more, so that no copy can get there either.
fn refuse_forward<S: Service, A: Agreement<S>, T: Aside>(
    caller: &Caller,
    ctx: &mut Ctx<'_, S, A, T>,
) {
    ctx.reply_error(caller, Error::new(ErrorCode::Abort, "leads no more"));
}

/// Whether an error is the outcome of the operation itself.
fn is_answer(code: ErrorCode) -> bool {
    matches!(code, ErrorCode::KeyDoesNotExist | ErrorCode::PreconditionFailed)
}
