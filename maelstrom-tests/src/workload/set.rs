//! What the set workloads (broadcast and g-set) say when elements are missing.

use checkers::set::SetResult;
use checkers::{Event, Verdict};
use proto::Json;

use super::Checked;

/// Checks that nothing added is lost, and says what is wrong first.
pub(super) fn check(history: &[Event<Json>]) -> Checked {
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
