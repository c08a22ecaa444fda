//! What must hold of all replicas together, checked while a simulated cluster runs.
//!
//! [`Invariants::observe`] is called for a replica after every event that touched it. It looks only
//! at what changed since the last call. It believes nobody: it counts acceptances itself.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Bound;

use crate::message::Entry;
use crate::replica::Replica;
use crate::types::{Ballot, NodeIndex, Slot, quorum};

/// A safety property that did not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Violation {
    /// *Monotone promises*: a node's promise fell within one life.
    PromiseFell(NodeIndex, Ballot, Ballot),
    /// *One value a ballot*: two nodes accepted different values of one ballot in a slot.
    BallotProposedTwo(Slot, Ballot),
    /// *Agreement*: two values were chosen in a slot.
    ChosenTwice(Slot, Ballot, Ballot),
    /// *P2c*: after a value was chosen, a higher ballot proposed another.
    ProposedAfterChosen(Slot, Ballot, Ballot),
    /// *Learning*: a node takes something for chosen that no majority accepted.
    LearntUnchosen(NodeIndex, Slot),
    /// A node forgot, although it was not restarted, that a slot was chosen.
    ForgotChosen(NodeIndex, Slot),
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PromiseFell(node, from, to) => {
                write!(f, "monotone promises: node {node} promised {from} and then only {to}")
            }
            Self::BallotProposedTwo(slot, ballot) => {
                write!(f, "one value a ballot: slot {slot} has two of ballot {ballot}")
            }
            Self::ChosenTwice(slot, first, second) => {
                write!(
                    f,
                    "agreement: slot {slot} chose in ballot {first} and otherwise in {second}"
                )
            }
            Self::ProposedAfterChosen(slot, chosen, ballot) => write!(
                f,
                "slot {slot} chose in ballot {chosen}, and ballot {ballot} proposed another value"
            ),
            Self::LearntUnchosen(node, slot) => {
                write!(f, "node {node} believes in a value of slot {slot} that was not chosen")
            }
            Self::ForgotChosen(node, slot) => {
                write!(f, "node {node} went back to slot {slot}")
            }
        }
    }
}

impl std::error::Error for Violation {}

#[derive(Debug, Clone, Default)]
struct Mirror {
    promised: Ballot,
    chosen_through: Slot,
    changes: u64,
}

/// Acceptances of a slot that nobody took for chosen yet: by ballot, the value and who accepted it.
type Votes<C> = BTreeMap<Ballot, (Option<C>, BTreeSet<NodeIndex>)>;

/// The checker over all replicas of one cluster.
#[derive(Debug)]
pub struct Invariants<C> {
    mirrors: Vec<Mirror>,
    open: BTreeMap<Slot, Votes<C>>,
    chosen: BTreeMap<Slot, (Ballot, Option<C>)>,
}

impl<C: Clone + PartialEq> Invariants<C> {
    /// For a cluster of `nodes` that have stored nothing yet.
    #[must_use]
    pub fn new(nodes: usize) -> Self {
        let mirrors = vec![Mirror::default(); nodes];
        Self { mirrors, open: BTreeMap::new(), chosen: BTreeMap::new() }
    }

    /// The replica was restarted, and this is how it came back: what it had not stored, and so told
    /// nobody, is rightly gone.
    pub fn restarted<S: Clone>(&mut self, replica: &Replica<C, S>) {
        let (id, log) = (replica.id(), replica.log());
        for (&slot, votes) in self.open.range_mut(log.first()..) {
            let stored = log.get(slot).map_or(Ballot(0), |(ballot, _)| ballot);
            let above = (Bound::Excluded(stored), Bound::Unbounded);
            for (_, (_, nodes)) in votes.range_mut(above) {
                nodes.remove(&id);
            }
            votes.retain(|_, (_, nodes)| !nodes.is_empty());
        }
        self.mirrors[id.0] = Mirror::default();
    }

    /// The value that was chosen in a slot, if any replica knows of one.
    #[must_use]
    pub fn chosen(&self, slot: Slot) -> Option<&Option<C>> {
        self.chosen.get(&slot).map(|(_, command)| command)
    }

    /// Checks what changed in a replica since it was observed last.
    ///
    /// # Errors
    /// The first property found not to hold.
    pub fn observe<S: Clone>(&mut self, replica: &Replica<C, S>) -> Result<(), Violation> {
        let (id, log) = (replica.id(), replica.log());
        let mirror = self.mirrors[id.0].clone();
        if replica.promised() < mirror.promised {
            return Err(Violation::PromiseFell(id, mirror.promised, replica.promised()));
        }
        if log.chosen_through() < mirror.chosen_through {
            return Err(Violation::ForgotChosen(id, log.chosen_through()));
        }
        let (changes, changed) = log.changes_since(mirror.changes);
        match changed {
            Some(mut accepted) => accepted.try_for_each(|entry| self.look_at(replica, entry))?,
            None => {
                log.entries_from(Slot(0)).try_for_each(|entry| self.look_at(replica, &entry))?;
            }
        }
        for slot in (mirror.chosen_through.0 + 1..=log.chosen_through().0).map(Slot) {
            self.learn(replica, slot)?;
        }
        let (promised, chosen_through) = (replica.promised(), log.chosen_through());
        self.mirrors[id.0] = Mirror { promised, chosen_through, changes };
        Ok(())
    }

    /// An acceptor accepted this.
    fn look_at<S: Clone>(
        &mut self,
        replica: &Replica<C, S>,
        entry: &Entry<C>,
    ) -> Result<(), Violation> {
        let Entry { slot, ballot, command } = entry;
        let (slot, ballot) = (*slot, *ballot);
        if let Some((chosen, value)) = self.chosen.get(&slot) {
            return match ballot > *chosen && value != command {
                true => Err(Violation::ProposedAfterChosen(slot, *chosen, ballot)),
                false => Ok(()),
            };
        }
        let votes = self.open.entry(slot).or_default();
        let (value, nodes) =
            votes.entry(ballot).or_insert_with(|| (command.clone(), BTreeSet::new()));
        if value != command {
            return Err(Violation::BallotProposedTwo(slot, ballot));
        }
        nodes.insert(replica.id());
        Ok(())
    }

    /// A replica takes what it holds for chosen. The first to do so has to have a majority of
    /// acceptances behind it.
    fn learn<S: Clone>(&mut self, replica: &Replica<C, S>, slot: Slot) -> Result<(), Violation> {
        let held = replica.log().get(slot).map(|(_, command)| command);
        if !self.chosen.contains_key(&slot) {
            let votes = self.open.remove(&slot).unwrap_or_default();
            let majority = quorum(replica.nodes());
            let Some((&ballot, (value, _))) =
                votes.iter().find(|(_, (_, nodes))| nodes.len() >= majority)
            else {
                return Err(Violation::LearntUnchosen(replica.id(), slot));
            };
            for (&other, (different, nodes)) in votes.range(ballot..) {
                if different != value {
                    return Err(match nodes.len() >= majority {
                        true => Violation::ChosenTwice(slot, ballot, other),
                        false => Violation::ProposedAfterChosen(slot, ballot, other),
                    });
                }
            }
            self.chosen.insert(slot, (ballot, value.clone()));
        }
        let is_right = match (self.chosen(slot), held) {
            (Some(chosen), Some(held)) => chosen == held,
            // Covered by a state.
            (_, None) => slot < replica.log().first(),
            (None, Some(_)) => false,
        };
        if is_right { Ok(()) } else { Err(Violation::LearntUnchosen(replica.id(), slot)) }
    }
}
