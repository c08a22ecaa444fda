//! A node and the machine that it runs on: whether it is up, its wall clock, its disk.

use proto::{Body, Engine, Message, Node, Now, Payload, Records, Time, Write};

use crate::network::Endpoint;

/// The wall clock of all nodes at virtual time zero: 2026-01-01T00:00:00Z.
const WALL_CLOCK_START_MS: u64 = 1_767_225_600_000;

/// A node and the machine that it runs on.
pub(crate) struct Machine<N: Node> {
    pub(crate) engine: Engine<N>,
    pub(crate) state: State<N::Body>,
    /// Which life this is; events of earlier lives are void.
    pub(crate) life: u64,
    /// The earliest wake-up in the queue.
    pub(crate) wake: Option<Time>,
    /// Records that survive a crash.
    pub(crate) synced: Records,
    /// Syncs under way, and what may leave only after each.
    pub(crate) syncs: Vec<Sync<N::Body>>,
    /// How far the wall clock is off.
    pub(crate) wall_offset_ms: i64,
}

pub(crate) enum State<B> {
    Up,
    Paused(Paused<B>),
    Down,
}

/// What waits until a node that was stopped goes on.
pub(crate) struct Paused<B> {
    /// Messages for it.
    pub(crate) backlog: Vec<Arrival<B>>,
    /// Messages of its own that may leave, because what they wait for is on disk by now.
    pub(crate) unsent: Vec<Message<Payload<B>>>,
}

pub(crate) struct Sync<B> {
    pub(crate) writes: Vec<Write>,
    pub(crate) then: Vec<Message<Payload<B>>>,
}

pub(crate) struct Arrival<B> {
    pub(crate) from: Endpoint,
    pub(crate) number: u64,
    pub(crate) message: Message<Payload<B>>,
}

impl<N: Node> Machine<N> {
    pub(crate) fn clocks(&self, now: Time) -> Now {
        let passed_ms = now.as_nanos() / 1_000_000;
        let wall_ms = (WALL_CLOCK_START_MS + passed_ms).saturating_add_signed(self.wall_offset_ms);
        Now { monotonic: now, wall_ms }
    }
}

impl<B: Body> Default for Paused<B> {
    fn default() -> Self {
        Self { backlog: Vec::new(), unsent: Vec::new() }
    }
}

impl<B: Body> Default for Sync<B> {
    fn default() -> Self {
        Self { writes: Vec::new(), then: Vec::new() }
    }
}
