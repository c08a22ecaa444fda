//! What a node is from `init` on: its replica, and where clients' requests go.
//!
//! A request goes to the leader, which may be this node. A read waits there for the confirmation
//! that nobody promised more; a change gets a slot and is answered when it is applied.
//! [`crate::clients`] has the rules of refusals; it counts in terms, and a ballot is one.

use std::collections::BTreeMap;
use std::time::Duration;

use paxos::{Apply, Ballot, Config, NodeIndex, Output, ReadId};
use proto::{Caller, Context, Error, ErrorCode, Json, Outcome, Records, Time, TimerId};
use raft::Term;
use rand::RngExt as _;

use crate::body::{Body as LinKv, SharedState};
use crate::clients::{Clients, Place};
use crate::command::{Answer, Command, Operation, RequestId, SharedCommand};
use crate::members::Members;
use crate::multi_paxos::body::{Body, Forward};
use crate::multi_paxos::{MultiPaxosNode, Replica, Token, durable};
use crate::settings::Settings;
use crate::store::{Known, Store};

type Ctx<'a> = Context<'a, MultiPaxosNode>;

/// The most commands one message carries.
const COMMANDS_PER_MESSAGE: usize = 512;

/// A node that knows its cluster.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) replica: Replica,
    members: Members,
    store: Store,
    /// Names this life of the process in the requests it passes on.
    session: u64,
    clients: Clients,
    /// Nodes that wait for a change of theirs to be applied.
    waiting_peers: BTreeMap<RequestId, Caller>,
    /// Who waits for a confirmation that this node leads.
    readers: BTreeMap<ReadId, Reader>,
    next_read: u64,
    /// The leader and ballot that open requests were last sent after.
    seen_leadership: (Option<NodeIndex>, Ballot),
    /// How long the leader may take to answer a forward before it is repeated.
    forward_timeout: Duration,
    compact_after: u64,
    replica_timer: Option<(Duration, TimerId)>,
    deadline_timer: Option<(Time, TimerId)>,
}

/// Who waits for a read.
#[derive(Debug)]
enum Reader {
    /// A client of this node's.
    Client(u64),
    /// Another node, for a client of its own.
    Peer(Caller, Json),
}

/// The replica's time: since the start of the node's clock.
fn now(ctx: &Ctx<'_>) -> Duration {
    ctx.now().since(Time::ZERO)
}

impl Server {
    pub(super) fn start(
        settings: &Settings,
        records: &Records,
        ctx: &mut Ctx<'_>,
    ) -> Result<Self, Error> {
        let members = Members::new(ctx.id(), ctx.node_ids());
        let restored = durable::restore(records, &members)?;
        durable::begin(&members, ctx);
        let config = Config {
            id: NodeIndex(members.own_rank()),
            nodes: members.count(),
            election_timeout: settings.election_timeout,
            heartbeat_interval: settings.heartbeat,
            gather_window: settings.gather,
            commands_per_message: COMMANDS_PER_MESSAGE,
        };
        let seed = ctx.random().random();
        let mut server = Self {
            replica: Replica::new(config, restored, now(ctx), seed),
            members,
            store: Store::default(),
            session: ctx.random().random(),
            clients: Clients::new(settings.patience()),
            waiting_peers: BTreeMap::new(),
            readers: BTreeMap::new(),
            next_read: 0,
            seen_leadership: (None, Ballot(0)),
            forward_timeout: settings.election_timeout,
            compact_after: settings.compact_after,
            replica_timer: None,
            deadline_timer: None,
        };
        server.settle(ctx);
        Ok(server)
    }

    pub(super) fn on_replica_timer(&mut self, ctx: &mut Ctx<'_>) {
        self.replica_timer = None;
        self.replica.tick(now(ctx));
        // Or the timer would be set for now again and again, and virtual time stand still.
        debug_assert!(self.replica.next_deadline() > now(ctx), "a deadline stays due");
        self.settle(ctx);
    }

    pub(super) fn on_deadline(&mut self, ctx: &mut Ctx<'_>) {
        self.deadline_timer = None;
        self.refuse_clients(ctx);
    }

    /// A request of a client.
    pub(super) fn on_client(&mut self, caller: Caller, operation: Operation, ctx: &mut Ctx<'_>) {
        match self.clients.admit(caller, operation, ctx.now()) {
            Ok(sequence) => {
                self.hold(sequence, ctx);
                self.dispatch(sequence, ctx);
                self.settle(ctx);
            }
            Err(caller) => {
                let error = Error::temporarily_unavailable("too many requests are open");
                ctx.reply_error(&caller, error);
            }
        }
    }

    /// A message of Paxos. Replies of ours that come as requests are dropped.
    pub(super) fn on_peer(&mut self, caller: &Caller, body: Body, ctx: &mut Ctx<'_>) {
        let Some(message) = body.into_message() else { return };
        let Some(sender) = self.members.rank(&caller.id) else {
            let text = "the sender is no member of the cluster";
            return ctx.reply_error(caller, Error::malformed_request(text));
        };
        self.replica.step(now(ctx), NodeIndex(sender), message);
        self.settle(ctx);
    }

    fn leadership(&self) -> (Option<NodeIndex>, Ballot) {
        (self.replica.leader(), self.replica.promised())
    }

    /// Sends an open request to the leader, if one is known that has not refused it.
    fn dispatch(&mut self, sequence: u64, ctx: &mut Ctx<'_>) {
        let settled = self.clients.settled();
        let (leader, ballot) = self.leadership();
        let term = Term(ballot.0);
        let Some(request) = self.clients.get_mut(sequence) else { return };
        let Some(leader) = leader.filter(|_| request.refused_in != Some(term)) else { return };
        let origin = self.members.own_name().clone();
        let id = RequestId { origin, session: self.session, sequence };
        let command = Command { request: id, settled, operation: request.operation.clone() };
        if leader != self.replica.id() {
            request.attempt += 1;
            request.place = Place::Forwarded(term);
            let forward = Forward { ballot: ballot.0, request: (&command).into() };
            let token = Token::Forwarded { sequence, attempt: request.attempt };
            let Some(leader) = self.members.at_rank(leader.0) else { return };
            ctx.call(leader, Body::Forward(Box::new(forward)), self.forward_timeout, token);
        } else if request.operation.is_read() {
            let read = ReadId(self.next_read);
            self.next_read += 1;
            request.place = Place::Reading(raft::ReadId(read.0));
            self.readers.insert(read, Reader::Client(sequence));
            self.replica.read(now(ctx), read);
        } else if self.replica.propose(now(ctx), SharedCommand(command.into())).is_ok() {
            request.place = Place::Proposed;
        }
    }

    /// Another node passes a request on to this one.
    pub(super) fn on_forward(&mut self, caller: Caller, forward: Forward, ctx: &mut Ctx<'_>) {
        let command = Command::from(forward.request);
        let is_member = self.members.rank(&caller.id).is_some();
        if !is_member || caller.id != command.request.origin {
            let text = "the sender is no member of the cluster, or not whom the body names";
            return ctx.reply_error(&caller, Error::malformed_request(text));
        }
        if self.leadership() != (Some(self.replica.id()), Ballot(forward.ballot)) {
            let error = Error::temporarily_unavailable("not the leader of that ballot");
            return ctx.reply_error(&caller, error);
        }
        if let Operation::Read { key } = command.operation {
            let read = ReadId(self.next_read);
            self.next_read += 1;
            self.readers.insert(read, Reader::Peer(caller, key));
            self.replica.read(now(ctx), read);
        } else {
            let id = command.request.clone();
            match self.store.look_up(&id) {
                Known::Applied(answer) => reply_with(&caller, answer, ctx),
                Known::Void => {}
                Known::New => {
                    // Of a copy of a request that has a slot already, whichever of its messages the
                    // node waits for gets the answer.
                    let is_new = self.waiting_peers.insert(id, caller).is_none();
                    if is_new {
                        // It leads: that was looked at above.
                        let command = SharedCommand(command.into());
                        let proposed = self.replica.propose(now(ctx), command);
                        debug_assert!(proposed.is_ok(), "a leader takes every command");
                    }
                }
            }
        }
        self.settle(ctx);
    }

    /// What became of a request that was passed on.
    pub(super) fn on_forward_outcome(
        &mut self,
        sequence: u64,
        attempt: u32,
        outcome: Outcome<Body>,
        ctx: &mut Ctx<'_>,
    ) {
        let is_answer = |error: &Error| {
            matches!(error.code, ErrorCode::KeyDoesNotExist | ErrorCode::PreconditionFailed)
        };
        match outcome {
            Outcome::Reply(body) => {
                if let Some(request) = self.clients.finish(sequence) {
                    ctx.reply(&request.caller, body);
                }
            }
            Outcome::Error(error) if is_answer(&error) => {
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
                if matches!(unanswered, Outcome::Error(_)) {
                    // Whoever says so will not take it in this ballot, but may have taken an
                    // earlier copy.
                    request.refused_in = Some(term);
                }
                request.lose_track();
                self.hold(sequence, ctx);
                self.dispatch(sequence, ctx);
            }
        }
        self.settle(ctx);
    }

    /// Carries out all that the replica wants, and sends open requests on if the leader changed.
    fn settle(&mut self, ctx: &mut Ctx<'_>) {
        loop {
            let output = self.replica.take_output();
            self.carry_out(output, ctx);
            self.compact();
            if self.leadership() != self.seen_leadership {
                self.on_new_leadership(ctx);
                continue;
            }
            // Compaction and requests that were sent on may have led to something.
            let rest = self.replica.take_output();
            let is_done = rest.messages.is_empty()
                && rest.applies.is_empty()
                && rest.reads_ready.is_empty()
                && rest.reads_refused.is_empty();
            self.carry_out(rest, ctx);
            if is_done {
                break;
            }
        }
        if self.replica.is_isolated() {
            self.refuse_clients(ctx);
        }
        self.set_replica_timer(ctx);
    }

    /// What is to be stored goes first.
    fn carry_out(&mut self, output: Output<SharedCommand, SharedState>, ctx: &mut Ctx<'_>) {
        for record in output.records {
            durable::store(record, ctx);
        }
        for apply in output.applies {
            match apply {
                Apply::Restore(snapshot) => self.store.restore(snapshot.state.0),
                Apply::Command(_, None) => {}
                Apply::Command(_, Some(SharedCommand(command))) => {
                    let answer = self.store.apply(&command);
                    self.on_applied(command.request.clone(), answer, ctx);
                }
            }
        }
        for read in output.reads_ready {
            self.on_read_ready(read, ctx);
        }
        for read in output.reads_refused {
            match self.readers.remove(&read) {
                Some(Reader::Client(sequence)) => self.hold(sequence, ctx),
                // Final: this node leads no more in that ballot.
                Some(Reader::Peer(caller, _)) => {
                    ctx.reply_error(&caller, Error::new(ErrorCode::Abort, "leads no more"));
                }
                None => {}
            }
        }
        for envelope in output.messages {
            if let Some(to) = self.members.at_rank(envelope.to.0) {
                ctx.send(to, envelope.message.into());
            }
        }
    }

    fn on_applied(&mut self, id: RequestId, answer: Option<Answer>, ctx: &mut Ctx<'_>) {
        let is_own = id.origin == *self.members.own_name() && id.session == self.session;
        let caller = match is_own {
            true => self.clients.finish(id.sequence).map(|request| request.caller),
            false => self.waiting_peers.remove(&id),
        };
        if let (Some(caller), Some(answer)) = (caller, answer) {
            reply_with(&caller, answer, ctx);
        }
    }

    fn on_read_ready(&mut self, read: ReadId, ctx: &mut Ctx<'_>) {
        match self.readers.remove(&read) {
            Some(Reader::Client(sequence)) => {
                if let Some(request) = self.clients.finish(sequence)
                    && let Operation::Read { key } = &request.operation
                {
                    reply_with(&request.caller, self.store.read(key), ctx);
                }
            }
            Some(Reader::Peer(caller, key)) => reply_with(&caller, self.store.read(&key), ctx),
            None => {}
        }
    }

    /// Another leader, or another ballot: what was sent to the last one may or may not have got a
    /// slot, so it is sent again.
    fn on_new_leadership(&mut self, ctx: &mut Ctx<'_>) {
        self.seen_leadership = self.leadership();
        // What has a slot will be answered by whoever applies it.
        self.waiting_peers.clear();
        if self.seen_leadership.0.is_some() {
            for sequence in self.clients.lose_track_of_all() {
                self.dispatch(sequence, ctx);
            }
        }
    }

    /// Keeps a request until there is a leader, or until its time has come.
    fn hold(&mut self, sequence: u64, ctx: &mut Ctx<'_>) {
        if let Some(deadline) = self.clients.hold(sequence) {
            self.wake_for_deadline(deadline, ctx);
        }
    }

    /// Refuses the requests for which the time has come.
    fn refuse_clients(&mut self, ctx: &mut Ctx<'_>) {
        for (caller, error) in self.clients.refuse(ctx.now(), self.replica.is_isolated()) {
            ctx.reply_error(&caller, error);
        }
        if let Some(deadline) = self.clients.next_deadline() {
            self.wake_for_deadline(deadline, ctx);
        }
    }

    /// Compacts the log once enough has been applied since the last time.
    fn compact(&mut self) {
        let log = self.replica.log();
        let applied = log.chosen_through();
        let compacted = log.snapshot().map_or(0, |snapshot| snapshot.slot.0);
        if applied.0 - compacted >= self.compact_after.max(self.store.len() as u64) {
            let state = SharedState(self.store.snapshot());
            self.replica.compact(applied, state, self.compact_after / 2);
        }
    }

    /// A timer that is early does no harm, so a deadline that moves away keeps the timer it has.
    fn set_replica_timer(&mut self, ctx: &mut Ctx<'_>) {
        let deadline = self.replica.next_deadline();
        if let Some((at, timer)) = self.replica_timer {
            if at <= deadline {
                return;
            }
            ctx.cancel_timer(timer);
        }
        if deadline < Duration::MAX {
            let after = deadline.saturating_sub(now(ctx));
            self.replica_timer = Some((deadline, ctx.set_timer(after, Token::Replica)));
        }
    }

    fn wake_for_deadline(&mut self, deadline: Time, ctx: &mut Ctx<'_>) {
        match self.deadline_timer {
            Some((at, _)) if at <= deadline => return,
            Some((_, later)) => ctx.cancel_timer(later),
            None => {}
        }
        let timer = ctx.set_timer(deadline.since(ctx.now()), Token::Deadlines);
        self.deadline_timer = Some((deadline, timer));
    }
}

fn reply_with(caller: &Caller, answer: Answer, ctx: &mut Ctx<'_>) {
    match answer.into_reply() {
        Ok(LinKv::ReadOk { value }) => ctx.reply(caller, Body::ReadOk { value }),
        Ok(LinKv::CasOk) => ctx.reply(caller, Body::CasOk),
        Ok(_) => ctx.reply(caller, Body::WriteOk),
        Err(error) => ctx.reply_error(caller, error),
    }
}
