//! Clusters from inside: what must hold of all nodes together, at every moment.

use std::any::Any;

/// The insides of a cluster, for what must hold of all its nodes together at every moment.
pub trait Insides {
    /// How many nodes there are.
    fn count(&self) -> usize;

    /// Which life of a node this is: 0 until it is first killed, one more each time.
    fn life(&self, index: usize) -> u64;

    /// The node's logic, also while it is down or paused.
    fn node(&self, index: usize) -> &dyn Any;
}

/// Something that must hold of a cluster's insides after every event. It looks at one node at a
/// time, so that its cost does not grow with the cluster.
pub trait Invariant {
    /// Looks at the node at `index`, which has just handled something.
    ///
    /// # Errors
    /// Says what does not hold that must.
    fn look(&mut self, cluster: &dyn Insides, index: usize) -> Result<(), String>;
}

impl Invariant for Box<dyn Invariant> {
    fn look(&mut self, cluster: &dyn Insides, index: usize) -> Result<(), String> {
        (**self).look(cluster, index)
    }
}
