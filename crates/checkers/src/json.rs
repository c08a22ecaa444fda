//! Values as the names in JSON objects, where Maelstrom has maps from keys or elements.

use serde::{Serialize, Serializer};
use serde_json::Value;

/// A value as a name: a string as it is, anything else as its JSON text. A string that would read
/// as JSON itself is quoted, so that `1` and `"1"` do not meet.
pub(crate) fn name<V: Serialize>(value: &V) -> String {
    let is_json = |text: &str| serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
    match serde_json::to_value(value) {
        Ok(Value::String(text)) if !is_json(&text) => text,
        Ok(value) => value.to_string(),
        Err(error) => error.to_string(),
    }
}

/// Values with how often they came, as a JSON object.
pub(crate) struct Counts<'a, V>(pub(crate) &'a [(V, usize)]);

impl<V: Serialize> Serialize for Counts<'_, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(value, times)| (name(value), times)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_different_values_differ() {
        assert_eq!(name(&1), "1");
        assert_eq!(name(&"1"), "\"1\"");
        assert_eq!(name(&"x"), "x");
        assert_eq!(name(&(1, "x")), "[1,\"x\"]");
        let counts = Counts(&[("a", 2), ("1", 3)]);
        assert_eq!(serde_json::to_string(&counts).unwrap(), r#"{"a":2,"\"1\"":3}"#);
    }
}
