//! What a node is from `init` on: where clients' requests go, and what answers
//! them.
//!
//! A request goes to the leader, which may be this node. A read waits there for
//! the confirmation that it still leads; a change goes through the log and is
//! answered when it is applied. [`crate::clients`] has the rules of refusals.

use std::collections::BTreeMap;
use std::time::Duration;

use proto::{Caller, Context, Error, ErrorCode, Json, NodeId, Outcome, Records, Time, TimerId};
use raft::{MemberId, ReadId, Term};
use rand::RngExt as _;

use crate::body::{Body, Forward};
use crate::clients::{Clients, Place};
use crate::command::{Answer, Command, Operation, RequestId};
use crate::node::{ConsensusNode, Token};
use crate::replica::{Happening, Replica};
use crate::settings::Settings;
use crate::store::Known;
use crate::wire;

/// A node that knows its cluster.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) replica: Replica,
    /// Names this life of the process in the requests it passes on.
    session: u64,
    clients: Clients,
    /// Followers that wait for a change of theirs to be applied.
    waiting_peers: BTreeMap<RequestId, Caller>,
    /// Who waits for a confirmation that this node leads.
    readers: BTreeMap<ReadId, Reader>,
    next_read: u64,
    /// The leader and term that open requests were last sent after.
    seen_leadership: (Option<MemberId>, Term),
    /// Whether this node was handing leadership over when that was last looked at.
    was_handing_over: bool,
    /// How long the leader may take to answer a forward before it is repeated.
    forward_timeout: Duration,
    deadline_timer: Option<(Time, TimerId)>,
}

/// Who waits for a read.
#[derive(Debug)]
enum Reader {
    /// A client of this node's.
    Client(u64),
    /// A follower, for a client of its own.
    Peer(Caller, Json),
}

impl Server {
    pub(crate) fn start(
        settings: &Settings,
        restored: &Records,
        ctx: &mut Context<'_, ConsensusNode>,
    ) -> Self {
        let replica = Replica::start(settings, restored, ctx);
        let mut server = Self {
            seen_leadership: (None, Term(0)),
            replica,
            session: ctx.random().random(),
            clients: Clients::new(settings.patience()),
            waiting_peers: BTreeMap::new(),
            readers: BTreeMap::new(),
            next_read: 0,
            was_handing_over: false,
            forward_timeout: settings.election_timeout,
            deadline_timer: None,
        };
        // A cluster of one leads by now.
        let happenings = server.replica.take_happenings(ctx);
        server.settle(happenings, ctx);
        server
    }

    /// Raft has something to do.
    pub(crate) fn on_raft_timer(&mut self, ctx: &mut Context<'_, ConsensusNode>) {
        let happenings = self.replica.tick(ctx);
        self.settle(happenings, ctx);
    }

    /// A client's request may have waited too long.
    pub(crate) fn on_deadline(&mut self, ctx: &mut Context<'_, ConsensusNode>) {
        self.deadline_timer = None;
        self.refuse_clients(ctx);
    }

    /// A request of a client.
    pub(crate) fn on_client(
        &mut self,
        caller: Caller,
        operation: Operation,
        ctx: &mut Context<'_, ConsensusNode>,
    ) {
        match self.clients.admit(caller, operation, ctx.now()) {
            Ok(sequence) => {
                self.hold(sequence, ctx);
                self.dispatch(sequence, ctx);
            }
            Err(caller) => {
                let error = Error::temporarily_unavailable("too many requests are open");
                ctx.reply_error(&caller, error);
            }
        }
        let happenings = self.replica.take_happenings(ctx);
        self.settle(happenings, ctx);
    }

    /// A message of Raft; others that answer nothing of ours are dropped.
    pub(crate) fn on_peer(
        &mut self,
        caller: &Caller,
        body: Body,
        ctx: &mut Context<'_, ConsensusNode>,
    ) {
        let author = wire::author(&self.replica.members, &caller.id, &body);
        let Ok(incoming) = wire::decode(body, &self.replica.members) else { return };
        match author {
            Ok(author) => {
                let happenings = self.replica.receive(caller, author, incoming, ctx);
                self.settle(happenings, ctx);
            }
            Err(what) if incoming.reply.is_some() => refuse_stranger(caller, what, ctx),
            Err(_) => {}
        }
    }

    /// An operator's wish.
    pub(crate) fn on_transfer(
        &mut self,
        caller: &Caller,
        to: &NodeId,
        ctx: &mut Context<'_, ConsensusNode>,
    ) {
        if self.replica.transfer_leadership(to, ctx) {
            ctx.reply(caller, Body::TransferLeadershipOk);
        } else {
            let text = "this node does not lead, or there is no such other node";
            ctx.reply_error(caller, Error::temporarily_unavailable(text));
        }
        let happenings = self.replica.take_happenings(ctx);
        self.settle(happenings, ctx);
    }

    /// Sends an open request to the leader, if one is known that has not
    /// refused it.
    fn dispatch(&mut self, sequence: u64, ctx: &mut Context<'_, ConsensusNode>) {
        let settled = self.clients.settled();
        let (leader, term) = self.replica.leadership();
        let Some(request) = self.clients.get_mut(sequence) else { return };
        let Some(leader) = leader.filter(|_| request.refused_in != Some(term)) else { return };
        let origin = self.replica.members.own_name().clone();
        let id = RequestId { origin, session: self.session, sequence };
        let command = Command { request: id, settled, operation: request.operation.clone() };
        if leader != self.replica.members.own() {
            request.attempt += 1;
            request.place = Place::Forwarded(term);
            let forward = Forward { term: term.0, request: (&command).into() };
            let token = Token::Forwarded { sequence, attempt: request.attempt };
            let leader = self.replica.members.name(leader);
            ctx.call(leader, Body::Forward(Box::new(forward)), self.forward_timeout, token);
        } else if request.operation.is_read() {
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
    pub(crate) fn on_forward(
        &mut self,
        caller: Caller,
        forward: Forward,
        ctx: &mut Context<'_, ConsensusNode>,
    ) {
        let command = Command::from(forward.request);
        let members = &self.replica.members;
        if members.id(&caller.id).is_none() {
            return refuse_stranger(&caller, "the sender is no member of the cluster", ctx);
        }
        if caller.id != command.request.origin {
            return refuse_stranger(&caller, "the sender is not whom the body names", ctx);
        }
        if self.replica.leadership() != (Some(members.own()), Term(forward.term)) {
            let error = Error::temporarily_unavailable("not the leader of that term");
            ctx.reply_error(&caller, error);
            return;
        }
        if let Operation::Read { key } = command.operation {
            let read = ReadId(self.next_read);
            self.next_read += 1;
            self.readers.insert(read, Reader::Peer(caller, key));
            self.replica.read(read, ctx);
        } else {
            let id = command.request.clone();
            match self.replica.store.look_up(&id) {
                Known::Applied(answer) => reply_with(&caller, answer, ctx),
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
        let happenings = self.replica.take_happenings(ctx);
        self.settle(happenings, ctx);
    }

    /// What became of a request that was passed on.
    pub(crate) fn on_forward_outcome(
        &mut self,
        sequence: u64,
        attempt: u32,
        outcome: Outcome<Body>,
        ctx: &mut Context<'_, ConsensusNode>,
    ) {
        match outcome {
            Outcome::Reply(body) => {
                if let Some(request) = self.clients.finish(sequence) {
                    ctx.reply(&request.caller, body);
                }
            }
            Outcome::Error(error) if is_answer(error.code) => {
                if let Some(request) = self.clients.finish(sequence) {
                    ctx.reply_error(&request.caller, error);
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
        let happenings = self.replica.take_happenings(ctx);
        self.settle(happenings, ctx);
    }

    /// Answers whoever waited for what happened, and sends open requests on if
    /// the leader has changed.
    fn settle(&mut self, happenings: Vec<Happening>, ctx: &mut Context<'_, ConsensusNode>) {
        let mut happenings = happenings;
        while !happenings.is_empty() {
            for happening in happenings {
                self.on_happening(happening, ctx);
            }
            happenings = self.replica.take_happenings(ctx);
        }
        let hands_over = self.replica.raft().is_handing_over();
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
        if self.replica.raft().is_isolated() {
            self.refuse_clients(ctx);
        }
    }

    fn on_happening(&mut self, happening: Happening, ctx: &mut Context<'_, ConsensusNode>) {
        match happening {
            Happening::Applied(id, answer) => {
                let caller = if self.is_own(&id) {
                    self.clients.finish(id.sequence).map(|request| request.caller)
                } else {
                    self.waiting_peers.remove(&id)
                };
                if let (Some(caller), Some(answer)) = (caller, answer) {
                    reply_with(&caller, answer, ctx);
                }
            }
            Happening::ReadReady(read) => match self.readers.remove(&read) {
                Some(Reader::Client(sequence)) => {
                    if let Some(request) = self.clients.finish(sequence)
                        && let Operation::Read { key } = &request.operation
                    {
                        reply_with(&request.caller, self.replica.store.read(key), ctx);
                    }
                }
                Some(Reader::Peer(caller, key)) => {
                    reply_with(&caller, self.replica.store.read(&key), ctx);
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
        }
    }

    fn is_own(&self, id: &RequestId) -> bool {
        id.origin == *self.replica.members.own_name() && id.session == self.session
    }

    /// Keeps a request until there is a leader, or until its time has come.
    fn hold(&mut self, sequence: u64, ctx: &mut Context<'_, ConsensusNode>) {
        if let Some(deadline) = self.clients.hold(sequence) {
            self.wake_for_deadline(deadline, ctx);
        }
    }

    /// Another leader, or another term: what was sent to the last one may or
    /// may not have got into a log, so it is sent again.
    fn on_new_leadership(&mut self, ctx: &mut Context<'_, ConsensusNode>) {
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
    fn refuse_clients(&mut self, ctx: &mut Context<'_, ConsensusNode>) {
        for (caller, error) in self.clients.refuse(ctx.now(), self.replica.raft().is_isolated()) {
            ctx.reply_error(&caller, error);
        }
        if let Some(deadline) = self.clients.next_deadline() {
            self.wake_for_deadline(deadline, ctx);
        }
    }

    fn wake_for_deadline(&mut self, deadline: Time, ctx: &mut Context<'_, ConsensusNode>) {
        match self.deadline_timer {
            Some((at, _)) if at <= deadline => return,
            Some((_, later)) => ctx.cancel_timer(later),
            None => {}
        }
        let timer = ctx.set_timer(deadline.since(ctx.now()), Token::Deadlines);
        self.deadline_timer = Some((deadline, timer));
    }
}

fn reply_with(caller: &Caller, answer: Answer, ctx: &mut Context<'_, ConsensusNode>) {
    match answer.into_reply() {
        Ok(body) => ctx.reply(caller, body),
        Err(error) => ctx.reply_error(caller, error),
    }
}

fn refuse_stranger(caller: &Caller, what: &str, ctx: &mut Context<'_, ConsensusNode>) {
    ctx.reply_error(caller, Error::malformed_request(what));
}

/// Final: the request was taken out before it got into the log, and this node
/// does not lead in its term any more, so that no copy can get there either.
fn refuse_forward(caller: &Caller, ctx: &mut Context<'_, ConsensusNode>) {
    ctx.reply_error(caller, Error::new(ErrorCode::Abort, "leads no more"));
}

/// Whether an error is the outcome of the operation itself.
fn is_answer(code: ErrorCode) -> bool {
    matches!(code, ErrorCode::KeyDoesNotExist | ErrorCode::PreconditionFailed)
}
