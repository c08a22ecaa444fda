//! The replicated state machine: a key-value store that applies no request
//! twice.
//!
//! A request may be in the log more than once, because it is tried again when
//! its leader is lost. So the store remembers, for each node that passes
//! requests on, the answers of those that are not settled yet (thesis 6.3): a
//! second copy gets the first one's answer and changes nothing. The memory is
//! bounded by the number of requests that a node may have open at a time.
//!
//! A node has one session for each life of its process. Sessions have no order:
//! the first message of an earlier life may arrive after the later one has
//! begun, so the appearance of one never ends another. A request of an earlier
//! life that was not applied in time still may be, since nobody knows what
//! became of it; one that was is remembered like any other. Only so many
//! sessions are kept, those that were used last.

use std::collections::BTreeMap;
use std::sync::Arc;

use proto::{Json, NodeId};
use serde::{Deserialize, Serialize};

use crate::command::{Answer, Command, Operation, RequestId};

/// Sessions remembered per node beside the one used last; copies of requests
/// of others would have to outlive as many restarts.
const OTHER_SESSIONS_MAX: usize = 16;

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
    /// For each node the session that was used last.
    sessions: BTreeMap<NodeId, Session>,
    /// The sessions used before, the latest last.
    #[serde(default)]
    other_sessions: BTreeMap<NodeId, Vec<Session>>,
}

/// The requests of one life of one node.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Session {
    id: u64,
    /// All requests below are settled.
    settled: u64,
    /// The outcomes of applied requests that are not.
    outcomes: BTreeMap<u64, Outcome>,
    /// In snapshots of earlier versions: sessions whose requests are all void.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    retired: Vec<u64>,
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
    /// It is settled: nobody waits for an answer.
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
        let others = self.state.other_sessions.values().flatten();
        self.state.sessions.values().chain(others).map(|session| session.outcomes.len()).sum()
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
    pub fn look_up(&self, request: &RequestId) -> Known {
        let mut sessions = self.state.sessions_of(&request.origin);
        let Some(session) = sessions.find(|session| session.id == request.session) else {
            let mut sessions = self.state.sessions_of(&request.origin);
            let is_void = sessions.any(|session| session.retired.contains(&request.session));
            return if is_void { Known::Void } else { Known::New };
        };
        match session.outcomes.get(&request.sequence) {
            Some(&outcome) => Known::Applied(outcome.into()),
            None if request.sequence < session.settled => Known::Void,
            None => Known::New,
        }
    }

    /// Applies a command, or finds the answer that it got before. `None` if
    /// nobody can be waiting for one.
    pub fn apply(&mut self, command: &Command) -> Option<Answer> {
        match self.look_up(&command.request) {
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

    fn sessions_of(&self, origin: &NodeId) -> impl Iterator<Item = &Session> {
        let others = self.other_sessions.get(origin).into_iter().flatten();
        self.sessions.get(origin).into_iter().chain(others)
    }

    fn remember(&mut self, command: &Command, outcome: Outcome) {
        let RequestId { origin, session: id, sequence } = command.request.clone();
        let new = || Session { id, ..Session::default() };
        let session = self.sessions.entry(origin.clone()).or_insert_with(new);
        if session.id != id {
            let others = self.other_sessions.entry(origin).or_default();
            let known = others.iter().position(|other| other.id == id);
            let next = known.map_or_else(new, |place| others.remove(place));
            others.push(std::mem::replace(session, next));
            if others.len() > OTHER_SESSIONS_MAX {
                others.remove(0);
            }
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
            request: RequestId { origin: NodeId::new("n1"), session, sequence },
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
        assert_eq!(store.state.sessions[&NodeId::new("n1")].outcomes.len(), 1);
        assert_eq!(store.apply(&write(5, 7, 7, 99)), None);
        assert_eq!(store.read(&1.into()), Answer::Value(1.into()));
    }

    #[test]
    fn copies_from_a_nodes_former_life_change_nothing() {
        let mut store = Store::default();
        store.apply(&write(5, 0, 0, 1));
        store.apply(&write(5, 1, 1, 2));
        for life in 0..OTHER_SESSIONS_MAX as u64 {
            store.apply(&write(100 + life, 0, 0, 3));
            // Settled, and not settled.
            assert_eq!(store.apply(&write(5, 0, 0, 1)), None);
            assert_eq!(store.apply(&write(5, 1, 1, 2)), Some(Answer::Written));
            assert_eq!(store.read(&1.into()), Answer::Value(3.into()));
        }
    }

    #[test]
    fn a_late_message_of_a_former_life_does_not_end_the_living_one() {
        let mut store = Store::default();
        store.apply(&write(6, 0, 0, 1));
        // The first that is ever seen of session 5.
        assert_eq!(store.look_up(&write(5, 0, 0, 2).request), Known::New);
        assert_eq!(store.apply(&write(5, 0, 0, 2)), Some(Answer::Written));
        for (sequence, value) in (1..).zip(3..9) {
            let command = write(6, sequence, sequence, value);
            assert_eq!(store.look_up(&command.request), Known::New);
            assert_eq!(store.apply(&command), Some(Answer::Written));
            assert_eq!(store.read(&1.into()), Answer::Value(value.into()));
        }
        assert_eq!(store.apply(&write(6, 0, 0, 1)), None);
    }

    #[test]
    fn sessions_of_long_ago_are_forgotten() {
        let mut store = Store::default();
        for life in 0..100 {
            store.apply(&write(life, 0, 0, 1));
        }
        assert_eq!(store.remembered(), 1 + OTHER_SESSIONS_MAX);
        assert_eq!(store.look_up(&write(83, 0, 0, 1).request), Known::Applied(Answer::Written));
        assert_eq!(store.look_up(&write(82, 0, 0, 1).request), Known::New);
    }

    #[test]
    fn a_snapshot_of_an_earlier_version_is_read() {
        let text = r#"{"values":[[1,2]],"sessions":{"0":{"id":6,"settled":4,
            "outcomes":{"5":"written"},"retired":[5]}}}"#;
        // Earlier versions called the origin by its rank.
        let early = |session, sequence, settled, value| {
            let Command { request, settled, operation } = write(session, sequence, settled, value);
            Command {
                request: RequestId { origin: NodeId::new("0"), ..request },
                settled,
                operation,
            }
        };
        let mut store = Store::default();
        store.restore(Arc::new(serde_json::from_str(text).unwrap()));
        assert_eq!(store.read(&1.into()), Answer::Value(2.into()));
        assert_eq!(store.look_up(&early(6, 5, 0, 0).request), Known::Applied(Answer::Written));
        assert_eq!(store.look_up(&early(6, 3, 0, 0).request), Known::Void);
        assert_eq!(store.apply(&early(5, 0, 0, 9)), None);
        // Its session is not the last one any more.
        store.apply(&early(7, 0, 0, 1));
        assert_eq!(store.apply(&early(5, 0, 0, 9)), None);
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
