//! Maelstrom's services: key-value stores and a timestamp oracle that a node can call.
//!
//! The harness answers for the node ids `lin-kv`, `seq-kv`, `lww-kv` and `lin-tso`
//! (Maelstrom, `doc/services.md`). A node calls one through its context, and the reply, an error
//! or a time-out comes back through [`Node::service_outcome`](crate::Node::service_outcome).

mod client;

use serde::{Deserialize, Serialize};

pub use self::client::{CompareAndSet, KeyValue, TimestampOracle};
use crate::json::Json;

/// The ids of the services.
pub const SERVICE_IDS: [&str; 4] = ["lin-kv", "seq-kv", "lww-kv", "lin-tso"];

/// Whether the harness answers for this id.
pub fn is_service(id: &str) -> bool {
    SERVICE_IDS.contains(&id)
}

/// What may be asked of a service.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServiceRequest {
    /// The value of a key; error 20 when there is none.
    Read {
        /// Any JSON.
        key: Json,
    },
    /// Sets a key.
    Write {
        /// Any JSON.
        key: Json,
        /// Any JSON.
        value: Json,
    },
    /// Compare-and-set: error 20 when there is no such key, 22 when its value is not `from`.
    Cas {
        /// Any JSON.
        key: Json,
        /// The value that the key must have.
        from: Json,
        /// The value that it then gets.
        to: Json,
        /// Whether a missing key is simply written.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        create_if_not_exists: bool,
    },
    /// The next timestamp.
    Ts,
}

/// What a service answers.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServiceReply {
    /// Answer to a read.
    ReadOk {
        /// The value of the key.
        value: Json,
    },
    /// Answer to a write.
    WriteOk,
    /// Answer to a compare-and-set that was done.
    CasOk,
    /// Answer to a request for a timestamp.
    TsOk {
        /// One more than the last one given out.
        ts: u64,
    },
}
