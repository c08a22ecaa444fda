//! The safety properties of the paper's figure 3, checked while a simulated
//! cluster runs.
//!
//! [`Invariants::observe`] is called for a node after every event that touched
//! it. It looks only at what changed since the last call, so its cost is that
//! of the change.

use std::collections::BTreeMap;
use std::fmt;

use crate::message::{Content, Entry};
use crate::raft::Raft;
use crate::types::{LogIndex, MemberId, Term};

/// A safety property that did not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Violation {
    /// *Election safety*: two nodes led in one term.
    TwoLeaders(Term, MemberId, MemberId),
    /// *Leader append-only*: a leader removed or replaced an entry of its log.
    LeaderRewroteLog(MemberId, LogIndex),
    /// *Log matching*: two logs hold entries of the same index and term that
    /// differ, or that follow different entries.
    LogsDiffer(MemberId, LogIndex, Term),
    /// *Leader completeness*: a new leader lacks a committed entry.
    LeaderLacksCommitted(MemberId, LogIndex),
    /// *State machine safety*: nodes committed different entries at an index.
    CommitsDiffer(MemberId, LogIndex),
    /// A node's commit index went back although it was not restarted.
    CommitWentBack(MemberId, LogIndex),
    /// The configuration at an index of a node's log and the one before it have majorities without
    /// a node in common, so that each could decide by itself (paper, section 6).
    DisjointMajorities(MemberId, LogIndex),
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TwoLeaders(term, a, b) => {
                write!(f, "election safety: nodes {a} and {b} both lead in term {term}")
            }
            Self::LeaderRewroteLog(node, index) => {
                write!(f, "leader append-only: leader {node} changed its log at {index}")
            }
            Self::LogsDiffer(node, index, term) => write!(
                f,
                "log matching: entry {index} of term {term} in the log of node {node} \
                 is not what another node holds"
            ),
            Self::LeaderLacksCommitted(node, index) => {
                write!(f, "leader completeness: leader {node} lacks committed entry {index}")
            }
            Self::CommitsDiffer(node, index) => {
                write!(f, "state machine safety: node {node} committed another entry {index}")
            }
            Self::CommitWentBack(node, index) => {
                write!(f, "node {node} went back to commit index {index}")
            }
            Self::DisjointMajorities(node, index) => write!(
                f,
                "disjoint majorities: the members that entry {index} of node {node} names could \
                 decide without those before"
            ),
        }
    }
}

impl std::error::Error for Violation {}

/// What one node looked like when it was last observed.
#[derive(Debug, Clone, Default)]
struct Mirror {
    commit_index: LogIndex,
    /// The index before the first of `terms`.
    base: LogIndex,
    /// The terms of the node's entries after `base`.
    terms: Vec<Term>,
    /// The term the node led in, if it did.
    led: Option<Term>,
    /// Where the configuration in force is in its log.
    configured_at: LogIndex,
}

impl Mirror {
    fn term_at(&self, index: LogIndex) -> Option<Term> {
        let offset = index.0.checked_sub(self.base.0 + 1)?;
        self.terms.get(usize::try_from(offset).ok()?).copied()
    }

    fn last_index(&self) -> LogIndex {
        LogIndex(self.base.0 + self.terms.len() as u64)
    }
}

/// An entry that some node has committed.
#[derive(Debug, Clone, Copy)]
struct Committed {
    /// Its term; `None` if all that was seen of it is a snapshot that covers it.
    term: Option<Term>,
    /// The term in which it was first seen to be committed.
    during: Term,
}

/// The checker over all nodes of one cluster.
#[derive(Debug)]
pub struct Invariants<C> {
    leaders: BTreeMap<Term, MemberId>,
    /// Every entry seen that may not be committed everywhere yet, with the
    /// term of the entry before it.
    seen: BTreeMap<(LogIndex, Term), (Term, Content<C>)>,
    /// The committed entries, from index 1.
    committed: Vec<Committed>,
    mirrors: BTreeMap<MemberId, Mirror>,
    /// Observations that changed a log, until the next pruning.
    since_pruned: usize,
}

impl<C: Clone + PartialEq> Default for Invariants<C> {
    fn default() -> Self {
        Self::new()
    }
}

impl<C: Clone + PartialEq> Invariants<C> {
    /// For a cluster that has stored nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            leaders: BTreeMap::new(),
            seen: BTreeMap::new(),
            committed: Vec::new(),
            mirrors: BTreeMap::new(),
            since_pruned: 0,
        }
    }

    /// The node was restarted: what it had not stored is rightly gone.
    pub fn restarted(&mut self, node: MemberId) {
        self.mirrors.insert(node, Mirror::default());
    }

    /// Checks what changed in `node` since it was observed last.
    ///
    /// # Errors
    ///
    /// The first property found not to hold.
    pub fn observe<S: Clone>(&mut self, node: &Raft<C, S>) -> Result<(), Violation> {
        for member in node.configuration().members() {
            // One that was never looked at has committed nothing.
            self.mirrors.entry(member).or_default();
        }
        self.check_configurations(node)?;
        self.check_leader(node)?;
        self.check_log(node)?;
        self.check_commits(node)?;
        self.mirror(node.id()).led = node.is_leader().then(|| node.term());
        Ok(())
    }

    fn check_configurations<S: Clone>(&mut self, node: &Raft<C, S>) -> Result<(), Violation> {
        let last = node.configurations().last().map(|(index, _)| index).unwrap_or_default();
        if std::mem::replace(&mut self.mirror(node.id()).configured_at, last) == last {
            return Ok(());
        }
        let all: Vec<_> = node.configurations().collect();
        let apart = all.windows(2).find(|pair| !pair[0].1.overlaps(pair[1].1));
        apart.map_or(Ok(()), |pair| Err(Violation::DisjointMajorities(node.id(), pair[1].0)))
    }

    fn mirror(&mut self, node: MemberId) -> &mut Mirror {
        self.mirrors.entry(node).or_default()
    }

    fn check_leader<S: Clone>(&mut self, node: &Raft<C, S>) -> Result<(), Violation> {
        let id = node.id();
        let newly_leads = self.mirror(id).led != Some(node.term());
        if !node.is_leader() || !newly_leads {
            return Ok(());
        }
        let leader = *self.leaders.entry(node.term()).or_insert(id);
        if leader != id {
            return Err(Violation::TwoLeaders(node.term(), leader, id));
        }
        // What was committed in earlier terms; a candidate that slept through its election may
        // take office late. By log matching the last entry speaks for all before it.
        let count = self.committed.partition_point(|entry| entry.during < node.term());
        let last = LogIndex(count as u64);
        let compacted = last < node.log().first_index();
        let term = count.checked_sub(1).and_then(|place| self.committed[place].term);
        if term.is_some() && !compacted && node.log().term_at(last) != term {
            return Err(Violation::LeaderLacksCommitted(id, last));
        }
        Ok(())
    }

    fn check_log<S: Clone>(&mut self, node: &Raft<C, S>) -> Result<(), Violation> {
        let id = node.id();
        let log = node.log();
        let mirror = self.mirrors.entry(id).or_default();
        if log.first_index().previous() > mirror.last_index() {
            *mirror = Mirror { base: log.first_index().previous(), terms: Vec::new(), ..*mirror };
        }
        let mut agreed = mirror.last_index().min(log.last_index());
        while agreed > mirror.base.max(log.first_index().previous())
            && mirror.term_at(agreed) != log.term_at(agreed)
        {
            agreed = agreed.previous();
        }
        let still_leads = node.is_leader() && mirror.led == Some(node.term());
        if still_leads && agreed < mirror.last_index() {
            return Err(Violation::LeaderRewroteLog(id, agreed.next()));
        }
        if agreed == mirror.last_index() && agreed == log.last_index() {
            return Ok(());
        }
        mirror.terms.truncate((agreed.0 - mirror.base.0) as usize);
        for entry in log.entries_from(agreed.next(), usize::MAX) {
            mirror.terms.push(entry.term);
            let before = log.term_at(entry.index.previous()).unwrap_or_default();
            let Entry { index, term, content } = entry;
            let known =
                self.seen.entry((*index, *term)).or_insert_with(|| (before, content.clone()));
            if known.0 != before || known.1 != *content {
                return Err(Violation::LogsDiffer(id, *index, *term));
            }
        }
        self.prune();
        Ok(())
    }

    fn check_commits<S: Clone>(&mut self, node: &Raft<C, S>) -> Result<(), Violation> {
        let id = node.id();
        let mirror = self.mirrors.entry(id).or_default();
        let commit_index = node.commit_index();
        if commit_index < mirror.commit_index {
            return Err(Violation::CommitWentBack(id, commit_index));
        }
        let from = mirror.commit_index.next().max(node.log().first_index());
        mirror.commit_index = commit_index;
        if self.committed.len() < commit_index.0 as usize {
            let unseen = Committed { term: None, during: node.term() };
            self.committed.resize(commit_index.0 as usize, unseen);
        }
        for index in (from.0..=commit_index.0).map(LogIndex) {
            let term = node.log().term_at(index);
            let known = &mut self.committed[index.previous().0 as usize].term;
            if known.is_some() && *known != term {
                return Err(Violation::CommitsDiffer(id, index));
            }
            *known = term;
        }
        Ok(())
    }

    /// Forgets entries that every node has committed, now and then.
    fn prune(&mut self) {
        self.since_pruned += 1;
        if self.since_pruned < 1024 {
            return;
        }
        self.since_pruned = 0;
        let everywhere = self.mirrors.values().map(|mirror| mirror.commit_index).min();
        let everywhere = everywhere.unwrap_or_default();
        self.seen = self.seen.split_off(&(everywhere, Term(0)));
        for mirror in self.mirrors.values_mut() {
            let surplus = everywhere.0.saturating_sub(mirror.base.0).min(mirror.terms.len() as u64);
            mirror.terms.drain(..surplus as usize);
            mirror.base = LogIndex(mirror.base.0 + surplus);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::config::Config;
    use crate::membership::Configuration;
    use crate::message::{Restored, Snapshot};
    use crate::types::Incarnation;

    /// A node with entries of these terms and commands. In a cluster of one it
    /// leads, and so commits them, at once.
    fn node(id: u64, nodes: u64, log: &[(u64, &'static str)]) -> Raft<&'static str, ()> {
        let config = Config {
            id: MemberId(id),
            members: (0..nodes).map(MemberId).collect(),
            election_timeout: Duration::from_millis(300),
            heartbeat_interval: Duration::from_millis(100),
            gather_window: Duration::ZERO,
            entries_per_message: 512,
            durable: true,
        };
        let entries = (1..).zip(log).map(|(index, &(term, command))| Entry {
            term: Term(term),
            index: LogIndex(index),
            content: Content::Command(command),
        });
        let restored = Restored {
            term: log.last().map_or(Term(0), |&(term, _)| Term(term)),
            entries: entries.collect(),
            ..Restored::default()
        };
        Raft::new(config, Incarnation(0), restored, Duration::ZERO, 0)
    }

    /// What is found when the second node is looked at after the first.
    fn second(
        first: &Raft<&'static str, ()>,
        second: &Raft<&'static str, ()>,
    ) -> Option<Violation> {
        let mut invariants = Invariants::new();
        assert_eq!(invariants.observe(first), Ok(()));
        invariants.restarted(second.id());
        invariants.observe(second).err()
    }

    #[test]
    fn nodes_that_agree_are_left_alone() {
        let log = [(1, "a"), (1, "b")];
        assert_eq!(second(&node(0, 2, &log), &node(1, 2, &log[..1])), None);
    }

    #[test]
    fn logs_that_differ_or_follow_different_entries_are_found() {
        let a = node(0, 2, &[(1, "a")]);
        let differs = Violation::LogsDiffer(MemberId(1), LogIndex(1), Term(1));
        assert_eq!(second(&a, &node(1, 2, &[(1, "b")])), Some(differs));
        let a = node(0, 2, &[(1, "a"), (3, "c")]);
        let parts = Violation::LogsDiffer(MemberId(1), LogIndex(2), Term(3));
        assert_eq!(second(&a, &node(1, 2, &[(2, "b"), (3, "c")])), Some(parts));
    }

    #[test]
    fn a_leader_without_a_committed_entry_is_found() {
        let whole = node(0, 1, &[(1, "a"), (1, "b")]);
        assert_eq!(whole.commit_index(), LogIndex(3));
        let lacking = Violation::LeaderLacksCommitted(MemberId(0), LogIndex(3));
        assert_eq!(second(&whole, &node(0, 1, &[(5, "c")])), Some(lacking));
    }

    #[test]
    fn a_leader_that_takes_office_late_need_not_know_later_terms() {
        let mut invariants = Invariants::<&str>::new();
        invariants.committed = vec![Committed { term: Some(Term(7)), during: Term(7) }];
        let late = node(0, 1, &[]);
        invariants.mirror(MemberId(0)).commit_index = late.commit_index();
        assert_eq!(invariants.observe(&late), Ok(()));
    }

    #[test]
    fn majorities_that_need_not_meet_are_found_at_once() {
        let configuration = |members: std::ops::Range<u64>| {
            Content::<&'static str>::Configuration(Arc::new(Configuration::of(
                members.map(MemberId),
            )))
        };
        // Of three members to four, which meet; and of those to two others.
        for (members, found) in [(0..4, false), (3..5, true)] {
            let entries = [configuration(0..4), configuration(members)];
            let entries = (1..).map(LogIndex).zip(entries);
            let entries = entries.map(|(index, content)| Entry { term: Term(1), index, content });
            let entries = entries.collect();
            let restored = Restored::<_, ()> { term: Term(1), entries, ..Restored::default() };
            let config = node(0, 3, &[]).core.config;
            let node = Raft::new(config, Incarnation(0), restored, Duration::ZERO, 0);
            let apart = Violation::DisjointMajorities(MemberId(0), LogIndex(2));
            assert_eq!(Invariants::new().observe(&node), if found { Err(apart) } else { Ok(()) });
        }
    }

    #[test]
    fn two_leaders_of_a_term_are_found() {
        let mut invariants = Invariants::<&str>::new();
        invariants.leaders.insert(Term(1), MemberId(1));
        let leader = node(0, 1, &[]);
        let two = Violation::TwoLeaders(Term(1), MemberId(1), MemberId(0));
        assert_eq!(invariants.observe(&leader), Err(two));
    }

    #[test]
    fn different_commits_and_rewritten_logs_are_found() {
        let mut invariants = Invariants::<&str>::new();
        invariants.committed = vec![Committed { term: Some(Term(7)), during: Term(7) }];
        let mut leader = node(0, 1, &[(1, "a")]);
        // The same leader, as the checker believes, so that its past is compared.
        invariants.mirror(MemberId(0)).led = Some(leader.term());
        let differ = Violation::CommitsDiffer(MemberId(0), LogIndex(1));
        assert_eq!(invariants.observe(&leader), Err(differ));
        invariants.committed.clear();
        invariants.mirror(MemberId(0)).terms = vec![Term(1), Term(9), Term(9)];
        leader.propose(Duration::ZERO, "b").unwrap();
        let rewrote = Violation::LeaderRewroteLog(MemberId(0), LogIndex(2));
        assert_eq!(invariants.observe(&leader), Err(rewrote));
    }

    /// A leader whose log begins after a snapshot of this many entries of term 1.
    fn compacted(snapshot: u64) -> Raft<&'static str, ()> {
        let config = node(0, 1, &[]).core.config;
        let snapshot = Snapshot {
            index: LogIndex(snapshot),
            term: Term(1),
            configuration: Arc::new(Configuration::of([MemberId(0)])),
            state: (),
        };
        let restored = Restored { term: Term(1), snapshot: Some(snapshot), ..Restored::default() };
        Raft::new(config, Incarnation(0), restored, Duration::ZERO, 0)
    }

    #[test]
    fn a_log_that_begins_with_a_snapshot_is_followed_from_there() {
        let mut invariants = Invariants::new();
        let mut leader = compacted(10);
        for proposal in 1..=30 {
            assert_eq!(invariants.observe(&leader), Ok(()), "{proposal}");
            assert_eq!(invariants.mirrors[&MemberId(0)].last_index(), leader.log().last_index());
            leader.propose(Duration::ZERO, "x").unwrap();
        }
        // And it is looked at: an entry that is gone from there is found.
        let mirror = invariants.mirror(MemberId(0));
        assert_eq!((mirror.base, mirror.terms[0]), (LogIndex(10), Term(2)));
        mirror.terms[27..].fill(Term(1));
        let rewrote = Violation::LeaderRewroteLog(MemberId(0), LogIndex(38));
        assert_eq!(invariants.observe(&leader), Err(rewrote));
    }

    #[test]
    fn a_follower_may_replace_what_was_not_committed_also_after_a_snapshot() {
        let mut invariants = Invariants::new();
        let mut mirror = Mirror { base: LogIndex(10), ..Mirror::default() };
        mirror.terms = vec![Term(1); 5];
        invariants.mirrors.insert(MemberId(0), mirror);
        // It led no term that was seen, so it may have followed; its log is shorter and another.
        let leader = compacted(10);
        assert_eq!(invariants.observe(&leader), Ok(()));
        assert_eq!(invariants.mirrors[&MemberId(0)].terms, [Term(2)]);
        assert_eq!(invariants.observe(&leader), Ok(()));
    }

    #[test]
    fn what_all_have_committed_is_forgotten() {
        let mut invariants = Invariants::new();
        let mut leader = node(0, 1, &[]);
        for _ in 0..5000 {
            leader.propose(Duration::ZERO, "x").unwrap();
            let _ = leader.take_output();
            assert_eq!(invariants.observe(&leader), Ok(()));
            assert!(invariants.seen.len() <= 2048, "{}", invariants.seen.len());
            assert!(invariants.mirrors[&MemberId(0)].terms.len() <= 2048);
            assert_eq!(invariants.mirrors[&MemberId(0)].last_index(), leader.log().last_index());
        }
    }

    #[test]
    fn a_violation_names_its_property() {
        let (node, index, term) = (MemberId(1), LogIndex(4), Term(2));
        for (violation, sentence) in [
            (
                Violation::TwoLeaders(term, MemberId(0), node),
                "election safety: nodes 0 and 1 both lead in term 2",
            ),
            (
                Violation::LeaderRewroteLog(node, index),
                "leader append-only: leader 1 changed its log at 4",
            ),
            (
                Violation::LogsDiffer(node, index, term),
                "log matching: entry 4 of term 2 in the log of node 1 is not what another node holds",
            ),
            (
                Violation::LeaderLacksCommitted(node, index),
                "leader completeness: leader 1 lacks committed entry 4",
            ),
            (
                Violation::CommitsDiffer(node, index),
                "state machine safety: node 1 committed another entry 4",
            ),
            (Violation::CommitWentBack(node, index), "node 1 went back to commit index 4"),
        ] {
            assert_eq!(violation.to_string(), sentence);
        }
    }

    #[test]
    fn a_new_leader_is_asked_for_what_was_committed_after_its_snapshot_only() {
        let committed = |count: usize, term| {
            let entry = Committed { term: Some(Term(term)), during: Term(1) };
            let mut invariants = Invariants::<&str>::new();
            invariants.committed = vec![entry; count];
            invariants
        };
        assert_eq!(committed(3, 1).observe(&compacted(10)), Ok(()));
        // The first entry after the snapshot is the leader's own, of term 2.
        let lacking = Violation::LeaderLacksCommitted(MemberId(0), LogIndex(11));
        assert_eq!(committed(11, 1).observe(&compacted(10)), Err(lacking));
    }
}
