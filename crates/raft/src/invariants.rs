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
mod tests;
