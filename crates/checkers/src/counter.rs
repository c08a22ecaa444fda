//! Workloads g-counter and pn-counter: does every final read show a sum that can be?
//!
//! Adds that succeeded count for certain; each one of unknown outcome may or may not. The sums that
//! can be are kept as ranges of integers, because the deltas are small and soon leave no gaps.

use std::collections::BTreeMap;
use std::fmt::Debug;

use serde::Serialize;
use serde::ser::SerializeMap;

use crate::history::{Event, Kind, Op};
use crate::operation::{Malformed, Record, operations};
use crate::verdict::Verdict;

/// An operation of the workloads g-counter and pn-counter.
#[derive(Clone, Debug, PartialEq)]
pub enum CounterOp<V> {
    /// Adds to the counter.
    Add {
        /// By how much.
        delta: i64,
    },
    /// Reads the counter.
    Read {
        /// The node's answer; an integer when all is well.
        value: Option<V>,
    },
}

impl<V: Clone + PartialEq + Debug + Serialize> Op for CounterOp<V> {
    fn f(&self) -> &str {
        match self {
            Self::Add { .. } => "add",
            Self::Read { .. } => "read",
        }
    }

    fn is_completed_by(&self, completion: &Self) -> bool {
        match (self, completion) {
            (Self::Add { delta: asked }, Self::Add { delta }) => asked == delta,
            (Self::Read { .. }, Self::Read { .. }) => true,
            _ => false,
        }
    }

    fn write<M: SerializeMap>(&self, _: Kind, line: &mut M) -> Result<(), M::Error> {
        match self {
            Self::Add { delta } => line.serialize_entry("value", delta),
            Self::Read { value } => line.serialize_entry("value", value),
        }
    }
}

/// What [`check`] found.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", bound(serialize = "V: Serialize, CounterOp<V>: Op"))]
pub struct CounterResult<V> {
    /// Valid when every final read is acceptable, also when there is none; unknown when a final
    /// read lies in a range of which we do not know every number (see [`Self::is_exact`]).
    #[serde(rename = "valid?")]
    pub verdict: Verdict,
    /// The final reads that are not acceptable, those that are no integers among them.
    pub errors: Vec<Record<CounterOp<V>>>,
    /// What the final reads saw.
    pub final_reads: Vec<V>,
    /// All sums that can be, as ranges from low to high, both included.
    pub acceptable: Vec<(i128, i128)>,
    /// False if there were more than [`RANGES_MAX`] ranges, so that gaps between them were filled.
    #[serde(rename = "exact?")]
    pub is_exact: bool,
}

/// How many separate ranges are kept.
pub const RANGES_MAX: usize = 4096;

/// Checks a history of adds to and reads of one counter.
/// `integer` says which integer a value is, if it is one.
///
/// # Errors
///
/// When no clients can have produced the history.
pub fn check<V>(
    history: &[Event<CounterOp<V>>],
    integer: impl Fn(&V) -> Option<i128>,
) -> Result<CounterResult<V>, Malformed>
where
    V: Clone + PartialEq,
    CounterOp<V>: Op,
{
    let operations = operations(history)?;
    let mut certain = 0;
    let mut unknown: BTreeMap<(u64, i64), u64> = BTreeMap::new();
    for operation in &operations {
        let CounterOp::Add { delta } = *operation.op() else { continue };
        match operation.outcome() {
            Kind::Ok => certain += i128::from(delta),
            Kind::Fail => {}
            // Small steps first: they close the gaps that large ones leave.
            Kind::Info | Kind::Invoke => {
                *unknown.entry((delta.unsigned_abs(), delta)).or_default() += 1;
            }
        }
    }
    let mut acceptable = Sums::from(certain);
    for (&(_, delta), &times) in &unknown {
        for _ in 0..times {
            acceptable.maybe_add(delta.into());
        }
    }

    let mut verdict = Verdict::Valid;
    let mut errors = Vec::new();
    let mut final_reads = Vec::new();
    for operation in &operations {
        let CounterOp::Read { value } = operation.op() else { continue };
        if !operation.invocation.is_final || operation.outcome() != Kind::Ok {
            continue;
        }
        final_reads.extend(value.clone());
        let of_read = match value.as_ref().and_then(&integer) {
            Some(sum) if acceptable.contains(sum) => {
                if acceptable.is_exact {
                    Verdict::Valid
                } else {
                    Verdict::Unknown
                }
            }
            _ => {
                errors.push(Record::from(operation));
                Verdict::Invalid
            }
        };
        verdict = verdict.and(of_read);
    }
    let Sums { ranges: acceptable, is_exact } = acceptable;
    Ok(CounterResult { verdict, errors, final_reads, acceptable, is_exact })
}

/// A set of integers: ranges in ascending order with gaps between them.
struct Sums {
    ranges: Vec<(i128, i128)>,
    is_exact: bool,
}

impl Sums {
    fn from(sum: i128) -> Self {
        Self { ranges: vec![(sum, sum)], is_exact: true }
    }

    fn contains(&self, sum: i128) -> bool {
        let place = self.ranges.partition_point(|&(_, high)| high < sum);
        self.ranges.get(place).is_some_and(|&(low, _)| low <= sum)
    }

    /// Adds to the set what each of its members becomes by `delta`.
    fn maybe_add(&mut self, delta: i128) {
        let shifted = self.ranges.iter().map(|&(low, high)| (low + delta, high + delta));
        let mut all: Vec<(i128, i128)> = self.ranges.iter().copied().chain(shifted).collect();
        all.sort_unstable();
        merge(&mut all, 1);
        if all.len() > RANGES_MAX {
            self.is_exact = false;
            // Fill the narrower half of the gaps.
            let mut gaps: Vec<i128> = all.windows(2).map(|pair| pair[1].0 - pair[0].1).collect();
            gaps.sort_unstable();
            merge(&mut all, gaps[gaps.len() / 2]);
        }
        self.ranges = all;
    }
}

/// Joins ranges that lie no more than `distance` apart.
fn merge(ranges: &mut Vec<(i128, i128)>, distance: i128) {
    ranges.dedup_by(|next, last| {
        let is_near = next.0 - last.1 <= distance;
        if is_near {
            last.1 = last.1.max(next.1);
        }
        is_near
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::History;

    const VALUE: fn(&u64) -> Option<i128> = |&value| (value != 999).then_some(i128::from(value));

    fn add(history: &mut History<CounterOp<u64>>, delta: i64, outcome: Kind) {
        let process = history.events.len() as u64 + 1;
        let op = || CounterOp::Add { delta };
        history.invoke(process, op());
        match outcome {
            Kind::Ok => history.ok(process, op()),
            Kind::Fail => history.fail(process, op()),
            Kind::Info => history.info(process, op()),
            Kind::Invoke => {}
        }
    }

    fn final_read(history: &mut History<CounterOp<u64>>, value: u64) {
        history.done(CounterOp::Read { value: None }, CounterOp::Read { value: Some(value) });
        let read = history.events.len() - 2;
        history.events[read].is_final = true;
    }

    #[test]
    fn an_addition_ends_as_just_that_addition() {
        let read = |value| CounterOp::Read { value };
        for (asked, done, belongs) in [
            (CounterOp::Add { delta: 3 }, CounterOp::Add { delta: 3 }, true),
            (CounterOp::Add { delta: 3 }, CounterOp::Add { delta: 4 }, false),
            (CounterOp::Add { delta: 3 }, read(Some(3_u64)), false),
            (read(None), CounterOp::Add { delta: 3 }, false),
            (read(None), read(Some(3)), true),
        ] {
            let mut history = History::default();
            history.done(asked, done);
            assert_eq!(crate::operations(&history.events).is_ok(), belongs, "{:?}", history.events);
        }
    }

    #[test]
    fn adds_count_as_far_as_they_are_certain() {
        let mut history = History::default();
        add(&mut history, 10, Kind::Ok);
        add(&mut history, 100, Kind::Fail);
        add(&mut history, 3, Kind::Info);
        add(&mut history, 3, Kind::Invoke);
        add(&mut history, -1, Kind::Info);
        let acceptable = vec![(9, 10), (12, 13), (15, 16)];
        for (value, verdict) in [
            (8, Verdict::Invalid),
            (9, Verdict::Valid),
            (13, Verdict::Valid),
            (14, Verdict::Invalid),
        ] {
            let mut history = History { events: history.events.clone() };
            final_read(&mut history, value);
            let result = check(&history.events, VALUE).unwrap();
            assert_eq!((result.verdict, &result.acceptable), (verdict, &acceptable), "{value}");
            assert_eq!(result.final_reads, [value]);
            assert_eq!(result.errors.len(), usize::from(verdict == Verdict::Invalid));
        }
    }

    #[test]
    fn reads_before_the_end_are_not_checked_and_a_value_that_is_no_integer_is_an_error() {
        let mut history = History::default();
        history.done(CounterOp::Read { value: None }, CounterOp::Read { value: Some(77) });
        assert_eq!(check(&history.events, VALUE).unwrap().verdict, Verdict::Valid);
        final_read(&mut history, 999);
        let result = check(&history.events, VALUE).unwrap();
        assert_eq!((result.verdict, result.errors.len()), (Verdict::Invalid, 1));
    }

    #[test]
    fn ranges_agree_with_all_subsets() {
        let deltas: [i64; 10] = [-5, 4, 4, 17, -23, 100, 0, 1, 250, -70];
        let mut sums = Sums::from(7);
        for delta in deltas {
            sums.maybe_add(delta.into());
        }
        let subsets = 0..1_u32 << deltas.len();
        let all: std::collections::BTreeSet<i128> = subsets
            .map(|subset| {
                let chosen =
                    deltas.iter().enumerate().filter(|(place, _)| subset >> place & 1 == 1);
                7 + chosen.map(|(_, &delta)| i128::from(delta)).sum::<i128>()
            })
            .collect();
        for sum in -200..500 {
            assert_eq!(sums.contains(sum), all.contains(&sum), "{sum}");
        }
    }

    #[test]
    fn too_many_gaps_make_the_answer_unknown_and_never_wrong() {
        let mut history = History::default();
        for power in 0..40 {
            add(&mut history, 3_i64.pow(power.min(38)), Kind::Info);
        }
        final_read(&mut history, 3_u64.pow(5));
        let result = check(&history.events, VALUE).unwrap();
        assert!(!result.is_exact);
        assert!(result.acceptable.len() <= RANGES_MAX);
        assert_eq!(result.verdict, Verdict::Unknown);

        final_read(&mut history, u64::MAX);
        let result = check(&history.events, VALUE).unwrap();
        assert_eq!(result.verdict, Verdict::Invalid);
    }
}
