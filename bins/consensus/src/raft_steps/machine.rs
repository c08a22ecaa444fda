//! A log, a vote and a store, moved by one message at a time.

use std::collections::BTreeMap;
use std::sync::Arc;

use proto::{Error, Json, NodeId};
use raft::log::Log;
use raft::quorum::reached_by_quorum;
use raft::{LogIndex, Snapshot, Term, quorum};

use crate::input::bad_field;
use crate::members::Members;
use crate::raft_steps::body::{
    AdvanceCommit, AdvanceCommitOk, AppendEntries, AppendEntriesOk, Applied, CheckCommit,
    CheckCommitOk, Command, Entry, InstallSnapshot, LogInfo, NewEntry, RequestVote, RequestVoteOk,
    SnapshotInstalled, SnapshotTaken, State,
};

/// What a `get` of a key that is not there gives.
const NOT_FOUND: &str = "not_found";

/// Which name the answer to `get_state` has: that of task 6-4, or that of 7-2-2 and 7-2-4.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Chapter {
    /// Entries came through the log.
    Replication,
    /// Entries came through the apply channel or a snapshot, or none did.
    #[default]
    Application,
}

/// One node's Raft, as far as the tasks look into it.
#[derive(Debug)]
pub(super) struct Machine {
    members: Option<Members>,
    log: Log<Command, State>,
    term: u64,
    voted_for: Option<NodeId>,
    commit_index: u64,
    last_applied: u64,
    state: State,
    /// What other nodes acknowledged of entries that were appended here.
    match_indices: BTreeMap<NodeId, u64>,
    chapter: Chapter,
}

impl Default for Machine {
    fn default() -> Self {
        Self {
            members: None,
            log: Log::new(None, Vec::new()),
            term: 0,
            voted_for: None,
            commit_index: 0,
            last_applied: 0,
            state: State::new(),
            match_indices: BTreeMap::new(),
            chapter: Chapter::default(),
        }
    }
}

impl Machine {
    pub(super) fn new(own: &NodeId, node_ids: &[NodeId]) -> Self {
        Self { members: Some(Members::new(own, node_ids)), ..Self::default() }
    }

    /// A client's command, taken as the leader of its term would; its index.
    pub(super) fn append(&mut self, entry: NewEntry) -> Result<u64, Error> {
        let NewEntry { term, command } = entry;
        let known = self.term.max(self.log.last_term().0);
        if term < known {
            return Err(bad_field("entry", format!("its term {term} is below {known}")));
        }
        self.adopt(term);
        self.chapter = Chapter::Replication;
        self.log.extend(Term(term), [raft::Content::Command(command)]);
        self.advance_as_leader();
        Ok(self.log.last_index().0)
    }

    /// A follower's answer: an index is committed when a majority has it and its entry is of the
    /// leader's own term (paper, figure 8).
    pub(super) fn on_acknowledged(&mut self, from: &NodeId, answer: &AppendEntriesOk) {
        let Some(members) = &self.members else { return };
        let is_peer = members.rank(from).is_some_and(|rank| rank != members.own_rank());
        if is_peer && answer.success {
            let known = self.match_indices.entry(from.clone()).or_default();
            *known = answer.match_index.min(self.log.last_index().0).max(*known);
            self.advance_as_leader();
        }
    }

    fn advance_as_leader(&mut self) {
        let Some(members) = &self.members else { return };
        let own = self.log.last_index().0;
        let others = members.count() - 1;
        let acknowledged = self.match_indices.values().copied();
        let mut indices: Vec<_> =
            acknowledged.chain(std::iter::repeat(0)).take(others).chain([own]).collect();
        let reached = reached_by_quorum(&mut indices);
        if self.log.term_at(LogIndex(reached)) == Some(Term(self.term)) {
            self.commit(reached);
        }
    }

    /// A leader's entries, taken as a follower would.
    pub(super) fn take_entries(
        &mut self,
        append: &AppendEntries,
    ) -> Result<AppendEntriesOk, Error> {
        let refused = Ok(AppendEntriesOk { success: false, match_index: 0 });
        let first = checked_next("prev_log_index", append.prev_log_index)?;
        check_row(&append.entries, first, 0)?;
        if append.entries.last().is_some_and(|last| last.term > append.term) {
            return Err(bad_field("entries", "an entry is of a later term than its leader"));
        }
        if append.term < self.term {
            return refused;
        }
        if !self.joins_on(append) {
            self.adopt(append.term);
            self.match_indices.clear();
            return refused;
        }
        check_ascent(&append.entries, append.prev_log_term)?;
        let entries: Vec<_> = append.entries.iter().cloned().map(to_raft).collect();
        let previous = LogIndex(append.prev_log_index);
        let commit_index = LogIndex(self.commit_index);
        // Of what is committed here every leader has the same.
        let committed = entries.iter().take_while(|entry| entry.index <= commit_index);
        let contradicts = |entry: &raft::Entry<Command>| {
            self.log.term_at(entry.index).is_some_and(|term| term != entry.term)
        };
        if let Some(entry) = committed.into_iter().find(|entry| contradicts(entry)) {
            let reason = format!("entry {} contradicts a committed one", entry.index);
            return Err(bad_field("entries", reason));
        }
        self.adopt(append.term);
        self.match_indices.clear();
        let term = Term(append.prev_log_term);
        match self.log.reconcile(previous, term, &entries, commit_index) {
            Err(_) => refused,
            Ok(reconciled) => {
                self.chapter = Chapter::Replication;
                let last_new = append.prev_log_index + append.entries.len() as u64;
                self.commit(append.leader_commit.min(last_new));
                Ok(AppendEntriesOk { success: true, match_index: reconciled.match_index.0 })
            }
        }
    }

    /// Whether the new entries follow one that is here, of the same term. The log itself does not ask
    /// where that is committed, since no leader can have another one there; but here anybody may have
    /// written the message. Before the first entry there is none, and of what a snapshot took away no
    /// term is known.
    fn joins_on(&self, append: &AppendEntries) -> bool {
        let previous = LogIndex(append.prev_log_index);
        match self.log.term_at(previous) {
            Some(own) => previous.0 == 0 || own == Term(append.prev_log_term),
            None => previous < self.log.first_index(),
        }
    }

    /// Puts a log in the place of everything there was. An entry after a gap waits for the one before
    /// it, which no log can be without: it is not in the log before somebody brings that.
    pub(super) fn seed(&mut self, entries: Vec<Entry>, commit_index: u64) -> Result<(), Error> {
        let entries = in_order(entries);
        check_ascent(&entries, 0)?;
        check_operations(&entries)?;
        let last = entries.last().map_or(0, |entry| entry.index);
        if commit_index > last {
            return Err(bad_field("commit_index", format!("the last entry is {last}")));
        }
        let row = (1..).zip(entries).take_while(|(index, entry)| entry.index == *index);
        self.log = Log::new(None, row.map(|(_, entry)| to_raft(entry)).collect());
        (self.commit_index, self.last_applied) = (0, 0);
        self.state.clear();
        self.match_indices.clear();
        self.adopt(self.log.last_term().0);
        self.chapter = Chapter::Replication;
        self.commit(commit_index.min(self.log.last_index().0));
        Ok(())
    }

    /// Entries that somebody else committed; what each that is new gave. What is applied already, or
    /// comes twice, is passed over.
    pub(super) fn apply_entries(&mut self, entries: Vec<Entry>) -> Result<Vec<Applied>, Error> {
        check_operations(&entries)?;
        let next = checked_next("entries", self.last_applied)?;
        let new = entries.into_iter().filter(|entry| entry.index >= next).collect();
        let new = in_order(new);
        let before = self.log.term_at(LogIndex(self.last_applied)).unwrap_or_default();
        check_row(&new, next, before.0)?;
        let last = self.last_applied + new.len() as u64;
        let new: Vec<_> = new.into_iter().map(to_raft).collect();
        let applied = LogIndex(self.last_applied);
        // It joins on: that was looked at above.
        if self.log.reconcile(applied, before, &new, applied).is_err() {
            return Ok(Vec::new());
        }
        self.adopt(self.log.last_term().0);
        self.chapter = Chapter::Application;
        self.commit_index = self.commit_index.max(last);
        Ok(self.apply())
    }

    pub(super) fn set_term(&mut self, term: u64) -> Result<(), Error> {
        if term < self.term {
            return Err(bad_field("term", format!("a term never falls, and it is {}", self.term)));
        }
        self.adopt(term);
        Ok(())
    }

    /// The election restriction (paper, section 5.4.1).
    pub(super) fn vote(&mut self, request: RequestVote) -> RequestVoteOk {
        let RequestVote { term, candidate_id, last_log_index, last_log_term } = request;
        self.adopt(term);
        let is_free = self.voted_for.as_ref().is_none_or(|vote| *vote == candidate_id);
        let is_up_to_date = self.log.is_up_to_date(LogIndex(last_log_index), Term(last_log_term));
        let vote_granted = term == self.term && is_free && is_up_to_date;
        if vote_granted {
            self.voted_for = Some(candidate_id);
        }
        RequestVoteOk { term: self.term, vote_granted }
    }

    /// The state, and how far it is.
    pub(super) fn state(&self) -> (State, u64) {
        (self.state.clone(), self.last_applied)
    }

    pub(super) fn answers_state_reply(&self) -> bool {
        self.chapter == Chapter::Replication
    }

    /// Puts the state in the place of what is applied, if the log is longer than that.
    pub(super) fn take_snapshot(&mut self, threshold: u64) -> SnapshotTaken {
        let before = self.log_info();
        let index = LogIndex(self.last_applied);
        if before.total_entries > threshold
            && self.last_applied > before.snapshot_index
            && let Some(term) = self.log.term_at(index)
        {
            let (configuration, state) = (Arc::default(), self.state.clone());
            self.log.compact(Snapshot { index, term, configuration, state }, index);
        }
        let snapshot = self.log.snapshot();
        let size =
            |snapshot: &Snapshot<State>| serde_json::to_vec(&snapshot.state).map(|s| s.len());
        SnapshotTaken {
            snapshot_index: snapshot.map_or(0, |snapshot| snapshot.index.0),
            snapshot_term: snapshot.map_or(0, |snapshot| snapshot.term.0),
            // Strings and JSON: nothing that JSON cannot hold.
            state_size_bytes: snapshot.map_or(0, |snapshot| size(snapshot).unwrap_or(0) as u64),
            log_entries_trimmed: self.log_info().first_index - before.first_index,
        }
    }

    /// Takes over a leader's state, if it is further than this node.
    pub(super) fn install_snapshot(&mut self, install: InstallSnapshot) -> SnapshotInstalled {
        let InstallSnapshot { snapshot_index, snapshot_term, state } = install;
        let applied = snapshot_index > self.last_applied;
        if applied {
            self.state.clone_from(&state);
            let (index, term) = (LogIndex(snapshot_index), Term(snapshot_term));
            let configuration = Arc::default();
            self.log.install(Snapshot { index, term, configuration, state });
            self.last_applied = snapshot_index;
            self.commit_index = self.commit_index.max(snapshot_index);
            self.adopt(snapshot_term);
            self.chapter = Chapter::Application;
            self.apply();
        }
        SnapshotInstalled { applied, new_last_applied: self.last_applied }
    }

    pub(super) fn log_info(&self) -> LogInfo {
        let (first, last) = (self.log.first_index().0, self.log.last_index().0);
        LogInfo {
            first_index: first,
            last_index: last,
            snapshot_index: self.log.snapshot().map_or(0, |snapshot| snapshot.index.0),
            total_entries: last + 1 - first,
        }
    }

    /// A later term begins without a vote.
    fn adopt(&mut self, term: u64) {
        if term > self.term {
            self.term = term;
            self.voted_for = None;
            self.match_indices.clear();
        }
    }

    fn commit(&mut self, index: u64) {
        self.commit_index = self.commit_index.max(index);
        self.apply();
    }

    /// Applies what is committed, in order, each entry once.
    fn apply(&mut self) -> Vec<Applied> {
        let mut results = Vec::new();
        while self.last_applied < self.commit_index {
            let index = self.last_applied + 1;
            let Some(entry) = self.log.entry_at(LogIndex(index)) else { break };
            self.last_applied = index;
            let result = entry.command().map(|command| carry_out(&mut self.state, command));
            results.push(Applied { index, result: result.unwrap_or_else(Json::null) });
        }
        results
    }
}

/// What a command does. One that is no operation of the store (it came through a log) does nothing.
fn carry_out(state: &mut State, command: &Command) -> Json {
    let key = command.key.clone().unwrap_or_default();
    match (&*command.op, &command.value) {
        ("put", value) => {
            state.insert(key, value.clone().unwrap_or_else(Json::null));
            Json::from("ok")
        }
        ("get", _) => state.get(&key).cloned().unwrap_or_else(|| Json::from(NOT_FOUND)),
        ("delete", _) => {
            state.remove(&key);
            Json::from("ok")
        }
        _ => Json::null(),
    }
}

fn to_raft(entry: Entry) -> raft::Entry<Command> {
    let Entry { index, term, command } = entry;
    raft::Entry {
        index: LogIndex(index),
        term: Term(term),
        content: raft::Content::Command(command),
    }
}

fn checked_next(field: &str, index: u64) -> Result<u64, Error> {
    index.checked_add(1).ok_or_else(|| bad_field(field, "no index comes after it"))
}

/// Entries by their index, each once: the first that came of it.
fn in_order(mut entries: Vec<Entry>) -> Vec<Entry> {
    entries.sort_by_key(|entry| entry.index);
    entries.dedup_by_key(|entry| entry.index);
    entries
}

/// Entries have indices in a row from `first`, and terms that never fall.
fn check_row(entries: &[Entry], first: u64, term: u64) -> Result<(), Error> {
    let mut expected = Some(first);
    for entry in entries {
        if expected != Some(entry.index) {
            let expected = expected.unwrap_or(u64::MAX);
            let reason = format!("index {} where {expected} is next", entry.index);
            return Err(bad_field("entries", reason));
        }
        expected = entry.index.checked_add(1);
    }
    check_ascent(entries, term)
}

/// Entries have indices from 1, of which none is the last there can be, and terms that never fall.
fn check_ascent(entries: &[Entry], term: u64) -> Result<(), Error> {
    let mut term = term;
    for entry in entries {
        if entry.index == 0 {
            return Err(bad_field("entries", "indices are counted from 1"));
        }
        if entry.term < term {
            let reason = format!("entry {} of term {} after {term}", entry.index, entry.term);
            return Err(bad_field("entries", reason));
        }
        checked_next("entries", entry.index)?;
        term = entry.term;
    }
    Ok(())
}

/// Entries that are about to be applied have to be operations of the store.
fn check_operations(entries: &[Entry]) -> Result<(), Error> {
    for Entry { index, command, .. } in entries {
        let lacks = match &*command.op {
            "" => "op",
            "put" if command.value.is_none() => "value",
            "put" | "get" | "delete" if command.key.is_none() => "key",
            "put" | "get" | "delete" => continue,
            other => {
                let reason = format!("entry {index} has the unknown op {other:?}");
                return Err(bad_field("entries", reason));
            }
        };
        return Err(bad_field("entries", format!("entry {index} has no {lacks}")));
    }
    Ok(())
}

/// Task 7-2-1: whether a majority holds a whole log.
pub(super) fn check_commit(check: &CheckCommit) -> Result<CheckCommitOk, Error> {
    let (quorum, reached) = majority(&check.match_indices)?;
    let whole = check.match_indices.values().filter(|&&index| index >= check.log_length);
    let majority_count = whole.count() as u64;
    Ok(CheckCommitOk {
        new_commit_index: reached.min(check.log_length),
        majority_count,
        quorum,
        committed: majority_count >= quorum,
    })
}

/// Task 7-2-1: how far a majority holds the log. It never goes back.
pub(super) fn advance_commit(advance: &AdvanceCommit) -> Result<AdvanceCommitOk, Error> {
    let (_, reached) = majority(&advance.match_indices)?;
    let new_commit_index = reached.max(advance.old_commit_index);
    let entries_committed = new_commit_index - advance.old_commit_index;
    Ok(AdvanceCommitOk { new_commit_index, entries_committed })
}

/// The size of a majority, and what one holds.
fn majority(match_indices: &BTreeMap<NodeId, u64>) -> Result<(u64, u64), Error> {
    let mut indices: Vec<_> = match_indices.values().copied().collect();
    if indices.is_empty() {
        return Err(bad_field("match_indices", "there is no node"));
    }
    Ok((quorum(indices.len()) as u64, reached_by_quorum(&mut indices)))
}
