//! How a replica gives a view up, and how the next begins (4.4).

use std::collections::{BTreeMap, BTreeSet};

use super::message::{Message, NewView, Stage, View, ViewChange, Vote, base, carried_over};
use super::{Record, Replica, Sequence};
use crate::types::{NodeIndex, Signed};

impl<V: Clone + Ord> Replica<V> {
    /// Gives everything below this view up.
    pub(super) fn want(&mut self, view: View) {
        self.wanted = Some(view);
        self.output.records.push(Record::View { view: self.view, wanted: self.wanted });
        let stable = self.checkpoints.stable().cloned();
        let change =
            ViewChange { view, stable, prepared: self.prepared.values().cloned().collect() };
        self.output.messages.push(Message::ViewChange(self.key.sign(change)));
    }

    pub(super) fn on_view_change(&mut self, change: Signed<ViewChange<V>>) {
        let (signer, view) = (change.signer(), change.statement().view);
        let known = self.view_changes.get(&signer).map_or(self.view, |c| c.statement().view);
        let is_foreign = signer.0 >= self.quorums.nodes;
        if is_foreign
            || view <= known.max(self.view)
            || !change.statement().is_proven(&self.quorums)
        {
            return;
        }
        self.view_changes.insert(signer, change);
        // One honest node among f + 1 gave this view up, so it is no use to stay in it (4.5.2).
        let current = self.wanted.unwrap_or(self.view);
        let changes = self.view_changes.values().map(|change| change.statement().view);
        let ahead: Vec<View> = changes.filter(|&wanted| wanted > current).collect();
        if ahead.len() > self.quorums.faulty
            && let Some(&view) = ahead.iter().min()
        {
            self.want(view);
        }
        self.begin();
    }

    /// Begins the view that it wants, if it is the primary and a quorum wants it.
    fn begin(&mut self) {
        let Some(view) = self.wanted else { return };
        let is_mine = view.primary(self.quorums.nodes) == self.id() && self.begun < view;
        let wanting = self.view_changes.values().filter(|c| c.statement().view == view);
        let view_changes: Vec<_> = wanting.cloned().collect();
        if !is_mine || view_changes.len() < self.quorums.gather {
            return;
        }
        self.begun = view;
        let sign = |(sequence, value)| {
            self.key.sign(Vote { stage: Stage::PrePrepare, view, sequence, value })
        };
        let proposals = carried_over(&view_changes).into_iter().map(sign).collect();
        let new = NewView { view, view_changes, proposals };
        self.output.messages.push(Message::NewView(self.key.sign(new)));
    }

    pub(super) fn on_new_view(&mut self, new: Signed<NewView<V>>) {
        let view = new.statement().view;
        let is_late = view <= self.view || self.wanted.is_some_and(|wanted| wanted > view);
        if !is_late && self.is_proven(&new) {
            if let Some(stable) = base(&new.statement().view_changes) {
                self.adopt(stable.clone());
            }
            self.enter(view, &new.statement().proposals);
            self.new_view = Some(new);
        }
    }

    /// Whether the new primary has a quorum behind it, and proposes what follows from that.
    fn is_proven(&self, new: &Signed<NewView<V>>) -> bool {
        let NewView { view, view_changes, proposals } = new.statement();
        let primary = view.primary(self.quorums.nodes);
        let signers: BTreeSet<NodeIndex> = view_changes.iter().map(Signed::signer).collect();
        let is_quorum = signers.len() >= self.quorums.gather
            && signers.len() == view_changes.len()
            && signers.iter().all(|signer| signer.0 < self.quorums.nodes);
        let are_proven = view_changes.iter().all(|change| {
            change.statement().view == *view && change.statement().is_proven(&self.quorums)
        });
        let is_expected = |(proposal, (sequence, value)): (&Signed<Vote<V>>, _)| {
            let expected = Vote { stage: Stage::PrePrepare, view: *view, sequence, value };
            proposal.signer() == primary && *proposal.statement() == expected
        };
        if new.signer() != primary || !is_quorum || !are_proven {
            return false;
        }
        let expected: BTreeMap<Sequence, Option<V>> = carried_over(view_changes);
        proposals.len() == expected.len() && proposals.iter().zip(expected).all(is_expected)
    }

    fn enter(&mut self, view: View, proposals: &[Signed<Vote<V>>]) {
        self.view = view;
        self.wanted = None;
        self.output.records.push(Record::View { view, wanted: None });
        self.view_changes.retain(|_, change| change.statement().view > view);
        let last = proposals.last().map_or(0, |last| last.statement().sequence.0);
        self.proposed = Sequence(last.max(self.checkpoints.slot()));
        for proposal in proposals {
            self.accept(proposal.clone());
        }
        let first = (view, Sequence(self.proposed.0 + 1));
        let early = self.early.split_off(&first);
        self.early.clear();
        for (place, proposal) in early {
            match place.0 == view {
                true => self.accept(proposal),
                false => drop(self.early.insert(place, proposal)),
            }
        }
    }
}
