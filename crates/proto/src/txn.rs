//! The messages of Maelstrom's `txn` workloads, lists of micro-operations, as nodes of several programs
//! serve them. `F` is what a node knows to do with an object: an enum with a variant a function, whose
//! names are `r`, `w` and `append`.

use serde::{Deserialize, Serialize};

use crate::json::Json;

/// A micro-operation: `["r", key, null]`, `["w", key, value]` or `["append", key, element]`. Of a read
/// that is answered the value is what the object has, or null.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Micro<F>(
    /// What it does.
    pub F,
    /// The object.
    pub Json,
    /// What it has, or gets.
    pub Json,
);

/// What clients and nodes say.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Message<F> {
    /// Runs a transaction.
    Txn {
        /// Its micro-operations.
        txn: Vec<Micro<F>>,
    },
    /// Answer to `txn`.
    TxnOk {
        /// The same with what was read.
        txn: Vec<Micro<F>>,
    },
}
