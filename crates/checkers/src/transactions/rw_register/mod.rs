//! Transactions that write and read registers.
//!
//! A register shows one value and nothing of those before it, so the order of its versions has to
//! be inferred. What is known for certain is little: the initial state comes first. The rest are
//! assumptions, each of which is an option; see [`VersionOrder`]. Dependencies follow from what
//! order there is:
//!
//! - wr: from the writer of a value to its readers, whatever the order;
//! - ww: from the writer of a version to those of the next ones;
//! - rw: from the readers of a version to the writers of the next ones.
//!
//! Only the first read and the last write of a key count between transactions; what lies between
//! must agree with them (internal). The check is sound under its assumptions and not complete: a
//! version order that cannot be inferred hides cycles. The more transactions read what they write,
//! the more is found.

mod edges;
mod history;
mod version_order;

use std::fmt::Display;
use std::hash::Hash;

pub use history::History;

use super::analysis::{Analysis, Options};
use super::call::Transaction;
use super::versions::RepeatedWrite;
use super::wording::Wording;

/// A micro-operation on a register.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Op<K, V> {
    /// Sets a register. A value is written at most once to each key.
    Write {
        /// The register.
        key: K,
        /// The value.
        value: V,
    },
    /// Reads a register.
    Read {
        /// The register.
        key: K,
        /// What was read; `None` is the initial state.
        value: Option<V>,
    },
}

impl<K, V> Op<K, V> {
    /// The register that is read or written.
    pub const fn key(&self) -> &K {
        match self {
            Self::Write { key, .. } | Self::Read { key, .. } => key,
        }
    }
}

/// From what the order of a register's versions is inferred, beside that the initial state comes
/// first. If an assumption contradicts what was inferred before it, that is an anomaly (cyclic
/// versions), and it is not made for that key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VersionOrder {
    /// A transaction that reads a version and then writes the key puts its own version later
    /// (Elle's `wfr-keys?`). True of every system that is read committed: otherwise information
    /// would flow in a circle.
    pub writes_follow_reads: bool,
    /// Every key alone is sequentially consistent: what a process reads and writes later is a later
    /// version (Elle's `sequential-keys?`).
    pub sequential_keys: bool,
    /// Every key alone is linearizable: what is read and written after another transaction has
    /// returned is a later version (Elle's `linearizable-keys?`). With this, most write cycles are
    /// found.
    pub linearizable_keys: bool,
}

impl Default for VersionOrder {
    /// Writes follow reads, and nothing else, as in Maelstrom.
    fn default() -> Self {
        Self { writes_follow_reads: true, sequential_keys: false, linearizable_keys: false }
    }
}

/// Checks transactions over registers.
///
/// ```
/// use checkers::transactions::rw_register::{Op, VersionOrder, check};
/// use checkers::transactions::{Call, Kind, Model, Options, Order, Outcome, Shape, Transaction};
///
/// // The second transaction sees one write of the first and misses the other: read skew.
/// let call = |process| Call { process, invoked: 0, completed: 1, outcome: Outcome::Ok };
/// let write = |key| Op::Write { key, value: 1 };
/// let history = [
///     Transaction { call: call(0), ops: vec![write("x"), write("y")] },
///     Transaction {
///         call: call(1),
///         ops: vec![Op::Read { key: "x", value: Some(1) }, Op::Read { key: "y", value: None }],
///     },
/// ];
/// let analysis = check(&history, &Options::default(), VersionOrder::default())?;
/// assert!(analysis.anomalies.contains_key(&Kind::Cycle(Order::Data, Shape::GSingleItem)));
/// assert!(analysis.rules_out(Model::SNAPSHOT_ISOLATION));
/// assert!(!analysis.rules_out(Model::READ_COMMITTED));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// If a value was written to a key more than once.
pub fn check<K, V>(
    transactions: &[Transaction<Op<K, V>>],
    options: &Options,
    order: VersionOrder,
) -> Result<Analysis, RepeatedWrite>
where
    K: Clone + Eq + Hash + Display,
    V: Clone + Eq + Hash + Display,
{
    let mut history = History::new();
    for transaction in transactions {
        history.push(transaction.call, &transaction.ops);
    }
    history.check(options, order)
}

impl<K, V> History<K, V>
where
    K: Clone + Eq + Hash + Display,
    V: Clone + Eq + Hash + Display,
{
    /// Checks the history.
    ///
    /// # Errors
    ///
    /// If a value was written to a key more than once.
    pub fn check(
        mut self,
        options: &Options,
        order: VersionOrder,
    ) -> Result<Analysis, RepeatedWrite> {
        self.versions.check_unique()?;
        self.find_phenomena();
        let successors = self.infer_order(order);
        let (edges, nodes) = self.edges(&successors);
        drop(successors);
        Ok(self.findings.finish(&self.versions, edges, nodes, options, Wording::Register))
    }
}
