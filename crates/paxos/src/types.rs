//! Numbers that must not be mixed up.

use std::fmt;

/// A node's place in the list of all nodes, which is the same on every node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeIndex(pub usize);

/// A place in the log: one instance of single-decree Paxos. The first is 1; 0 is "before the log".
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(pub u64);

/// The number of a proposal. No two proposers ever use the same one: a ballot is a counter and,
/// as its remainder by the number of nodes, its owner. 0 is "none yet".
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ballot(pub u64);

/// Counts the messages of a leader to all others, so that an answer tells how recent it is.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Round(pub u64);

/// The host's name for a read that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReadId(pub u64);

impl Slot {
    /// The one after it.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl Ballot {
    /// The lowest ballot of `node`, one of `nodes`, that is above this one.
    ///
    /// ```
    /// use paxos::{Ballot, NodeIndex};
    /// assert_eq!(Ballot(0).above(NodeIndex(2), 5), Ballot(2));
    /// assert_eq!(Ballot(7).above(NodeIndex(2), 5), Ballot(12));
    /// assert_eq!(Ballot(12).owner(5), NodeIndex(2));
    /// ```
    #[must_use]
    pub fn above(self, node: NodeIndex, nodes: usize) -> Self {
        let (nodes, node) = (nodes.max(1) as u64, node.0 as u64);
        let same_count = self.0 - self.0 % nodes;
        let candidate = same_count.saturating_add(node);
        Self(if candidate > self.0 { candidate } else { candidate.saturating_add(nodes) })
    }

    /// Whose ballot it is.
    #[must_use]
    pub fn owner(self, nodes: usize) -> NodeIndex {
        NodeIndex((self.0 % nodes.max(1) as u64) as usize)
    }
}

/// How many of `nodes` are a majority: any two of them have a node in common.
///
/// ```
/// assert_eq!([1, 2, 3, 4, 5].map(paxos::quorum), [1, 2, 2, 3, 3]);
/// ```
#[must_use]
pub fn quorum(nodes: usize) -> usize {
    nodes / 2 + 1
}

macro_rules! display_as_number {
    ($($name:ident),*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}

display_as_number!(NodeIndex, Slot, Ballot, Round, ReadId);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ballots_rise_are_never_zero_and_belong_to_one_node() {
        for nodes in 1..=5 {
            for node in 0..nodes {
                let mut ballot = Ballot(0);
                for _ in 0..10 {
                    let next = ballot.above(NodeIndex(node), nodes);
                    assert!(next > ballot && next.owner(nodes) == NodeIndex(node));
                    assert!(next.0 - ballot.0 <= nodes as u64, "the lowest");
                    ballot = next;
                }
            }
        }
    }
}
