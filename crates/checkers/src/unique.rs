//! Workload unique-ids: did any id come twice?

use std::cmp::Reverse;
use std::hash::Hash;

use rustc_hash::FxHashMap;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::history::{Event, Kind, Op};
use crate::json::Counts;
use crate::operation::{Malformed, operations};
use crate::verdict::Verdict;

/// What [`check`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UniqueIds<V> {
    /// Valid when no id came twice, also when none came at all.
    pub verdict: Verdict,
    /// How many ids were asked for.
    pub attempted_count: usize,
    /// How many came.
    pub acknowledged_count: usize,
    /// How many different ids came more than once.
    pub duplicated_count: usize,
    /// The ids that came most often and how often, most frequent first and lowest first among
    /// equals; at most [`DUPLICATED_MAX`].
    pub duplicated: Vec<(V, usize)>,
    /// The lowest and the highest id.
    pub range: Option<(V, V)>,
}

/// How many ids [`UniqueIds::duplicated`] has at most.
pub const DUPLICATED_MAX: usize = 48;

/// Checks a history of `generate` operations; others are passed over.
///
/// # Errors
///
/// When no clients can have produced the history.
pub fn check<V: Clone + Eq + Hash + Ord>(history: &[Event<V>]) -> Result<UniqueIds<V>, Malformed> {
    let mut times: FxHashMap<&V, usize> = FxHashMap::default();
    let (mut attempted_count, mut acknowledged_count) = (0, 0);
    let mut range: Option<(&V, &V)> = None;
    for operation in operations(history)? {
        let Op::Generate { id } = operation.op() else { continue };
        attempted_count += 1;
        if let (Kind::Ok, Some(id)) = (operation.outcome(), id) {
            acknowledged_count += 1;
            *times.entry(id).or_default() += 1;
            range = range.map_or(Some((id, id)), |(low, high)| Some((low.min(id), high.max(id))));
        }
    }
    let mut duplicated: Vec<(&V, usize)> =
        times.into_iter().filter(|&(_, times)| times > 1).collect();
    duplicated.sort_unstable_by_key(|&(id, times)| (Reverse(times), id));
    Ok(UniqueIds {
        verdict: Verdict::from_rule(duplicated.is_empty()),
        attempted_count,
        acknowledged_count,
        duplicated_count: duplicated.len(),
        duplicated: duplicated
            .into_iter()
            .take(DUPLICATED_MAX)
            .map(|(id, times)| (id.clone(), times))
            .collect(),
        range: range.map(|(low, high)| (low.clone(), high.clone())),
    })
}

impl<V: Serialize> Serialize for UniqueIds<V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("valid?", &self.verdict)?;
        map.serialize_entry("attempted-count", &self.attempted_count)?;
        map.serialize_entry("acknowledged-count", &self.acknowledged_count)?;
        map.serialize_entry("duplicated-count", &self.duplicated_count)?;
        map.serialize_entry("duplicated", &Counts(&self.duplicated))?;
        map.serialize_entry("range", &self.range)?;
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::history::Process;
    use crate::json::Json;

    /// One client that gets these ids one after another; `null` stands for a timeout.
    fn history(ids: &[serde_json::Value]) -> Vec<Event<Json>> {
        let mut events = Vec::new();
        for (process, id) in (0..).zip(ids) {
            let process = Process::Client(process);
            let completed = if id.is_null() { Kind::Info } else { Kind::Ok };
            let id = Some(Json(id.clone())).filter(|_| completed == Kind::Ok);
            for (kind, op) in
                [(Kind::Invoke, Op::Generate { id: None }), (completed, Op::Generate { id })]
            {
                let index = events.len() as u64;
                let time = index;
                events.push(Event { index, time, process, kind, op, error: None, is_final: false });
            }
        }
        events
    }

    #[test]
    fn different_ids_of_any_type_are_valid() {
        let ids = [json!(1), json!("1"), json!([1]), json!(null), json!(u64::MAX), json!({"a": 1})];
        let result = check(&history(&ids)).unwrap();
        assert_eq!(result.verdict, Verdict::Valid);
        assert_eq!((result.attempted_count, result.acknowledged_count), (6, 5));
        assert_eq!(result.range, Some((Json(json!(1)), Json(json!({"a": 1})))));
        assert_eq!(check::<Json>(&[]).unwrap().verdict, Verdict::Valid);
    }

    #[test]
    fn equal_ids_are_invalid_and_listed_by_frequency() {
        let ids = [json!([1, "x"]), json!(7), json!([1, "x"]), json!("b"), json!("b"), json!("b")];
        let result = check(&history(&ids)).unwrap();
        assert_eq!(result.verdict, Verdict::Invalid);
        assert_eq!(result.duplicated_count, 2);
        let text = serde_json::to_string(&result).unwrap();
        assert!(text.contains(r#""duplicated":{"b":3,"[1,\"x\"]":2}"#), "{text}");
    }

    #[test]
    fn the_list_of_duplicates_is_cut() {
        let ids: Vec<_> = (0..100).map(|number| json!(number / 2)).collect();
        let result = check(&history(&ids)).unwrap();
        assert_eq!((result.duplicated_count, result.duplicated.len()), (50, DUPLICATED_MAX));
        assert_eq!(result.duplicated[0], (Json(json!(0)), 2));
    }
}
