//! How a replica forgets what is over (4.3), helps those that have missed something, and comes back
//! after a crash.
//!
//! The paper's section on lost messages (5.2 of the thesis) has replicas tell each other where they
//! are and resend what is lacking. So does [`Replica::help`]: proofs of what is decided, how the view
//! began, and the votes of this view.

use super::{
    Certificate, Checkpoint, Decision, Digest, Message, NodeIndex, Replica, Sequence, Signed,
    Stable, Stage, View, Vote,
};

/// The most decisions, and the most places with votes, in one answer to a [`Status`].
pub const HELPED_MAX: usize = 64;

/// Where a replica is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Status {
    /// Its view.
    pub view: View,
    /// The view that it waits for, if any.
    pub wanted: Option<View>,
    /// All up to here is executed.
    pub executed: Sequence,
}

/// What has to survive a crash. A later record of the same kind and place takes an earlier one's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record<V> {
    /// Its view, and the one that it wants.
    View {
        /// The view.
        view: View,
        /// The one that it wants.
        wanted: Option<View>,
    },
    /// What it took from a primary.
    Accepted(Signed<Vote<V>>),
    /// What it prepared.
    Prepared(Certificate<V>),
    /// What is decided.
    Decided(Decision<V>),
}

/// What a replica knew before it crashed.
#[derive(Debug, Clone)]
pub struct Restored<V> {
    /// Its view.
    pub view: View,
    /// The view that it wanted.
    pub wanted: Option<View>,
    /// The last stable checkpoint whose state the host has.
    pub stable: Option<Stable>,
    /// See [`Record::Accepted`].
    pub accepted: Vec<Signed<Vote<V>>>,
    /// See [`Record::Prepared`].
    pub prepared: Vec<Certificate<V>>,
    /// See [`Record::Decided`].
    pub decided: Vec<Decision<V>>,
}

impl<V> Default for Restored<V> {
    fn default() -> Self {
        Self {
            view: View(0),
            wanted: None,
            stable: None,
            accepted: Vec::new(),
            prepared: Vec::new(),
            decided: Vec::new(),
        }
    }
}

impl<V: Clone + Ord> Replica<V> {
    /// Goes on from what was stored, before anything else happens. What it voted for it votes for
    /// again, and for nothing else.
    pub fn restore(&mut self, restored: Restored<V>) {
        let Restored { view, wanted, stable, accepted, prepared, decided } = restored;
        (self.view, self.wanted, self.begun) = (view, wanted, view);
        if let Some(stable) = stable {
            self.executed = Sequence(stable.slot());
            self.checkpoints.adopt(stable, &self.quorums);
        }
        let low = self.checkpoints.slot();
        for proposal in accepted {
            let Vote { view, sequence, ref value, .. } = *proposal.statement();
            if sequence.0 <= low {
                continue;
            }
            if view == self.view {
                self.proposed = self.proposed.max(sequence);
            }
            let own = Vote { stage: Stage::Prepare, view, sequence, value: value.clone() };
            let own = self.key.sign(own);
            let is_backup = view.primary(self.quorums.nodes) != self.id();
            let id = self.id();
            let instance = self.instance(view, sequence);
            if is_backup {
                instance.prepares.insert(id, own);
            }
            instance.proposal = Some(proposal);
        }
        for proof in prepared.into_iter().filter(|proof| proof.sequence().0 > low) {
            let vote = Vote { stage: Stage::Commit, ..proof.proposal.statement().clone() };
            let (id, own) = (self.id(), self.key.sign(vote));
            let instance = self.instance(proof.view(), proof.sequence());
            instance.commits.insert(id, own);
            instance.is_prepared = true;
            self.prepared.insert(proof.sequence(), proof);
        }
        for decision in decided.into_iter().filter(|decision| decision.vote.sequence.0 > low) {
            self.decided.insert(decision.vote.sequence, decision);
        }
        self.execute();
        if let Some(wanted) = wanted {
            self.want(wanted);
        }
    }

    /// The host's state after it has executed a place, which all replicas have to choose alike.
    pub fn checkpoint(&mut self, sequence: Sequence, digest: Digest) {
        let vote = self.key.sign(Checkpoint { slot: sequence.0, digest });
        self.output.messages.push(Message::Checkpoint(vote));
    }

    /// The host has taken over the state of a stable checkpoint.
    pub fn install(&mut self, stable: Stable) {
        let slot = stable.slot();
        self.adopt(stable);
        if self.checkpoints.slot() >= slot && self.executed.0 < slot {
            self.executed = Sequence(slot);
            self.execute();
        }
    }

    pub(super) fn adopt(&mut self, stable: Stable) {
        if self.checkpoints.adopt(stable, &self.quorums) {
            self.forget();
        }
    }

    /// Drops what led to the stable checkpoint. A replica that has not executed so much can only take
    /// the state over.
    pub(super) fn forget(&mut self) {
        let first = Sequence(self.checkpoints.slot() + 1);
        self.instances = self.instances.split_off(&first);
        self.prepared = self.prepared.split_off(&first);
        self.decided = self.decided.split_off(&first);
        self.early.retain(|(_, sequence), _| *sequence >= first);
        self.detector.forget(|(_, _, sequence)| *sequence < first);
    }

    pub(super) fn on_decision(&mut self, decision: Decision<V>) {
        if self.is_in_window(decision.vote.sequence) && decision.is_proven(&self.quorums) {
            self.decide(decision);
        }
    }

    /// Where it is, for [`help`](Self::help).
    #[must_use]
    pub fn status(&self) -> Status {
        Status { view: self.view, wanted: self.wanted, executed: self.executed }
    }

    /// What somebody lacks who is there, as far as this replica has it. If the first of it is a
    /// [`Message::Stable`], it needs the state.
    #[must_use]
    pub fn help(&self, other: &Status) -> Vec<Message<V>> {
        let mut messages = Vec::new();
        let stable = self.stable().filter(|stable| stable.slot() > other.executed.0);
        messages.extend(stable.cloned().map(Message::Stable));
        let lacks = Sequence(other.executed.0.saturating_add(1));
        let decided = self.decided.range(lacks..).take(HELPED_MAX);
        messages.extend(decided.map(|(_, decision)| Message::Decision(decision.clone())));
        if let Some(own) = self.latest_checkpoint() {
            messages.push(Message::Checkpoint(own.clone()));
        }
        if other.view < self.view {
            messages.extend(self.new_view.clone().map(Message::NewView));
        }
        let own_change = self.view_changes.get(&self.id());
        let is_news = |change: &&Signed<_>| {
            let view: &super::ViewChange<V> = Signed::statement(change);
            view.view > other.view
        };
        messages.extend(own_change.filter(is_news).cloned().map(Message::ViewChange));
        if other.view <= self.view && self.wanted.is_none() {
            messages.extend(self.votes_of_view(lacks).map(Message::Vote));
        }
        messages
    }

    fn latest_checkpoint(&self) -> Option<&Signed<Checkpoint>> {
        self.checkpoints.latest(self.id())
    }

    /// The primary's proposals and its own votes in this view, for places that are not decided here.
    fn votes_of_view(&self, first: Sequence) -> impl Iterator<Item = Signed<Vote<V>>> {
        let id: NodeIndex = self.id();
        let open = self.instances.range(first..);
        let open = open.filter(|(place, _)| !self.decided.contains_key(place));
        let open = open.filter_map(|(_, views)| views.get(&self.view)).take(HELPED_MAX);
        open.flat_map(move |instance| {
            let own = [instance.prepares.get(&id), instance.commits.get(&id)];
            instance.proposal.iter().chain(own.into_iter().flatten()).cloned()
        })
    }
}
