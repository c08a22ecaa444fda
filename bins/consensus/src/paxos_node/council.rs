//! A few acceptors in one place, a proposer that leads them, and a learner for every slot: the
//! cluster that tasks 7-3-3 and 7-3-4 are about. Nothing is lost here and nobody stops; the roles
//! are those of [`paxos::synod`].

use std::collections::{BTreeMap, BTreeSet};

use paxos::{Acceptor, Ballot, Learner, NodeIndex, Proposer, quorum};
use proto::{Error, Json, NodeId};

use crate::input::bad_field;
use crate::paxos_node::body::{SafetyTest, SafetyTestOk};

/// The most acceptors of a `paxos_safety_test`.
const NODES_MAX: u64 = 1000;

/// One slot: an instance of single-decree Paxos.
#[derive(Debug)]
struct Instance<V> {
    acceptors: Vec<Acceptor<V>>,
    learner: Learner<V>,
}

/// Acceptors that keep a log under a leader.
#[derive(Debug)]
pub struct Council<V> {
    nodes: usize,
    leader: NodeIndex,
    /// The leader's ballot, and whether phase 1 was run for it.
    ballot: Ballot,
    is_prepared: bool,
    /// What each acceptor promised for all slots, those included in which nothing was proposed.
    promised: Vec<Option<Ballot>>,
    slots: BTreeMap<u64, Instance<V>>,
}

/// What became of a proposal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposed<V> {
    /// Whether earlier promises were good for it.
    pub phase1_skipped: bool,
    /// Whether the slot holds a chosen value.
    pub chosen: bool,
    /// That value.
    pub value: V,
}

impl<V: Clone + PartialEq> Council<V> {
    /// So many acceptors, led by the first of them, which has promises from nobody yet.
    #[must_use]
    pub fn new(nodes: usize) -> Self {
        let leader = NodeIndex(0);
        Self {
            nodes,
            leader,
            ballot: Ballot(0).above(leader, nodes),
            is_prepared: false,
            promised: vec![None; nodes],
            slots: BTreeMap::new(),
        }
    }

    /// The next node leads, with a ballot of its own, for which it has no promises yet.
    pub fn change_leader(&mut self) {
        self.leader = NodeIndex((self.leader.0 + 1) % self.nodes);
        self.ballot = self.ballot.above(self.leader, self.nodes);
        self.is_prepared = false;
    }

    /// What was chosen, in the order of the slots.
    pub fn chosen(&self) -> impl Iterator<Item = (u64, V)> {
        self.slots.iter().filter_map(|(&slot, instance)| {
            instance.learner.chosen().map(|(_, value)| (slot, value.clone()))
        })
    }

    /// The leader proposes a value. A slot that is chosen keeps what it has.
    pub fn propose(&mut self, slot: u64, wish: V) -> Proposed<V> {
        let phase1_skipped = std::mem::replace(&mut self.is_prepared, true);
        if !phase1_skipped {
            self.prepare();
        }
        let (nodes, promised) = (self.nodes, &self.promised);
        let instance = self.slots.entry(slot).or_insert_with(|| Instance {
            acceptors: promised.iter().map(|&p| Acceptor::restored(p, None)).collect(),
            learner: Learner::new(nodes),
        });
        if instance.learner.chosen().is_none() {
            accept(instance, self.ballot, &wish);
        }
        let value = instance.learner.chosen().map(|(_, value)| value.clone());
        Proposed { phase1_skipped, chosen: value.is_some(), value: value.unwrap_or(wish) }
    }

    /// Phase 1, for all slots at once. In those that hold something the leader proposes it again.
    fn prepare(&mut self) {
        self.promised.fill(Some(self.ballot));
        for instance in self.slots.values_mut() {
            let Some((_, wish)) = instance.learner.chosen().cloned() else { continue };
            let mut proposer = Proposer::new(self.ballot, self.nodes, wish);
            let mut value = None;
            for (node, acceptor) in (0..).map(NodeIndex).zip(&mut instance.acceptors) {
                if let Ok(accepted) = acceptor.prepare(self.ballot) {
                    value = value.or_else(|| proposer.on_promise(node, accepted));
                }
            }
            if let Some(value) = value {
                accept(instance, self.ballot, &value);
            }
        }
    }
}

/// Phase 2.
fn accept<V: Clone + PartialEq>(instance: &mut Instance<V>, ballot: Ballot, value: &V) {
    for (node, acceptor) in (0..).map(NodeIndex).zip(&mut instance.acceptors) {
        if acceptor.accept(ballot, value.clone()).is_ok() {
            instance.learner.on_accepted(node, ballot, value.clone());
        }
    }
}

/// Somebody's wish: the value of the task, or one that nobody else has.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Wish {
    Given(Json),
    Other,
}

/// Task 7-3-3: node `n1` has its value accepted by the first majority, itself included, and stops.
/// Then another proposer asks the others, in order, until it has a majority of promises (`n1`
/// counts where the others are too few), and has its proposal accepted by the same.
///
/// # Errors
/// Error 12 that names the impossible parameter.
pub(super) fn safety_test(test: SafetyTest) -> Result<SafetyTestOk, Error> {
    let SafetyTest { nodes, chosen_value, chosen_at_n, new_proposal_n } = test;
    if !(1..=NODES_MAX).contains(&nodes) {
        return Err(bad_field("nodes", format!("has to be between 1 and {NODES_MAX}")));
    }
    if new_proposal_n <= chosen_at_n {
        let reason = format!("has to be above `chosen_at_n`, {chosen_at_n}: nobody would promise");
        return Err(bad_field("new_proposal_n", reason));
    }
    let nodes = nodes as usize;
    let majority = quorum(nodes);
    let mut acceptors = vec![Acceptor::default(); nodes];
    let mut learner = Learner::new(nodes);
    let mut values_chosen = BTreeSet::new();
    let all = (0..nodes).map(NodeIndex);
    let others = all.clone().skip(usize::from(nodes > majority));
    let chosen = Wish::Given(chosen_value);
    let mut proposal = None;
    for (n, wish, asked) in [
        (chosen_at_n, chosen.clone(), all.take(majority).collect::<Vec<_>>()),
        (new_proposal_n, Wish::Other, others.take(majority).collect()),
    ] {
        let mut proposer = Proposer::new(Ballot(n), nodes, wish);
        let mut value = None;
        for &node in &asked {
            if let Ok(accepted) = acceptors[node.0].prepare(Ballot(n)) {
                value = value.or_else(|| proposer.on_promise(node, accepted));
            }
        }
        let Some(value) = value else { continue };
        let mut votes = Learner::new(nodes);
        for &node in &asked {
            if acceptors[node.0].accept(Ballot(n), value.clone()).is_ok() {
                learner.on_accepted(node, Ballot(n), value.clone());
                votes.on_accepted(node, Ballot(n), value.clone());
            }
        }
        values_chosen.extend(votes.chosen().map(|(_, value)| value.clone()));
        proposal = Some((value, proposer.forced_by()));
    }
    let (value, source) = proposal.unwrap_or((Wish::Other, None));
    Ok(SafetyTestOk {
        new_proposal_value: match value {
            Wish::Given(value) => value,
            Wish::Other => Json::null(),
        },
        forced_by_promise: source.is_some(),
        promise_source: source.map(|node| NodeId::new(&format!("n{}", node.0 + 1))),
        safe: learner.chosen().is_some_and(|(_, value)| *value == chosen)
            && values_chosen.len() == 1,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stable_leader_prepares_once_and_a_new_one_again() {
        let mut council = Council::new(3);
        let proposed = |phase1_skipped, value| Proposed { phase1_skipped, chosen: true, value };
        assert_eq!(council.propose(1, "a"), proposed(false, "a"));
        assert_eq!(council.propose(4, "b"), proposed(true, "b"), "holes are allowed");
        assert_eq!(council.propose(1, "c"), proposed(true, "a"), "chosen is chosen");
        council.change_leader();
        assert_eq!(council.propose(4, "d"), proposed(false, "b"));
        assert_eq!(council.propose(2, "e"), proposed(true, "e"));
        assert_eq!(council.chosen().collect::<Vec<_>>(), [(1, "a"), (2, "e"), (4, "b")]);
    }

    #[test]
    fn a_deposed_leaders_ballot_is_refused_in_every_slot() {
        let mut council = Council::new(3);
        council.propose(1, "a");
        let old = council.ballot;
        council.change_leader();
        council.propose(2, "b");
        assert!(council.ballot > old);
        for instance in council.slots.values_mut() {
            assert!(instance.acceptors[0].accept(old, "late").is_err());
        }
        assert!(Acceptor::restored(council.promised[0], None).accept(old, "late").is_err());
    }

    #[test]
    fn a_later_proposal_carries_the_chosen_value_in_every_cluster() {
        for nodes in 1..=9 {
            let test = SafetyTest {
                nodes,
                chosen_value: Json::from("A"),
                chosen_at_n: 3,
                new_proposal_n: 7,
            };
            let found = safety_test(test).unwrap();
            let source = if nodes <= 2 { "n1" } else { "n2" };
            let expected = SafetyTestOk {
                new_proposal_value: Json::from("A"),
                forced_by_promise: true,
                promise_source: Some(NodeId::new(source)),
                safe: true,
            };
            assert_eq!(found, expected, "{nodes}");
        }
    }
}
