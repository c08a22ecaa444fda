//! The key-value stores: one state, and three ways to choose which state a request sees.

use std::collections::{BTreeMap, VecDeque};

use proto::service::{ServiceReply, ServiceRequest};
use proto::{Error, ErrorCode, Json, NodeId};

use super::{Answer, PerClient};
use crate::random::Random;

/// How many past states the sequential store keeps.
const STATES_KEPT: usize = 32;

/// A map with reads, writes and compare-and-set.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct KeyValueState {
    values: BTreeMap<Json, Json>,
}

impl KeyValueState {
    /// Carries out one request.
    pub(super) fn apply(&mut self, request: &ServiceRequest) -> Answer {
        match request {
            ServiceRequest::Read { key } => match self.values.get(key) {
                Some(value) => Ok(ServiceReply::ReadOk { value: value.clone() }),
                None => Err(missing_key()),
            },
            ServiceRequest::Write { key, value } => {
                self.values.insert(key.clone(), value.clone());
                Ok(ServiceReply::WriteOk)
            }
            ServiceRequest::Cas { key, from, to, create_if_not_exists } => {
                compare(self.values.get(key), from, *create_if_not_exists)?;
                self.values.insert(key.clone(), to.clone());
                Ok(ServiceReply::CasOk)
            }
            ServiceRequest::Ts => Err(Error::not_supported("ts")),
        }
    }
}

/// Whether a compare-and-set may go ahead.
fn compare(current: Option<&Json>, from: &Json, create_if_not_exists: bool) -> Result<(), Error> {
    match current {
        Some(value) if value == from => Ok(()),
        Some(value) => {
            let text = format!("current value {value} is not {from}");
            Err(Error::new(ErrorCode::PreconditionFailed, text))
        }
        None if create_if_not_exists => Ok(()),
        None => Err(missing_key()),
    }
}

fn missing_key() -> Error {
    Error::new(ErrorCode::KeyDoesNotExist, "key does not exist")
}

/// Sequential consistency: a client may lag behind, but never goes back.
///
/// A request runs on any state between the one its client saw last and the newest. If that changes
/// nothing, it is the answer; otherwise the request runs again on the newest state. Unlike
/// Maelstrom, whose buffer index wraps round when a client lags by more than 32 states, such a
/// client goes on from the oldest state that is kept.
#[derive(Clone, Debug)]
pub(super) struct Sequential {
    states: VecDeque<KeyValueState>,
    /// The number of the oldest state kept.
    oldest: u64,
    seen: PerClient<u64>,
}

impl Default for Sequential {
    fn default() -> Self {
        let states = VecDeque::from([KeyValueState::default()]);
        Self { states, oldest: 0, seen: PerClient::new() }
    }
}

impl Sequential {
    pub(super) fn handle(
        &mut self,
        client: &NodeId,
        request: &ServiceRequest,
        random: &mut Random,
    ) -> Answer {
        let newest = self.oldest + self.states.len() as u64 - 1;
        let seen = self.seen.get(client).copied().unwrap_or(0).max(self.oldest);
        let chosen = seen + random.below(newest - seen + 1);
        let state = &self.states[(chosen - self.oldest) as usize];
        let mut after = state.clone();
        let answer = after.apply(request);
        if after == *state {
            self.seen.insert(client.clone(), chosen);
            return answer;
        }
        let mut after = self.states[self.states.len() - 1].clone();
        let answer = after.apply(request);
        self.states.push_back(after);
        if self.states.len() > STATES_KEPT {
            self.states.pop_front();
            self.oldest += 1;
        }
        self.seen.insert(client.clone(), newest + 1);
        answer
    }
}

/// Eventual consistency: two replicas that merge now and then; the later write wins.
#[derive(Clone, Debug, Default)]
pub(super) struct LastWriterWins {
    replicas: [Replica; 2],
}

#[derive(Clone, Debug, Default)]
struct Replica {
    clock: u64,
    values: BTreeMap<Json, (u64, Json)>,
}

impl LastWriterWins {
    pub(super) fn handle(&mut self, request: &ServiceRequest, random: &mut Random) -> Answer {
        let (from, into) = (random.index(2), random.index(2));
        let other = self.replicas[from].clone();
        self.replicas[into].merge(other);
        self.replicas[random.index(2)].apply(request)
    }
}

impl Replica {
    fn merge(&mut self, other: Self) {
        self.clock = self.clock.max(other.clock);
        for (key, theirs) in other.values {
            let ours = self.values.get(&key);
            if ours.is_none_or(|ours| ours.0 < theirs.0) {
                self.values.insert(key, theirs);
            }
        }
    }

    fn apply(&mut self, request: &ServiceRequest) -> Answer {
        let (key, value, answer) = match request {
            ServiceRequest::Read { key } => {
                let value = self.values.get(key).ok_or_else(missing_key)?.1.clone();
                return Ok(ServiceReply::ReadOk { value });
            }
            ServiceRequest::Write { key, value } => (key, value, ServiceReply::WriteOk),
            ServiceRequest::Cas { key, from, to, .. } => {
                compare(self.values.get(key).map(|(_, value)| value), from, false)?;
                (key, to, ServiceReply::CasOk)
            }
            ServiceRequest::Ts => return Err(Error::not_supported("ts")),
        };
        self.values.insert(key.clone(), (self.clock, value.clone()));
        self.clock += 1;
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Services;
    use super::*;

    fn read(key: i64) -> ServiceRequest {
        ServiceRequest::Read { key: key.into() }
    }

    fn write(key: i64, value: i64) -> ServiceRequest {
        ServiceRequest::Write { key: key.into(), value: value.into() }
    }

    fn cas(from: i64, to: i64, create_if_not_exists: bool) -> ServiceRequest {
        let (key, from, to) = (0.into(), from.into(), to.into());
        ServiceRequest::Cas { key, from, to, create_if_not_exists }
    }

    fn ask(services: &mut Services, id: &str, client: &str, request: &ServiceRequest) -> Answer {
        let index = Services::index_of(&NodeId::new(id)).unwrap();
        services.handle(index, &NodeId::new(client), request).unwrap()
    }

    fn code(answer: Answer) -> Option<u32> {
        answer.err().map(|error| error.code.number())
    }

    fn value(answer: Answer) -> Option<i64> {
        match answer {
            Ok(ServiceReply::ReadOk { value }) => value.as_i64(),
            _ => None,
        }
    }

    #[test]
    fn the_linearizable_store_knows_missing_keys_and_failed_comparisons() {
        let mut services = Services::new(1);
        let ask = &mut |request| ask(&mut services, "lin-kv", "n1", &request);
        assert_eq!(code(ask(read(0))), Some(20));
        assert_eq!(code(ask(cas(1, 2, false))), Some(20));
        assert_eq!(ask(cas(1, 2, true)), Ok(ServiceReply::CasOk));
        assert_eq!(code(ask(cas(1, 3, false))), Some(22));
        assert_eq!(ask(cas(2, 3, false)), Ok(ServiceReply::CasOk));
        assert_eq!(value(ask(read(0))), Some(3));
    }

    #[test]
    fn timestamps_rise_from_zero_and_unknown_requests_get_no_answer() {
        let mut services = Services::new(1);
        let oracle = Services::index_of(&NodeId::new("lin-tso")).unwrap();
        let client = NodeId::new("n1");
        for ts in 0..3 {
            let answer = services.handle(oracle, &client, &ServiceRequest::Ts);
            assert_eq!(answer, Some(Ok(ServiceReply::TsOk { ts })));
        }
        assert_eq!(services.handle(oracle, &client, &read(0)), None);
        assert_eq!(services.handle(0, &client, &ServiceRequest::Ts), None);
    }

    #[test]
    fn a_client_of_the_sequential_store_may_lag_but_never_goes_back() {
        let mut services = Services::new(5);
        let mut lagged = false;
        let mut last = vec![-1; 40];
        for newest in 0..1_000 {
            ask(&mut services, "seq-kv", "writer", &write(0, newest)).unwrap();
            // A client that asks rarely lags far more than the 32 states that are kept.
            let client = (newest as usize * 7) % last.len();
            let seen = value(ask(&mut services, "seq-kv", &format!("n{client}"), &read(0)));
            let seen = seen.unwrap_or(-1);
            assert!(seen >= last[client], "client {client} went back to {seen}");
            lagged |= seen < newest;
            last[client] = seen;
        }
        assert!(lagged);
    }

    #[test]
    fn writers_of_the_sequential_store_see_their_own_writes() {
        let mut services = Services::new(5);
        for turn in 0..100 {
            ask(&mut services, "seq-kv", "n1", &write(0, turn)).unwrap();
            assert_eq!(value(ask(&mut services, "seq-kv", "n1", &read(0))), Some(turn));
        }
    }

    #[test]
    fn the_last_writer_store_loses_sight_of_writes_and_then_converges() {
        let mut services = Services::new(2);
        ask(&mut services, "lww-kv", "n1", &write(0, 1)).unwrap();
        let reads: Vec<_> =
            (0..50).map(|_| value(ask(&mut services, "lww-kv", "n1", &read(0)))).collect();
        assert_eq!(reads.last(), Some(&Some(1)));
        let missed = (0..50).any(|seed| {
            let mut services = Services::new(seed);
            ask(&mut services, "lww-kv", "n1", &write(0, 1)).unwrap();
            value(ask(&mut services, "lww-kv", "n1", &read(0))).is_none()
        });
        assert!(missed, "some read runs on the replica that has not heard of the write");
    }
}
