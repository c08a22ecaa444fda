//! The messages of Maelstrom's `kafka` workload, a log of messages for each key, as nodes of several
//! programs serve it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::json::Json;

/// A place in a log.
pub type Offset = u64;

/// What clients and nodes say.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Message {
    /// Appends a message to a log.
    Send {
        /// Which log.
        key: String,
        /// The message.
        msg: Json,
    },
    /// Answer to `send`.
    SendOk {
        /// Where the message is.
        offset: Offset,
    },
    /// Asks for what stands in logs from some offsets on.
    Poll {
        /// From where on, by key.
        offsets: BTreeMap<String, Offset>,
    },
    /// Answer to `poll`.
    PollOk {
        /// What stands there, by key, in the order of offsets.
        msgs: BTreeMap<String, Vec<(Offset, Json)>>,
    },
    /// Says up to where messages have been dealt with.
    CommitOffsets {
        /// The last of them, by key.
        offsets: BTreeMap<String, Offset>,
    },
    /// Answer to `commit_offsets`.
    CommitOffsetsOk,
    /// Asks for what was committed.
    ListCommittedOffsets {
        /// Of which keys.
        keys: Vec<String>,
    },
    /// Answer to `list_committed_offsets`.
    ListCommittedOffsetsOk {
        /// The keys among them of which something was committed.
        offsets: BTreeMap<String, Offset>,
    },
}
