//! The replicated state: a machine that applies no request twice.
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

use proto::NodeId;
use serde::{Deserialize, Serialize};

use crate::command::{Command, RequestId};
use crate::machine::{Access, Machine};

/// Sessions remembered per node beside the one used last; copies of requests
/// of others would have to outlive as many restarts.
const OTHER_SESSIONS_MAX: usize = 16;

/// The state, shared with snapshots until it changes.
#[derive(Debug, Clone, Default)]
pub struct Store<M: Machine> {
    state: Arc<State<M>>,
}

/// What a snapshot holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct State<M: Machine> {
    #[serde(rename = "values")]
    machine: M,
    /// For each node the session that was used last.
    sessions: BTreeMap<NodeId, Session<M>>,
    /// The sessions used before, the latest last.
    #[serde(default)]
    other_sessions: BTreeMap<NodeId, Vec<Session<M>>>,
}

/// The requests of one life of one node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(bound = "")]
struct Session<M: Machine> {
    id: u64,
    /// All requests below are settled.
    settled: u64,
    /// The answers of applied requests that are not.
    outcomes: BTreeMap<u64, M::Answer>,
    /// In snapshots of earlier versions: sessions whose requests are all void.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    retired: Vec<u64>,
}

/// What is known of a request before it is applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Known<A> {
    /// Nothing: it has not been applied.
    New,
    /// It was applied with this answer.
    Applied(A),
    /// It is settled: nobody waits for an answer.
    Void,
}

impl<M: Machine> Store<M> {
    /// The state as a snapshot.
    #[must_use]
    pub fn snapshot(&self) -> Arc<State<M>> {
        Arc::clone(&self.state)
    }

    /// Puts a snapshot in the place of the state.
    pub fn restore(&mut self, state: Arc<State<M>>) {
        self.state = state;
    }

    /// The machine.
    #[must_use]
    pub fn machine(&self) -> &M {
        &self.state.machine
    }

    /// How large the machine's state is (see [`Machine::size`]).
    #[must_use]
    pub fn len(&self) -> usize {
        self.state.machine.size()
    }

    /// How many answers are remembered for requests that are not settled.
    #[must_use]
    pub fn remembered(&self) -> usize {
        let others = self.state.other_sessions.values().flatten();
        self.state.sessions.values().chain(others).map(|session| session.outcomes.len()).sum()
    }

    /// Whether the machine's state is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The answer to an operation that changes nothing.
    #[must_use]
    pub fn read(&self, operation: &M::Operation) -> M::Answer {
        self.state.machine.read(operation)
    }

    /// Whether a request was applied already.
    #[must_use]
    pub fn look_up(&self, request: &RequestId) -> Known<M::Answer> {
        let mut sessions = self.state.sessions_of(&request.origin);
        let Some(session) = sessions.find(|session| session.id == request.session) else {
            let mut sessions = self.state.sessions_of(&request.origin);
            let is_void = sessions.any(|session| session.retired.contains(&request.session));
            return if is_void { Known::Void } else { Known::New };
        };
        match session.outcomes.get(&request.sequence) {
            Some(answer) => Known::Applied(answer.clone()),
            None if request.sequence < session.settled => Known::Void,
            None => Known::New,
        }
    }

    /// Applies a command, or finds the answer that it got before. `None` if
    /// nobody can be waiting for one.
    pub fn apply(&mut self, command: &Command<M::Operation>) -> Option<M::Answer> {
        match self.look_up(&command.request) {
            Known::Applied(answer) => Some(answer),
            // What changes nothing has no place in the log.
            Known::New if M::access(&command.operation) != Access::Change => None,
            Known::Void => None,
            Known::New => {
                let state = Arc::make_mut(&mut self.state);
                let answer = state.machine.apply(&command.operation);
                state.remember(command, answer.clone());
                Some(answer)
            }
        }
    }
}

impl<M: Machine> State<M> {
    fn sessions_of(&self, origin: &NodeId) -> impl Iterator<Item = &Session<M>> {
        let others = self.other_sessions.get(origin).into_iter().flatten();
        self.sessions.get(origin).into_iter().chain(others)
    }

    fn remember(&mut self, command: &Command<M::Operation>, answer: M::Answer) {
        let RequestId { origin, session: id, sequence } = command.request.clone();
        let new = || Session { id, settled: 0, outcomes: BTreeMap::new(), retired: Vec::new() };
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
        session.outcomes.insert(sequence, answer);
        if command.settled > session.settled {
            session.settled = command.settled;
            // They are few, and mostly one goes for each that comes.
            while let Some(oldest) = session.outcomes.first_entry()
                && *oldest.key() < command.settled
            {
                oldest.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lin_kv::{Answer, KeyValues, Operation};

    type Store = super::Store<KeyValues>;
    type State = super::State<KeyValues>;

    fn write(session: u64, sequence: u64, settled: u64, value: i64) -> Command<Operation> {
        Command {
            request: RequestId { origin: NodeId::new("n1"), session, sequence },
            settled,
            operation: Operation::Write { key: 1.into(), value: value.into() },
        }
    }

    fn cas(sequence: u64, from: i64, to: i64) -> Command<Operation> {
        Command {
            operation: Operation::Cas {
                key: 1.into(),
                from: from.into(),
                to: to.into(),
                create: false,
            },
            ..write(5, sequence, 0, 0)
        }
    }

    fn stored(store: &Store) -> Answer {
        store.read(&Operation::Read { key: 1.into() })
    }

    #[test]
    fn a_second_copy_gets_the_first_answer_and_changes_nothing() {
        let mut store = Store::default();
        store.apply(&write(5, 0, 0, 1));
        assert_eq!(store.apply(&cas(1, 1, 2)), Some(Answer::Swapped));
        store.apply(&write(5, 2, 0, 1));
        assert_eq!(store.apply(&cas(1, 1, 2)), Some(Answer::Swapped));
        assert_eq!(stored(&store), Answer::Value(1.into()));
    }

    #[test]
    fn settled_requests_are_forgotten_and_their_copies_void() {
        let mut store = Store::default();
        for sequence in 0..1000 {
            store.apply(&write(5, sequence, sequence, 1));
        }
        assert_eq!(store.state.sessions[&NodeId::new("n1")].outcomes.len(), 1);
        assert_eq!(store.apply(&write(5, 7, 7, 99)), None);
        assert_eq!(stored(&store), Answer::Value(1.into()));
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
            assert_eq!(stored(&store), Answer::Value(3.into()));
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
            assert_eq!(stored(&store), Answer::Value(value.into()));
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
            let request = RequestId { origin: NodeId::new("0"), ..request };
            Command { request, settled, operation }
        };
        let mut store = Store::default();
        store.restore(Arc::new(serde_json::from_str(text).unwrap()));
        assert_eq!(stored(&store), Answer::Value(2.into()));
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
        assert_eq!(stored(&store), Answer::Value(1.into()));
    }
}
