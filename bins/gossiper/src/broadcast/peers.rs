//! What peers say: values, acknowledgements, digests.

use proto::{Caller, Context, Error, ErrorCode};

use crate::broadcast::config::Answer;
use crate::broadcast::link::{Comparison, Kind};
use crate::broadcast::message::{Body, Gossip};
use crate::broadcast::node::Gossiper;
use crate::broadcast::outbox::retry_after;
use crate::broadcast::strategy::{Round, View};
use crate::digest::{Digest, Mark};
use crate::topology::Peer;

impl Gossiper {
    pub(crate) fn peer_request(
        &mut self,
        peer: Peer,
        from: &Caller,
        body: Body,
        ctx: &mut Context<'_, Self>,
    ) {
        match body {
            Body::Broadcast { message } => {
                let answer = match self.config.answer {
                    Answer::Ok => Body::BroadcastOk,
                    Answer::Ack => Body::BroadcastAck { message: Some(message.clone()) },
                };
                self.learn(message, peer, ctx);
                ctx.reply(from, answer);
            }
            Body::BroadcastAck { message: None } => {
                // It is no answer, and so without a number that would say which one.
                let text = "missing field `message`";
                ctx.reply_error(from, Error::new(ErrorCode::MalformedRequest, text));
            }
            Body::BroadcastAck { message } => self.acknowledged(peer, from, message.as_ref(), ctx),
            Body::Gossip(gossip) => self.gossip(peer, *gossip, ctx),
            Body::Digest(digest) => self.digest(peer, *digest, ctx),
            // Any node may be asked by any other one what a client may ask.
            body => self.client_request(from, body, ctx),
        }
    }

    pub(crate) fn peer_reply(
        &mut self,
        peer: Peer,
        from: &Caller,
        reply: Result<Body, Error>,
        ctx: &mut Context<'_, Self>,
    ) {
        match reply {
            Ok(Body::BroadcastOk) => self.acknowledged(peer, from, None, ctx),
            Ok(Body::BroadcastAck { message }) => {
                self.acknowledged(peer, from, message.as_ref(), ctx);
            }
            // It does not know `gossip` and `digest`. (A blocked or young peer has other codes.)
            Err(error)
                if matches!(error.code, ErrorCode::NotSupported | ErrorCode::MalformedRequest) =>
            {
                self.found_foreign(peer, ctx);
            }
            _ => {}
        }
    }

    fn acknowledged(
        &mut self,
        peer: Peer,
        from: &Caller,
        value: Option<&proto::Json>,
        ctx: &mut Context<'_, Self>,
    ) {
        let link = &mut self.links[peer];
        let Some((forward, is_first)) = link.acknowledge(from.in_reply_to, value, &self.set) else {
            return;
        };
        let is_measured = is_first && self.measure(peer, forward.sent_at, ctx.now());
        let link = &mut self.links[peer];
        link.has_acknowledged = true;
        // Others may have waited for it. Else nothing is due but later, which the timer finds out.
        if is_measured || link.failed || !link.queue.is_empty() {
            self.ready.push(peer);
        }
        if link.failed {
            // It was only slow, or it is back: it is told what it was not told meanwhile. The
            // comparison stays, for what was lost; one that got no answer so far is asked for anew.
            link.failed = false;
            let untold = link.untold;
            if let Some(comparison) = &mut link.comparison
                && (link.kind == Kind::Foreign || comparison.attempts > 1)
            {
                *comparison = Comparison { next_at: ctx.now(), attempts: 0 };
            }
            if link.kind == Kind::Ours {
                self.spread_again(peer, untold, ctx);
            }
            self.links_changed(ctx);
        }
    }

    fn gossip(&mut self, peer: Peer, gossip: Gossip, ctx: &mut Context<'_, Self>) {
        let Gossip { batch, messages, acks, hub } = gossip;
        let link = &mut self.links[peer];
        link.kind = Kind::Ours;
        let answered: Vec<_> =
            acks.into_iter().filter_map(|ack| link.acknowledge_batch(ack)).collect();
        for sent_at in &answered {
            self.measure_held(peer, *sent_at, ctx.now());
        }
        if !answered.is_empty() {
            self.ready.push(peer);
        }
        let answered = answered.into_iter().max();
        self.strategy.gossip_received(
            peer,
            batch.is_some(),
            hub.map(|hub| Round { hub, answered }),
            ctx.now(),
        );
        if let Some(batch) = batch {
            let view = View { cluster: &self.cluster, links: &self.links, now: ctx.now() };
            let ack_by = self.strategy.ack_departure(peer, view);
            let link = &mut self.links[peer];
            if link.acks_due.is_empty() || ack_by < link.ack_by {
                link.ack_by = ack_by;
            }
            if !link.acks_due.contains(&batch) {
                link.acks_due.push(batch);
            }
            self.ready.push(peer);
        }
        for value in messages {
            self.learn(value, peer, ctx);
        }
        // The hub has exactly what this node has: nothing is left to make sure of.
        if hub.is_some_and(|hub| hub.sum == self.set.sum())
            && self.strategy.anchor(self.view(ctx.now())) == Some(peer)
        {
            self.settling.open_since = None;
        }
    }

    fn digest(&mut self, peer: Peer, digest: Digest, ctx: &mut Context<'_, Self>) {
        let link = &mut self.links[peer];
        link.kind = Kind::Ours;
        if digest.asker.life == self.life
            && let Some(asked_at) = digest.answered(ctx.now())
        {
            self.measure(peer, asked_at, ctx.now());
        }
        let answer_timeout = self.timeouts(peer).answer();
        let link = &mut self.links[peer];
        // It answers: what is under way gets its time.
        if let Some(comparison) = &mut link.comparison {
            comparison.attempts = 0;
            if digest.asker.life == self.life {
                comparison.next_at = ctx.now() + retry_after(answer_timeout, 0, ctx);
            }
        }
        for value in &digest.messages {
            self.learn(value.clone(), peer, ctx);
        }
        if digest.done {
            self.exchange_done(peer, &digest, ctx);
            return;
        }
        let answer = digest.answer(&self.set, self.life);
        if answer.done {
            self.exchange_done(peer, &answer, ctx);
        }
        self.transmit(peer, Body::Digest(Box::new(answer)), ctx);
        if digest.lacks_topology
            && let Some(topology) = self.topology_lists()
        {
            self.transmit(peer, Body::Topology { topology }, ctx);
        }
    }

    /// An exchange has come to its end: the peer has all that this node had when it began.
    fn exchange_done(&mut self, peer: Peer, last: &Digest, ctx: &mut Context<'_, Self>) {
        let is_mine = |mark: &Mark| mark.life == self.life;
        let Some(mark) = [Some(last.asker), last.answerer].into_iter().flatten().find(is_mine)
        else {
            return;
        };
        if last.partial {
            let link = &mut self.links[peer];
            if link.comparison.is_some() && is_mine(&last.asker) {
                link.comparison = None;
                link.compare(ctx.now());
            }
            return;
        }
        let link = &mut self.links[peer];
        let had_failed = link.failed;
        link.settle(mark.len);
        self.ready.push(peer);
        self.partition.compared(peer, ctx.now());
        if had_failed {
            self.links_changed(ctx);
            self.spread_again(peer, mark.len, ctx);
        }
        // What came since, if not from the anchor itself, keeps the question open.
        let anchor = self.strategy.anchor(self.view(ctx.now()));
        let newer = &self.sources[(mark.len as usize).min(self.sources.len())..];
        if anchor == Some(peer) {
            let is_open = newer.iter().any(|source| *source != peer);
            self.settling.open_since = is_open.then_some(ctx.now());
        }
    }
}
