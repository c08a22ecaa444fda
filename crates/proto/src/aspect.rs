//! What of a node's state makes a difference to what comes next, for whoever looks for runs in which
//! something new happens.

/// A part of a node's state (see [`Node::aspects`](crate::Node::aspects)).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Aspect {
    /// Means the same in every node: a role, whether a snapshot is under way.
    Plain(u64),
    /// Grows without end, and only who has more of it than whom makes a difference: a term, the length of
    /// a log.
    Rank(u64),
}
