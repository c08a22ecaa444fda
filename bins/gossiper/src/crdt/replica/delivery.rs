//! Updates on their way to each peer, until it has acknowledged them.

use crdt::Interval;
use proto::{Context, Time};

use super::link::ATTEMPTS_MAX;
use super::{Replica, Replicated, State, Step};

impl<S: State> Replica<S> {
    pub(super) fn acknowledged<N: Replicated<State = S>>(
        &mut self,
        index: usize,
        end: u64,
        ctx: &mut Context<'_, N>,
    ) {
        let link = &mut self.links[index];
        self.buffer.acknowledge(&link.id, end);
        if let Some(open) = link.open.take() {
            link.measure(open, ctx.now());
        }
        if self.buffer.lacks(&link.id) {
            self.flush_soon(ctx.now());
        }
    }

    /// The peer has all that this replica has.
    pub(super) fn has_all(&mut self, index: usize) {
        let link = &mut self.links[index];
        if let Some(Interval { end, .. }) = self.buffer.interval(&link.id) {
            self.buffer.acknowledge(&link.id, end);
        }
        link.open = None;
    }

    pub(super) fn flush_soon(&mut self, now: Time) {
        self.flush_at.get_or_insert(now + self.settings.gossip_interval);
    }

    /// Sends what a peer lacks, unless something is on its way to it.
    pub(super) fn send_pending<N: Replicated<State = S>>(
        &mut self,
        index: usize,
        attempts: u32,
        ctx: &mut Context<'_, N>,
    ) {
        let link = &self.links[index];
        if link.open.is_none()
            && let Some(Interval { delta, .. }) = self.buffer.interval(&link.id)
        {
            self.send_delta(index, delta, attempts, ctx);
        }
    }

    pub(super) fn send_delta<N: Replicated<State = S>>(
        &mut self,
        index: usize,
        state: S,
        attempts: u32,
        ctx: &mut Context<'_, N>,
    ) {
        let end = self.buffer.end();
        self.links[index].open = Some(self.asked(index, attempts, ctx));
        self.send(index, Step::Delta { state, end, start: self.start }, ctx);
    }

    /// Asks once more for the acknowledgement of what is open.
    pub(super) fn send_again<N: Replicated<State = S>>(
        &mut self,
        index: usize,
        ctx: &mut Context<'_, N>,
    ) {
        let Some(open) = self.links[index].open.take() else { return };
        self.links[index].round_trip.expired();
        let attempts = open.attempts.saturating_add(1);
        if attempts <= ATTEMPTS_MAX {
            self.send_pending(index, attempts, ctx);
            return;
        }
        self.probe(index, attempts, ctx);
        self.fail(index, ctx);
    }
}
