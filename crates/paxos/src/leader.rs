//! A replica with the promises of a majority: it proposes in phase 2 only, for as long as nobody
//! promises more to somebody else.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::core::Core;
use crate::message::{Accept, Accepted, Config, Message};
use crate::types::{Ballot, NodeIndex, ReadId, Round, Slot, quorum};

/// The round in which nothing was sent yet.
const NO_ROUND: Round = Round(0);

/// What a leader knows of another replica.
#[derive(Debug, Clone)]
struct Peer {
    node: NodeIndex,
    /// It has all slots up to here: accepted from this leader, or known to be chosen.
    through: Slot,
    /// Slots that it accepted after a hole.
    beyond: BTreeSet<Slot>,
    /// The first slot that was not sent yet.
    next: Slot,
    /// The first slot that was sent and is not acknowledged, and since when that is so.
    missing: Option<(Slot, Duration)>,
    sent_at: Duration,
    heard_at: Duration,
    answered: Round,
}

impl Peer {
    fn has(&self, slot: Slot) -> bool {
        slot <= self.through || self.beyond.contains(&slot)
    }

    /// Takes note of what an answer says; whether it has to be sent older slots again.
    fn note(&mut self, chosen_through: Slot, accepted: &Accepted) -> bool {
        let first = accepted.first.0;
        self.beyond.extend((first..first + accepted.count).map(Slot));
        self.through = self.through.max(accepted.chosen_through);
        let falls_back = accepted.lacks_next && accepted.chosen_through < self.through;
        if falls_back {
            // What it accepted from this leader it still has.
            self.beyond.extend((chosen_through.0 + 1..=self.through.0).map(Slot));
            self.through = accepted.chosen_through;
            self.next = self.through.next();
        }
        while self.beyond.remove(&self.through.next()) {
            self.through = self.through.next();
        }
        while self.beyond.first().is_some_and(|&slot| slot <= self.through) {
            self.beyond.pop_first();
        }
        self.next = self.next.max(self.through.next());
        falls_back
    }

    /// Whether it left two heartbeats unanswered. It gets bare heartbeats from then on: what it lacks
    /// would be sent again and again to nobody.
    fn is_silent(&self, config: &Config, now: Duration) -> bool {
        now > self.heard_at + config.heartbeat_interval * 2
    }

    fn note_missing(&mut self, now: Duration) {
        let missing = self.through.next();
        self.missing = match self.missing {
            _ if missing >= self.next => None,
            Some((slot, since)) if slot == missing => Some((slot, since)),
            _ => Some((missing, now)),
        };
    }
}

/// A read that waits for a majority to confirm that this leader still leads.
#[derive(Debug, Clone, Copy)]
struct Read {
    id: ReadId,
    /// A majority has to answer this round or a later one.
    round: Round,
    /// All slots up to here have to be applied.
    slot: Slot,
}

/// A leader.
#[derive(Debug)]
pub struct Leader {
    ballot: Ballot,
    peers: Vec<Peer>,
    round: Round,
    /// Everything up to here was accepted by somebody when this leader began: until it is chosen,
    /// nobody knows what an earlier leader acknowledged.
    recovered: Slot,
    /// The last slot as of the last round.
    flushed: Slot,
    flush_at: Option<Duration>,
    reads: Vec<Read>,
}

impl Leader {
    pub(crate) fn new<C: Clone, S: Clone>(
        core: &mut Core<C, S>,
        now: Duration,
        ballot: Ballot,
        promises: &BTreeMap<NodeIndex, Slot>,
    ) -> Self {
        let known = core.log.chosen_through();
        let peers = (0..core.config.nodes).map(NodeIndex).filter(|&node| node != core.config.id);
        let peer = |node| {
            // Of one that did not promise the best is assumed; it will say what it lacks.
            let through = promises.get(&node).copied().unwrap_or(known).min(known);
            Peer {
                node,
                through,
                beyond: BTreeSet::new(),
                next: through.next(),
                missing: None,
                sent_at: now,
                heard_at: now,
                answered: NO_ROUND,
            }
        };
        Self {
            ballot,
            peers: peers.map(peer).collect(),
            round: NO_ROUND,
            recovered: core.log.last(),
            flushed: core.log.last(),
            flush_at: None,
            reads: Vec::new(),
        }
    }

    /// Its ballot.
    #[must_use]
    pub fn ballot(&self) -> Ballot {
        self.ballot
    }

    pub(crate) fn into_reads(self) -> impl Iterator<Item = ReadId> {
        self.reads.into_iter().map(|read| read.id)
    }

    pub(crate) fn propose<C: Clone, S: Clone>(
        &mut self,
        core: &mut Core<C, S>,
        now: Duration,
        command: C,
    ) -> Slot {
        let slot = core.log.last().next();
        core.accept(self.ballot, slot, &[Some(command)]);
        self.gather(core, now);
        slot
    }

    pub(crate) fn read<C: Clone, S: Clone>(
        &mut self,
        core: &mut Core<C, S>,
        now: Duration,
        id: ReadId,
    ) {
        let slot = self.recovered.max(core.log.chosen_through());
        self.reads.push(Read { id, round: Round(self.round.0 + 1), slot });
        self.gather(core, now);
    }

    /// Has a round sent soon; at once where there is nobody to send it to.
    fn gather<C: Clone, S: Clone>(&mut self, core: &mut Core<C, S>, now: Duration) {
        if self.peers.is_empty() {
            self.flush(core, now);
        } else {
            self.flush_at.get_or_insert(now + core.config.gather_window);
        }
    }

    /// Sends a round: to everybody what was not sent yet.
    pub(crate) fn flush<C: Clone, S: Clone>(&mut self, core: &mut Core<C, S>, now: Duration) {
        self.flush_at = None;
        self.round = Round(self.round.0 + 1);
        self.flushed = core.log.last();
        for index in 0..self.peers.len() {
            if !self.peers[index].is_silent(&core.config, now) {
                self.send_next(index, core, now);
            }
        }
        self.settle(core);
    }

    /// Sends the next slots, or a bare heartbeat if there are none, if too many are on their way, or
    /// if nobody seems to be there.
    fn send_next<C: Clone, S: Clone>(
        &mut self,
        index: usize,
        core: &mut Core<C, S>,
        now: Duration,
    ) {
        let peer = &mut self.peers[index];
        let limit = core.config.commands_per_message;
        let (ballot, round) = (self.ballot, self.round);
        let chosen_through = core.log.chosen_through();
        peer.sent_at = now;
        if peer.is_silent(&core.config, now) {
            peer.next = peer.through.next();
            peer.missing = None;
            let (first, commands) = (peer.next, Vec::new());
            let accept = Accept { ballot, round, chosen_through, first, commands };
            core.send(peer.node, Message::Accept(accept));
            return;
        }
        if peer.next < core.log.first()
            && let Some(snapshot) = core.log.snapshot().cloned()
        {
            peer.next = snapshot.slot.next();
            peer.note_missing(now);
            core.send(peer.node, Message::Install { ballot, round, snapshot });
            return;
        }
        let on_their_way = peer.next.0 - peer.through.next().0;
        let first = peer.next;
        let mut commands = Vec::new();
        if on_their_way < 2 * limit as u64 {
            commands = core.log.commands_from(first, self.flushed, limit);
        }
        peer.next = Slot(first.0 + commands.len() as u64);
        peer.note_missing(now);
        let accept = Accept { ballot, round, chosen_through, first, commands };
        core.send(peer.node, Message::Accept(accept));
    }

    pub(crate) fn next_deadline(&self, config: &Config) -> Duration {
        let heartbeat = config.heartbeat_interval;
        let quorum_lost = self.quorum_heard_at(config).map(|at| at + config.election_timeout);
        let peers = self.peers.iter().flat_map(|peer| {
            let resend = peer.missing.map(|(_, since)| since + heartbeat);
            resend.into_iter().chain([peer.sent_at + heartbeat])
        });
        peers.chain(self.flush_at).chain(quorum_lost).min().unwrap_or(Duration::MAX)
    }

    /// When a majority, this leader counted, was last heard; `None` for a cluster of one.
    fn quorum_heard_at(&self, config: &Config) -> Option<Duration> {
        let mut heard: Vec<_> = self.peers.iter().map(|peer| peer.heard_at).collect();
        heard.sort_unstable_by(|a, b| b.cmp(a));
        let others_needed = quorum(config.nodes) - 1;
        others_needed.checked_sub(1).and_then(|last| heard.get(last).copied())
    }

    /// False if no majority was heard for so long that somebody else may lead.
    pub(crate) fn tick<C: Clone, S: Clone>(
        &mut self,
        core: &mut Core<C, S>,
        now: Duration,
    ) -> bool {
        let heard_at = self.quorum_heard_at(&core.config);
        if heard_at.is_some_and(|at| now >= at + core.config.election_timeout) {
            return false;
        }
        if self.flush_at.is_some_and(|at| now >= at) {
            self.flush(core, now);
        }
        let heartbeat = core.config.heartbeat_interval;
        for index in 0..self.peers.len() {
            let peer = &mut self.peers[index];
            if let Some((slot, since)) = peer.missing
                && now >= since + heartbeat
            {
                peer.next = slot;
                peer.missing = None;
                self.send_next(index, core, now);
            } else if now >= peer.sent_at + heartbeat {
                self.send_next(index, core, now);
            }
        }
        true
    }

    pub(crate) fn on_accepted<C: Clone, S: Clone>(
        &mut self,
        core: &mut Core<C, S>,
        now: Duration,
        from: NodeIndex,
        accepted: &Accepted,
    ) {
        let chosen_through = core.log.chosen_through();
        let Some(index) = self.peers.iter().position(|peer| peer.node == from) else { return };
        let peer = &mut self.peers[index];
        let end = accepted.first.0.saturating_add(accepted.count);
        if accepted.ballot != self.ballot || end > core.log.last().0 + 1 {
            return;
        }
        peer.heard_at = now;
        peer.answered = peer.answered.max(accepted.round);
        let falls_back = peer.note(chosen_through, accepted);
        peer.note_missing(now);
        let has_backlog = peer.next <= self.flushed;
        let on_their_way = peer.next.0 - peer.through.next().0;
        if falls_back || has_backlog && on_their_way < core.config.commands_per_message as u64 {
            self.send_next(index, core, now);
        }
        self.settle(core);
    }

    /// A slot is chosen when a majority accepted it, this leader counted; a read is ready when a
    /// majority confirmed a round that was sent after it came.
    fn settle<C: Clone, S: Clone>(&mut self, core: &mut Core<C, S>) {
        let others_needed = quorum(core.config.nodes) - 1;
        loop {
            let next = core.log.chosen_through().next();
            let others = self.peers.iter().filter(|peer| peer.has(next)).count();
            if next > self.flushed || others < others_needed {
                break;
            }
            core.choose_next();
        }
        let confirmed = |round| {
            self.peers.iter().filter(|peer| peer.answered >= round).count() >= others_needed
        };
        let (round, known) = (self.round, core.log.chosen_through());
        self.reads.retain(|read| {
            let ready = read.round <= round && read.slot <= known && confirmed(read.round);
            if ready {
                core.output.reads_ready.push(read.id);
            }
            !ready
        });
    }
}
