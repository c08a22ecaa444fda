//! What a request means for one key of a store, and the linearizable store: one state, requests one
//! by one.

use std::collections::BTreeMap;

use proto::service::{ServiceReply, ServiceRequest};
use proto::{Error, ErrorCode, Json};

use super::Answer;

/// A request as a store sees it: the key, and what is to be done to it.
#[derive(Clone, Debug)]
pub(super) struct KeyRequest {
    pub(super) key: Json,
    action: Action,
}

#[derive(Clone, Debug)]
enum Action {
    Read,
    Write(Json),
    Cas { from: Json, to: Json, create_if_not_exists: bool },
}

/// What came of a request: the answer, and the key's new value if it was written.
pub(super) struct Effect {
    pub(super) reply: ServiceReply,
    pub(super) written: Option<Json>,
}

impl KeyRequest {
    /// A request that is for a key-value store. Values are compared as Maelstrom compares them.
    pub(super) fn new(request: &ServiceRequest) -> Option<Self> {
        let exact = |value: &Json| value.clone().distinguishing_floats();
        let (key, action) = match request {
            ServiceRequest::Read { key } => (key, Action::Read),
            ServiceRequest::Write { key, value } => (key, Action::Write(exact(value))),
            ServiceRequest::Cas { key, from, to, create_if_not_exists } => {
                let (from, to) = (exact(from), exact(to));
                let create_if_not_exists = *create_if_not_exists;
                (key, Action::Cas { from, to, create_if_not_exists })
            }
            ServiceRequest::Ts => return None,
        };
        Some(Self { key: exact(key), action })
    }

    /// Carries out the request on a key that has this value.
    pub(super) fn run(&self, current: Option<&Json>) -> Result<Effect, Error> {
        match (&self.action, current) {
            (Action::Read, Some(value)) => {
                Ok(Effect { reply: ServiceReply::ReadOk { value: value.clone() }, written: None })
            }
            (Action::Write(value), _) => {
                Ok(Effect { reply: ServiceReply::WriteOk, written: Some(value.clone()) })
            }
            (Action::Cas { from, to, .. }, Some(value)) if value == from => {
                Ok(Effect { reply: ServiceReply::CasOk, written: Some(to.clone()) })
            }
            (Action::Cas { from, .. }, Some(value)) => {
                let text = format!("current value {value} is not {from}");
                Err(Error::new(ErrorCode::PreconditionFailed, text))
            }
            (Action::Cas { to, create_if_not_exists: true, .. }, None) => {
                Ok(Effect { reply: ServiceReply::CasOk, written: Some(to.clone()) })
            }
            (Action::Read | Action::Cas { .. }, None) => {
                Err(Error::new(ErrorCode::KeyDoesNotExist, "key does not exist"))
            }
        }
    }
}

/// One state, requests one by one.
#[derive(Clone, Debug, Default)]
pub(super) struct Linearizable {
    values: BTreeMap<Json, Json>,
}

impl Linearizable {
    /// Carries out one request.
    pub(super) fn handle(&mut self, request: KeyRequest) -> Answer {
        let Effect { reply, written } = request.run(self.values.get(&request.key))?;
        if let Some(value) = written {
            self.values.insert(request.key, value);
        }
        Ok(reply)
    }
}
