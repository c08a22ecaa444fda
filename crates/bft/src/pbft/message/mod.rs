//! What replicas say to each other.

#[cfg(feature = "serde")]
mod compact;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::checkpoint::{Checkpoint, Stable};
use crate::equivocation::Statement;
use crate::types::{NodeIndex, Quorums, Seal, Signed, ToBytes};

/// A view: the time in which one node is the primary. Counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
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
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
pub struct Sequence(pub u64);

/// The three phases of the normal case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
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
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
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
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "serde",
    serde(
        from = "compact::Certificate<V>",
        into = "compact::Certificate<V>",
        bound(
            serialize = "V: Clone + serde::Serialize",
            deserialize = "V: Clone + serde::Deserialize<'de>"
        )
    )
)]
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

    /// The place.
    #[must_use]
    pub fn sequence(&self) -> Sequence {
        self.proposal.statement().sequence
    }

    /// Whether it proves that something was prepared in its place, before that view.
    #[must_use]
    pub fn proves(&self, quorums: &Quorums, before: View) -> bool {
        let Vote { stage, view, .. } = self.proposal.statement();
        let primary = view.primary(quorums.nodes);
        let expected = Vote { stage: Stage::Prepare, ..self.proposal.statement().clone() };
        let matching = self.prepares.iter().filter(|vote| *vote.statement() == expected);
        let voters: BTreeSet<NodeIndex> = matching.map(Signed::signer).chain([primary]).collect();
        let voters = voters.into_iter().filter(|voter| voter.0 < quorums.nodes).count();
        *stage == Stage::PrePrepare
            && *view < before
            && self.proposal.signer() == primary
            && voters >= quorums.certify
    }
}

/// The proof that a value is decided: commits of a quorum that say the same.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "serde",
    serde(
        from = "compact::Decision<V>",
        into = "compact::Decision<V>",
        bound(
            serialize = "V: Clone + serde::Serialize",
            deserialize = "V: Clone + serde::Deserialize<'de>"
        )
    )
)]
pub struct Decision<V> {
    /// What was decided, where and in which view.
    pub vote: Vote<V>,
    /// Who said so.
    pub commits: Vec<Signed<Vote<V>>>,
}

impl<V: Clone + Ord> Decision<V> {
    /// Whether it proves anything.
    #[must_use]
    pub fn is_proven(&self, quorums: &Quorums) -> bool {
        self.vote.stage == Stage::Commit && quorums.agree(quorums.decide, &self.commits, &self.vote)
    }
}

/// A replica gives a view up, and tells what it prepared in the views before.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "serde",
    serde(bound(
        serialize = "V: Clone + serde::Serialize",
        deserialize = "V: Clone + serde::Deserialize<'de>"
    ))
)]
pub struct ViewChange<V> {
    /// The view it wants.
    pub view: View,
    /// The proof of its last stable checkpoint, if it has one. What came before is over.
    pub stable: Option<Stable>,
    /// What it prepared after that, with the certificate of the latest view for each place.
    pub prepared: Vec<Certificate<V>>,
}

impl<V: Clone + Ord> ViewChange<V> {
    /// Whether everything in it is proven.
    #[must_use]
    pub fn is_proven(&self, quorums: &Quorums) -> bool {
        let base = self.stable.as_ref().map_or(0, Stable::slot);
        let mut places = BTreeSet::new();
        self.stable.as_ref().is_none_or(|stable| stable.is_proven(quorums))
            && self.prepared.iter().all(|proof| {
                let place = proof.sequence();
                place.0 > base && places.insert(place) && proof.proves(quorums, self.view)
            })
    }
}

/// The primary of a new view begins it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "serde",
    serde(bound(
        serialize = "V: Clone + serde::Serialize",
        deserialize = "V: Clone + serde::Deserialize<'de>"
    ))
)]
pub struct NewView<V> {
    /// The view.
    pub view: View,
    /// Why it may: a quorum gave the earlier ones up.
    pub view_changes: Vec<Signed<ViewChange<V>>>,
    /// What has to be decided again, from the first place on.
    pub proposals: Vec<Signed<Vote<V>>>,
}

/// Where a new view begins: after the last checkpoint that anybody proves.
pub(super) fn base<V>(view_changes: &[Signed<ViewChange<V>>]) -> Option<&Stable> {
    let proofs = view_changes.iter().filter_map(|change| change.statement().stable.as_ref());
    proofs.max_by_key(|stable| stable.slot())
}

/// What the proposals of a new view have to be: from the last checkpoint that anybody proves to the
/// last place that anybody
/// tells of, the value of the highest view, or the null request.
#[must_use]
pub fn carried_over<V: Clone + Ord>(
    view_changes: &[Signed<ViewChange<V>>],
) -> BTreeMap<Sequence, Option<V>> {
    let first = base(view_changes).map_or(0, Stable::slot) + 1;
    let mut highest: BTreeMap<Sequence, (View, Option<V>)> = BTreeMap::new();
    for proof in view_changes.iter().flat_map(|change| &change.statement().prepared) {
        let told = (proof.view(), proof.proposal.statement().value.clone());
        let known = highest.entry(proof.sequence()).or_insert_with(|| told.clone());
        *known = told.max(known.clone());
    }
    let last = highest.keys().next_back().map_or(0, |last| last.0);
    let mut carry = |place| (place, highest.remove(&place).and_then(|(_, value)| value));
    (first..=last).map(Sequence).map(&mut carry).collect()
}

/// What is sent, to all nodes and to the sender itself, or to one that lacks it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "serde",
    serde(
        rename_all = "snake_case",
        bound(
            serialize = "V: Clone + serde::Serialize",
            deserialize = "V: Clone + serde::Deserialize<'de>"
        )
    )
)]
pub enum Message<V> {
    /// The normal case.
    Vote(Signed<Vote<V>>),
    /// Away with the primary.
    ViewChange(Signed<ViewChange<V>>),
    /// Here is the next.
    NewView(Signed<NewView<V>>),
    /// My state after some slot.
    Checkpoint(Signed<Checkpoint>),
    /// A quorum has this state.
    Stable(Stable),
    /// This is decided.
    Decision(Decision<V>),
}

impl<V: ToBytes> Message<V> {
    /// Does something to every signature in the message.
    pub fn each_signed(&mut self, seal: &mut impl Seal) {
        match self {
            Self::Vote(vote) => seal.seal(vote),
            Self::ViewChange(change) => seal_change(change, seal),
            Self::NewView(new) => {
                let NewView { view_changes, proposals, .. } = new.statement_mut();
                view_changes.iter_mut().for_each(|change| seal_change(change, seal));
                proposals.iter_mut().for_each(|proposal| seal.seal(proposal));
                seal.seal(new);
            }
            Self::Checkpoint(vote) => seal.seal(vote),
            Self::Stable(stable) => stable.each_signed(seal),
            Self::Decision(decision) => {
                decision.commits.iter_mut().for_each(|commit| seal.seal(commit));
            }
        }
    }
}

impl<V> Message<V> {
    /// Shows every value in the message, some more than once.
    pub fn each_value(&self, mut look: impl FnMut(&V)) {
        let mut of_vote = |vote: &Vote<V>| vote.value.iter().for_each(&mut look);
        match self {
            Self::Vote(vote) => of_vote(vote.statement()),
            Self::ViewChange(change) => each_value(change, &mut of_vote),
            Self::NewView(new) => {
                let NewView { view_changes, proposals, .. } = new.statement();
                view_changes.iter().for_each(|change| each_value(change, &mut of_vote));
                proposals.iter().for_each(|proposal| of_vote(proposal.statement()));
            }
            Self::Checkpoint(_) | Self::Stable(_) => {}
            Self::Decision(decision) => of_vote(&decision.vote),
        }
    }
}

fn each_value<V>(change: &Signed<ViewChange<V>>, of_vote: &mut impl FnMut(&Vote<V>)) {
    for proof in &change.statement().prepared {
        // Prepares that say something else prove nothing, and are never looked at.
        of_vote(proof.proposal.statement());
    }
}

fn seal_change<V: ToBytes>(change: &mut Signed<ViewChange<V>>, seal: &mut impl Seal) {
    let ViewChange { stable, prepared, .. } = change.statement_mut();
    stable.iter_mut().for_each(|stable| stable.each_signed(seal));
    for proof in prepared {
        proof.each_signed(seal);
    }
    seal.seal(change);
}

impl<V: ToBytes> Certificate<V> {
    /// Does something to every signature in it.
    pub(super) fn each_signed(&mut self, seal: &mut impl Seal) {
        seal.seal(&mut self.proposal);
        self.prepares.iter_mut().for_each(|vote| seal.seal(vote));
    }
}

impl<V: ToBytes> ToBytes for Vote<V> {
    fn to_bytes(&self, out: &mut Vec<u8>) {
        out.extend(b"pbft vote");
        out.push(self.stage as u8);
        out.extend(self.view.0.to_be_bytes());
        out.extend(self.sequence.0.to_be_bytes());
        out.push(u8::from(self.value.is_some()));
        self.value.iter().for_each(|value| value.to_bytes(out));
    }
}

impl<V: ToBytes> ToBytes for ViewChange<V> {
    fn to_bytes(&self, out: &mut Vec<u8>) {
        out.extend(b"pbft view change");
        out.extend(self.view.0.to_be_bytes());
        out.extend(self.stable.as_ref().map_or(0, Stable::slot).to_be_bytes());
        out.extend((self.prepared.len() as u64).to_be_bytes());
        self.prepared.iter().for_each(|proof| proof.proposal.statement().to_bytes(out));
    }
}

impl<V: ToBytes> ToBytes for NewView<V> {
    fn to_bytes(&self, out: &mut Vec<u8>) {
        out.extend(b"pbft new view");
        out.extend(self.view.0.to_be_bytes());
        out.extend((self.view_changes.len() as u64).to_be_bytes());
        for change in &self.view_changes {
            out.extend((change.signer().0 as u64).to_be_bytes());
            change.statement().to_bytes(out);
        }
        self.proposals.iter().for_each(|proposal| proposal.statement().to_bytes(out));
    }
}
