//! Which life of each node counts.
//!
//! Raft is safe only if a node remembers its votes and its log. A node without
//! storage forgets both when it is restarted; were it to vote or acknowledge
//! again as if nothing had happened, two leaders could win one term and
//! committed entries could vanish. So every message carries the sender's
//! *incarnation*, a number drawn at random when its storage is created: with
//! storage it survives a restart, without it a restarted node has another one.
//! Whoever knew the earlier one counts no vote and no acknowledgement of the
//! later: the node follows, applies and forwards, but is no voter any more.
//! If a majority of nodes is lost that way the cluster stands still rather
//! than forget.
//!
//! Nodes hear of incarnations from their owners, from the leader, from
//! candidates, and from voters that refuse a candidate because it has
//! forgotten. A node without storage that has not met all others yet waits for
//! half an election timeout before it uses the pre-votes it got: if it has a
//! past, a node that knows it has the time to say so.
//!
//! *The window that remains*: nodes that have lost their memory and are cut off
//! from everybody who knew them cannot tell that they have a past. If they are
//! a majority they begin a new history, and so does a cluster whose nodes were
//! all restarted. With storage there is no such window.

use std::sync::Arc;

use crate::types::{Incarnation, NodeIndex};

/// What a node may do in the eyes of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It remembers what it promised: its votes and acknowledgements count.
    Voter,
    /// It was known under another incarnation and has forgotten: they do not.
    Forgetful,
}

/// The first incarnation met of every node.
#[derive(Debug, Clone)]
pub struct Roster {
    id: NodeIndex,
    own: Incarnation,
    known: Arc<[Option<Incarnation>]>,
    forgetful: bool,
}

impl Roster {
    /// Knows only the node itself.
    #[must_use]
    pub fn new(id: NodeIndex, own: Incarnation, nodes: usize) -> Self {
        let mut known = vec![None; nodes];
        known[id.0] = Some(own);
        Self { id, own, known: known.into(), forgetful: false }
    }

    /// This node's own incarnation.
    #[must_use]
    pub fn own(&self) -> Incarnation {
        self.own
    }

    /// Whether others knew this node before it lost its memory.
    #[must_use]
    pub fn is_forgetful(&self) -> bool {
        self.forgetful
    }

    /// Whether every node has been met.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.known.iter().all(Option::is_some)
    }

    /// All incarnations known, by node.
    #[must_use]
    pub fn known(&self) -> Arc<[Option<Incarnation>]> {
        Arc::clone(&self.known)
    }

    /// Takes note of `incarnation` speaking as `node`.
    pub fn meet(&mut self, node: NodeIndex, incarnation: Incarnation) -> Standing {
        match self.known[node.0] {
            Some(known) if known == incarnation => Standing::Voter,
            Some(_) => Standing::Forgetful,
            None => {
                Arc::make_mut(&mut self.known)[node.0] = Some(incarnation);
                Standing::Voter
            }
        }
    }

    /// Takes over what the leader knows about nodes not met yet, this one's
    /// own past included.
    pub fn learn(&mut self, known: &[Option<Incarnation>]) {
        if known.len() != self.known.len() || *known == *self.known {
            return;
        }
        if known[self.id.0].is_some_and(|incarnation| incarnation != self.own) {
            self.forgetful = true;
        }
        for (own, told) in Arc::make_mut(&mut self.known).iter_mut().zip(known) {
            *own = own.or(*told);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_life_is_no_voter() {
        let mut roster = Roster::new(NodeIndex(0), Incarnation(7), 3);
        assert_eq!(roster.meet(NodeIndex(1), Incarnation(8)), Standing::Voter);
        assert_eq!(roster.meet(NodeIndex(1), Incarnation(9)), Standing::Forgetful);
        assert_eq!(roster.meet(NodeIndex(1), Incarnation(8)), Standing::Voter);
    }

    #[test]
    fn the_leader_tells_of_lives_never_met() {
        let mut roster = Roster::new(NodeIndex(0), Incarnation(7), 3);
        roster.learn(&[Some(Incarnation(7)), None, Some(Incarnation(5))]);
        assert_eq!(roster.meet(NodeIndex(2), Incarnation(6)), Standing::Forgetful);
        assert!(!roster.is_forgetful());
        roster.learn(&[Some(Incarnation(1)), None, None]);
        assert!(roster.is_forgetful());
    }
}
