//! Who takes part, how many make a quorum, and what it means to have signed something.

use std::fmt;

/// A node's place among the nodes of its cluster, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeIndex(pub usize);

impl fmt::Display for NodeIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How many nodes there are, how many may be Byzantine, and how many make a quorum.
///
/// The three sizes are the same in a cluster that is right. They can be set one by one, so that one
/// can see what becomes of a cluster that is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quorums {
    /// The nodes, `n`.
    pub nodes: usize,
    /// How many of them may be Byzantine, `f`.
    pub faulty: usize,
    /// Votes of the first phase (prepares, prevotes) that bind a view or round to a value.
    pub certify: usize,
    /// Votes of the second phase (commits, precommits) that decide it.
    pub decide: usize,
    /// View changes that a new view needs.
    pub gather: usize,
}

impl Quorums {
    /// The sizes for so many nodes: `f = (n-1)/3`, rounded down, and quorums of `n - f`.
    ///
    /// # Panics
    /// If there are no nodes.
    #[must_use]
    pub fn of(nodes: usize) -> Self {
        assert!(nodes > 0, "a cluster has nodes");
        let faulty = (nodes - 1) / 3;
        Self::sized(nodes, faulty, nodes - faulty)
    }

    /// Any sizes, also those that are not safe or not live.
    #[must_use]
    pub fn sized(nodes: usize, faulty: usize, size: usize) -> Self {
        Self { nodes, faulty, certify: size, decide: size, gather: size }
    }

    /// Whether any two quorums have an honest node in common, even if `f` nodes are in both and lie.
    #[must_use]
    pub fn is_safe(&self) -> bool {
        let smallest = self.certify.min(self.decide).min(self.gather);
        2 * smallest > self.nodes + self.faulty
    }

    /// Whether the honest nodes are a quorum by themselves, so that `f` silent ones stop nothing.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.certify.max(self.decide).max(self.gather) + self.faulty <= self.nodes
    }
}

/// What a node needs to sign. Whoever holds it is that node, so a host gives it to nobody else.
#[derive(Debug)]
pub struct Key(NodeIndex);

impl Key {
    /// The key of a node.
    #[must_use]
    pub fn of(node: NodeIndex) -> Self {
        Self(node)
    }

    /// Whose key it is.
    #[must_use]
    pub fn owner(&self) -> NodeIndex {
        self.0
    }

    /// Signs a statement.
    pub fn sign<T>(&self, statement: T) -> Signed<T> {
        Signed { signer: self.0, statement }
    }
}

/// A statement and who made it. It can be passed on by anybody, and made only with a [`Key`].
///
/// The signature is symbolic, as in Dolev and Yao's model (1983): there are no bits to break. A host
/// with real wires signs what it sends and checks what it gets, and makes this of what was right.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Signed<T> {
    signer: NodeIndex,
    statement: T,
}

impl<T> Signed<T> {
    /// Who signed it.
    #[must_use]
    pub fn signer(&self) -> NodeIndex {
        self.signer
    }

    /// What it says.
    #[must_use]
    pub fn statement(&self) -> &T {
        &self.statement
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sizes_are_safe_and_live_for_every_number_of_nodes_and_for_no_more_faults() {
        for nodes in 1..100 {
            let right = Quorums::of(nodes);
            assert!(right.is_safe() && right.is_live(), "{nodes}");
            let faulty = right.faulty + 1;
            let any = (1..=nodes).map(|size| Quorums::sized(nodes, faulty, size));
            assert!(any.into_iter().all(|q| !(q.is_safe() && q.is_live())), "{nodes}");
        }
    }
}
