//! Maelstrom's services: what they answer, and how consistent they are (`maelstrom.service`,
//! `doc/services.md`).
//!
//! A service is a pure state and a wrapper that decides which of its past or parallel states a
//! request sees. All chance comes from a seed.

mod key_value;
mod last_writer_wins;
mod request;
mod sequential;

use std::collections::BTreeMap;

use proto::service::{SERVICE_IDS, ServiceReply, ServiceRequest};
use proto::{Error, NodeId};

use self::key_value::{KeyRequest, Linearizable};
use self::last_writer_wins::LastWriterWins;
pub use self::request::read_request;
use self::sequential::Sequential;
use crate::chance::{Chance, Source};
use crate::random::Random;

/// What a service answers.
pub type Answer = Result<ServiceReply, Error>;

/// The four services of a run.
#[derive(Clone, Debug)]
pub struct Services {
    linearizable: Linearizable,
    sequential: Sequential,
    last_writer_wins: LastWriterWins,
    next_timestamp: u64,
    random: Random,
}

impl Services {
    /// Empty stores, and an oracle that begins with 0. How old their answers are is left to this seed, and
    /// to chance.
    pub fn new(seed: u64, chance: &Chance) -> Self {
        Self {
            linearizable: Linearizable::default(),
            sequential: Sequential::default(),
            last_writer_wins: LastWriterWins::default(),
            next_timestamp: 0,
            random: Random::new(seed, "services").sparing(chance.spared(Source::Services)),
        }
    }

    /// Has what is drawn from now on come from another seed.
    pub(crate) fn reseed(&mut self, seed: u64) {
        self.random.reseed(seed, "services");
    }

    /// The place of a service in [`SERVICE_IDS`].
    pub fn index_of(id: &NodeId) -> Option<usize> {
        SERVICE_IDS.iter().position(|service| *service == id.as_str())
    }

    /// Answers a request to the service at `index` of [`SERVICE_IDS`]. A request that this service
    /// does not know gets no answer, as with Maelstrom.
    pub fn handle(
        &mut self,
        index: usize,
        client: &NodeId,
        request: &ServiceRequest,
    ) -> Option<Answer> {
        let service = SERVICE_IDS[index];
        if service == "lin-tso" {
            if *request != ServiceRequest::Ts {
                return None;
            }
            let ts = self.next_timestamp;
            self.next_timestamp += 1;
            return Some(Ok(ServiceReply::TsOk { ts }));
        }
        if service == "lww-kv"
            && matches!(request, ServiceRequest::Cas { create_if_not_exists: true, .. })
        {
            return None;
        }
        let request = KeyRequest::new(request)?;
        Some(match service {
            "lin-kv" => self.linearizable.handle(request),
            "seq-kv" => self.sequential.handle(client, request, &mut self.random),
            _ => self.last_writer_wins.handle(request, &mut self.random),
        })
    }
}

/// The clients of a service and what it remembers of each.
type PerClient<T> = BTreeMap<NodeId, T>;

#[cfg(test)]
mod tests {
    use proto::Json;

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
        let mut services = Services::new(1, &Chance::default());
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
        let mut services = Services::new(1, &Chance::default());
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
        let mut services = Services::new(5, &Chance::default());
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
    fn where_nothing_is_left_to_chance_no_answer_is_old() {
        let mut services = Services::new(5, &Chance::none());
        for newest in 0..100 {
            for service in ["seq-kv", "lww-kv"] {
                ask(&mut services, service, "writer", &write(0, newest)).unwrap();
                let seen = value(ask(&mut services, service, "n1", &read(0)));
                assert_eq!(seen, Some(newest), "{service}");
            }
        }
    }

    #[test]
    fn writers_of_the_sequential_store_see_their_own_writes() {
        let mut services = Services::new(5, &Chance::default());
        for turn in 0..100 {
            ask(&mut services, "seq-kv", "n1", &write(0, turn)).unwrap();
            assert_eq!(value(ask(&mut services, "seq-kv", "n1", &read(0))), Some(turn));
        }
    }

    #[test]
    fn the_last_writer_store_loses_sight_of_writes_and_then_converges() {
        let mut services = Services::new(2, &Chance::default());
        ask(&mut services, "lww-kv", "n1", &write(0, 1)).unwrap();
        let reads: Vec<_> =
            (0..50).map(|_| value(ask(&mut services, "lww-kv", "n1", &read(0)))).collect();
        assert_eq!(reads.last(), Some(&Some(1)));
        let missed = (0..50).any(|seed| {
            let mut services = Services::new(seed, &Chance::default());
            ask(&mut services, "lww-kv", "n1", &write(0, 1)).unwrap();
            value(ask(&mut services, "lww-kv", "n1", &read(0))).is_none()
        });
        assert!(missed, "some read runs on the replica that has not heard of the write");
    }

    #[test]
    fn a_float_is_no_integer_and_comes_back_as_it_was_written() {
        let json = |text: &str| Json::parse(text).unwrap();
        for store in ["lin-kv", "seq-kv", "lww-kv"] {
            let mut services = Services::new(1, &Chance::default());
            let ask = &mut |request: &ServiceRequest| ask(&mut services, store, "n1", request);
            // Often enough that the replicas of lww-kv have merged.
            let write = ServiceRequest::Write { key: json("1.0"), value: json("2.0") };
            (0..40).for_each(|_| drop(ask(&write).unwrap()));
            let read = ask(&ServiceRequest::Read { key: json("1.00") });
            let Ok(ServiceReply::ReadOk { value }) = read else { panic!("{store}: {read:?}") };
            assert_eq!(value.text(), "2.0");
            assert_eq!(code(ask(&ServiceRequest::Read { key: json("1") })), Some(20), "{store}");
            let cas = ServiceRequest::Cas {
                key: json("1.0"),
                from: json("2"),
                to: json("3"),
                create_if_not_exists: false,
            };
            assert_eq!(code(ask(&cas)), Some(22), "{store}");
        }
    }

    #[test]
    fn a_read_costs_as_much_in_a_large_store_as_in_a_small_one() {
        // With a copy of the store for each, these reads would take hours.
        for store in ["seq-kv", "lww-kv"] {
            let mut services = Services::new(1, &Chance::default());
            for key in 0..100_000 {
                ask(&mut services, store, "n1", &write(key, key)).unwrap();
            }
            for key in 0..100_000 {
                let _ = ask(&mut services, store, "n1", &read(key));
            }
        }
    }
}
