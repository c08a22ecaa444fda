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
//!
//! Nodes hear of incarnations from their owners, from the leader, from
//! candidates, and from voters that refuse a candidate because it has
//! forgotten. What a node has heard is part of what it stores
//! ([`Record::Incarnations`](crate::Record::Incarnations)): otherwise a
//! restart would make it forget who has forgotten. A node without storage that
//! has not met all others yet waits for half an election timeout before it uses
//! the pre-votes it got: if it has a past, a node that knows it has the time to
//! say so. A vote names the incarnation it was given to, so that one that is
//! still under way when its candidate is killed elects nobody.
//!
//! # What holds
//!
//! Call a node *killed* if it was ever restarted without what it had stored:
//! without storage by any restart, with storage by one after which its records
//! were gone. If
//!
//! 1. fewer than half of the nodes are ever killed, and
//! 2. before a node is killed for the first time, all those that never are have
//!    met it (which one leader that reaches all of them sees to within a
//!    heartbeat),
//!
//! then nothing acknowledged is lost, no matter what is cut off, delayed,
//! repeated or lost meanwhile: every majority has a node in it that was never
//! killed, that node knows of every killed one what it was before, and gives it
//! no vote, so that all who are elected got their votes from nodes which
//! remember, and these are a majority.
//!
//! Otherwise nothing is promised. Restarted nodes that together with nodes
//! which never met their earlier lives are a majority, and are cut off from
//! everybody who did, cannot tell that they have a past: they are where a new
//! cluster is when it starts with some of its nodes out of reach. They begin a
//! new history, although a node that is alive may hold the old one, and when
//! both meet again one of the two wins. Where they do meet somebody who knows,
//! they rather stand still.
//!
//! With storage that nobody takes away no node is ever killed in this sense.

use std::sync::Arc;

use crate::types::{Incarnation, NodeIndex};

/// What a node may do in the eyes of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It remembers what it promised: its votes and acknowledgements count.
    Voter,
    /// It was known under another incarnation and has forgotten: they do not.
    Forgetful,
    /// It does not say which life it is, and none is known. It is answered, but
    /// nothing that it says counts.
    Nameless,
}

/// The first incarnation met of every node.
#[derive(Debug, Clone)]
pub struct Roster {
    id: NodeIndex,
    own: Incarnation,
    /// At the node's own place its own one, or that of an earlier life which it
    /// has been told of.
    known: Arc<[Option<Incarnation>]>,
    has_news: bool,
}

impl Roster {
    /// Knows the node itself, and what it knew when it was last running
    /// (nothing, if that list is empty or of another cluster).
    #[must_use]
    pub fn new(
        id: NodeIndex,
        own: Incarnation,
        nodes: usize,
        stored: &[Option<Incarnation>],
    ) -> Self {
        let mut known = vec![None; nodes];
        known[id.0] = Some(own);
        let mut roster = Self { id, own, known: known.into(), has_news: false };
        roster.learn(stored);
        roster.has_news = false;
        roster
    }

    /// This node's own incarnation.
    #[must_use]
    pub fn own(&self) -> Incarnation {
        self.own
    }

    /// Whether others knew this node before it lost its memory.
    #[must_use]
    pub fn is_forgetful(&self) -> bool {
        self.known[self.id.0] != Some(self.own)
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

    /// All incarnations known, if there are more than at the last call.
    #[must_use]
    pub fn take_news(&mut self) -> Option<Arc<[Option<Incarnation>]>> {
        std::mem::take(&mut self.has_news).then(|| self.known())
    }

    /// Takes note of `incarnation` speaking as `node`.
    pub fn meet(&mut self, node: NodeIndex, incarnation: Option<Incarnation>) -> Standing {
        match (self.known[node.0], incarnation) {
            (None, None) => Standing::Nameless,
            (None, Some(_)) => {
                self.note(node, incarnation);
                Standing::Voter
            }
            (known, told) if known == told => Standing::Voter,
            _ => Standing::Forgetful,
        }
    }

    /// Takes over what another node knows about nodes not met yet, this one's
    /// own past included.
    pub fn learn(&mut self, told: &[Option<Incarnation>]) {
        if told.len() != self.known.len() {
            return;
        }
        for (node, &told) in (0..).map(NodeIndex).zip(told) {
            let replaceable = if node == self.id { Some(self.own) } else { None };
            let known = self.known[node.0];
            if told.is_some() && told != known && known == replaceable {
                self.note(node, told);
            }
        }
    }

    fn note(&mut self, node: NodeIndex, incarnation: Option<Incarnation>) {
        Arc::make_mut(&mut self.known)[node.0] = incarnation;
        self.has_news = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roster(own: u64) -> Roster {
        Roster::new(NodeIndex(0), Incarnation(own), 3, &[])
    }

    #[test]
    fn a_second_life_is_no_voter() {
        let mut roster = roster(7);
        assert_eq!(roster.meet(NodeIndex(1), Some(Incarnation(8))), Standing::Voter);
        assert_eq!(roster.meet(NodeIndex(1), Some(Incarnation(9))), Standing::Forgetful);
        assert_eq!(roster.meet(NodeIndex(1), None), Standing::Forgetful);
        assert_eq!(roster.meet(NodeIndex(1), Some(Incarnation(8))), Standing::Voter);
    }

    #[test]
    fn who_gives_no_incarnation_does_not_take_the_place_of_the_node() {
        let mut roster = roster(7);
        assert_eq!(roster.meet(NodeIndex(1), None), Standing::Nameless);
        assert_eq!(roster.take_news(), None);
        assert_eq!(roster.meet(NodeIndex(1), Some(Incarnation(8))), Standing::Voter);
    }

    #[test]
    fn the_leader_tells_of_lives_never_met() {
        let mut roster = roster(7);
        roster.learn(&[Some(Incarnation(7)), None, Some(Incarnation(5))]);
        assert_eq!(roster.meet(NodeIndex(2), Some(Incarnation(6))), Standing::Forgetful);
        assert!(!roster.is_forgetful());
        assert!(!roster.is_complete());
        roster.learn(&[Some(Incarnation(1)), None, None]);
        assert!(roster.is_forgetful());
        // Whoever hears of this node from itself hears of the life that counts.
        assert_eq!(*roster.known(), [Some(Incarnation(1)), None, Some(Incarnation(5))]);
        roster.learn(&[None, Some(Incarnation(4)), Some(Incarnation(9))]);
        assert_eq!(
            *roster.known(),
            [Some(Incarnation(1)), Some(Incarnation(4)), Some(Incarnation(5))]
        );
        assert!(roster.is_complete());
        // A list of another cluster says nothing.
        roster.learn(&[Some(Incarnation(2))]);
        assert!(roster.is_complete());
    }

    #[test]
    fn what_is_new_is_told_once() {
        let mut roster = roster(7);
        assert_eq!(roster.take_news(), None);
        roster.meet(NodeIndex(1), Some(Incarnation(8)));
        let news = roster.take_news().unwrap();
        assert_eq!(*news, [Some(Incarnation(7)), Some(Incarnation(8)), None]);
        roster.meet(NodeIndex(1), Some(Incarnation(8)));
        roster.meet(NodeIndex(1), Some(Incarnation(9)));
        roster.learn(&news);
        assert_eq!(roster.take_news(), None);
        assert!(Arc::ptr_eq(&roster.known(), &roster.known()));
    }

    #[test]
    fn what_was_stored_is_known_again() {
        let stored = [Some(Incarnation(7)), Some(Incarnation(8)), None];
        let mut again = Roster::new(NodeIndex(0), Incarnation(7), 3, &stored);
        assert_eq!(again.take_news(), None);
        assert!(!again.is_forgetful());
        assert_eq!(again.meet(NodeIndex(1), Some(Incarnation(9))), Standing::Forgetful);
        // A node that knew already that it has forgotten.
        let stored = [Some(Incarnation(1)), None, None];
        assert!(Roster::new(NodeIndex(0), Incarnation(7), 3, &stored).is_forgetful());
    }
}
