//! A replica of the log: where inputs come in, and the only place where roles change.

pub mod election;

use std::collections::BTreeSet;
use std::time::Duration;

use rand::SeedableRng as _;
use rand::rngs::Xoshiro256PlusPlus;

use self::election::Campaign;
use crate::core::Core;
use crate::leader::Leader;
use crate::log::Log;
use crate::message::{
    Accept, Accepted, Apply, Config, Message, Output, Record, Restored, Snapshot,
};
use crate::types::{Ballot, NodeIndex, ReadId, Slot, quorum};

/// What a replica is besides an acceptor and a learner, which it always is.
#[derive(Debug)]
pub enum Role<C, S> {
    /// Hears a leader, or waits for one.
    Follower {
        /// Whom it heard last, and when.
        leader: Option<(NodeIndex, Duration)>,
        /// When it will want to lead itself.
        deadline: Duration,
    },
    /// Asks whether its ballot would be promised.
    Polling {
        /// The ballot.
        ballot: Ballot,
        /// Who would, itself included.
        granted: BTreeSet<NodeIndex>,
        /// Who said anything, itself included.
        answered: BTreeSet<NodeIndex>,
        /// When it gives up.
        deadline: Duration,
    },
    /// Collects promises: phase 1.
    Preparing(Box<Campaign<C, S>>),
    /// Has a majority's promises: phase 2, for any number of slots.
    Leader(Box<Leader>),
}

/// One member of a cluster that keeps a log by Multi-Paxos, without clock, network or disk. `C` is
/// a command and `S` a snapshot's state; both must be cheap to clone.
#[derive(Debug)]
pub struct Replica<C, S> {
    pub(crate) core: Core<C, S>,
    pub(crate) role: Role<C, S>,
}

impl<C: Clone, S: Clone> Replica<C, S> {
    /// A replica with what it had stored (nothing, at its first start). `seed` decides how long it
    /// waits for leaders. A cluster of one leads at once.
    ///
    /// # Panics
    /// If the configuration names no such node.
    #[must_use]
    pub fn new(config: Config, restored: Restored<C, S>, now: Duration, seed: u64) -> Self {
        assert!(config.id.0 < config.nodes, "a replica has to be one of its cluster");
        let mut output = Output::default();
        if let Some(snapshot) = &restored.snapshot {
            output.applies.push(Apply::Restore(snapshot.clone()));
        }
        let mut core = Core {
            promised: restored.promised,
            seen: restored.promised,
            log: Log::new(restored.snapshot, restored.entries),
            output,
            isolated: false,
            random: Xoshiro256PlusPlus::seed_from_u64(seed),
            config,
        };
        let deadline = core.draw_deadline(now);
        let is_alone = core.config.nodes == 1;
        let mut replica = Self { core, role: Role::Follower { leader: None, deadline } };
        if is_alone {
            replica.prepare(now);
        }
        replica
    }

    /// Takes everything that the inputs since the last call led to.
    #[must_use]
    pub fn take_output(&mut self) -> Output<C, S> {
        std::mem::take(&mut self.core.output)
    }

    /// Which node it is.
    #[must_use]
    pub fn id(&self) -> NodeIndex {
        self.core.config.id
    }

    /// How many nodes there are.
    #[must_use]
    pub fn nodes(&self) -> usize {
        self.core.config.nodes
    }

    /// The highest ballot that it promised.
    #[must_use]
    pub fn promised(&self) -> Ballot {
        self.core.promised
    }

    /// What it accepted and knows to be chosen.
    #[must_use]
    pub fn log(&self) -> &Log<C, S> {
        &self.core.log
    }

    /// What it is at the moment.
    #[must_use]
    pub fn role(&self) -> &Role<C, S> {
        &self.role
    }

    /// Whether it leads, as far as it knows.
    #[must_use]
    pub fn is_leader(&self) -> bool {
        matches!(self.role, Role::Leader(_))
    }

    /// Whom it follows, or itself if it leads.
    #[must_use]
    pub fn leader(&self) -> Option<NodeIndex> {
        match &self.role {
            Role::Leader(_) => Some(self.id()),
            Role::Follower { leader, .. } => leader.map(|(leader, _)| leader),
            Role::Polling { .. } | Role::Preparing(_) => None,
        }
    }

    /// Whether no majority answered when it last asked for something.
    #[must_use]
    pub fn is_isolated(&self) -> bool {
        self.core.isolated
    }

    /// When [`Self::tick`] is to be called next.
    #[must_use]
    pub fn next_deadline(&self) -> Duration {
        match &self.role {
            Role::Follower { deadline, .. } | Role::Polling { deadline, .. } => *deadline,
            Role::Preparing(campaign) => campaign.deadline,
            Role::Leader(leader) => leader.next_deadline(&self.core.config),
        }
    }

    /// Does what is due at `now`; calling it early or often does no harm.
    pub fn tick(&mut self, now: Duration) {
        match &mut self.role {
            Role::Leader(leader) => {
                if !leader.tick(&mut self.core, now) {
                    self.core.isolated = true;
                    self.follow(now, None);
                }
            }
            Role::Polling { deadline, answered, .. } if now >= *deadline => {
                self.core.isolated = answered.len() < quorum(self.core.config.nodes);
                self.poll(now);
            }
            Role::Follower { deadline, .. } if now >= *deadline => self.poll(now),
            Role::Preparing(campaign) if now >= campaign.deadline => self.poll(now),
            Role::Follower { .. } | Role::Polling { .. } | Role::Preparing(_) => {}
        }
    }

    /// Offers a command for the next free slot; the slot. It comes back through
    /// [`Output::applies`] once chosen; after a loss of leadership that may still happen, here or
    /// elsewhere.
    ///
    /// # Errors
    /// Gives the command back if this replica does not lead.
    pub fn propose(&mut self, now: Duration, command: C) -> Result<Slot, C> {
        match &mut self.role {
            Role::Leader(leader) => Ok(leader.propose(&mut self.core, now, command)),
            _ => Err(command),
        }
    }

    /// Asks for a linearizable read: it comes back as ready when the applied state may answer it,
    /// or as refused, at once if this replica does not lead.
    pub fn read(&mut self, now: Duration, read: ReadId) {
        match &mut self.role {
            Role::Leader(leader) => leader.read(&mut self.core, now, read),
            _ => self.core.output.reads_refused.push(read),
        }
    }

    /// Compacts the log: `state` is what applying all slots up to `slot` gave. The last `retained`
    /// entries stay for replicas that are only a little behind. Does nothing for a slot that is not
    /// known to be chosen, or is not after the last state.
    pub fn compact(&mut self, slot: Slot, state: S, retained: u64) {
        let log = &mut self.core.log;
        if slot > log.chosen_through() || log.snapshot().is_some_and(|last| last.slot >= slot) {
            return;
        }
        let snapshot = Snapshot { slot, state };
        log.compact(snapshot.clone(), retained);
        let first_kept = log.first();
        self.core.output.records.push(Record::Snapshot { snapshot, first_kept });
    }

    /// Takes a message from another replica.
    pub fn step(&mut self, now: Duration, from: NodeIndex, message: Message<C, S>) {
        match message {
            Message::Poll { ballot } => self.on_poll(now, from, ballot),
            Message::PollReply { ballot, granted } => {
                self.on_poll_reply(now, from, ballot, granted)
            }
            Message::Prepare { ballot, first } => {
                if self.admit(now, from, ballot) {
                    self.on_prepare(from, ballot, first);
                }
            }
            Message::Promise(promise) => self.on_promise(now, from, promise),
            Message::Accept(accept) => {
                if self.admit(now, from, accept.ballot) {
                    self.hear(now, from);
                    self.on_accept(from, accept);
                }
            }
            Message::Install { ballot, round, snapshot } => {
                if self.admit(now, from, ballot) {
                    self.hear(now, from);
                    let chosen_through = snapshot.slot;
                    self.core.install(snapshot);
                    let first = chosen_through.next();
                    let commands = Vec::new();
                    self.on_accept(from, Accept { ballot, round, chosen_through, first, commands });
                }
            }
            Message::Accepted(accepted) => {
                if let Role::Leader(leader) = &mut self.role {
                    leader.on_accepted(&mut self.core, now, from, &accepted);
                }
            }
            Message::Refused { promised } => {
                self.core.seen = self.core.seen.max(promised);
                let own = match &self.role {
                    Role::Leader(leader) => leader.ballot(),
                    Role::Preparing(campaign) => campaign.ballot,
                    Role::Follower { .. } | Role::Polling { .. } => return,
                };
                if promised > own {
                    self.follow(now, None);
                }
            }
        }
    }

    /// Whether a request of this ballot is heard: if nothing higher was promised, it is promised.
    fn admit(&mut self, now: Duration, from: NodeIndex, ballot: Ballot) -> bool {
        if ballot < self.core.promised {
            let promised = self.core.promised;
            self.core.send(from, Message::Refused { promised });
            return false;
        }
        if ballot.owner(self.core.config.nodes) != from || from == self.id() {
            return false;
        }
        if ballot > self.core.promised {
            self.core.promise(ballot);
            self.follow(now, None);
        }
        true
    }

    /// A leader of the promised ballot speaks.
    fn hear(&mut self, now: Duration, from: NodeIndex) {
        self.core.isolated = false;
        let deadline = self.core.draw_deadline(now);
        self.role = Role::Follower { leader: Some((from, now)), deadline };
    }

    fn follow(&mut self, now: Duration, leader: Option<(NodeIndex, Duration)>) {
        let deadline = self.core.draw_deadline(now);
        let role = std::mem::replace(&mut self.role, Role::Follower { leader, deadline });
        if let Role::Leader(leader) = role {
            self.core.output.reads_refused.extend(leader.into_reads());
        }
    }

    /// Phase 2b, and what follows for the learner.
    fn on_accept(&mut self, from: NodeIndex, accept: Accept<C>) {
        let Accept { ballot, round, chosen_through, first, commands } = accept;
        self.core.accept(ballot, first, &commands);
        // A leader proposes one value in a slot. So what it proposed here is what it knows to be
        // chosen; of an older entry that cannot be said.
        while self.core.log.chosen_through() < chosen_through {
            let next = self.core.log.chosen_through().next();
            if self.core.log.get(next).is_none_or(|(proposed_by, _)| proposed_by != ballot) {
                break;
            }
            self.core.choose_next();
        }
        let known = self.core.log.chosen_through();
        self.core.send(
            from,
            Message::Accepted(Accepted {
                ballot,
                round,
                first,
                count: commands.len() as u64,
                chosen_through: known,
                lacks_next: known < chosen_through,
            }),
        );
    }
}
