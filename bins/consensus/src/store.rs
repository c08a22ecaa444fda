//! The replicated state machine: a key-value store that applies no request
//! twice.
//!
//! A request may be in the log more than once, because it is tried again when
//! its leader is lost. So the store remembers, for each node that passes
//! requests on, the answers of those that are not settled yet (thesis 6.3): a
//! second copy gets the first one's answer and changes nothing. The memory is
//! bounded by the number of requests that a node may have open at a time. A
//! node has one session for each life of its process; copies from its earlier
//! lives are void once the new one has been seen.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use proto::Json;
use serde::{Deserialize, Serialize};

use crate::command::{Answer, Command, Operation, RequestId};

/// Former sessions remembered per node; copies of older ones would have to
/// outlive as many restarts.
const RETIRED_SESSIONS_MAX: usize = 16;

/// The state, shared with snapshots until it changes.
#[derive(Debug, Clone, Default)]
pub struct Store {
    state: Arc<State>,
}

/// What a snapshot holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// In JSON a list of pairs, since keys may be any JSON.
    #[serde(with = "pairs")]
    values: BTreeMap<Json, Json>,
    sessions: BTreeMap<usize, Session>,
}

/// The requests of one node.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Session {
    id: u64,
    /// All requests below are settled.
    settled: u64,
    /// The outcomes of applied requests that are not.
    outcomes: BTreeMap<u64, Outcome>,
    retired: VecDeque<u64>,
}

/// How a change ended, in the little that has to be remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    Written,
    Swapped,
    NoSuchKey,
    Mismatch,
}

impl From<Outcome> for Answer {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Written => Self::Written,
            Outcome::Swapped => Self::Swapped,
            Outcome::NoSuchKey => Self::NoSuchKey,
            Outcome::Mismatch => Self::Mismatch,
        }
    }
}

/// What is known of a request before it is applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Known {
    /// Nothing: it has not been applied.
    New,
    /// It was applied with this answer.
    Applied(Answer),
    /// It is settled, or of a former session: nobody waits for an answer.
    Void,
}

impl Store {
    /// The state as a snapshot.
    #[must_use]
    pub fn snapshot(&self) -> Arc<State> {
        Arc::clone(&self.state)
    }

    /// Puts a snapshot in the place of the state.
    pub fn restore(&mut self, state: Arc<State>) {
        self.state = state;
    }

    /// How many keys there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.state.values.len()
    }

    /// How many answers are remembered for requests that are not settled.
    #[must_use]
    pub fn remembered(&self) -> usize {
        self.state.sessions.values().map(|session| session.outcomes.len()).sum()
    }

    /// Whether there is no key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.state.values.is_empty()
    }

    /// The answer to a read.
    #[must_use]
    pub fn read(&self, key: &Json) -> Answer {
        self.state.values.get(key).cloned().map_or(Answer::NoSuchKey, Answer::Value)
    }

    /// Whether a request was applied already.
    #[must_use]
    pub fn look_up(&self, request: RequestId) -> Known {
        let Some(session) = self.state.sessions.get(&request.origin) else { return Known::New };
        if session.id != request.session {
            let retired = session.retired.contains(&request.session);
            return if retired { Known::Void } else { Known::New };
        }
        match session.outcomes.get(&request.sequence) {
            Some(&outcome) => Known::Applied(outcome.into()),
            None if request.sequence < session.settled => Known::Void,
            None => Known::New,
        }
    }

    /// Applies a command, or finds the answer that it got before. `None` if
    /// nobody can be waiting for one.
    pub fn apply(&mut self, command: &Command) -> Option<Answer> {
        match self.look_up(command.request) {
            Known::Applied(answer) => Some(answer),
            Known::Void => None,
            Known::New => {
                let state = Arc::make_mut(&mut self.state);
                let outcome = state.change(&command.operation)?;
                state.remember(command, outcome);
                Some(outcome.into())
            }
        }
    }
}

impl State {
    /// Carries out a change; a read is none.
    fn change(&mut self, operation: &Operation) -> Option<Outcome> {
        Some(match operation {
            Operation::Read { .. } => return None,
            Operation::Write { key, value } => {
                self.values.insert(key.clone(), value.clone());
                Outcome::Written
            }
            Operation::Cas { key, from, to } => match self.values.get_mut(key) {
                None => Outcome::NoSuchKey,
                Some(value) if value != from => Outcome::Mismatch,
                Some(value) => {
                    *value = to.clone();
                    Outcome::Swapped
                }
            },
        })
    }

    fn remember(&mut self, command: &Command, outcome: Outcome) {
        let RequestId { origin, session: id, sequence } = command.request;
        let session =
            self.sessions.entry(origin).or_insert_with(|| Session { id, ..Session::default() });
        if session.id != id {
            session.retired.push_back(session.id);
            if session.retired.len() > RETIRED_SESSIONS_MAX {
                session.retired.pop_front();
            }
            session.id = id;
            session.settled = 0;
            session.outcomes.clear();
        }
        session.outcomes.insert(sequence, outcome);
        if command.settled > session.settled {
            session.settled = command.settled;
            session.outcomes = session.outcomes.split_off(&command.settled);
        }
    }
}

/// A map with keys of any JSON as a list of pairs.
mod pairs {
    use std::collections::BTreeMap;

    use proto::Json;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(
        map: &BTreeMap<Json, Json>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(map)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<BTreeMap<Json, Json>, D::Error> {
        Vec::<(Json, Json)>::deserialize(deserializer).map(|pairs| pairs.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(session: u64, sequence: u64, settled: u64, value: i64) -> Command {
        Command {
            request: RequestId { origin: 0, session, sequence },
            settled,
            operation: Operation::Write { key: 1.into(), value: value.into() },
        }
    }

    fn cas(sequence: u64, from: i64, to: i64) -> Command {
        Command {
            operation: Operation::Cas { key: 1.into(), from: from.into(), to: to.into() },
            ..write(5, sequence, 0, 0)
        }
    }

    #[test]
    fn operations_answer_as_maelstrom_defines_them() {
        let mut store = Store::default();
        assert_eq!(store.read(&1.into()), Answer::NoSuchKey);
        assert_eq!(store.apply(&cas(0, 1, 2)), Some(Answer::NoSuchKey));
        assert_eq!(store.apply(&write(5, 1, 0, 1)), Some(Answer::Written));
        assert_eq!(store.apply(&cas(2, 3, 4)), Some(Answer::Mismatch));
        assert_eq!(store.apply(&cas(3, 1, 2)), Some(Answer::Swapped));
        assert_eq!(store.read(&1.into()), Answer::Value(2.into()));
    }

    #[test]
    fn a_second_copy_gets_the_first_answer_and_changes_nothing() {
        let mut store = Store::default();
        store.apply(&write(5, 0, 0, 1));
        assert_eq!(store.apply(&cas(1, 1, 2)), Some(Answer::Swapped));
        store.apply(&write(5, 2, 0, 1));
        assert_eq!(store.apply(&cas(1, 1, 2)), Some(Answer::Swapped));
        assert_eq!(store.read(&1.into()), Answer::Value(1.into()));
    }

    #[test]
    fn settled_requests_are_forgotten_and_their_copies_void() {
        let mut store = Store::default();
        for sequence in 0..1000 {
            store.apply(&write(5, sequence, sequence, 1));
        }
        assert_eq!(store.state.sessions[&0].outcomes.len(), 1);
        assert_eq!(store.apply(&write(5, 7, 7, 99)), None);
        assert_eq!(store.read(&1.into()), Answer::Value(1.into()));
    }

    #[test]
    fn copies_from_a_nodes_former_life_are_void() {
        let mut store = Store::default();
        store.apply(&write(5, 0, 0, 1));
        store.apply(&write(6, 0, 0, 2));
        assert_eq!(store.apply(&write(5, 1, 0, 3)), None);
        assert_eq!(store.read(&1.into()), Answer::Value(2.into()));
    }

    #[test]
    fn a_snapshot_survives_json_and_later_changes() {
        let mut store = Store::default();
        store.apply(&write(5, 0, 0, 1));
        let snapshot = store.snapshot();
        store.apply(&write(5, 1, 0, 2));
        let text = serde_json::to_string(&*snapshot).unwrap();
        let back: State = serde_json::from_str(&text).unwrap();
        assert_eq!(back, *snapshot);
        store.restore(Arc::new(back));
        assert_eq!(store.read(&1.into()), Answer::Value(1.into()));
    }
}
