//! The messages of task 7-2-5, which `consensus lin-kv` answers beside those of its clients.

use proto::Json;
use serde::{Deserialize, Serialize};

/// The task's requests and replies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// Runs a cluster within this node, with a partition.
    PartitionTest(PartitionTest),
    /// Answer to `partition_test`.
    PartitionTestOk(PartitionTestOk),
    /// Checks a history.
    VerifyLinearizability {
        /// A list of Jepsen-style events, see [`crate::verify`].
        history: Json,
    },
    /// Answer to `verify_linearizability`.
    VerifyLinearizabilityOk {
        /// Whether there is an order that explains every result.
        linearizable: bool,
        /// For every key without one, why.
        violations: Vec<Violation>,
    },
}

/// The parameters of task 7-2-5.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionTest {
    /// How many nodes the cluster has.
    pub cluster_size: u64,
    /// How many operations clients do.
    pub operations: u64,
    /// The cluster is cut once so many operations are done.
    pub partition_after_op: u64,
    /// It is healed once so many are done.
    pub heal_after_op: u64,
    /// Makes it another run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
}

/// The result of task 7-2-5.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionTestOk {
    /// `operations` of the request.
    pub total_ops: u64,
    /// How many were done while the cluster was cut.
    pub ops_during_partition: u64,
    /// How many got an answer.
    pub ops_succeeded: u64,
    /// How many were refused, or have an unknown outcome.
    pub ops_rejected: u64,
    /// What the checker says of the history.
    pub linearizable: bool,
}

/// A key whose operations have no order that explains them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// The key.
    pub key: Json,
    /// Why there is none.
    pub reason: String,
    /// The operations that cannot be ordered.
    pub operations: Vec<Json>,
}
