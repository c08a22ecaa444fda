//! This node's copy of the state: Raft, what it decided, and its timer.

use std::collections::BTreeSet;

use proto::{Aspect, Caller, Context, Error, ErrorCode, NodeId, Records};
use raft::{
    Apply, ChangeRefused, Config, Envelope, Incarnation, MemberId, Payload, ReadId, Restored, Role,
    Term,
};
use rand::RngExt as _;

use crate::agreement::{Agreement, Change, Happening, Heard, Host};
use crate::alarm::{Alarm, now};
use crate::command::{Command, SharedCommand};
use crate::durable;
use crate::machine::Service;
use crate::members::Members;
use crate::peer::{Forward, ForwardOk, ForwardsDone, MemberChange, Peer, SharedState};
use crate::settings::Settings;
use crate::sometimes;
use crate::store::Store;
use crate::token::Token;
use crate::wire::{self, Incoming, Raft, ReplyKind};

/// The most entries one message carries.
const ENTRIES_PER_MESSAGE: usize = 512;

/// Raft and the state it drives.
#[derive(Debug)]
pub struct Replica<S: Service> {
    /// The cluster.
    pub members: Members,
    /// The replicated state.
    pub store: Store<S>,
    raft: Raft<S>,
    compact_after: u64,
    alarm: Alarm,
}

/// A request of a peer that Raft is about to answer.
struct Answering<'a> {
    caller: &'a Caller,
    reply: ReplyKind,
    is_ours: bool,
}

impl<S: Service> Agreement<S> for Replica<S> {
    type Peer = Peer<S>;

    /// Records that are not as this program wrote them are not used in part.
    fn start<H: Host<Peer<S>>>(
        settings: &Settings,
        records: &Records,
        ctx: &mut Context<'_, H>,
    ) -> Result<Self, Error> {
        sometimes::start(ctx);
        let members = Members::new(ctx.id(), ctx.node_ids());
        let members = match ctx.initial_members() {
            all if all.len() == ctx.node_ids().len() => members,
            first => members.beginning_with(first),
        };
        let life = durable::restore(records, &members).map_err(Error::unusable_records)?;
        let (incarnation, restored) = match life {
            Some(life) => (life.incarnation, life.restored),
            None => {
                let incarnation = ctx.random().random();
                durable::begin(incarnation, ctx);
                (incarnation, Restored::default())
            }
        };
        let config = Config {
            id: members.own(),
            members: members.first().members(),
            election_timeout: settings.election_timeout,
            heartbeat_interval: settings.heartbeat,
            gather_window: settings.gather,
            entries_per_message: ENTRIES_PER_MESSAGE,
            durable: ctx.is_durable(),
        };
        let seed = ctx.random().random();
        let mut raft = Raft::new(config, Incarnation(incarnation), restored, now(ctx), seed);
        settings.shortcuts.iter().for_each(|shortcut| raft.take_shortcut(*shortcut));
        let compact_after = settings.compact_after;
        Ok(Self { members, store: Store::default(), raft, compact_after, alarm: Alarm::default() })
    }

    fn members(&self) -> &Members {
        &self.members
    }

    fn store(&self) -> &Store<S> {
        &self.store
    }

    fn leadership(&self) -> (Option<MemberId>, Term) {
        (self.raft.leader(), self.raft.term())
    }

    fn aspects(&self, aspects: &mut Vec<Aspect>) {
        let (raft, log) = (&self.raft, self.raft.log());
        let role = match raft.role() {
            Role::Follower(_) => 0,
            Role::PreCandidate(_) => 1,
            Role::Candidate(_) => 2,
            Role::Leader(_) => 3,
        };
        aspects.extend([
            Aspect::Plain(role),
            Aspect::Plain(raft.is_member().into()),
            Aspect::Rank(raft.term().0),
            Aspect::Rank(log.last_term().0),
            Aspect::Rank(log.last_index().0),
            Aspect::Rank(raft.commit_index().0),
        ]);
    }

    fn is_isolated(&self) -> bool {
        self.raft.is_isolated()
    }

    fn is_handing_over(&self) -> bool {
        self.raft.is_handing_over()
    }

    fn propose<H: Host<Peer<S>>>(
        &mut self,
        command: Command<S::Operation>,
        ctx: &Context<'_, H>,
    ) -> bool {
        self.raft.propose(now(ctx), SharedCommand(command.into())).is_ok()
    }

    fn read<H: Host<Peer<S>>>(&mut self, read: ReadId, ctx: &Context<'_, H>) {
        self.raft.read(now(ctx), read);
    }

    /// Only members are heard.
    fn receive<H: Host<Peer<S>>>(
        &mut self,
        caller: &Caller,
        message: Peer<S>,
        ctx: &mut Context<'_, H>,
    ) -> Vec<Happening<S>> {
        let author = wire::author(&self.members, &caller.id, &message);
        let Ok(Incoming { message, reply, is_ours }) = wire::decode(message, &self.members) else {
            return Vec::new();
        };
        match author {
            Ok(author) => {
                let led = self.raft.is_leader();
                self.raft.step(now(ctx), author, message);
                if self.raft.configuration().is_joint() {
                    ctx.sometimes(sometimes::INHERITED, !led && self.raft.is_leader());
                }
                self.carry_out(reply.map(|reply| Answering { caller, reply, is_ours }), ctx)
            }
            Err(what) => {
                if reply.is_some() {
                    ctx.reply_error(caller, Error::malformed_request(what));
                }
                Vec::new()
            }
        }
    }

    fn tick<H: Host<Peer<S>>>(&mut self, ctx: &mut Context<'_, H>) -> Vec<Happening<S>> {
        self.alarm.went_off();
        let led = self.raft.is_leader();
        self.raft.tick(now(ctx));
        if led && !self.raft.is_leader() {
            ctx.sometimes(sometimes::STEPPED_DOWN, true);
        }
        // Or the timer would be set for now again and again, and virtual time stand still.
        debug_assert!(self.raft.next_deadline() > now(ctx), "a deadline of Raft's stays due");
        self.carry_out(None, ctx)
    }

    fn take_happenings<H: Host<Peer<S>>>(&mut self, ctx: &mut Context<'_, H>) -> Vec<Happening<S>> {
        self.carry_out(None, ctx)
    }

    fn transfer<H: Host<Peer<S>>>(&mut self, to: &NodeId, ctx: &Context<'_, H>) -> Option<Peer<S>> {
        let to = self.members.id(to).filter(|&to| to != self.members.own())?;
        if !self.raft.is_leader() {
            return None;
        }
        self.raft.transfer_leadership(now(ctx), to);
        Some(Peer::TransferLeadershipOk)
    }

    fn is_member(&self) -> bool {
        self.raft.is_member()
    }

    fn change<H: Host<Peer<S>>>(
        &mut self,
        change: &Change,
        ctx: &Context<'_, H>,
    ) -> Result<(), Error> {
        let id = self
            .members
            .id(&change.node)
            .ok_or_else(|| Error::new(ErrorCode::NodeNotFound, "`init` names no such node"))?;
        let mut voters: BTreeSet<_> = self.raft.configuration().voters().keys().copied().collect();
        match change.adds {
            true => voters.insert(id),
            false => voters.remove(&id),
        };
        self.raft.change_members(now(ctx), &voters).map_err(refusal)
    }

    fn pass_change_on(change: Change) -> Option<Peer<S>> {
        let passed = MemberChange { node_id: change.node, passed_on: change.passed_on };
        Some(match change.adds {
            true => Peer::AddMember(passed),
            false => Peer::RemoveMember(passed),
        })
    }

    fn changed(change: &Change) -> Option<Peer<S>> {
        Some(match change.adds {
            true => Peer::AddMemberOk,
            false => Peer::RemoveMemberOk,
        })
    }

    fn forward(term: Term, request: S::Wire) -> Peer<S> {
        Peer::Forward(Box::new(Forward { term: term.0, request }))
    }

    fn forward_ok(answer: S::Answer) -> Peer<S> {
        Peer::ForwardOk(ForwardOk { answer })
    }

    fn forwards_done(done: ForwardsDone<S>) -> Peer<S> {
        Peer::ForwardsDone(done)
    }

    fn hear(message: Peer<S>) -> Heard<S, Peer<S>> {
        match message {
            Peer::Forward(forward) => Heard::Forward(Term(forward.term), forward.request),
            Peer::ForwardOk(done) => Heard::ForwardOk(done.answer),
            Peer::ForwardsDone(done) => Heard::ForwardsDone(done),
            Peer::TransferLeadership { to } => Heard::Transfer(to),
            Peer::AddMember(MemberChange { node_id: node, passed_on }) => {
                Heard::Change(Change { node, adds: true, passed_on })
            }
            Peer::RemoveMember(MemberChange { node_id: node, passed_on }) => {
                Heard::Change(Change { node, adds: false, passed_on })
            }
            message => Heard::Protocol(message),
        }
    }
}

/// What an operator is told whose change of members did not happen.
fn refusal(refused: ChangeRefused) -> Error {
    let not_now = Error::temporarily_unavailable;
    match refused {
        ChangeRefused::NotLeading => not_now("this node does not lead any more"),
        ChangeRefused::NotSettled => not_now("the leader has just taken office"),
        ChangeRefused::Busy => not_now("the members change already"),
        ChangeRefused::OutOfReach => {
            not_now("too few of the members that would be are within reach")
        }
        ChangeRefused::TooSlow => not_now("the new member did not catch up in time"),
        ChangeRefused::NobodyLeft => {
            Error::new(ErrorCode::PreconditionFailed, "nobody would be left")
        }
        ChangeRefused::Unknown => {
            Error::new(ErrorCode::Timeout, "in the log of a leader that leads no more")
        }
    }
}

impl<S: Service> Replica<S> {
    /// Raft's view, for reading.
    #[must_use]
    pub fn raft(&self) -> &Raft<S> {
        &self.raft
    }

    fn carry_out<H: Host<Peer<S>>>(
        &mut self,
        answering: Option<Answering<'_>>,
        ctx: &mut Context<'_, H>,
    ) -> Vec<Happening<S>> {
        let mut happenings = Vec::new();
        self.perform(answering.as_ref(), &mut happenings, ctx);
        if self.compact() {
            self.perform(None, &mut happenings, ctx);
        }
        self.alarm.set(self.raft.next_deadline(), Token::Protocol, ctx);
        happenings
    }

    /// Carries out all that Raft wants by now: what is to be stored goes first.
    fn perform<H: Host<Peer<S>>>(
        &mut self,
        answering: Option<&Answering<'_>>,
        happenings: &mut Vec<Happening<S>>,
        ctx: &mut Context<'_, H>,
    ) {
        if !self.raft.has_output() {
            return;
        }
        let Self { members, store, raft, .. } = self;
        let output = raft.output_mut();
        sometimes::look(output, ctx);
        for record in output.records.drain(..) {
            durable::store(record, members, ctx);
        }
        for apply in output.applies.drain(..) {
            happenings.extend(apply_to(store, apply));
        }
        // Mostly there is nothing of a kind, which a loop is the fastest to see.
        for read in output.reads_ready.drain(..) {
            happenings.push(Happening::ReadReady(read));
        }
        for read in output.reads_refused.drain(..) {
            happenings.push(Happening::ReadRefused(read));
        }
        for command in output.dropped.drain(..) {
            happenings.push(Happening::Dropped(command));
        }
        for change in output.changes.drain(..) {
            happenings.push(Happening::Changed(change.map_err(refusal)));
        }
        for envelope in output.messages.drain(..) {
            send(members, envelope, answering, ctx);
        }
    }

    /// Compacts the log once enough has been applied since the last time, and
    /// says whether. The last entries stay, for followers that are only a
    /// little behind.
    fn compact(&mut self) -> bool {
        let log = self.raft.log();
        let commit_index = self.raft.commit_index();
        let compacted = log.snapshot().map_or(0, |snapshot| snapshot.index.0);
        let threshold = self.compact_after.max(self.store.len() as u64);
        if commit_index.0 - compacted < threshold {
            return false;
        }
        let retained = self.compact_after / 2;
        self.raft.compact(commit_index, SharedState(self.store.snapshot()), retained);
        true
    }
}

fn apply_to<S: Service>(
    store: &mut Store<S>,
    apply: Apply<SharedCommand<S>, SharedState<S>>,
) -> Option<Happening<S>> {
    match apply {
        Apply::Restore(snapshot) => {
            store.restore(snapshot.state.0);
            None
        }
        Apply::Entry(entry) => {
            let SharedCommand(command) = entry.command()?;
            Some(Happening::Applied(command.request.clone(), store.apply(command)))
        }
    }
}

fn send<S: Service, H: Host<Peer<S>>>(
    members: &Members,
    envelope: Envelope<SharedCommand<S>, SharedState<S>>,
    answering: Option<&Answering<'_>>,
    ctx: &mut Context<'_, H>,
) {
    let Envelope { to, message } = envelope;
    let is_reply = matches!(message.payload, Payload::Vote(_) | Payload::AppendReply(_));
    match answering.filter(|_| is_reply) {
        Some(Answering { caller, reply, is_ours }) => {
            let body = wire::encode(message, members, Some(*reply), *is_ours);
            ctx.reply(caller, H::peer(body));
        }
        None => {
            let body = wire::encode(message, members, None, true);
            ctx.send(members.name(to), H::peer(body));
        }
    }
}
