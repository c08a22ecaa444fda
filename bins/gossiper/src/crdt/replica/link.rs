//! What is known of a peer, and how long it may take to answer.

use std::time::Duration;

use proto::{NodeId, Time};

use crate::round_trip::RoundTrip;

/// The shortest time-out for an answer; longer where round trips take longer.
const ANSWER_TIMEOUT: Duration = Duration::from_millis(500);
/// The longest wait before a peer is asked again, unless its round trips take longer.
const RETRY_MAX: Duration = Duration::from_secs(2);
/// After so many messages without an answer a peer is taken for gone, and asked with small ones.
pub(super) const ATTEMPTS_MAX: u32 = 2;

/// What is known of a peer.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) id: NodeId,
    pub(super) round_trip: RoundTrip,
    /// Deltas that it has not acknowledged.
    pub(super) open: Option<Asked>,
    /// It does not answer.
    pub(super) failed: bool,
}

/// A message that has to be answered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    at: Time,
    pub(super) next_at: Time,
    pub(super) attempts: u32,
}

impl Link {
    /// A peer that nothing is known of.
    pub(super) fn new(id: NodeId) -> Self {
        Self { id, round_trip: RoundTrip::default(), open: None, failed: false }
    }

    /// A message that is sent to it now, for the so-many-th time; `jitter` makes the wait for its answer
    /// longer.
    pub(super) fn ask(&self, now: Time, attempts: u32, jitter: f64) -> Asked {
        let first = self.round_trip.timeout(ANSWER_TIMEOUT);
        let doublings = attempts.saturating_sub(ATTEMPTS_MAX).min(8);
        let wait = first.saturating_mul(1 << doublings).min(RETRY_MAX.max(first));
        Asked { at: now, next_at: now + wait.mul_f64(jitter), attempts }
    }

    /// It has answered this. By Karn's rule the answer to what was sent again measures nothing.
    pub(super) fn measure(&mut self, asked: Asked, now: Time) {
        if asked.attempts == 1 {
            self.round_trip.measure(asked.at, now.since(asked.at), now, ANSWER_TIMEOUT);
        }
    }
}
