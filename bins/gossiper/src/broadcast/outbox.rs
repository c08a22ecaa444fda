//! What leaves for peers, and what happens when nothing comes back.

use std::collections::BTreeSet;
use std::ops::Bound;
use std::time::Duration;

use proto::{Context, MessageId, Time};
use rand::RngExt as _;
use smallvec::SmallVec;

use crate::broadcast::link::{Batch, Comparison, Forward, Kind, Queued, RETRY_MAX};
use crate::broadcast::message::{BatchId, Body, Gossip};
use crate::broadcast::node::Gossiper;
use crate::broadcast::strategy::{Form, View};
use crate::digest::Digest;
use crate::topology::Peer;
use crate::value_set::Position;

/// Where values are to go one by one but so many have come together, they go as a batch.
const SINGLES_MAX: usize = 8;
/// How many values are sent again at a time to a peer that may not know `digest`.
const RESENT_MAX: usize = 16;

impl Gossiper {
    /// Queues a value for those whom the strategy names, and round those that have failed.
    pub(crate) fn spread(&mut self, position: Position, source: Peer, ctx: &mut Context<'_, Self>) {
        let mut targets = std::mem::take(&mut self.targets);
        let view = View { cluster: &self.cluster, links: &self.links, now: ctx.now() };
        self.strategy.targets(source, view, ctx.random(), &mut targets);
        for peer in targets.drain(..) {
            self.offer(peer, position, false, ctx.now());
            if self.links[peer].failed {
                if self.links[peer].waits() && self.partition.blocks(self.cluster.id(peer)) {
                    // It would have been sent, had the partition not made the peer fail.
                    self.partition.count_dropped();
                }
                self.send_round(peer, position, source, ctx.now());
            }
        }
        self.targets = targets;
    }

    /// Queues for a peer that is back the values from `from` on that it would have been told.
    pub(crate) fn spread_again(&mut self, peer: Peer, from: Position, ctx: &mut Context<'_, Self>) {
        let mut targets = Vec::new();
        for position in from..self.set.len() {
            let source = self.sources[position as usize];
            targets.clear();
            let view = View { cluster: &self.cluster, links: &self.links, now: ctx.now() };
            self.strategy.targets(source, view, ctx.random(), &mut targets);
            let link = &self.links[peer];
            let is_queued = link.queue.iter().any(|queued| queued.position == position);
            if targets.contains(&peer) && !is_queued {
                self.offer(peer, position, false, ctx.now());
            }
        }
    }

    /// Queues direct copies for everyone behind a failed neighbour. Returns how many.
    fn send_round(&mut self, failed: Peer, position: Position, source: Peer, now: Time) -> u64 {
        let mut copies = 0;
        for peer in self.strategy.detour(failed, source, self.view(now)) {
            copies += u64::from(self.offer(peer, position, true, now));
        }
        self.totals.direct += copies;
        copies
    }

    fn offer(&mut self, peer: Peer, position: Position, is_direct: bool, now: Time) -> bool {
        let link = &mut self.links[peer];
        let departure = self.strategy.departure(peer, link.queue.len(), now);
        let offered = link.offer(position, is_direct, departure);
        if offered {
            self.ready.push(peer);
        }
        offered
    }

    /// Sends what is ready and due, and sees to it that the timer comes for the rest.
    pub(crate) fn flush(&mut self, ctx: &mut Context<'_, Self>) {
        self.send_ready(ctx);
        self.arm(ctx);
    }

    fn send_ready(&mut self, ctx: &mut Context<'_, Self>) {
        let ready = std::mem::take(&mut self.ready);
        for peer in &ready {
            if self.links[*peer].is_due(ctx.now()) {
                self.send_queue(*peer, ctx);
            }
        }
        self.ready = ready;
        self.ready.clear();
    }

    fn send_queue(&mut self, peer: Peer, ctx: &mut Context<'_, Self>) {
        let link = &mut self.links[peer];
        let waits = link.waits() || link.is_congested();
        let queue = if waits { SmallVec::new() } else { std::mem::take(&mut link.queue) };
        // Direct copies that have waited for an answer leave together.
        let singles_max = if queue.iter().any(|queued| queued.is_direct) { 1 } else { SINGLES_MAX };
        let one_by_one = link.kind == Kind::Foreign
            || (self.strategy.form() == Form::Single && queue.len() <= singles_max);
        if one_by_one && link.acks_due.is_empty() {
            for queued in queue {
                self.send_single(peer, queued, ctx);
            }
        } else {
            self.send_batch(peer, &queue, ctx);
        }
    }

    fn send_single(&mut self, peer: Peer, queued: Queued, ctx: &mut Context<'_, Self>) {
        let Some(value) = self.set.get(queued.position) else { return };
        let message = value.clone();
        let first_id = self.transmit(peer, Body::Broadcast { message }, ctx);
        let link = &mut self.links[peer];
        link.forwards.push_back(Forward {
            position: queued.position,
            first_id,
            resent_ids: Vec::new(),
            sent_at: ctx.now(),
            is_direct: queued.is_direct,
            went_round: link.failed,
            timed_out: false,
            direct_copies: 0,
        });
    }

    fn send_batch(&mut self, peer: Peer, queue: &[Queued], ctx: &mut Context<'_, Self>) {
        let acks = std::mem::take(&mut self.links[peer].acks_due);
        let messages =
            queue.iter().filter_map(|queued| self.set.get(queued.position)).cloned().collect();
        let last = queue.iter().map(|queued| queued.position).max();
        let batch = last.map(|last| {
            self.batches_sent += 1;
            // Below 2⁵³, so that every JSON reader keeps it whole.
            let id = BatchId(u64::from(self.life) << 20 ^ self.batches_sent);
            self.links[peer].batches.push(Batch { id, last, sent_at: ctx.now() });
            id
        });
        let sum = self.set.sum();
        let view = View { cluster: &self.cluster, links: &self.links, now: ctx.now() };
        let hub = self.strategy.round(peer, sum, view);
        let gossip = Gossip { batch, messages, acks, hub };
        self.transmit(peer, Body::Gossip(Box::new(gossip)), ctx);
    }

    /// Sends a message to a peer, unless the partition that a client asked for forbids it.
    pub(crate) fn transmit(
        &mut self,
        peer: Peer,
        body: Body,
        ctx: &mut Context<'_, Self>,
    ) -> Option<MessageId> {
        let id = self.cluster.id(peer);
        if self.partition.blocks(id) {
            self.partition.count_dropped();
            return None;
        }
        Some(ctx.send(id, body))
    }

    /// Does everything that is due by now.
    pub(crate) fn work(&mut self, ctx: &mut Context<'_, Self>) {
        let now = ctx.now();
        let mut due: BTreeSet<_> = self.links.look(now).into_iter().collect();
        self.check_forwards(due.iter().copied(), ctx);
        self.send_ready(ctx);
        if self.greet_at.is_some_and(|at| at <= now) {
            self.greet_at = None;
            self.compare_with_targets(ctx);
        }
        if let Some((at, anchor)) = self.settling_due(now)
            && at <= now
        {
            self.links[anchor].compare(now);
        }
        // What happens to one of them may make others due, which then have their turn as well.
        let mut seen = 0;
        let mut next = Bound::Unbounded;
        loop {
            due.extend(&self.links.changed()[seen..]);
            seen = self.links.changed().len();
            let Some(peer) = due.range((next, Bound::Unbounded)).next().copied() else { break };
            next = Bound::Excluded(peer);
            let is_late = self.links[peer]
                .batches
                .first()
                .is_some_and(|batch| batch.sent_at + self.timeouts(peer).batch() <= now);
            let link = &mut self.links[peer];
            if is_late && link.comparison.is_none() {
                link.held.expired();
                link.compare(now);
            }
            if link.comparison.is_some_and(|comparison| comparison.next_at <= now) {
                self.ask_to_compare(peer, ctx);
            }
            if self.links[peer].is_due(now) {
                self.ready.push(peer);
            }
        }
    }

    /// Looks for forwards to these peers whose acknowledgement is overdue, and sends their values round
    /// the peer.
    pub(crate) fn check_forwards(
        &mut self,
        peers: impl IntoIterator<Item = Peer>,
        ctx: &mut Context<'_, Self>,
    ) {
        let now = ctx.now();
        for peer in peers {
            if self.links[peer].forwards.is_empty() {
                continue;
            }
            let timeouts = self.timeouts(peer);
            let link = &mut self.links[peer];
            let mut overdue = Vec::new();
            for (index, forward) in link.forwards.iter_mut().enumerate() {
                if timeouts.is_overdue(forward, now) {
                    forward.timed_out = true;
                    overdue.push((index, forward.position, forward.is_direct, forward.went_round));
                }
            }
            if overdue.is_empty() {
                continue;
            }
            link.prompt.expired();
            self.fail(peer, ctx);
            for (index, position, is_direct, went_round) in overdue {
                if is_direct {
                    continue;
                }
                self.totals.failures += 1;
                if !went_round {
                    let source = self.sources[position as usize];
                    let copies = self.send_round(peer, position, source, now);
                    self.links[peer].forwards[index].direct_copies = copies;
                }
            }
        }
    }

    /// The forwards to neighbours that are open: what `check_acks` reports.
    pub(crate) fn acknowledgements(&self) -> Body {
        let (mut pending, mut timed_out, mut direct_sent) = (0, 0, 0);
        for forward in self.links.used().flat_map(|peer| &self.links[peer].forwards) {
            if !forward.is_direct {
                pending += u64::from(!forward.timed_out);
                timed_out += u64::from(forward.timed_out);
                direct_sent += forward.direct_copies;
            }
        }
        Body::CheckAcksOk { pending, timed_out, direct_sent }
    }

    /// Notes that a peer does not answer.
    fn fail(&mut self, peer: Peer, ctx: &mut Context<'_, Self>) {
        let now = ctx.now();
        let link = &mut self.links[peer];
        link.comparison.get_or_insert(Comparison { next_at: now, attempts: 0 });
        if link.failed {
            return;
        }
        link.failed = true;
        let unsent = link.queue.iter().map(|queued| queued.position).min();
        link.untold = unsent.unwrap_or(self.set.len());
        if link.kind == Kind::Ours {
            link.queue.clear();
        }
        ctx.log(format!("{} does not answer", self.cluster.id(peer)));
        for other in self.strategy.beyond(peer, self.view(now)) {
            self.links[other].compare(now);
        }
        self.links_changed(ctx);
    }

    /// Lets the strategy react to a peer that has failed or come back.
    pub(crate) fn links_changed(&mut self, ctx: &mut Context<'_, Self>) {
        let view = View { cluster: &self.cluster, links: &self.links, now: ctx.now() };
        let before = self.strangers_timeouts();
        for peer in self.strategy.links_changed(view) {
            self.links[peer].compare(ctx.now());
        }
        // Another hub has others wait for other times.
        self.shorten(&before);
    }

    /// The peer does not know our own messages: everything it has not acknowledged goes out as
    /// plain broadcasts.
    pub(crate) fn found_foreign(&mut self, peer: Peer, ctx: &mut Context<'_, Self>) {
        let link = &mut self.links[peer];
        if link.kind != Kind::Unknown {
            return;
        }
        link.kind = Kind::Foreign;
        link.failed = false;
        if !link.batches.is_empty() {
            // It has understood none of them, nor of those before: all it did not bring itself goes.
            link.batches.clear();
            link.queue = (0..self.set.len())
                .filter(|position| self.sources[*position as usize] != peer)
                .map(|position| Queued { position, is_direct: false })
                .collect();
            link.send_at = ctx.now();
        }
        // From now on what is asked for with back-off is no comparison but an acknowledgement.
        let is_open = link.forwards.iter().any(|forward| forward.timed_out);
        link.comparison = is_open.then(|| Comparison { next_at: ctx.now(), attempts: 0 });
        self.ready.push(peer);
        self.links_changed(ctx);
    }

    /// Opens a comparison with the peer, once more if it has not answered the last time.
    fn ask_to_compare(&mut self, peer: Peer, ctx: &mut Context<'_, Self>) {
        let Some(Comparison { attempts, .. }) = self.links[peer].comparison else { return };
        if attempts > 0 || self.partition.blocks(self.cluster.id(peer)) {
            self.fail(peer, ctx);
        }
        let next_at = ctx.now() + retry_after(self.timeouts(peer).answer(), attempts, ctx);
        let comparison = Comparison { next_at, attempts: attempts.saturating_add(1) };
        let link = &mut self.links[peer];
        link.comparison = Some(comparison);
        let kind = link.kind;
        if self.partition.blocks(self.cluster.id(peer)) {
            // Nothing would come of it before the heal, which asks anew.
            return;
        }
        // One that may be of another make is asked first whether it is.
        if kind == Kind::Foreign || (kind == Kind::Unknown && attempts > 0) {
            self.send_again(peer, ctx);
        }
        if kind != Kind::Foreign {
            let lacks_topology = self.topology_record.is_none();
            let opening = Digest::open(&self.set, self.life, ctx.now());
            let opening = Digest { lacks_topology, ..opening };
            self.transmit(peer, Body::Digest(Box::new(opening)), ctx);
        } else if self.links[peer].forwards.is_empty() {
            self.links[peer].comparison = None;
        }
    }

    /// Sends the oldest open values once more to a peer that may know nothing but `broadcast`.
    fn send_again(&mut self, peer: Peer, ctx: &mut Context<'_, Self>) {
        let link = &self.links[peer];
        let count = link.forwards.iter().take(RESENT_MAX).filter(|open| open.timed_out).count();
        for index in 0..count {
            let position = self.links[peer].forwards[index].position;
            let Some(message) = self.set.get(position).cloned() else { continue };
            if let Some(id) = self.transmit(peer, Body::Broadcast { message }, ctx) {
                self.links[peer].forwards[index].resent_as(id);
            }
        }
    }

    /// When to make sure, and with whom, that nothing is missing anywhere.
    fn settling_due(&self, now: Time) -> Option<(Time, Peer)> {
        let at = self.settling_at()?;
        let anchor = self.strategy.anchor(self.view(now))?;
        let is_under_way = self.links[anchor].comparison.is_some();
        (!is_under_way).then_some((at, anchor))
    }

    /// The same without a look at whether there is anybody with whom to.
    fn settling_at(&self) -> Option<Time> {
        let patience_ends = self.settling.open_since? + self.strategy.patience();
        Some(patience_ends.min(self.settling.changed_at + self.strategy.quiet()))
    }

    /// Sets the timer for whatever is due first, if it is not set for that or earlier.
    pub(crate) fn arm(&mut self, ctx: &mut Context<'_, Self>) {
        if !self.links.changed().is_empty() {
            let strangers = self.strangers_timeouts();
            self.links.schedule(|link| link.next_due(&strangers));
        }
        let due = self.links.next_look().min(self.greet_at.unwrap_or(Time::MAX));
        let is_set_for = |due| self.timer.is_some_and(|(_, at)| at <= due);
        // Mostly it is, and so nobody need be found to settle with.
        if is_set_for(due) && self.settling_at().is_none_or(is_set_for) {
            return;
        }
        let settling = self.settling_due(ctx.now()).map_or(Time::MAX, |(at, _)| at);
        let due = due.min(settling);
        if due == Time::MAX || is_set_for(due) {
            return;
        }
        if let Some((timer, _)) = self.timer {
            ctx.cancel_timer(timer);
        }
        self.timer = Some((ctx.set_timer(due.since(ctx.now()), ()), due));
    }
}

/// How long to wait for an answer: `first` at first, longer with every attempt, and by chance a
/// little longer, so that nodes that lost a peer together do not all ask together.
pub(crate) fn retry_after(
    first: Duration,
    attempts: u32,
    ctx: &mut Context<'_, Gossiper>,
) -> Duration {
    let wait = first.saturating_mul(1 << attempts.min(8)).min(RETRY_MAX.max(first));
    wait.mul_f64(1.0 + ctx.random().random_range(0.0..0.25))
}
