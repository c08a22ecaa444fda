//! Operations in time: why there is no order that explains them.

use checkers::{Kind, Process, operation::Record};
use serde::{Deserialize, Serialize};

/// Operations on one object as bars, the order that was tried, and what does not fit in it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct TimeLine {
    /// What the operations are about, such as `register`.
    pub subject: String,
    /// The operations, in the order of their beginnings.
    pub bars: Vec<Bar>,
    /// The longest order that explains what came before, or its end.
    pub order: Vec<OrderStep>,
    /// What the subject can hold where the operation that is wrong completes.
    pub states: Vec<String>,
}

/// One operation.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Bar {
    /// Whose it is.
    pub process: Process,
    /// The operation in a few words.
    pub label: String,
    /// What became of it.
    pub outcome: Kind,
    /// The event that began it.
    pub start: Moment,
    /// The event that ended it.
    pub end: Option<Moment>,
    /// Whether it is the one that does not fit.
    #[serde(default)]
    pub is_wrong: bool,
}

/// An event of the history.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Moment {
    /// Its index.
    pub index: u64,
    /// Its time, in nanoseconds since the run started.
    pub time: u64,
}

impl From<(u64, u64)> for Moment {
    fn from((index, time): (u64, u64)) -> Self {
        Self { index, time }
    }
}

/// A place in an order of operations.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct OrderStep {
    /// The place of its operation in [`TimeLine::bars`].
    pub bar: usize,
    /// What the subject holds after it, if the operation changes that.
    pub state: Option<String>,
}

/// Operations that were open at the same time are shown up to this number, the latest first.
const CONCURRENT_MAX: usize = 24;
/// Of the order that was found so many operations are shown, the last.
const ORDER_MAX: usize = 8;

impl TimeLine {
    /// Of an operation that cannot be explained, those that were open while it was, and the end of an
    /// order of those before. `label` says an operation in a few words, `state` what the subject holds
    /// after it.
    pub fn new<O>(
        subject: &str,
        wrong: &Record<O>,
        concurrent: &[Record<O>],
        order: &[Record<O>],
        label: impl Fn(&Record<O>) -> String,
        state: impl Fn(&O) -> Option<String>,
    ) -> Self {
        let order = &order[order.len().saturating_sub(ORDER_MAX)..];
        let concurrent = &concurrent[concurrent.len().saturating_sub(CONCURRENT_MAX)..];
        let mut bars: Vec<Bar> = Vec::new();
        for record in std::iter::once(wrong).chain(order).chain(concurrent) {
            if bars.iter().all(|bar| bar.start.index != record.start.0) {
                bars.push(Bar {
                    process: record.process,
                    label: label(record),
                    outcome: record.outcome,
                    start: record.start.into(),
                    end: record.end.map(Moment::from),
                    is_wrong: record.start == wrong.start,
                });
            }
        }
        bars.sort_by_key(|bar| bar.start.index);
        let place =
            |record: &Record<O>| bars.partition_point(|bar| bar.start.index < record.start.0);
        let order = order
            .iter()
            .map(|record| OrderStep { bar: place(record), state: state(&record.op) })
            .collect();
        Self { subject: subject.to_owned(), bars, order, states: Vec::new() }
    }
}
