//! How a replica comes to lead: it polls, it prepares, and it proposes again what promises tell of.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::{Replica, Role};
use crate::leader::Leader;
use crate::message::{Config, Entry, Message, Promise, Snapshot};
use crate::types::{Ballot, NodeIndex, Slot, quorum};

/// A phase 1 under way.
#[derive(Debug)]
pub struct Campaign<C, S> {
    pub(crate) ballot: Ballot,
    /// Who promised, and how far each knows slots to be chosen.
    promises: BTreeMap<NodeIndex, Slot>,
    /// For each slot the entry of the highest ballot that promises told of.
    accepted: BTreeMap<Slot, (Ballot, Option<C>)>,
    /// The furthest state that a promise brought.
    snapshot: Option<Snapshot<S>>,
    pub(crate) deadline: Duration,
}

impl<C: Clone, S: Clone> Replica<C, S> {
    fn hears_a_leader(&self, now: Duration) -> bool {
        match &self.role {
            Role::Leader(_) => true,
            Role::Follower { leader: Some((_, heard_at)), .. } => {
                now < *heard_at + self.core.config.election_timeout
            }
            Role::Follower { .. } | Role::Polling { .. } | Role::Preparing(_) => false,
        }
    }

    pub(crate) fn poll(&mut self, now: Duration) {
        let Config { id, nodes, .. } = self.core.config;
        let ballot = self.core.seen.max(self.core.promised).above(id, nodes);
        let deadline = self.core.draw_deadline(now);
        let itself = BTreeSet::from([id]);
        self.role = Role::Polling { ballot, granted: itself.clone(), answered: itself, deadline };
        self.core.send_all(&Message::Poll { ballot });
    }

    pub(crate) fn on_poll(&mut self, now: Duration, from: NodeIndex, ballot: Ballot) {
        let granted = ballot > self.core.promised && !self.hears_a_leader(now);
        if ballot <= self.core.promised {
            // So that it asks with a better one next time.
            let promised = self.core.promised;
            self.core.send(from, Message::Refused { promised });
        }
        self.core.send(from, Message::PollReply { ballot, granted });
    }

    pub(crate) fn on_poll_reply(
        &mut self,
        now: Duration,
        from: NodeIndex,
        asked: Ballot,
        grants: bool,
    ) {
        let nodes = self.core.config.nodes;
        if let Role::Polling { ballot, granted, answered, .. } = &mut self.role
            && *ballot == asked
        {
            answered.insert(from);
            if answered.len() >= quorum(nodes) {
                self.core.isolated = false;
            }
            if grants {
                granted.insert(from);
                if granted.len() >= quorum(nodes) {
                    self.prepare(now);
                }
            }
        }
    }

    /// Begins phase 1 with a ballot of its own.
    pub(crate) fn prepare(&mut self, now: Duration) {
        let Config { id, nodes, .. } = self.core.config;
        let ballot = self.core.seen.max(self.core.promised).above(id, nodes);
        let first = self.core.log.chosen_through().next();
        self.core.promise(ballot);
        let own = self.core.log.entries_from(first);
        self.role = Role::Preparing(Box::new(Campaign {
            ballot,
            promises: BTreeMap::from([(id, self.core.log.chosen_through())]),
            accepted: own.map(|entry| (entry.slot, (entry.ballot, entry.command))).collect(),
            snapshot: None,
            deadline: self.core.draw_deadline(now),
        }));
        self.core.send_all(&Message::Prepare { ballot, first });
        self.lead_if_promised(now);
    }

    /// Phase 1b, for all slots from `first` on at once.
    pub(crate) fn on_prepare(&mut self, from: NodeIndex, ballot: Ballot, first: Slot) {
        let log = &self.core.log;
        let promise = Promise {
            ballot,
            chosen_through: log.chosen_through(),
            snapshot: log.snapshot().filter(|_| first < log.first()).cloned(),
            accepted: log.entries_from(first).collect(),
        };
        self.core.send(from, Message::Promise(promise));
    }

    pub(crate) fn on_promise(&mut self, now: Duration, from: NodeIndex, promise: Promise<C, S>) {
        let Role::Preparing(campaign) = &mut self.role else { return };
        if promise.ballot != campaign.ballot {
            return;
        }
        campaign.promises.insert(from, promise.chosen_through);
        for Entry { slot, ballot, command } in promise.accepted {
            let best = campaign.accepted.get(&slot);
            if best.is_none_or(|(highest, _)| ballot > *highest) {
                campaign.accepted.insert(slot, (ballot, command));
            }
        }
        if let Some(snapshot) = promise.snapshot
            && campaign.snapshot.as_ref().is_none_or(|best| best.slot < snapshot.slot)
        {
            campaign.snapshot = Some(snapshot);
        }
        self.lead_if_promised(now);
    }

    /// Ends phase 1 if a majority promised. Every slot up to the last that a promise told of is
    /// proposed again: with the value of the highest ballot, since it may have been chosen, or with
    /// a no-op where no promise told of one, since then nothing was.
    fn lead_if_promised(&mut self, now: Duration) {
        let nodes = self.core.config.nodes;
        let Role::Preparing(campaign) = &mut self.role else { return };
        if campaign.promises.len() < quorum(nodes) {
            return;
        }
        let Campaign { ballot, snapshot, accepted, promises, .. } = &mut **campaign;
        let (ballot, mut accepted) = (*ballot, std::mem::take(accepted));
        let promises = std::mem::take(promises);
        if let Some(snapshot) = snapshot.take() {
            self.core.install(snapshot);
        }
        let first = self.core.log.chosen_through().next();
        let last = accepted.last_key_value().map_or(Slot(0), |(&slot, _)| slot);
        let commands: Vec<_> = (first.0..=last.0)
            .map(|slot| accepted.remove(&Slot(slot)).and_then(|(_, command)| command))
            .collect();
        self.core.accept(ballot, first, &commands);
        let chosen_through = promises.values().copied().max().unwrap_or_default();
        while self.core.log.chosen_through() < chosen_through.min(last) {
            self.core.choose_next();
        }
        self.core.isolated = false;
        self.role = Role::Leader(Box::new(Leader::new(&mut self.core, now, ballot, &promises)));
        if let Role::Leader(leader) = &mut self.role {
            leader.flush(&mut self.core, now);
        }
    }
}
