//! Practical Byzantine Fault Tolerance: one replica.
//!
//! Section numbers are those of Castro and Liskov (1999).

use std::collections::BTreeMap;

use crate::checkpoint::{Checkpoint, Checkpoints, Digest, Stable};
use crate::equivocation::Detector;
use crate::types::{Key, NodeIndex, Quorums, Signed};

mod catch_up;
mod message;
mod split;
mod view_change;

pub use catch_up::{HELPED_MAX, Record, Restored, Status};
pub use message::{
    Certificate, Decision, Message, NewView, Sequence, Stage, View, ViewChange, Vote, carried_over,
};

pub use split::split_attack;

/// How far beyond what it has executed a replica takes requests (the paper's high-water mark), so
/// that a Byzantine primary cannot use all numbers up.
pub const WINDOW: u64 = 256;

/// How many views ahead of its own a replica keeps votes for.
pub const VIEWS_AHEAD: u64 = 8;

/// What a replica knows of one place in one view.
#[derive(Debug, Clone)]
struct Instance<V> {
    /// What the replica took from the primary.
    proposal: Option<Signed<Vote<V>>>,
    prepares: BTreeMap<NodeIndex, Signed<Vote<V>>>,
    commits: BTreeMap<NodeIndex, Signed<Vote<V>>>,
    /// Whether the replica sent its own commit.
    is_prepared: bool,
}

impl<V> Default for Instance<V> {
    fn default() -> Self {
        let (prepares, commits) = (BTreeMap::new(), BTreeMap::new());
        Self { proposal: None, prepares, commits, is_prepared: false }
    }
}

/// How far a request came at one replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// The latest view in which the request was proposed.
    pub view: View,
    /// Prepares from backups that match the proposal.
    pub prepares: usize,
    /// Commits that match it.
    pub commits: usize,
    /// Whether it is prepared here.
    pub is_prepared: bool,
    /// Whether it is decided here.
    pub is_decided: bool,
    /// Whether it was executed here: it is decided, and so is all before it.
    pub is_executed: bool,
}

/// What a replica wants to have done, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output<V> {
    /// To be sent to all nodes, *the sender included*, whose copy must not be lost.
    pub messages: Vec<Message<V>>,
    /// What was decided, in the order in which it was; the replica executes it in that of its places.
    pub decided: Vec<(Sequence, Option<V>)>,
    /// To be stored before anything is sent, by a host whose nodes come back after a crash.
    pub records: Vec<Record<V>>,
}

impl<V> Default for Output<V> {
    fn default() -> Self {
        Self { messages: Vec::new(), decided: Vec::new(), records: Vec::new() }
    }
}

/// A replica.
#[derive(Debug)]
pub struct Replica<V: Clone + Eq> {
    quorums: Quorums,
    key: Key,
    is_valid: fn(&V) -> bool,
    view: View,
    /// The view that it wants while it takes part in none.
    wanted: Option<View>,
    /// The last view that it began as a primary.
    begun: View,
    /// The last place that it gave a request as a primary.
    proposed: Sequence,
    instances: BTreeMap<Sequence, BTreeMap<View, Instance<V>>>,
    /// Proposals of views in which it does not take part yet.
    early: BTreeMap<(View, Sequence), Signed<Vote<V>>>,
    prepared: BTreeMap<Sequence, Certificate<V>>,
    /// The highest view change of each node.
    view_changes: BTreeMap<NodeIndex, Signed<ViewChange<V>>>,
    decided: BTreeMap<Sequence, Decision<V>>,
    executed: Sequence,
    checkpoints: Checkpoints,
    /// How the view began, for those who have not heard of it.
    new_view: Option<Signed<NewView<V>>>,
    detector: Detector<Vote<V>>,
    output: Output<V>,
}

impl<V: Clone + Ord> Replica<V> {
    /// A replica that knows nothing yet, in view 0. It proposes and prepares only valid values:
    /// requests that their clients signed, say.
    #[must_use]
    pub fn new(key: Key, quorums: Quorums, is_valid: fn(&V) -> bool) -> Self {
        Self {
            quorums,
            key,
            is_valid,
            view: View(0),
            wanted: None,
            begun: View(0),
            proposed: Sequence(0),
            instances: BTreeMap::new(),
            early: BTreeMap::new(),
            prepared: BTreeMap::new(),
            view_changes: BTreeMap::new(),
            decided: BTreeMap::new(),
            executed: Sequence(0),
            checkpoints: Checkpoints::default(),
            new_view: None,
            detector: Detector::default(),
            output: Output::default(),
        }
    }

    /// Its place in the cluster.
    #[must_use]
    pub fn id(&self) -> NodeIndex {
        self.key.owner()
    }

    /// The view it is in, or was in before it gave it up.
    #[must_use]
    pub fn view(&self) -> View {
        self.view
    }

    /// Whether it leads, and may propose.
    #[must_use]
    pub fn is_primary(&self) -> bool {
        self.wanted.is_none() && self.view.primary(self.quorums.nodes) == self.id()
    }

    /// The view that it waits for, if it takes part in none.
    #[must_use]
    pub fn wanted(&self) -> Option<View> {
        self.wanted
    }

    /// What was decided in a place, as far as it knows and has not forgotten.
    #[must_use]
    pub fn decided(&self, sequence: Sequence) -> Option<&Option<V>> {
        self.decided.get(&sequence).map(|decision| &decision.vote.value)
    }

    /// All that it knows to be decided, with the proofs, but for what is behind the last stable
    /// checkpoint.
    pub fn decisions(&self) -> impl Iterator<Item = &Decision<V>> {
        self.decided.values()
    }

    /// What it prepared, with the proofs, behind the last stable checkpoint as well.
    pub fn prepared(&self) -> impl Iterator<Item = &Certificate<V>> {
        self.prepared.values()
    }

    /// The last checkpoint that a quorum signed.
    #[must_use]
    pub fn stable(&self) -> Option<&Stable> {
        self.checkpoints.stable()
    }

    /// The last place that it gave a request, as a primary, or took one for.
    #[must_use]
    pub fn proposed(&self) -> Sequence {
        self.proposed.max(self.executed)
    }

    /// The last place up to which everything is decided, and so executed.
    #[must_use]
    pub fn executed(&self) -> Sequence {
        self.executed
    }

    /// Contradictions among the votes it got.
    #[must_use]
    pub fn detector(&self) -> &Detector<Vote<V>> {
        &self.detector
    }

    /// How far a place came, if anything was proposed for it here.
    #[must_use]
    pub fn progress(&self, sequence: Sequence) -> Option<Progress> {
        let views = self.instances.get(&sequence)?;
        let latest = views.iter().rev().find_map(|(view, instance)| {
            Some((*view, instance, &instance.proposal.as_ref()?.statement().value))
        });
        let (view, instance, value) = latest?;
        let matching = |votes: &BTreeMap<NodeIndex, Signed<Vote<V>>>| {
            votes.values().filter(|vote| vote.statement().value == *value).count()
        };
        Some(Progress {
            view,
            prepares: matching(&instance.prepares),
            commits: matching(&instance.commits),
            is_prepared: instance.is_prepared,
            is_decided: self.decided.contains_key(&sequence),
            is_executed: sequence <= self.executed,
        })
    }

    /// Takes what is to be done.
    pub fn take_output(&mut self) -> Output<V> {
        std::mem::take(&mut self.output)
    }

    /// A client's request comes to the primary (4.1). None if this is not the primary, if the value
    /// is not valid, or if too many requests are on their way.
    pub fn propose(&mut self, value: V) -> Option<Sequence> {
        let sequence = Sequence(self.proposed().0 + 1);
        if !self.is_primary() || !(self.is_valid)(&value) || !self.is_in_window(sequence) {
            return None;
        }
        self.proposed = sequence;
        self.vote(Stage::PrePrepare, sequence, Some(value));
        Some(sequence)
    }

    /// The host has waited too long for a request to be executed (4.4). It waits twice as long for
    /// the next view, up to some limit. A replica that waits for a view already goes on to the one
    /// after it only when a quorum has come as far, so that nobody runs away from the others (4.5.2).
    pub fn suspect(&mut self) {
        let current = self.wanted.unwrap_or(self.view);
        let came = self.view_changes.values().filter(|c| c.statement().view >= current).count();
        if self.wanted.is_none() || came >= self.quorums.gather {
            self.want(current.next());
        }
    }

    /// A message came, from whomever: what counts is who signed it.
    pub fn step(&mut self, message: Message<V>) {
        match message {
            Message::Vote(vote) => self.on_vote(vote),
            Message::ViewChange(change) => self.on_view_change(change),
            Message::NewView(new) => self.on_new_view(new),
            Message::Checkpoint(vote) => {
                if self.checkpoints.record(vote, &self.quorums) {
                    self.forget();
                }
            }
            Message::Stable(stable) => self.adopt(stable),
            Message::Decision(decision) => self.on_decision(decision),
        }
    }

    fn is_in_window(&self, sequence: Sequence) -> bool {
        let low = self.checkpoints.slot();
        (low + 1..=low.max(self.executed.0) + WINDOW).contains(&sequence.0)
    }

    fn vote(&mut self, stage: Stage, sequence: Sequence, value: Option<V>) {
        let vote = Vote { stage, view: self.view, sequence, value };
        self.output.messages.push(Message::Vote(self.key.sign(vote)));
    }

    fn on_vote(&mut self, vote: Signed<Vote<V>>) {
        let Vote { stage, view, sequence, .. } = *vote.statement();
        let is_foreign = vote.signer().0 >= self.quorums.nodes;
        let is_far = view.0 > self.view.0 + VIEWS_AHEAD || !self.is_in_window(sequence);
        if is_foreign || is_far {
            return;
        }
        self.detector.record(vote.clone());
        let primary = view.primary(self.quorums.nodes);
        match (stage, vote.signer() == primary) {
            (Stage::PrePrepare, true) if view == self.view && self.wanted.is_none() => {
                return self.accept(vote);
            }
            (Stage::PrePrepare, true) if view > self.view => {
                self.early.entry((view, sequence)).or_insert(vote);
                return;
            }
            // The primary's pre-prepare is its prepare.
            (Stage::PrePrepare, _) | (Stage::Prepare, true) => return,
            (Stage::Prepare, false) => {
                let instance = self.instance(view, sequence);
                instance.prepares.entry(vote.signer()).or_insert(vote);
            }
            (Stage::Commit, _) => {
                let instance = self.instance(view, sequence);
                instance.commits.entry(vote.signer()).or_insert(vote);
            }
        }
        self.evaluate(view, sequence);
    }

    fn instance(&mut self, view: View, sequence: Sequence) -> &mut Instance<V> {
        self.instances.entry(sequence).or_default().entry(view).or_default()
    }

    /// Takes the primary's proposal, unless it took another for the same place in this view.
    fn accept(&mut self, proposal: Signed<Vote<V>>) {
        let Vote { view, sequence, value, .. } = proposal.statement().clone();
        if value.as_ref().is_some_and(|value| !(self.is_valid)(value)) {
            return;
        }
        let instance = self.instance(view, sequence);
        if instance.proposal.is_some() {
            return;
        }
        instance.proposal = Some(proposal.clone());
        self.output.records.push(Record::Accepted(proposal));
        if view.primary(self.quorums.nodes) != self.id() {
            self.vote(Stage::Prepare, sequence, value);
        }
        self.evaluate(view, sequence);
    }

    /// What do the votes for this place in this view amount to?
    fn evaluate(&mut self, view: View, sequence: Sequence) {
        let Quorums { certify, decide, .. } = self.quorums;
        let takes_part = view == self.view && self.wanted.is_none();
        let instance = self.instance(view, sequence);
        let mut commit = None;
        if takes_part
            && !instance.is_prepared
            && let Some(proposal) = &instance.proposal
        {
            let value = &proposal.statement().value;
            let prepares: Vec<_> = instance
                .prepares
                .values()
                .filter(|vote| vote.statement().value == *value)
                .cloned()
                .collect();
            if prepares.len() + 1 >= certify {
                instance.is_prepared = true;
                commit = Some(Certificate { proposal: proposal.clone(), prepares });
            }
        }
        let mut counts: BTreeMap<&Option<V>, usize> = BTreeMap::new();
        for vote in instance.commits.values() {
            *counts.entry(&vote.statement().value).or_default() += 1;
        }
        let decided = counts.into_iter().find(|&(_, count)| count >= decide);
        let decided = decided.map(|(value, _)| value.clone()).map(|value| {
            let commits = instance.commits.values();
            let commits = commits.filter(|vote| vote.statement().value == value).cloned();
            let commits = commits.collect();
            Decision { vote: Vote { stage: Stage::Commit, view, sequence, value }, commits }
        });
        if let Some(certificate) = commit {
            let value = certificate.proposal.statement().value.clone();
            self.prepared.insert(sequence, certificate.clone());
            self.output.records.push(Record::Prepared(certificate));
            self.vote(Stage::Commit, sequence, value);
        }
        if let Some(decision) = decided {
            self.decide(decision);
        }
    }

    fn decide(&mut self, decision: Decision<V>) {
        let sequence = decision.vote.sequence;
        if self.decided.contains_key(&sequence) {
            return;
        }
        self.output.records.push(Record::Decided(decision.clone()));
        self.output.decided.push((sequence, decision.vote.value.clone()));
        self.decided.insert(sequence, decision);
        self.execute();
    }

    fn execute(&mut self) {
        while self.decided.contains_key(&Sequence(self.executed.0 + 1)) {
            self.executed.0 += 1;
        }
    }
}
