//! The messages of the workloads as the broken nodes have them: those of clients, and whatever
//! the nodes say to each other.

use proto::Json;
use serde::{Deserialize, Serialize};

/// Workload unique-ids.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum IdBody {
    Generate,
    GenerateOk { id: String },
}

/// Workload broadcast.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum SetBody<P> {
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

/// Workload g-counter.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum CounterBody {
    Add { delta: i64 },
    AddOk,
    Read,
    ReadOk { value: i64 },
}

/// Workload lin-kv.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum RegisterBody<P> {
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
