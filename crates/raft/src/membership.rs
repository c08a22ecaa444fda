//! Who the members are, and how they change (paper, section 6; thesis, chapter 4).
//!
//! A change goes through the log in two entries. The first, *joint*, has the old and the new set of
//! voters: from then on whatever needs a majority needs one of each. When it is committed the second
//! one follows, which has the new set alone. So there is no moment at which the old and the new set
//! could decide each by itself, however many nodes are added and removed at once.
//!
//! A node goes by the last configuration in its log, committed or not, and goes back to the one
//! before if that entry is cut off. Snapshots carry the configuration at their index.
//!
//! Nodes that are to be added first follow as *learners*, whose acknowledgements count for nothing,
//! until a round of replication takes less than an election timeout (thesis 4.2.1); they are known
//! to the leader only. A leader that is removed goes on until the new configuration is committed,
//! and then tells the best of the others to take over (4.2.2).
//!
//! # A node that has lost its storage
//!
//! is forgetful (see [`crate::roster`]) and no voter any more. It becomes one again by being removed
//! and added back, as the thesis has it: the entry that adds a node names the life of it that was
//! caught up, and only that life counts from then on, whatever was known of earlier ones. In the eyes
//! of Raft it is another server under the same name, so nothing that an earlier life promised is
//! counted on.

mod in_log;

use std::collections::BTreeSet;

use litemap::LiteMap;

pub(crate) use self::in_log::Membership;
use crate::types::{Incarnation, MemberId};

/// Voters, each with the life of it that counts. It is named for those that a change has added; for
/// the first members it is the one that was met first.
pub type Voters = LiteMap<MemberId, Option<Incarnation>>;

/// Who votes.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Configuration {
    voters: Voters,
    outgoing: Option<Voters>,
}

impl Configuration {
    /// A first configuration.
    #[must_use]
    pub fn of(members: impl IntoIterator<Item = MemberId>) -> Self {
        Self { voters: members.into_iter().map(|id| (id, None)).collect(), outgoing: None }
    }

    /// A configuration as it was written down: joint if it has outgoing voters.
    #[must_use]
    pub fn from_parts(voters: Voters, outgoing: Option<Voters>) -> Self {
        Self { voters, outgoing }
    }

    /// The joint configuration between this one and the next.
    #[must_use]
    pub fn changed_to(&self, voters: Voters) -> Self {
        Self { voters, outgoing: Some(self.voters.clone()) }
    }

    /// The new voters alone.
    #[must_use]
    pub fn settled(&self) -> Self {
        Self { voters: self.voters.clone(), outgoing: None }
    }

    /// The voters; while the members change, the new ones.
    #[must_use]
    pub fn voters(&self) -> &Voters {
        &self.voters
    }

    /// While the members change, the old voters.
    #[must_use]
    pub fn outgoing(&self) -> Option<&Voters> {
        self.outgoing.as_ref()
    }

    /// Whether the members change.
    #[must_use]
    pub fn is_joint(&self) -> bool {
        self.outgoing.is_some()
    }

    /// Every set of voters of which a majority is needed.
    pub fn majorities(&self) -> impl Iterator<Item = &Voters> {
        [&self.voters].into_iter().chain(&self.outgoing)
    }

    /// Everybody in it, old and new.
    #[must_use]
    pub fn members(&self) -> BTreeSet<MemberId> {
        self.majorities().flat_map(LiteMap::keys).copied().collect()
    }

    /// Whether a node is in it, old or new.
    #[must_use]
    pub fn contains(&self, id: MemberId) -> bool {
        self.majorities().any(|voters| voters.contains_key(&id))
    }

    /// The life of a node that counts, where a change has named it.
    #[must_use]
    pub fn life(&self, id: MemberId) -> Option<Incarnation> {
        self.majorities().find_map(|voters| voters.get(&id).copied().flatten())
    }
}

/// Why a change of members did not happen. It never will, unless it says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeRefused {
    /// This node does not lead, or is handing over.
    NotLeading,
    /// This leader has not committed an entry of its term yet, so it does not know what is (the
    /// correction to the thesis's section 4.1).
    NotSettled,
    /// Another change is under way.
    Busy,
    /// There would be nobody left.
    NobodyLeft,
    /// So few of the new voters were heard lately, or may vote, that nothing could be decided.
    OutOfReach,
    /// The nodes to be added did not catch up in time.
    TooSlow,
    /// The leader was lost while the change was in its log: it may or may not go on.
    Unknown,
}

/// Steps of a change that a test leaves out, to see that its checks find what comes of it.
#[doc(hidden)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Shortcut {
    /// The new configuration follows the old one at once, without a joint one between.
    OneStep,
    /// A change begins although the last one, or anything of the leader's term, is not committed: the
    /// error in the thesis's single-server changes, found by Ongaro in 2015.
    AtOnce,
    /// While the members change only the new majority counts.
    NewMajority,
    /// Acknowledgements of learners count.
    LearnersCount,
    /// A configuration stays in force although its entry was cut off.
    NoWayBack,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(members: &[u64]) -> Configuration {
        Configuration::of(members.iter().copied().map(MemberId))
    }

    #[test]
    fn only_a_joint_configuration_overlaps_with_any_old_and_any_new_one() {
        let (old, new) = (of(&[1, 2, 3]), of(&[3, 4, 5]));
        assert!(!old.overlaps(&new));
        let joint = old.changed_to(new.voters().clone());
        assert!(old.overlaps(&joint) && joint.overlaps(&new) && joint.overlaps(&joint));
        assert_eq!(joint.settled(), new);
        let written = (joint.voters().clone(), joint.outgoing().cloned());
        assert_eq!(Configuration::from_parts(written.0, written.1), joint);
        // One node more or less is safe in one step (thesis, 4.1), two are not.
        assert!(old.overlaps(&of(&[1, 2, 3, 4])) && of(&[1, 2]).overlaps(&old));
        assert!(!old.overlaps(&of(&[1, 2, 3, 4, 5])) && !of(&[1]).overlaps(&old));
        // Two changes from the same old configuration (the error of 2015).
        assert!(!of(&[1, 2, 3, 4, 5]).overlaps(&of(&[1, 2, 3])));
    }
}
