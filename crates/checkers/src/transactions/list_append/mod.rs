//! Transactions that append to lists and read them.
//!
//! A list that is read shows in which order all its elements were appended: the version order of
//! its key, up to there. Appends that nobody ever saw come after those that were seen, in an order
//! that nobody knows. From this follow all dependencies:
//!
//! - ww: from the writer of each element to that of the next;
//! - wr: from the writer of the last element of a list to its reader;
//! - rw: from the reader of a list to the writer of the element after it.
//!
//! Where reads contradict each other (incompatible order) the longest one counts as the order.
//!
//! If there are no other anomalies, a history with no cycle is serializable (with the orders of
//! processes or real time added: strong session, strict serializable): any topological order of the
//! transactions is the serial execution. In this sense the check is complete and not only sound.

mod edges;
mod history;
mod phenomena;

use std::fmt::Display;
use std::hash::Hash;

pub use history::History;

use super::analysis::{Analysis, Options};
use super::call::Transaction;
use super::versions::RepeatedWrite;
use super::wording::Wording;

/// A micro-operation on a list.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Op<K, V> {
    /// Puts an element at the end of the list. An element is appended at most once to each key.
    Append {
        /// The list.
        key: K,
        /// The element.
        element: V,
    },
    /// Reads the list.
    Read {
        /// The list.
        key: K,
        /// What was read; `None`, like the empty list, is the initial state.
        elements: Option<Vec<V>>,
    },
}

impl<K, V> Op<K, V> {
    /// The list that is read or appended to.
    pub const fn key(&self) -> &K {
        match self {
            Self::Append { key, .. } | Self::Read { key, .. } => key,
        }
    }
}

/// Checks transactions over lists.
///
/// ```
/// use checkers::transactions::list_append::{Op, check};
/// use checkers::transactions::{Call, Kind, Options, Order, Outcome, Shape, Transaction};
/// use checkers::Verdict;
///
/// // Each transaction reads both lists as empty and then appends to one of them: write skew.
/// let read = |key| Op::Read { key, elements: None };
/// let call = |process| Call { process, invoked: 0, completed: 1, outcome: Outcome::Ok };
/// let history = [
///     Transaction { call: call(0), ops: vec![read("x"), read("y"), Op::Append { key: "x", element: 1 }] },
///     Transaction { call: call(1), ops: vec![read("x"), read("y"), Op::Append { key: "y", element: 1 }] },
/// ];
/// let analysis = check(&history, &Options::default())?;
/// assert_eq!(analysis.verdict, Verdict::Invalid);
/// let skew = &analysis.anomalies[&Kind::Cycle(Order::Data, Shape::G2Item)].examples[0];
/// assert_eq!(skew.transactions, [0, 1]);
///
/// let models = vec!["snapshot-isolation".parse()?];
/// assert_eq!(check(&history, &Options { models })?.verdict, Verdict::Valid);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// If an element was appended to a key more than once.
pub fn check<K, V>(
    transactions: &[Transaction<Op<K, V>>],
    options: &Options,
) -> Result<Analysis, RepeatedWrite>
where
    K: Clone + Eq + Hash + Display,
    V: Clone + Eq + Hash + Display,
{
    let mut history = History::new();
    for transaction in transactions {
        history.push(transaction.call, &transaction.ops);
    }
    history.check(options)
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
    /// If an element was appended to a key more than once.
    pub fn check(mut self, options: &Options) -> Result<Analysis, RepeatedWrite> {
        self.versions.check_unique()?;
        self.find_phenomena();
        let orders = self.orders();
        self.trunks = Vec::new();
        let (edges, nodes) = self.edges(&orders);
        drop(orders);
        self.reads = Vec::new();
        Ok(self.findings.finish(&self.versions, edges, nodes, options, Wording::List))
    }
}
