//! What must hold of a cluster on Raft after every event.

use proto::{Insides, Invariant};
use raft::{Invariants, Violation};

use crate::command::SharedCommand;
use crate::machine::{Aside, Service};
use crate::node::RaftNode;

/// Raft's safety properties over the nodes of a simulated cluster.
#[derive(Debug)]
pub struct SafetyWatch<S: Service, T = ()> {
    invariants: Invariants<SharedCommand<S>>,
    lives: Vec<u64>,
    aside: std::marker::PhantomData<T>,
}

impl<S: Service, T: Aside> SafetyWatch<S, T> {
    /// For a cluster of `nodes` that have stored nothing yet.
    #[must_use]
    pub fn new(nodes: usize) -> Self {
        let aside = std::marker::PhantomData;
        Self { invariants: Invariants::new(), lives: vec![0; nodes], aside }
    }

    /// Checks what changed in the node at `index`; to be called after
    /// everything that happens to it.
    ///
    /// # Errors
    ///
    /// The property that does not hold.
    pub fn look(&mut self, cluster: &dyn Insides, index: usize) -> Result<(), Violation> {
        let node = cluster.node(index).downcast_ref::<RaftNode<S, T>>();
        let Some(replica) = node.and_then(RaftNode::replica) else { return Ok(()) };
        let life = std::mem::replace(&mut self.lives[index], cluster.life(index));
        // The simulator counts nodes as `init` lists them, Raft by name.
        let raft = replica.raft();
        if life != cluster.life(index) {
            self.invariants.restarted(raft.id());
        }
        self.invariants.observe(raft)
    }
}

impl<S: Service, T: Aside> Invariant for SafetyWatch<S, T> {
    fn look(&mut self, cluster: &dyn Insides, index: usize) -> Result<(), String> {
        self.look(cluster, index).map_err(|violation| violation.to_string())
    }
}
