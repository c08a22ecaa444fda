//! What replicas say to each other.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::equivocation::Statement;
use crate::types::{NodeIndex, Quorums, Signed};

/// A view: the time in which one node is the primary. Counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct View(pub u64);

impl View {
    /// The node that leads this view: they take turns.
    #[must_use]
    pub fn primary(self, nodes: usize) -> NodeIndex {
        NodeIndex((self.0 % nodes as u64) as usize)
    }

    /// The view after this.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A place in the order of requests, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Sequence(pub u64);

/// The three phases of the normal case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// The primary gives a request its place.
    PrePrepare,
    /// A backup takes it for the only one in this place and view.
    Prepare,
    /// A replica knows that no other can be, in this view, and will remember it in all later ones.
    Commit,
}

/// A vote in the normal case. Values stand where the paper has digests.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Vote<V> {
    /// The phase.
    pub stage: Stage,
    /// The view.
    pub view: View,
    /// The place.
    pub sequence: Sequence,
    /// The request; none is the null request, with which a new view fills holes.
    pub value: Option<V>,
}

impl<V: Clone + Eq> Statement for Vote<V> {
    type Place = (Stage, View, Sequence);

    fn place(&self) -> Self::Place {
        (self.stage, self.view, self.sequence)
    }
}

/// The proof that a value was prepared: its pre-prepare, and prepares that match it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Certificate<V> {
    /// The primary's vote.
    pub proposal: Signed<Vote<V>>,
    /// Those of the backups.
    pub prepares: Vec<Signed<Vote<V>>>,
}

impl<V: Clone + Ord> Certificate<V> {
    /// The view in which it was prepared.
    #[must_use]
    pub fn view(&self) -> View {
        self.proposal.statement().view
    }

    /// Whether it proves that something was prepared in this place, before that view.
    #[must_use]
    pub fn proves(&self, quorums: &Quorums, sequence: Sequence, before: View) -> bool {
        let Vote { stage, view, sequence: place, .. } = self.proposal.statement();
        let primary = view.primary(quorums.nodes);
        let expected = Vote { stage: Stage::Prepare, ..self.proposal.statement().clone() };
        let matching = self.prepares.iter().filter(|vote| *vote.statement() == expected);
        let voters: BTreeSet<NodeIndex> = matching.map(Signed::signer).chain([primary]).collect();
        *stage == Stage::PrePrepare
            && *place == sequence
            && *view < before
            && self.proposal.signer() == primary
            && voters.len() >= quorums.certify
    }
}

/// A replica gives a view up, and tells what it prepared in the views before.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ViewChange<V> {
    /// The view it wants.
    pub view: View,
    /// What it prepared, with the certificate of the latest view for each place.
    pub prepared: BTreeMap<Sequence, Certificate<V>>,
}

impl<V: Clone + Ord> ViewChange<V> {
    /// Whether everything in it is proven.
    #[must_use]
    pub fn is_proven(&self, quorums: &Quorums) -> bool {
        self.prepared.iter().all(|(&place, proof)| proof.proves(quorums, place, self.view))
    }
}

/// The primary of a new view begins it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct NewView<V> {
    /// The view.
    pub view: View,
    /// Why it may: a quorum gave the earlier ones up.
    pub view_changes: Vec<Signed<ViewChange<V>>>,
    /// What has to be decided again, from the first place on.
    pub proposals: Vec<Signed<Vote<V>>>,
}

/// What the proposals of a new view have to be: in every place up to the last that anybody tells of,
/// the value of the highest view, or the null request.
#[must_use]
pub fn carried_over<V: Clone + Ord>(
    view_changes: &[Signed<ViewChange<V>>],
) -> BTreeMap<Sequence, Option<V>> {
    let mut highest: BTreeMap<Sequence, (View, Option<V>)> = BTreeMap::new();
    for (&place, proof) in view_changes.iter().flat_map(|change| &change.statement().prepared) {
        let told = (proof.view(), proof.proposal.statement().value.clone());
        let known = highest.entry(place).or_insert_with(|| told.clone());
        *known = told.max(known.clone());
    }
    let last = highest.keys().next_back().map_or(0, |last| last.0);
    let mut carry = |place| (place, highest.remove(&place).and_then(|(_, value)| value));
    (1..=last).map(Sequence).map(&mut carry).collect()
}

/// What is sent, to all nodes and to the sender itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message<V> {
    /// The normal case.
    Vote(Signed<Vote<V>>),
    /// Away with the primary.
    ViewChange(Signed<ViewChange<V>>),
    /// Here is the next.
    NewView(Signed<NewView<V>>),
}
