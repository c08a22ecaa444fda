//! Maelstrom's services: what they answer, and how consistent they are (`maelstrom.service`,
//! `doc/services.md`).
//!
//! A service is a pure state and a wrapper that decides which of its past or parallel states a
//! request sees. All chance comes from a seed.

mod key_value;

use std::collections::BTreeMap;

use proto::service::{SERVICE_IDS, ServiceReply, ServiceRequest};
use proto::{Error, NodeId};

use self::key_value::{KeyValueState, LastWriterWins, Sequential};
use crate::random::Random;

/// What a service answers.
pub type Answer = Result<ServiceReply, Error>;

/// The four services of a run.
#[derive(Clone, Debug)]
pub struct Services {
    linearizable: KeyValueState,
    sequential: Sequential,
    last_writer_wins: LastWriterWins,
    next_timestamp: u64,
    random: Random,
}

impl Services {
    /// Empty stores, and an oracle that begins with 0.
    pub fn new(seed: u64) -> Self {
        Self {
            linearizable: KeyValueState::default(),
            sequential: Sequential::default(),
            last_writer_wins: LastWriterWins::default(),
            next_timestamp: 0,
            random: Random::new(seed, "services"),
        }
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
        match (SERVICE_IDS[index], request) {
            ("lin-tso", ServiceRequest::Ts) => {
                let ts = self.next_timestamp;
                self.next_timestamp += 1;
                Some(Ok(ServiceReply::TsOk { ts }))
            }
            ("lin-tso", _) | (_, ServiceRequest::Ts) => None,
            ("lin-kv", request) => Some(self.linearizable.apply(request)),
            ("seq-kv", request) => Some(self.sequential.handle(client, request, &mut self.random)),
            ("lww-kv", ServiceRequest::Cas { create_if_not_exists: true, .. }) => None,
            (_, request) => Some(self.last_writer_wins.handle(request, &mut self.random)),
        }
    }
}

/// The clients of a service and what it remembers of each.
type PerClient<T> = BTreeMap<NodeId, T>;
