//! Values that came back in another type than that in which they were sent.

use serde_json::Value;

/// Whether a value is what was sent but for its type: `"31"`, `31.0` or `[31]` instead of `31`.
pub(super) fn differ_only_in_type(sent: &Value, came: &Value) -> bool {
    if sent == came {
        return false;
    }
    match (sent, came) {
        (_, Value::Array(items)) if items.contains(sent) => true,
        (_, Value::Object(fields)) if fields.values().any(|field| field == sent) => true,
        (Value::String(_), Value::String(_)) => false,
        _ => match (plain(sent), plain(came)) {
            (Some(sent), Some(came)) => sent == came || is_same_number(&sent, &came),
            _ => false,
        },
    }
}

/// What a plain value reads as without quotes.
fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim().to_owned()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        _ => None,
    }
}

fn is_same_number(one: &str, other: &str) -> bool {
    matches!((one.parse::<f64>(), other.parse::<f64>()), (Ok(one), Ok(other)) if one == other)
}

/// A value's type, for people.
pub(super) fn name(value: &Value) -> &'static str {
    match value {
        Value::Null => "which is null",
        Value::Bool(_) => "a boolean",
        Value::Number(number) if number.is_f64() => "a float",
        Value::Number(_) => "an integer",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_of_another_type_is_known_again() {
        for came in [json!("31"), json!(31.0), json!([31]), json!({"v": 31}), json!(" 31 ")] {
            assert!(differ_only_in_type(&json!(31), &came), "{came}");
        }
        for came in [json!(31), json!("310"), json!(3), json!(null), json!([30]), json!("")] {
            assert!(!differ_only_in_type(&json!(31), &came), "{came}");
        }
        assert!(differ_only_in_type(&json!("a"), &json!(["a"])));
        assert!(!differ_only_in_type(&json!("1"), &json!("1.0")), "both are strings");
        assert!(differ_only_in_type(&json!("1"), &json!(1)));
        // Beyond what a float tells apart, and no number at all.
        assert!(!differ_only_in_type(&json!(i64::MAX), &json!("x")));
        assert_eq!(
            [json!("1"), json!(1.0), json!(1)].each_ref().map(name),
            ["a string", "a float", "an integer"]
        );
    }
}
