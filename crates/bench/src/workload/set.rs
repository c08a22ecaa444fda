//! What the set workloads (broadcast and g-set) have in common.

use std::hash::Hash;

use checkers::Verdict;
use checkers::history::{Event, Op};
use checkers::set::{SetOp, SetResult};
use proto::Json;
use simulator::Random;

use super::{Checked, Expected, Figure, Stored};

/// What runs of set workloads have.
pub(super) const FIGURES: &[Figure] = &[
    ("workload.attempt-count", "elements that were to be added"),
    ("workload.stable-count", "those that every later read has"),
    ("workload.lost-count", "those that were there and are gone"),
    ("workload.never-read-count", "those that nobody read"),
    ("workload.stale-count", "those that a read missed after they were known"),
    ("workload.duplicated-count", "those that came twice in one read"),
    (
        "workload.stable-latencies.*",
        "ms until no read missed an element; * is 0, 0.5, 0.95, 0.99 or 1",
    ),
    ("workload.lost-latencies.*", "ms for which lost elements were seen; * likewise"),
];

/// In what the set workloads are stricter.
pub(super) const STRICTER: &str = "an element that comes twice in one read makes the run invalid";

/// A read.
pub(super) const READ: SetOp<Json> = SetOp::Read { elements: None };

/// One half reads, the other half adds the next integer.
pub(super) fn operation(next: &mut i64, random: &mut Random) -> SetOp<Json> {
    if random.chance(0.5) {
        return READ;
    }
    *next += 1;
    SetOp::Add { element: Json::from(*next - 1) }
}

/// Reads an operation of a stored history whose additions are called `add`.
pub(super) fn restore(add: &str, stored: &Stored) -> Result<SetOp<Json>, String> {
    match &*stored.f {
        "read" => {
            let elements: Option<Vec<Json>> =
                serde_json::from_str(&stored.value.text()).map_err(|error| error.to_string())?;
            Ok(SetOp::Read { elements: elements.map(Into::into) })
        }
        f if f == add => Ok(SetOp::Add { element: stored.value.clone() }),
        _ => Err(stored.unknown()),
    }
}

/// Checks that nothing added is lost, and says what is wrong first.
pub(super) fn check<O>(history: &[Event<O>]) -> Checked
where
    O: Op + AsRef<SetOp<Json>>,
    Json: Clone + Eq + Hash,
{
    let result = match checkers::set::check(history) {
        Ok(result) => result,
        Err(error) => return Checked::malformed(&error),
    };
    let mut checked = Checked::new(result.verdict, &result, || match result.verdict {
        Verdict::Unknown => {
            "no element was seen by every later read, so nothing can be said".to_owned()
        }
        _ => complaint(&result),
    });
    if let Some(lost) = result.lost.first() {
        checked.causes.push(format!("the first element that was lost: {lost}"));
    }
    checked
}

fn complaint(result: &SetResult<Json>) -> String {
    let mut parts = Vec::new();
    if !result.lost.is_empty() {
        let (lost, attempts) = (result.lost.len(), result.attempt_count);
        parts.push(format!("{lost} of {attempts} elements were there and are gone"));
    }
    if !result.duplicated.is_empty() {
        parts.push(format!("{} elements came twice in one read", result.duplicated.len()));
    }
    parts.join("; ")
}

/// What a read is to show after 1000 was added.
pub(super) fn has_1000<O: AsRef<SetOp<Json>>>() -> Expected<O> {
    Expected::that("the value 1000, which was added before, is not in it", |op: &O| {
        let SetOp::Read { elements: Some(elements) } = op.as_ref() else { return false };
        elements.contains(&Json::from(1000))
    })
}
