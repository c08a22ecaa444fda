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
//!
//! Where members change this holds for every set of voters that a configuration
//! names; a voter that a change has added is known by the life that is named
//! there, whatever was met before (see [`crate::membership`]).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::types::{Incarnation, MemberId};

/// Incarnations by node: of each node that was met, the first one.
pub type Incarnations = Arc<BTreeMap<MemberId, Incarnation>>;

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
    id: MemberId,
    own: Incarnation,
    /// At the node's own place its own one, or that of an earlier life which it
    /// has been told of.
    known: Incarnations,
    has_news: bool,
}

impl Roster {
    /// Knows the node itself, and what it knew when it was last running.
    #[must_use]
    pub fn new(id: MemberId, own: Incarnation, stored: &BTreeMap<MemberId, Incarnation>) -> Self {
        let known = Arc::new(BTreeMap::from([(id, own)]));
        let mut roster = Self { id, own, known, has_news: false };
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
        self.known.get(&self.id) != Some(&self.own)
    }

    /// Whether every one of these nodes has been met.
    #[must_use]
    pub fn has_met(&self, nodes: &BTreeSet<MemberId>) -> bool {
        nodes.iter().all(|node| self.known.contains_key(node))
    }

    /// All incarnations known, by node.
    #[must_use]
    pub fn known(&self) -> Incarnations {
        Arc::clone(&self.known)
    }

    /// All incarnations known, if there are more than at the last call.
    #[must_use]
    pub fn take_news(&mut self) -> Option<Incarnations> {
        std::mem::take(&mut self.has_news).then(|| self.known())
    }

    /// Takes note of `incarnation` speaking as `node`.
    pub fn meet(&mut self, node: MemberId, incarnation: Option<Incarnation>) -> Standing {
        match (self.known.get(&node).copied(), incarnation) {
            (None, None) => Standing::Nameless,
            (None, Some(incarnation)) => {
                self.note(node, incarnation);
                Standing::Voter
            }
            (known, told) if known == told => Standing::Voter,
            _ => Standing::Forgetful,
        }
    }

    /// Takes over what another node knows about nodes not met yet, this one's
    /// own past included.
    pub fn learn(&mut self, told: &BTreeMap<MemberId, Incarnation>) {
        for (&node, &told) in told {
            let replaceable = (node == self.id).then_some(self.own);
            let known = self.known.get(&node).copied();
            if Some(told) != known && known == replaceable {
                self.note(node, told);
            }
        }
    }

    fn note(&mut self, node: MemberId, incarnation: Incarnation) {
        Arc::make_mut(&mut self.known).insert(node, incarnation);
        self.has_news = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Incarnations of nodes 0, 1 and 2.
    fn lives(of: [Option<u64>; 3]) -> BTreeMap<MemberId, Incarnation> {
        let lives = (0..).map(MemberId).zip(of);
        lives.filter_map(|(node, life)| Some((node, Incarnation(life?)))).collect()
    }

    fn roster(own: u64) -> Roster {
        Roster::new(MemberId(0), Incarnation(own), &BTreeMap::new())
    }

    fn all() -> BTreeSet<MemberId> {
        (0..3).map(MemberId).collect()
    }

    #[test]
    fn a_second_life_is_no_voter() {
        let mut roster = roster(7);
        assert_eq!(roster.meet(MemberId(1), Some(Incarnation(8))), Standing::Voter);
        assert_eq!(roster.meet(MemberId(1), Some(Incarnation(9))), Standing::Forgetful);
        assert_eq!(roster.meet(MemberId(1), None), Standing::Forgetful);
        assert_eq!(roster.meet(MemberId(1), Some(Incarnation(8))), Standing::Voter);
    }

    #[test]
    fn who_gives_no_incarnation_does_not_take_the_place_of_the_node() {
        let mut roster = roster(7);
        assert_eq!(roster.meet(MemberId(1), None), Standing::Nameless);
        assert_eq!(roster.take_news(), None);
        assert_eq!(roster.meet(MemberId(1), Some(Incarnation(8))), Standing::Voter);
    }

    #[test]
    fn the_leader_tells_of_lives_never_met() {
        let mut roster = roster(7);
        roster.learn(&lives([Some(7), None, Some(5)]));
        assert_eq!(roster.meet(MemberId(2), Some(Incarnation(6))), Standing::Forgetful);
        assert!(!roster.is_forgetful());
        assert!(!roster.has_met(&all()));
        roster.learn(&lives([Some(1), None, None]));
        assert!(roster.is_forgetful());
        // Whoever hears of this node from itself hears of the life that counts.
        assert_eq!(*roster.known(), lives([Some(1), None, Some(5)]));
        roster.learn(&lives([None, Some(4), Some(9)]));
        assert_eq!(*roster.known(), lives([Some(1), Some(4), Some(5)]));
        assert!(roster.has_met(&all()));
    }

    #[test]
    fn what_is_new_is_told_once() {
        let mut roster = roster(7);
        assert_eq!(roster.take_news(), None);
        roster.meet(MemberId(1), Some(Incarnation(8)));
        let news = roster.take_news().unwrap();
        assert_eq!(*news, lives([Some(7), Some(8), None]));
        roster.meet(MemberId(1), Some(Incarnation(8)));
        roster.meet(MemberId(1), Some(Incarnation(9)));
        roster.learn(&news);
        assert_eq!(roster.take_news(), None);
        assert!(Arc::ptr_eq(&roster.known(), &roster.known()));
    }

    #[test]
    fn what_was_stored_is_known_again() {
        let stored = lives([Some(7), Some(8), None]);
        let mut again = Roster::new(MemberId(0), Incarnation(7), &stored);
        assert_eq!(again.take_news(), None);
        assert!(!again.is_forgetful());
        assert_eq!(again.meet(MemberId(1), Some(Incarnation(9))), Standing::Forgetful);
        // A node that knew already that it has forgotten.
        let stored = lives([Some(1), None, None]);
        assert!(Roster::new(MemberId(0), Incarnation(7), &stored).is_forgetful());
    }
}
