//! Logs of messages as in workload kafka: does everybody see each key's messages in one order,
//! without holes, and nothing that was not sent?
//!
//! The anomalies are those of Jepsen's checker for Kafka (`jepsen.tests.kafka`; Maelstrom's
//! documentation of the workload), by its names. The time is that of sorting what was seen, however
//! large the offsets are.
//!
//! `operation` is the input, `order` finds out the log of each key, `contents` looks at the logs and
//! `processes` at what each client saw one after another, `cycles` at who saw whom; `finding` is
//! what they say.

mod contents;
mod cycles;
mod finding;
mod operation;
mod order;
mod processes;

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::hash::Hash;

use serde::Serialize;

pub use finding::{Finding, FindingKind, SKIPPED_MAX};
pub use operation::{Action, LogOperation, Outcome, Step};

use crate::verdict::Verdict;
use order::Order;

/// How many findings of a kind are given in full.
pub const SAMPLES_MAX: usize = 32;

/// What [`check`] found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct LogResult<K, V> {
    /// Invalid when anything was found that is not allowed.
    #[serde(rename = "valid?")]
    pub verdict: Verdict,
    /// What was found, by kind.
    pub findings: BTreeMap<FindingKind, Findings<K, V>>,
    /// The log of each key, in the order in which keys first appear.
    pub keys: Vec<KeyLog<K, V>>,
}

impl<K, V> LogResult<K, V> {
    /// What was found that a valid log must not show.
    pub fn forbidden(&self) -> impl Iterator<Item = (FindingKind, &Findings<K, V>)> {
        let findings = self.findings.iter().map(|(&kind, findings)| (kind, findings));
        findings.filter(|(kind, _)| !kind.is_allowed())
    }
}

/// All findings of a kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Findings<K, V> {
    /// How many there are.
    pub count: usize,
    /// The first of them, at most [`SAMPLES_MAX`].
    pub samples: Vec<Finding<K, V>>,
}

/// What is known of the log of a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeyLog<K, V> {
    /// The key.
    pub key: K,
    /// Each offset at which something was seen, in order.
    pub places: Vec<LogPlace<V>>,
    /// Messages that were acknowledged and polled by nobody, in the order of sending.
    pub unseen: Vec<V>,
}

/// An offset of a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct LogPlace<V> {
    /// The offset.
    pub offset: u64,
    /// What was seen there; one message, unless the log contradicts itself.
    pub values: Vec<V>,
    /// Whether somebody polled it.
    pub was_polled: bool,
    /// Whether a message here is lost.
    pub is_lost: bool,
    /// How many times a process that should have polled it went on behind it.
    pub skips: u32,
}

/// Checks the operations of a history, which are in the order of their invocations.
///
/// ```
/// use checkers::Verdict;
/// use checkers::log::{Action, FindingKind, LogOperation, Outcome, Step, check};
///
/// let operation = |at, process, step| LogOperation {
///     process,
///     invoked: at,
///     completed: Some(at + 1),
///     outcome: Outcome::Ok,
///     action: Action::Messages(vec![step]),
/// };
/// let send = |value, offset| Step::Send { key: "k", value, offset: Some(offset) };
/// // Two messages are acknowledged; the first one never comes out again.
/// let history = [
///     operation(0, 0, send(7, 1_000)),
///     operation(2, 0, send(8, 1_000_000)),
///     operation(4, 1, Step::Poll(vec![("k", vec![(1_000_000, 8)])])),
/// ];
/// let result = check(&history);
/// assert_eq!(result.verdict, Verdict::Invalid);
/// let lost = &result.findings[&FindingKind::LostWrite].samples[0];
/// assert_eq!(lost.values, [7]);
/// ```
pub fn check<K, V>(history: &[LogOperation<K, V>]) -> LogResult<K, V>
where
    K: Clone + Eq + Hash + Debug,
    V: Clone + Eq + Hash + Debug,
{
    let mut check = Check::new(history);
    check.contents();
    check.processes();
    check.cycles();
    check.result()
}

/// A check that goes on.
struct Check<'a, K, V> {
    history: &'a [LogOperation<K, V>],
    order: Order<'a, K, V>,
    findings: BTreeMap<FindingKind, Findings<K, V>>,
    keys: Vec<KeyLog<K, V>>,
}

impl<'a, K, V> Check<'a, K, V>
where
    K: Clone + Eq + Hash + Debug,
    V: Clone + Eq + Hash + Debug,
{
    fn new(history: &'a [LogOperation<K, V>]) -> Self {
        let order = Order::new(history);
        let keys = order.keys.iter().zip(&order.logs).map(|(&key, log)| KeyLog {
            key: key.clone(),
            places: log
                .iter()
                .map(|place| {
                    let messages = place.messages.iter();
                    let messages = messages.map(|&message| &order.messages[message as usize]);
                    LogPlace {
                        offset: place.offset,
                        values: messages.clone().map(|message| message.value.clone()).collect(),
                        was_polled: messages.clone().any(|message| message.reader.is_some()),
                        is_lost: false,
                        skips: 0,
                    }
                })
                .collect(),
            unseen: Vec::new(),
        });
        let keys = keys.collect();
        Self { history, order, findings: BTreeMap::new(), keys }
    }

    /// Adds a finding; it is made only if there is room for it.
    fn add(&mut self, kind: FindingKind, finding: impl FnOnce(&Self) -> Finding<K, V>) {
        let of_kind = self.findings.get(&kind).map_or(0, |findings| findings.samples.len());
        let sample = (of_kind < SAMPLES_MAX).then(|| finding(self));
        let findings = self.findings.entry(kind);
        let findings = findings.or_insert_with(|| Findings { count: 0, samples: Vec::new() });
        findings.count += 1;
        findings.samples.extend(sample);
    }

    fn process(&self, operation: u32) -> u64 {
        self.history[operation as usize].process
    }

    fn result(self) -> LogResult<K, V> {
        let is_valid = self.findings.keys().all(|kind| kind.is_allowed());
        LogResult {
            verdict: Verdict::from_rule(is_valid),
            findings: self.findings,
            keys: self.keys,
        }
    }
}
