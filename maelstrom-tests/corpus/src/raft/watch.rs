//! What must hold of a cluster on Raft at every moment (paper, figure 3), and of a node by itself.

use std::collections::BTreeMap;
use std::marker::PhantomData;

use proto::{Insides, Invariant, NodeId};

use super::Rules;
use super::node::{Raft, Role};

/// Election safety, state machine safety, and indices that never fall.
#[derive(Default)]
pub(super) struct Watch<R> {
    /// The term of each committed entry that was seen.
    committed: Vec<u64>,
    /// Who led in each term.
    leaders: BTreeMap<u64, (usize, u64)>,
    /// Up to where each node had committed, in which life.
    commits: BTreeMap<usize, (u64, usize)>,
    /// How far each leader knew its followers to agree, in which life and term.
    matches: BTreeMap<usize, (u64, u64, BTreeMap<NodeId, usize>)>,
    rules: PhantomData<R>,
}

impl<R: Rules> Invariant for Watch<R> {
    fn look(&mut self, cluster: &dyn Insides, index: usize) -> Result<(), String> {
        let Some(node) = cluster.node(index).downcast_ref::<Raft<R>>() else { return Ok(()) };
        let life = cluster.life(index);
        self.one_leader_a_term(node, index, life)?;
        self.same_entries(node)?;
        let (seen, before) = self.commits.insert(index, (life, node.commit)).unwrap_or((life, 0));
        if seen == life && node.commit < before {
            return Err(format!("the commit index fell from {before} to {}", node.commit));
        }
        self.matches_rise(node, index, life)
    }
}

impl<R: Rules> Watch<R> {
    fn one_leader_a_term(&mut self, node: &Raft<R>, index: usize, life: u64) -> Result<(), String> {
        if !matches!(node.role, Role::Leader { .. }) {
            return Ok(());
        }
        match *self.leaders.entry(node.term).or_insert((index, life)) {
            known if known == (index, life) => Ok(()),
            _ => Err(format!("two nodes lead in term {}", node.term)),
        }
    }

    fn same_entries(&mut self, node: &Raft<R>) -> Result<(), String> {
        let last = node.commit.min(node.log.len());
        let term = |at| node.term_at(at).unwrap_or(0);
        self.committed.extend((self.committed.len() + 1..=last).map(term));
        match last.checked_sub(1).map(|at| self.committed[at]) {
            Some(known) if known != term(last) => {
                Err(format!("different entries were committed at index {last}"))
            }
            _ => Ok(()),
        }
    }

    fn matches_rise(&mut self, node: &Raft<R>, index: usize, life: u64) -> Result<(), String> {
        let Role::Leader { matched, .. } = &node.role else { return Ok(()) };
        let now = (life, node.term, matched.clone());
        let Some((seen, term, before)) = self.matches.insert(index, now) else { return Ok(()) };
        let fell =
            |(peer, known): (&NodeId, &usize)| matched.get(peer).is_some_and(|it| it < known);
        if (seen, term) == (life, node.term) && before.iter().any(fell) {
            return Err("a leader unlearnt how far a follower agrees".to_owned());
        }
        Ok(())
    }
}
