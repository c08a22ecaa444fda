//! JSON values as elements, ids and keys: with an order and a hash, compared by value.

use std::cmp::Ordering;
use std::fmt;

use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Number, Value};

/// Any JSON value, as the `V` of a history.
///
/// The order goes by type (null, booleans, numbers, strings, arrays, objects), then by value.
/// `1` and `1.0` are two values, as in Maelstrom. Prints as JSON.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Json(pub Value);

impl Json {
    /// The integer that this is, if it is one; `1.0` is not.
    pub fn integer(&self) -> Option<i128> {
        match &self.0 {
            Value::Number(number) => integer(number),
            _ => None,
        }
    }
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl PartialOrd for Json {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Json {
    fn cmp(&self, other: &Self) -> Ordering {
        compare(&self.0, &other.0)
    }
}

fn compare(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        (Value::Number(a), Value::Number(b)) => compare_numbers(a, b),
        (Value::String(a), Value::String(b)) => a.cmp(b),
        (Value::Array(a), Value::Array(b)) => {
            let differences = a.iter().zip(b).map(|(a, b)| compare(a, b));
            first_difference(differences).then(a.len().cmp(&b.len()))
        }
        (Value::Object(a), Value::Object(b)) => {
            let sorted = |object: &serde_json::Map<String, Value>| {
                let mut entries: Vec<_> = object
                    .iter()
                    .map(|(name, value)| (name.clone(), Json(value.clone())))
                    .collect();
                entries.sort_unstable();
                entries
            };
            sorted(a).cmp(&sorted(b))
        }
        _ => rank(a).cmp(&rank(b)),
    }
}

fn first_difference(mut differences: impl Iterator<Item = Ordering>) -> Ordering {
    differences.find(|difference| difference.is_ne()).unwrap_or(Ordering::Equal)
}

fn compare_numbers(a: &Number, b: &Number) -> Ordering {
    match (integer(a), integer(b)) {
        (Some(a), Some(b)) => a.cmp(&b),
        (a_integer, b_integer) => {
            let float = |number: &Number| number.as_f64().unwrap_or(f64::NAN);
            // Equal in value but not in kind: the integer comes first.
            let by_value = float(a).total_cmp(&float(b));
            by_value.then(b_integer.is_some().cmp(&a_integer.is_some()))
        }
    }
}

fn integer(number: &Number) -> Option<i128> {
    number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from))
}

const fn rank(value: &Value) -> u8 {
    match value {
        Value::Null => 0,
        Value::Bool(_) => 1,
        Value::Number(_) => 2,
        Value::String(_) => 3,
        Value::Array(_) => 4,
        Value::Object(_) => 5,
    }
}

/// A value as a name in a JSON object: a string as it is, anything else as its JSON text. A string
/// that would read as JSON itself is quoted, so that `1` and `"1"` do not meet.
pub(crate) fn key_text<V: Serialize>(key: &V) -> String {
    match serde_json::to_value(key) {
        Ok(Value::String(text))
            if serde_json::from_str::<serde::de::IgnoredAny>(&text).is_err() =>
        {
            text
        }
        Ok(value) => value.to_string(),
        Err(error) => error.to_string(),
    }
}

/// Values with how often they came, as a JSON object.
pub(crate) struct Counts<'a, V>(pub(crate) &'a [(V, usize)]);

impl<V: Serialize> Serialize for Counts<'_, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(value, times)| (key_text(value), times)))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_of_all_types_have_one_order() {
        let sorted = [
            json!(null),
            json!(false),
            json!(true),
            json!(-3),
            json!(1),
            json!(1.0),
            json!(1.5),
            json!(9_007_199_254_740_993_u64),
            json!(u64::MAX),
            json!("1"),
            json!("a"),
            json!([]),
            json!([1]),
            json!([1, 0]),
            json!([2]),
            json!({}),
            json!({"a": 1, "b": 2}),
            json!({"a": 2, "b": 1}),
        ];
        for (place, a) in sorted.iter().enumerate() {
            for (other_place, b) in sorted.iter().enumerate() {
                let order = Json(a.clone()).cmp(&Json(b.clone()));
                assert_eq!(order, place.cmp(&other_place), "{a} and {b}");
            }
        }
    }

    #[test]
    fn keys_of_different_values_differ() {
        assert_eq!(key_text(&1), "1");
        assert_eq!(key_text(&"1"), "\"1\"");
        assert_eq!(key_text(&"x"), "x");
        assert_eq!(key_text(&Json(json!([1, "x"]))), "[1,\"x\"]");
    }
}
