//! The messages of the workloads, with whatever nodes say to each other beside them.

use std::collections::BTreeMap;

use proto::{Error, ErrorCode, Json};
use serde::{Deserialize, Serialize};

/// Workload lin-kv.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "as in the workload")]
pub enum RegisterBody<P> {
    Read {
        key: Json,
    },
    ReadOk {
        value: Json,
    },
    Write {
        key: Json,
        value: Json,
    },
    WriteOk,
    Cas {
        key: Json,
        from: Json,
        to: Json,
    },
    CasOk,
    /// Between nodes.
    Peer(P),
}

impl<P> RegisterBody<P> {
    /// Carries out what a client asks for.
    ///
    /// # Errors
    /// As the workload has them; and for what no client asks for.
    pub fn execute(self, values: &mut BTreeMap<Json, Json>) -> Result<Self, Error> {
        let missing = || Error::new(ErrorCode::KeyDoesNotExist, "no value");
        match self {
            Self::Read { key } => {
                let value = values.get(&key).cloned().ok_or_else(missing)?;
                Ok(Self::ReadOk { value })
            }
            Self::Write { key, value } => {
                values.insert(key, value);
                Ok(Self::WriteOk)
            }
            Self::Cas { key, from, to } => {
                let value = values.get_mut(&key).ok_or_else(missing)?;
                if *value != from {
                    return Err(Error::new(ErrorCode::PreconditionFailed, "another value"));
                }
                *value = to;
                Ok(Self::CasOk)
            }
            _ => Err(Error::malformed_request("no command")),
        }
    }
}

/// Workload unique-ids.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "as in the workload")]
pub enum IdBody {
    Generate,
    GenerateOk { id: String },
}

/// Workload broadcast.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "as in the workload")]
pub enum SetBody<P> {
    Topology,
    TopologyOk,
    Broadcast {
        message: Json,
    },
    BroadcastOk,
    Read,
    ReadOk {
        messages: Vec<Json>,
    },
    /// Between nodes.
    Peer(P),
}

/// Workload pn-counter.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "as in the workload")]
pub enum CounterBody<P = ()> {
    Add {
        delta: i64,
    },
    AddOk,
    Read,
    ReadOk {
        value: i64,
    },
    /// Between nodes.
    Peer(P),
}
