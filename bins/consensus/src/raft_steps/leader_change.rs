//! Task 7-2-3: a new leader's no-op, in a cluster of three that all hold the given log.

use std::time::Duration;

use proto::{Error, Json};
use raft::{Config, Envelope, Incarnation, LogIndex, MemberId, Payload, Raft, Restored, Term};

use crate::input::bad_field;
use crate::raft_steps::body::{self, LeaderChangeOk, NoopCommitted, OpaqueEntry};

const NODES: usize = 3;
const LEADER: usize = 0;
/// The longest log that is taken.
const ENTRIES_MAX: usize = 10_000;

/// A cluster whose new leader has not been heard by the others yet.
#[derive(Debug)]
pub(super) struct LeaderChange {
    nodes: Vec<Raft<Json, ()>>,
    now: Duration,
    /// The leader's entries on their way.
    held: Vec<(usize, Envelope<Json, ()>)>,
    /// How many entries came before the given log. Within the cluster it begins at 1.
    before: u64,
    noop_index: u64,
    /// What is committed as far as the task has been told.
    commit_index: u64,
}

impl LeaderChange {
    /// Has the log's leader elected, in the given term.
    ///
    /// # Errors
    /// Error 12 that names what no cluster can come to.
    pub(super) fn begin(change: body::LeaderChange) -> Result<(Self, LeaderChangeOk), Error> {
        let body::LeaderChange { new_term, log, commit_index, .. } = change;
        let Row { before, last } = check(&log, new_term, commit_index)?;
        let entries: Vec<_> = log
            .into_iter()
            .map(|OpaqueEntry { index, term, command }| raft::Entry {
                index: LogIndex(index - before),
                term: Term(term),
                content: raft::Content::Command(command),
            })
            .collect();
        let node = |id| {
            let config = Config {
                id: MemberId(id),
                members: (0..NODES as u64).map(MemberId).collect(),
                election_timeout: Duration::from_millis(300),
                heartbeat_interval: Duration::from_millis(100),
                gather_window: Duration::from_millis(3),
                entries_per_message: 512,
                durable: true,
            };
            let restored = Restored {
                term: Term(new_term - 1),
                entries: entries.clone(),
                ..Restored::default()
            };
            Raft::new(config, Incarnation(id), restored, Duration::ZERO, id)
        };
        let nodes: Vec<_> = (0..NODES as u64).map(node).collect();
        let now = nodes[LEADER].next_deadline();
        let (held, noop_index) = (Vec::new(), last + 1);
        let mut cluster = Self { nodes, now, held, before, noop_index, commit_index };
        cluster.nodes[LEADER].tick(now);
        cluster.deliver(|payload| !matches!(payload, Payload::AppendEntries(_)));
        let leader = &cluster.nodes[LEADER];
        let answer = LeaderChangeOk {
            noop_appended_at: before + leader.log().last_index().0,
            noop_term: leader.log().last_term().0,
            safe_to_apply_after_commit: leader.is_leader()
                && leader.commit_index().0 <= commit_index.saturating_sub(before),
        };
        Ok((cluster, answer))
    }

    /// Delivers messages, except those that are to be held, until nobody says anything.
    fn deliver(&mut self, is_let_through: impl Fn(&Payload<Json, ()>) -> bool) {
        let mut flying = std::mem::take(&mut self.held);
        loop {
            for (from, node) in self.nodes.iter_mut().enumerate() {
                flying.extend(node.take_output().messages.into_iter().map(|sent| (from, sent)));
            }
            let held;
            (flying, held) = flying
                .into_iter()
                .partition(|(_, envelope)| is_let_through(&envelope.message.payload));
            self.held.extend(held);
            if flying.is_empty() {
                return;
            }
            for (from, Envelope { to, message }) in flying.drain(..) {
                self.nodes[to.0 as usize].step(self.now, MemberId(from as u64), message);
            }
        }
    }
}

/// Lets the others hear the leader: what is committed now that was not before.
///
/// # Errors
/// Error 12 if there is no such no-op.
pub(super) fn commit_noop(
    change: Option<&mut LeaderChange>,
    noop_index: u64,
) -> Result<NoopCommitted, Error> {
    let Some(cluster) = change else {
        return Err(bad_field("noop_index", "there was no change of leader"));
    };
    if noop_index != cluster.noop_index {
        let reason = format!("the no-op is at {}", cluster.noop_index);
        return Err(bad_field("noop_index", reason));
    }
    cluster.deliver(|_| true);
    let new_commit_index = cluster.before + cluster.nodes[LEADER].commit_index().0;
    let entries_now_committed = (cluster.commit_index + 1..=new_commit_index).collect();
    cluster.commit_index = cluster.commit_index.max(new_commit_index);
    Ok(NoopCommitted { new_commit_index, entries_now_committed })
}

/// Where a log is.
struct Row {
    /// The index before its first entry.
    before: u64,
    /// That of its last entry.
    last: u64,
}

/// Entries have indices in a row, from wherever, and terms that never fall.
fn check(log: &[OpaqueEntry], new_term: u64, commit_index: u64) -> Result<Row, Error> {
    let first = log.first().map_or(1, |entry| entry.index);
    let Some(before) = first.checked_sub(1) else {
        return Err(bad_field("log", "indices are counted from 1"));
    };
    let last = before.checked_add(log.len() as u64).filter(|last| *last < u64::MAX);
    let last = last.ok_or_else(|| bad_field("log", "no index comes after the last one"))?;
    let mut term = 0;
    for (expected, entry) in (first..).zip(log) {
        if entry.index != expected {
            return Err(bad_field(
                "log",
                format!("index {} where {expected} is next", entry.index),
            ));
        }
        if entry.term < term {
            let reason = format!("entry {} of term {} after {term}", entry.index, entry.term);
            return Err(bad_field("log", reason));
        }
        term = entry.term;
    }
    if log.len() > ENTRIES_MAX {
        return Err(bad_field("log", format!("has more than {ENTRIES_MAX} entries")));
    }
    if new_term <= term {
        return Err(bad_field("new_term", format!("has to be above {term}, the last entry's")));
    }
    if commit_index > last {
        return Err(bad_field("commit_index", format!("the last entry is {last}")));
    }
    // All after it will be listed.
    if last - commit_index > ENTRIES_MAX as u64 {
        let reason = format!("is more than {ENTRIES_MAX} entries before {last}");
        return Err(bad_field("commit_index", reason));
    }
    Ok(Row { before, last })
}
