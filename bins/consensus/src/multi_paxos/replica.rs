//! This node's copy of the state: Multi-Paxos, what it decided, and its timer.

use paxos::{Apply, Config, NodeIndex, Output};
use proto::{Caller, Context, Error, Records};
use raft::{ReadId, Term};
use rand::RngExt as _;

use crate::agreement::{Agreement, Happening, Heard, Host};
use crate::alarm::{Alarm, now};
use crate::command::{Command, SharedCommand};
use crate::machine::Service;
use crate::members::Members;
use crate::multi_paxos::body::{Forward, Peer};
use crate::multi_paxos::durable;
use crate::peer::{ForwardsDone, SharedState};
use crate::settings::Settings;
use crate::store::Store;
use crate::token::Token;

/// The most commands one message carries.
const COMMANDS_PER_MESSAGE: usize = 512;

/// Paxos over a service's commands and states.
pub type Paxos<S> = paxos::Replica<SharedCommand<S>, SharedState<S>>;

/// Multi-Paxos and the state it drives.
#[derive(Debug)]
pub struct Replica<S: Service> {
    paxos: Paxos<S>,
    members: Members,
    store: Store<S>,
    compact_after: u64,
    alarm: Alarm,
}

impl<S: Service> Agreement<S> for Replica<S> {
    type Peer = Peer<S>;

    fn start<H: Host<Peer<S>>>(
        settings: &Settings,
        records: &Records,
        ctx: &mut Context<'_, H>,
    ) -> Result<Self, Error> {
        let members = Members::new(ctx.id(), ctx.node_ids());
        let restored = durable::restore(records, &members).map_err(Error::unusable_promises)?;
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
        let paxos = Paxos::new(config, restored, now(ctx), seed);
        let compact_after = settings.compact_after;
        Ok(Self { paxos, members, store: Store::default(), compact_after, alarm: Alarm::default() })
    }

    fn members(&self) -> &Members {
        &self.members
    }

    fn store(&self) -> &Store<S> {
        &self.store
    }

    fn leadership(&self) -> (Option<raft::MemberId>, Term) {
        let leader = self.paxos.leader().and_then(|leader| self.members.at_rank(leader.0));
        let leader = leader.and_then(|name| self.members.id(name));
        (leader, Term(self.paxos.promised().0))
    }

    fn is_isolated(&self) -> bool {
        self.paxos.is_isolated()
    }

    fn propose<H: Host<Peer<S>>>(
        &mut self,
        command: Command<S::Operation>,
        ctx: &Context<'_, H>,
    ) -> bool {
        self.paxos.propose(now(ctx), SharedCommand(command.into())).is_ok()
    }

    fn read<H: Host<Peer<S>>>(&mut self, read: ReadId, ctx: &Context<'_, H>) {
        self.paxos.read(now(ctx), paxos::ReadId(read.0));
    }

    /// Only members are heard. Replies of clients that come as requests are dropped.
    fn receive<H: Host<Peer<S>>>(
        &mut self,
        caller: &Caller,
        message: Peer<S>,
        ctx: &mut Context<'_, H>,
    ) -> Vec<Happening<S>> {
        let Some(message) = message.into_message() else { return Vec::new() };
        let Some(sender) = self.members.rank(&caller.id) else {
            let text = "the sender is no member of the cluster";
            ctx.reply_error(caller, Error::malformed_request(text));
            return Vec::new();
        };
        self.paxos.step(now(ctx), NodeIndex(sender), message);
        self.carry_out(ctx)
    }

    fn tick<H: Host<Peer<S>>>(&mut self, ctx: &mut Context<'_, H>) -> Vec<Happening<S>> {
        self.alarm.went_off();
        self.paxos.tick(now(ctx));
        // Or the timer would be set for now again and again, and virtual time stand still.
        debug_assert!(self.paxos.next_deadline() > now(ctx), "a deadline stays due");
        self.carry_out(ctx)
    }

    fn take_happenings<H: Host<Peer<S>>>(&mut self, ctx: &mut Context<'_, H>) -> Vec<Happening<S>> {
        self.carry_out(ctx)
    }

    fn forward(term: Term, request: S::Wire) -> Peer<S> {
        Peer::Forward(Box::new(Forward { ballot: term.0, request }))
    }

    fn forward_ok(answer: S::Answer) -> Peer<S> {
        Peer::ForwardOk { answer }
    }

    fn forwards_done(done: ForwardsDone<S>) -> Peer<S> {
        Peer::ForwardsDone(done)
    }

    fn hear(message: Peer<S>) -> Heard<S, Peer<S>> {
        match message {
            Peer::Forward(forward) => Heard::Forward(Term(forward.ballot), forward.request),
            Peer::ForwardOk { answer } => Heard::ForwardOk(answer),
            Peer::ForwardsDone(done) => Heard::ForwardsDone(done),
            message => Heard::Protocol(message),
        }
    }
}

impl<S: Service> Replica<S> {
    /// The protocol's view, for reading.
    #[must_use]
    pub fn paxos(&self) -> &Paxos<S> {
        &self.paxos
    }

    /// Carries out all that Paxos wants by now.
    fn carry_out<H: Host<Peer<S>>>(&mut self, ctx: &mut Context<'_, H>) -> Vec<Happening<S>> {
        let mut happenings = Vec::new();
        self.perform(&mut happenings, ctx);
        if self.compact() {
            self.perform(&mut happenings, ctx);
        }
        self.alarm.set(self.paxos.next_deadline(), Token::Protocol, ctx);
        happenings
    }

    /// What is to be stored goes first.
    fn perform<H: Host<Peer<S>>>(
        &mut self,
        happenings: &mut Vec<Happening<S>>,
        ctx: &mut Context<'_, H>,
    ) {
        let Output { records, applies, reads_ready, reads_refused, messages } =
            self.paxos.take_output();
        for record in records {
            durable::store(record, ctx);
        }
        for apply in applies {
            match apply {
                Apply::Restore(snapshot) => self.store.restore(snapshot.state.0),
                Apply::Command(_, None) => {}
                Apply::Command(_, Some(SharedCommand(command))) => {
                    let answer = self.store.apply(&command);
                    happenings.push(Happening::Applied(command.request.clone(), answer));
                }
            }
        }
        let read = |read: paxos::ReadId| ReadId(read.0);
        happenings.extend(reads_ready.into_iter().map(read).map(Happening::ReadReady));
        happenings.extend(reads_refused.into_iter().map(read).map(Happening::ReadRefused));
        for envelope in messages {
            if let Some(to) = self.members.at_rank(envelope.to.0) {
                ctx.send(to, H::peer(envelope.message.into()));
            }
        }
    }

    /// Compacts the log once enough has been applied since the last time, and says whether.
    fn compact(&mut self) -> bool {
        let log = self.paxos.log();
        let applied = log.chosen_through();
        let compacted = log.snapshot().map_or(0, |snapshot| snapshot.slot.0);
        if applied.0 - compacted < self.compact_after.max(self.store.len() as u64) {
            return false;
        }
        let state = SharedState(self.store.snapshot());
        self.paxos.compact(applied, state, self.compact_after / 2);
        true
    }
}
