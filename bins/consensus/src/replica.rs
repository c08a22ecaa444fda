//! This node's copy of the store: Raft, what it decided, and its timer.

use std::time::Duration;

use proto::{Caller, Context, Time, TimerId};
use raft::{Apply, Config, Envelope, Incarnation, MemberId, Payload, ReadId, Restored, Term};
use rand::RngExt as _;

use crate::body::SharedState;
use crate::command::{Answer, Command, RequestId, SharedCommand};
use crate::durable;
use crate::members::Members;
use crate::node::{ConsensusNode, Token};
use crate::settings::Settings;
use crate::store::Store;
use crate::wire::{self, Incoming, Raft, ReplyKind};

/// The most entries one message carries.
const ENTRIES_PER_MESSAGE: usize = 512;

/// Something that somebody may be waiting for.
#[derive(Debug)]
pub enum Happening {
    /// A request was applied, now or before; without an answer if nobody can
    /// be waiting for one any more.
    Applied(RequestId, Option<Answer>),
    /// A read may be answered from the store.
    ReadReady(ReadId),
    /// A read cannot be answered here any more.
    ReadRefused(ReadId),
    /// A proposal entered no log and never will.
    Dropped(SharedCommand),
}

/// Raft and the store it drives.
#[derive(Debug)]
pub struct Replica {
    /// The cluster.
    pub members: Members,
    /// The replicated state.
    pub store: Store,
    raft: Raft,
    compact_after: u64,
    timer: Option<(Duration, TimerId)>,
}

/// A request of a peer that Raft is about to answer.
struct Answering<'a> {
    caller: &'a Caller,
    reply: ReplyKind,
    is_ours: bool,
}

/// Raft's time: since the start of the node's clock.
fn now(ctx: &Context<'_, ConsensusNode>) -> Duration {
    ctx.now().since(Time::ZERO)
}

impl Replica {
    /// Starts with the records of an earlier life, if there are any. Records
    /// that cannot be read are not used in part: the node begins anew, under
    /// an incarnation that makes it no voter for those who knew it.
    pub fn start(
        settings: &Settings,
        records: &proto::Records,
        ctx: &mut Context<'_, ConsensusNode>,
    ) -> Self {
        let members = Members::new(ctx.id(), ctx.node_ids());
        let life = durable::restore(records, &members).unwrap_or_else(|error| {
            ctx.log(format!("state directory: {error}; starting over, as a node that cannot vote"));
            None
        });
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
            members: members.ids().collect(),
            election_timeout: settings.election_timeout,
            heartbeat_interval: settings.heartbeat,
            gather_window: settings.gather,
            entries_per_message: ENTRIES_PER_MESSAGE,
            durable: ctx.is_durable(),
        };
        let seed = ctx.random().random();
        let raft = Raft::new(config, Incarnation(incarnation), restored, now(ctx), seed);
        let compact_after = settings.compact_after;
        Self { members, store: Store::default(), raft, compact_after, timer: None }
    }

    /// Raft's view, for reading.
    #[must_use]
    pub fn raft(&self) -> &Raft {
        &self.raft
    }

    /// The leader that this node follows or is, and its term.
    #[must_use]
    pub fn leadership(&self) -> (Option<MemberId>, Term) {
        (self.raft.leader(), self.raft.term())
    }

    /// Takes a message of Raft from `author`, who sent it as `caller`.
    #[must_use]
    pub fn receive(
        &mut self,
        caller: &Caller,
        author: MemberId,
        incoming: Incoming,
        ctx: &mut Context<'_, ConsensusNode>,
    ) -> Vec<Happening> {
        let Incoming { message, reply, is_ours } = incoming;
        self.raft.step(now(ctx), author, message);
        self.carry_out(reply.map(|reply| Answering { caller, reply, is_ours }), ctx)
    }

    /// Does what is due.
    #[must_use]
    pub fn tick(&mut self, ctx: &mut Context<'_, ConsensusNode>) -> Vec<Happening> {
        self.timer = None;
        self.raft.tick(now(ctx));
        // Or the timer would be set for now again and again, and virtual time stand still.
        debug_assert!(self.raft.next_deadline() > now(ctx), "a deadline of Raft's stays due");
        self.carry_out(None, ctx)
    }

    /// Offers a change to Raft; false if this node does not lead, or is handing over.
    pub fn propose(&mut self, command: Command, ctx: &Context<'_, ConsensusNode>) -> bool {
        self.raft.propose(now(ctx), SharedCommand(command.into())).is_ok()
    }

    /// Hands leadership over to another member; false if this node does not
    /// lead, or `to` is not another member.
    pub fn transfer_leadership(
        &mut self,
        to: &proto::NodeId,
        ctx: &Context<'_, ConsensusNode>,
    ) -> bool {
        let to = self.members.id(to).filter(|&to| to != self.members.own());
        let Some(to) = to.filter(|_| self.raft.is_leader()) else { return false };
        self.raft.transfer_leadership(now(ctx), to);
        true
    }

    /// Asks Raft to confirm that this node leads.
    pub fn read(&mut self, read: ReadId, ctx: &Context<'_, ConsensusNode>) {
        self.raft.read(now(ctx), read);
    }

    /// Carries out what Raft wants and says what came of it.
    #[must_use]
    pub fn take_happenings(&mut self, ctx: &mut Context<'_, ConsensusNode>) -> Vec<Happening> {
        self.carry_out(None, ctx)
    }

    fn carry_out(
        &mut self,
        answering: Option<Answering<'_>>,
        ctx: &mut Context<'_, ConsensusNode>,
    ) -> Vec<Happening> {
        let mut happenings = Vec::new();
        self.perform(answering.as_ref(), &mut happenings, ctx);
        if self.compact() {
            self.perform(None, &mut happenings, ctx);
        }
        self.set_timer(ctx);
        happenings
    }

    /// Carries out all that Raft wants by now: what is to be stored goes first.
    fn perform(
        &mut self,
        answering: Option<&Answering<'_>>,
        happenings: &mut Vec<Happening>,
        ctx: &mut Context<'_, ConsensusNode>,
    ) {
        let output = self.raft.take_output();
        for record in output.records {
            durable::store(record, &self.members, ctx);
        }
        for apply in output.applies {
            happenings.extend(self.apply(apply));
        }
        happenings.extend(output.reads_ready.into_iter().map(Happening::ReadReady));
        happenings.extend(output.reads_refused.into_iter().map(Happening::ReadRefused));
        happenings.extend(output.dropped.into_iter().map(Happening::Dropped));
        for envelope in output.messages {
            self.send(envelope, answering, ctx);
        }
    }

    fn apply(&mut self, apply: Apply<SharedCommand, SharedState>) -> Option<Happening> {
        match apply {
            Apply::Restore(snapshot) => {
                self.store.restore(snapshot.state.0);
                None
            }
            Apply::Entry(entry) => {
                let SharedCommand(command) = entry.command?;
                Some(Happening::Applied(command.request.clone(), self.store.apply(&command)))
            }
        }
    }

    fn send(
        &self,
        envelope: Envelope<SharedCommand, SharedState>,
        answering: Option<&Answering<'_>>,
        ctx: &mut Context<'_, ConsensusNode>,
    ) {
        let Envelope { to, message } = envelope;
        let is_reply = matches!(message.payload, Payload::Vote(_) | Payload::AppendReply(_));
        match answering.filter(|_| is_reply) {
            Some(Answering { caller, reply, is_ours }) => {
                ctx.reply(caller, wire::encode(message, &self.members, Some(*reply), *is_ours));
            }
            None => {
                ctx.send(self.members.name(to), wire::encode(message, &self.members, None, true));
            }
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

    /// A timer that is early does no harm, so a deadline that moves away keeps
    /// the timer it has.
    fn set_timer(&mut self, ctx: &mut Context<'_, ConsensusNode>) {
        let deadline = self.raft.next_deadline();
        if let Some((at, timer)) = self.timer {
            if at <= deadline {
                return;
            }
            ctx.cancel_timer(timer);
        }
        let after = deadline.saturating_sub(now(ctx));
        self.timer = Some((deadline, ctx.set_timer(after, Token::Raft)));
    }
}
