//! What replicas tell each other, and what a replica hands to its host.

use std::time::Duration;

use crate::types::{Ballot, NodeIndex, ReadId, Round, Slot};

/// What an acceptor accepted in a slot. A command of `None` is a no-op, which fills a hole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry<C> {
    /// Where.
    pub slot: Slot,
    /// The ballot that proposed it.
    pub ballot: Ballot,
    /// What.
    pub command: Option<C>,
}

/// The state after all slots up to `slot`; it stands in for them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot<S> {
    /// The last slot that the state covers.
    pub slot: Slot,
    /// The state, opaque to Paxos.
    pub state: S,
}

/// A message and where it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope<C, S> {
    /// Who shall get it.
    pub to: NodeIndex,
    /// What it shall get.
    pub message: Message<C, S>,
}

/// The messages between replicas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message<C, S> {
    /// "Would you promise this ballot?" Binds nobody. Not in the papers: it keeps a replica that
    /// was cut off from deposing a leader that the others hear well.
    Poll {
        /// The ballot it would use.
        ballot: Ballot,
    },
    /// The answer to `Poll`.
    PollReply {
        /// The ballot asked for.
        ballot: Ballot,
        /// Whether it would.
        granted: bool,
    },
    /// Phase 1a for all slots from `first` on.
    Prepare {
        /// The candidate's ballot.
        ballot: Ballot,
        /// The first slot that the candidate does not know to be chosen.
        first: Slot,
    },
    /// Phase 1b.
    Promise(Promise<C, S>),
    /// Phase 2a, for slots in a row; without commands it is a leader's heartbeat.
    Accept(Accept<C>),
    /// Phase 2b.
    Accepted(Accepted),
    /// A leader's state, for a replica whose next slot the leader has no more.
    Install {
        /// The leader's ballot.
        ballot: Ballot,
        /// Its round.
        round: Round,
        /// The state.
        snapshot: Snapshot<S>,
    },
    /// The answer to anything with a ballot below the promised one.
    Refused {
        /// The ballot that was promised.
        promised: Ballot,
    },
}

/// Phase 1b: nothing below `ballot` will be accepted, and this is what was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Promise<C, S> {
    /// What is promised.
    pub ballot: Ballot,
    /// All slots up to here are known to be chosen.
    pub chosen_through: Slot,
    /// The state, if the first slot asked for is gone from the log.
    pub snapshot: Option<Snapshot<S>>,
    /// Everything accepted in the slots asked for, in their order.
    pub accepted: Vec<Entry<C>>,
}

/// Phase 2a: a leader proposes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accept<C> {
    /// The leader's ballot.
    pub ballot: Ballot,
    /// Which message to all it belongs to.
    pub round: Round,
    /// The leader knows all slots up to here to be chosen.
    pub chosen_through: Slot,
    /// The slot of the first command.
    pub first: Slot,
    /// One command a slot.
    pub commands: Vec<Option<C>>,
}

/// Phase 2b: an acceptor took what it was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// The ballot it answers.
    pub ballot: Ballot,
    /// The round it answers.
    pub round: Round,
    /// The first slot accepted.
    pub first: Slot,
    /// How many, in a row.
    pub count: u64,
    /// All slots up to here are known to it to be chosen.
    pub chosen_through: Slot,
    /// Whether it cannot follow the leader's `chosen_through`, because what it accepted in the next
    /// slot was not proposed by this leader.
    pub lacks_next: bool,
}

/// What has to be stored, in this order, before the messages of the same output leave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record<C, S> {
    /// Nothing below this ballot will be accepted.
    Promised(Ballot),
    /// Accepted; each entry replaces what its slot held.
    Accepted(Vec<Entry<C>>),
    /// A state in the place of the slots before `first_kept`.
    Snapshot {
        /// The state.
        snapshot: Snapshot<S>,
        /// Entries of lower slots may go.
        first_kept: Slot,
    },
}

/// What the state machine shall do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Apply<C, S> {
    /// Apply what was chosen; slots come in order, none is left out.
    Command(Slot, Option<C>),
    /// Put this in the place of the state.
    Restore(Snapshot<S>),
}

/// What inputs led to.
#[derive(Debug)]
pub struct Output<C, S> {
    /// To be stored first.
    pub records: Vec<Record<C, S>>,
    /// To be applied.
    pub applies: Vec<Apply<C, S>>,
    /// To be sent once the records are stored.
    pub messages: Vec<Envelope<C, S>>,
    /// Reads that may be answered from the state, after the applies.
    pub reads_ready: Vec<ReadId>,
    /// Reads that cannot be answered here.
    pub reads_refused: Vec<ReadId>,
}

impl<C, S> Default for Output<C, S> {
    fn default() -> Self {
        Self {
            records: Vec::new(),
            applies: Vec::new(),
            messages: Vec::new(),
            reads_ready: Vec::new(),
            reads_refused: Vec::new(),
        }
    }
}

/// What a replica had stored.
#[derive(Debug, Clone)]
pub struct Restored<C, S> {
    /// The highest ballot promised.
    pub promised: Ballot,
    /// The last state.
    pub snapshot: Option<Snapshot<S>>,
    /// What was accepted, in any order.
    pub entries: Vec<Entry<C>>,
}

impl<C, S> Default for Restored<C, S> {
    fn default() -> Self {
        Self { promised: Ballot(0), snapshot: None, entries: Vec::new() }
    }
}

/// How a replica is run.
#[derive(Debug, Clone)]
pub struct Config {
    /// Which of the nodes it is.
    pub id: NodeIndex,
    /// How many there are.
    pub nodes: usize,
    /// The shortest silence of a leader after which a replica wants to lead; waits are drawn
    /// between one and two of these.
    pub election_timeout: Duration,
    /// A replica that a leader sent nothing for so long gets a heartbeat; what it did not
    /// acknowledge for so long is sent again.
    pub heartbeat_interval: Duration,
    /// How long a leader gathers proposals and reads for one round of messages.
    pub gather_window: Duration,
    /// The most commands in one message.
    pub commands_per_message: usize,
}
