//! What must hold of a cluster of these nodes after every event of a simulation.

use paxos::Invariants;
use proto::{Insides, Invariant};

use crate::command::SharedCommand;
use crate::lin_kv::KeyValues;
use crate::multi_paxos::MultiPaxosNode;

/// The safety properties of Paxos over the nodes of a simulated cluster.
#[derive(Debug)]
pub struct PaxosWatch {
    invariants: Invariants<SharedCommand<KeyValues>>,
    /// The life in which each node was last seen.
    lives: Vec<Option<u64>>,
}

impl PaxosWatch {
    /// For a cluster of `nodes` that have stored nothing yet.
    #[must_use]
    pub fn new(nodes: usize) -> Self {
        Self { invariants: Invariants::new(nodes), lives: vec![None; nodes] }
    }
}

impl PaxosWatch {
    fn observe(&mut self, cluster: &dyn Insides, index: usize, is_new: bool) -> Result<(), String> {
        let node = cluster.node(index).downcast_ref::<MultiPaxosNode>();
        let Some(replica) = node.and_then(MultiPaxosNode::replica) else { return Ok(()) };
        let replica = replica.paxos();
        if is_new {
            self.invariants.restarted(replica);
        }
        self.invariants.observe(replica).map_err(|violation| violation.to_string())
    }
}

impl Invariant for PaxosWatch {
    fn look(&mut self, cluster: &dyn Insides, index: usize) -> Result<(), String> {
        // A node that goes on after a pause works off its backlog before anybody looks at it, and
        // what it accepted may have been counted elsewhere by now. One that is down or has just
        // started waits for its turn.
        for other in (0..cluster.count()).filter(|&other| other != index) {
            if self.lives[other] == Some(cluster.life(other)) {
                self.observe(cluster, other, false)?;
            }
        }
        let life = Some(cluster.life(index));
        let is_new = std::mem::replace(&mut self.lives[index], life) != life;
        self.observe(cluster, index, is_new)
    }
}
