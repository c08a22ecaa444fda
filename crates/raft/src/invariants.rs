//! The safety properties of the paper's figure 3, checked while a simulated
//! cluster runs.
//!
//! [`Invariants::observe`] is called for a node after every event that touched
//! it. It looks only at what changed since the last call, so its cost is that
//! of the change.

use std::collections::{BTreeMap, VecDeque};
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
    /// Where the configuration in force is in its log, and of which term, unless that is forgotten;
    /// `None` before it is first looked at.
    configured_at: Option<(LogIndex, Option<Term>)>,
    /// What all of this follows from.
    glance: Option<Glance>,
}

/// What has changed if anything has that the invariants speak of: two logs that end with the same entry
/// are the same by log matching, or it was seen before that they are not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Glance {
    term: Term,
    leads: bool,
    last: (LogIndex, Term),
    commit_index: LogIndex,
    configured_at: (LogIndex, Option<Term>),
}

impl Glance {
    fn at<C: Clone, S: Clone>(node: &Raft<C, S>) -> Self {
        let (log, configured_at) = (node.log(), node.core.membership.index());
        Self {
            term: node.term(),
            leads: node.is_leader(),
            last: (log.last_index(), log.last_term()),
            commit_index: node.commit_index(),
            configured_at: (configured_at, log.term_at(configured_at)),
        }
    }
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

/// The entries seen at each index from some index on.
#[derive(Debug)]
struct Seen<C> {
    from: LogIndex,
    /// Mostly one an index; of each its term, that of the entry before it, and what it is.
    entries: VecDeque<Vec<(Term, Term, Content<C>)>>,
}

impl<C: Clone + PartialEq> Seen<C> {
    const fn new() -> Self {
        Self { from: LogIndex(1), entries: VecDeque::new() }
    }

    /// Whether an entry is what was seen of its index and term before, if anything was.
    fn agrees(&mut self, entry: &Entry<C>, before: Term) -> bool {
        let Entry { index, term, content } = entry;
        if self.entries.is_empty() {
            self.from = *index;
        }
        // A node that begins anew may show what had been forgotten.
        while *index < self.from {
            self.entries.push_front(Vec::new());
            self.from = self.from.previous();
        }
        let place = (index.0 - self.from.0) as usize;
        if place >= self.entries.len() {
            self.entries.resize_with(place + 1, Vec::new);
        }
        let entries = &mut self.entries[place];
        match entries.iter().find(|known| known.0 == *term) {
            Some(known) => known.1 == before && known.2 == *content,
            None => {
                entries.push((*term, before, content.clone()));
                true
            }
        }
    }

    /// Forgets what is before an index.
    fn forget_before(&mut self, index: LogIndex) {
        while self.from < index && self.entries.pop_front().is_some() {
            self.from = self.from.next();
        }
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
    /// Every entry seen that may not be committed everywhere yet.
    seen: Seen<C>,
    /// The committed entries, from index 1.
    committed: Vec<Committed>,
    /// Of the members; they are few.
    mirrors: Vec<(MemberId, Mirror)>,
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
            seen: Seen::new(),
            committed: Vec::new(),
            mirrors: Vec::new(),
            since_pruned: 0,
        }
    }

    /// The node was restarted: what it had not stored is rightly gone.
    pub fn restarted(&mut self, node: MemberId) {
        *self.mirror(node) = Mirror::default();
    }

    /// Checks what changed in `node` since it was observed last.
    ///
    /// # Errors
    ///
    /// The first property found not to hold.
    pub fn observe<S: Clone>(&mut self, node: &Raft<C, S>) -> Result<(), Violation> {
        let glance = Glance::at(node);
        let mirror = self.mirror(node.id());
        if mirror.glance == Some(glance) {
            return Ok(());
        }
        mirror.glance = None;
        self.check_configurations(node, glance.configured_at)?;
        self.check_leader(node)?;
        self.check_log(node)?;
        self.check_commits(node)?;
        let mirror = self.mirror(node.id());
        mirror.led = node.is_leader().then(|| node.term());
        // Only here: what does not hold is found each time.
        mirror.glance = Some(glance);
        Ok(())
    }

    /// `last` is where the last configuration is, and of which term: another one may have replaced it at
    /// the same index.
    fn check_configurations<S: Clone>(
        &mut self,
        node: &Raft<C, S>,
        last: (LogIndex, Option<Term>),
    ) -> Result<(), Violation> {
        if self.mirror(node.id()).configured_at.replace(last) == Some(last) {
            return Ok(());
        }
        for member in node.configuration().members() {
            // One that was never looked at has committed nothing.
            self.mirror(member);
        }
        let all: Vec<_> = node.configurations().collect();
        let apart = all.windows(2).find(|pair| !pair[0].1.overlaps(pair[1].1));
        apart.map_or(Ok(()), |pair| Err(Violation::DisjointMajorities(node.id(), pair[1].0)))
    }

    fn mirror(&mut self, node: MemberId) -> &mut Mirror {
        mirror_in(&mut self.mirrors, node)
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
        let mirror = mirror_in(&mut self.mirrors, id);
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
            if !self.seen.agrees(entry, before) {
                return Err(Violation::LogsDiffer(id, entry.index, entry.term));
            }
        }
        self.prune();
        Ok(())
    }

    fn check_commits<S: Clone>(&mut self, node: &Raft<C, S>) -> Result<(), Violation> {
        let id = node.id();
        let mirror = mirror_in(&mut self.mirrors, id);
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
        let everywhere = self.mirrors.iter().map(|(_, mirror)| mirror.commit_index).min();
        let everywhere = everywhere.unwrap_or_default();
        self.seen.forget_before(everywhere);
        for (_, mirror) in &mut self.mirrors {
            let surplus = everywhere.0.saturating_sub(mirror.base.0).min(mirror.terms.len() as u64);
            mirror.terms.drain(..surplus as usize);
            mirror.base = LogIndex(mirror.base.0 + surplus);
        }
    }
}

fn mirror_in(mirrors: &mut Vec<(MemberId, Mirror)>, node: MemberId) -> &mut Mirror {
    let known = mirrors.iter().position(|(member, _)| *member == node);
    let place = known.unwrap_or_else(|| {
        mirrors.push((node, Mirror::default()));
        mirrors.len() - 1
    });
    &mut mirrors[place].1
}

#[cfg(test)]
mod tests;
