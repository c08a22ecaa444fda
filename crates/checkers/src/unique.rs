//! Workload unique-ids: did any id come twice?

use std::cmp::Ordering;
use std::fmt::Debug;
use std::hash::Hash;

use rustc_hash::FxHashMap;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::history::{Event, Kind, Op};
use crate::json::Counts;
use crate::operation::{Malformed, operations};
use crate::verdict::Verdict;

/// An operation of the workload unique-ids.
#[derive(Clone, Debug, PartialEq)]
pub struct GenerateOp<V> {
    /// The id that the node made.
    pub id: Option<V>,
}

impl<V: Clone + PartialEq + Debug + Serialize> Op for GenerateOp<V> {
    fn f(&self) -> &str {
        "generate"
    }

    fn is_completed_by(&self, _: &Self) -> bool {
        true
    }

    fn write<M: SerializeMap>(&self, _: Kind, line: &mut M) -> Result<(), M::Error> {
        line.serialize_entry("value", &self.id)
    }
}

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

/// Checks a history of `generate` operations.
///
/// # Errors
///
/// When no clients can have produced the history.
pub fn check<V>(history: &[Event<GenerateOp<V>>]) -> Result<UniqueIds<V>, Malformed>
where
    V: Clone + Eq + Hash + Ord,
    GenerateOp<V>: Op,
{
    check_by(history, V::cmp)
}

/// Checks the same, with another order of the ids by which the lowest and the highest are found.
///
/// # Errors
///
/// When no clients can have produced the history.
pub fn check_by<V>(
    history: &[Event<GenerateOp<V>>],
    order: impl Fn(&V, &V) -> Ordering,
) -> Result<UniqueIds<V>, Malformed>
where
    V: Clone + Eq + Hash,
    GenerateOp<V>: Op,
{
    let mut times: FxHashMap<&V, usize> = FxHashMap::default();
    let (mut attempted_count, mut acknowledged_count) = (0, 0);
    let mut range: Option<(&V, &V)> = None;
    for operation in operations(history)? {
        let GenerateOp { id } = operation.op();
        attempted_count += 1;
        if let (Kind::Ok, Some(id)) = (operation.outcome(), id) {
            acknowledged_count += 1;
            *times.entry(id).or_default() += 1;
            range = range.map_or(Some((id, id)), |(low, high)| {
                let low = if order(id, low).is_lt() { id } else { low };
                let high = if order(id, high).is_gt() { id } else { high };
                Some((low, high))
            });
        }
    }
    let mut duplicated: Vec<(&V, usize)> =
        times.into_iter().filter(|&(_, times)| times > 1).collect();
    duplicated.sort_unstable_by(|&(id, times), &(other, others)| {
        others.cmp(&times).then_with(|| order(id, other))
    });
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
    use super::*;
    use crate::testing::History;

    /// What comes of these ids; `None` stands for a timeout.
    fn result(ids: impl IntoIterator<Item = Option<u64>>) -> UniqueIds<u64> {
        let mut history = History::default();
        for (process, id) in (0..).zip(ids) {
            history.invoke(process, GenerateOp { id: None });
            match id {
                Some(_) => history.ok(process, GenerateOp { id }),
                None => history.info(process, GenerateOp { id }),
            }
        }
        check(&history.events).unwrap()
    }

    #[test]
    fn different_ids_are_valid() {
        let result = result([Some(9), Some(3), None, Some(u64::MAX), None]);
        assert_eq!(result.verdict, Verdict::Valid);
        assert_eq!((result.attempted_count, result.acknowledged_count), (5, 3));
        assert_eq!(result.range, Some((3, u64::MAX)));
    }

    #[test]
    fn no_ids_are_valid() {
        assert_eq!(result([]).verdict, Verdict::Valid);
        assert_eq!(result([None, None]).verdict, Verdict::Valid);
    }

    #[test]
    fn equal_ids_are_invalid_and_listed_by_frequency() {
        let result = result([5, 7, 2, 7, 5, 7].map(Some));
        assert_eq!((result.verdict, result.duplicated_count), (Verdict::Invalid, 2));
        let text = serde_json::to_string(&result).unwrap();
        assert_eq!(
            text,
            r#"{"valid?":false,"attempted-count":6,"acknowledged-count":6,"duplicated-count":2,"duplicated":{"7":3,"5":2},"range":[2,7]}"#
        );
    }

    #[test]
    fn the_list_of_duplicates_is_cut() {
        let result = result((0..100).map(|number| Some(number / 2)));
        assert_eq!((result.duplicated_count, result.duplicated.len()), (50, DUPLICATED_MAX));
        assert_eq!(result.duplicated[0], (0, 2));
    }
}
