//! How much goes on in a cluster, and the moment when it is too much.

use proto::Time;

use crate::options::Limits;

/// A limit that was reached.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Limit {
    /// So many messages were on their way.
    InFlight(usize),
    /// So many events happened in one second of virtual time.
    Events(u64),
}

/// What was too much.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Overload {
    /// When.
    pub time: Time,
    /// Which limit was reached.
    pub limit: Limit,
    /// The node that had sent the most messages by then.
    pub node: usize,
    /// How many those were.
    pub sent: u64,
}

/// Counts what goes on.
#[derive(Debug)]
pub(crate) struct Load {
    limits: Limits,
    /// Messages kept for nodes that are paused.
    kept: usize,
    second: u64,
    events: u64,
    sent: Vec<u64>,
    overload: Option<Overload>,
}

impl Load {
    pub(crate) fn new(limits: Limits, nodes: usize) -> Self {
        Self { limits, kept: 0, second: 0, events: 0, sent: vec![0; nodes], overload: None }
    }

    pub(crate) fn overload(&self) -> Option<&Overload> {
        self.overload.as_ref()
    }

    /// So many more messages are kept for a node that is paused.
    pub(crate) fn keep(&mut self, messages: usize) {
        self.kept += messages;
    }

    /// So many messages are kept no longer.
    pub(crate) fn release(&mut self, messages: usize) {
        self.kept -= messages;
    }

    /// Looks whether too many messages are on their way or kept.
    pub(crate) fn weigh(&mut self, now: Time, in_flight: usize) {
        if in_flight + self.kept > self.limits.in_flight {
            self.exceed(now, Limit::InFlight(self.limits.in_flight));
        }
    }

    /// A node sends a message.
    pub(crate) fn count_send(&mut self, node: usize) {
        self.sent[node] += 1;
    }

    /// An event happens.
    pub(crate) fn count_step(&mut self, now: Time) {
        let second = now.as_nanos() / 1_000_000_000;
        if second != self.second {
            self.second = second;
            self.events = 0;
        }
        self.events += 1;
        if self.events > self.limits.events_a_second {
            self.exceed(now, Limit::Events(self.limits.events_a_second));
        }
    }

    fn exceed(&mut self, time: Time, limit: Limit) {
        let busiest = self.sent.iter().copied().zip(0..).max_by_key(|(sent, _)| *sent);
        let (sent, node) = busiest.unwrap_or_default();
        self.overload.get_or_insert(Overload { time, limit, node, sent });
    }
}
