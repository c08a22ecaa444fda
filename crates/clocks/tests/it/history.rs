//! Random runs of nodes that exchange messages, with happened-before as plain sets of events: the
//! definition, which every clock is held against.

use std::collections::BTreeSet;

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};

pub(crate) const NODES: usize = 4;

/// What happens at one node.
#[derive(Clone, Copy, Debug)]
pub(crate) enum What {
    /// Something local, or a message is sent: later receipts name the event.
    Tick,
    /// A message is received that this event sent.
    Receive(usize),
}

#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) node: usize,
    pub(crate) what: What,
    /// What the node's wall clock shows.
    pub(crate) clock_ms: u64,
    /// Every event that happened before this one.
    pub(crate) past: BTreeSet<usize>,
}

/// A run: messages may overtake each other, come twice or never, and clocks do what they like.
pub(crate) fn random_run(seed: u64) -> Vec<Event> {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut events: Vec<Event> = Vec::new();
    let mut last_of = [None; NODES];
    let mut clocks = [1_000_u64; NODES];
    for index in 0..random.random_range(2..60) {
        let node = random.random_range(0..NODES);
        let clock = &mut clocks[node];
        *clock = match random.random_range(0..10) {
            0..4 => *clock,
            4..8 => *clock + random.random_range(1..5),
            8 => *clock + random.random_range(0..1_000),
            _ => clock.saturating_sub(random.random_range(0..1_000)),
        };
        let what = match random.random_bool(0.5) {
            true if index > 0 => What::Receive(random.random_range(0..index)),
            _ => What::Tick,
        };
        let mut past = BTreeSet::new();
        let sent = match what {
            What::Receive(sent) => Some(sent),
            What::Tick => None,
        };
        for cause in [last_of[node], sent].into_iter().flatten() {
            past.insert(cause);
            past.extend(&events[cause].past);
        }
        last_of[node] = Some(index);
        events.push(Event { node, what, clock_ms: *clock, past });
    }
    events
}

/// Runs a clock a node over a random run; the stamp of each event.
pub(crate) fn stamps<C: Default + Clone, S: Clone>(
    events: &[Event],
    mut step: impl FnMut(&mut C, &Event, Option<&S>) -> S,
) -> Vec<S> {
    let mut clocks = vec![C::default(); NODES];
    let mut stamps: Vec<S> = Vec::new();
    for event in events {
        let received = match event.what {
            What::Receive(sent) => Some(&stamps[sent]),
            What::Tick => None,
        };
        let stamp = step(&mut clocks[event.node], event, received);
        stamps.push(stamp);
    }
    stamps
}

/// All pairs of different events, with whether the first happened before the second.
pub(crate) fn pairs(events: &[Event]) -> impl Iterator<Item = (usize, usize, bool)> + '_ {
    let indices = move || 0..events.len();
    indices()
        .flat_map(move |a| indices().map(move |b| (a, b)))
        .filter(|(a, b)| a != b)
        .map(|(a, b)| (a, b, events[b].past.contains(&a)))
}
