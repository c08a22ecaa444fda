//! Whether the expected messages are among the lines of a node, and where they differ.

use proto::Json;
use serde_json::Value;

/// How many characters of a line are shown.
const SHOWN_MAX: usize = 1000;

/// Expected messages held against what came.
#[derive(Debug)]
pub(super) struct Comparison<'a> {
    expected: &'a [Json],
    output: &'a [String],
    /// For each expected message that was found, which line it is.
    found: Vec<usize>,
}

impl<'a> Comparison<'a> {
    /// Looks for each expected message after the one before it. Values are compared by what they
    /// mean: 0 equals 0.0, and the order of keys does not matter.
    pub(super) fn new(expected: &'a [Json], output: &'a [String]) -> Self {
        let mut found = Vec::new();
        let mut from = 0;
        for message in expected {
            let mut rest = output[from..].iter();
            let Some(at) = rest.position(|line| is_the_message(line, message)) else { break };
            found.push(from + at);
            from += at + 1;
        }
        Self { expected, output, found }
    }

    /// Whether all of them are there.
    pub(super) fn is_match(&self) -> bool {
        self.found.len() == self.expected.len()
    }

    /// The expected lines against those that came, line by line, from the first to the last.
    pub(super) fn difference(&self) -> Vec<String> {
        let mut lines: Vec<String> = self
            .found
            .iter()
            .map(|line| format!("  as expected  {}", shown(&self.output[*line])))
            .collect();
        let missing = &self.expected[self.found.len()..];
        let rest = &self.output[self.found.last().map_or(0, |last| last + 1)..];
        for index in 0..missing.len().max(rest.len()) {
            let (message, line) = (missing.get(index), rest.get(index));
            if let (Some(message), Some(line)) = (message, line)
                && is_the_message(line, message)
            {
                lines.push(format!("  as expected  {}", shown(line)));
                continue;
            }
            if let Some(message) = message {
                lines.push(format!("- expected     {}", shown(&message.text())));
            }
            match line {
                Some(line) => lines.push(format!("+ came         {}", shown(line))),
                None => lines.push("+ came         nothing".to_owned()),
            }
            if let (Some(message), Some(line)) = (message, line) {
                lines.extend(differing_fields(message, line));
            }
        }
        lines
    }
}

fn is_the_message(line: &str, message: &Json) -> bool {
    Json::parse(line).is_ok_and(|value| value == *message)
}

/// A line as people are shown it.
fn shown(line: &str) -> String {
    let line = line.replace(['\n', '\r'], " ");
    match line.char_indices().nth(SHOWN_MAX) {
        Some((end, _)) => format!("{}... ({} bytes)", &line[..end], line.len()),
        None => line,
    }
}

/// In which fields a line differs from what was expected.
fn differing_fields(expected: &Json, line: &str) -> Vec<String> {
    let parse = |text: &str| serde_json::from_str::<Value>(text);
    let (Ok(expected), Ok(came)) = (parse(&expected.text()), parse(line)) else {
        return vec!["               that is not JSON".to_owned()];
    };
    let mut differences = Vec::new();
    compare_fields("", Some(&expected), Some(&came), &mut differences);
    differences.iter().map(|field| format!("               {field}")).collect()
}

fn compare_fields(
    path: &str,
    expected: Option<&Value>,
    came: Option<&Value>,
    differences: &mut Vec<String>,
) {
    match (expected, came) {
        (Some(Value::Object(expected)), Some(Value::Object(came))) => {
            let more = came.keys().filter(|key| !expected.contains_key(*key));
            for key in expected.keys().chain(more) {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                compare_fields(&path, expected.get(key), came.get(key), differences);
            }
        }
        (Some(expected), Some(came)) if Json::from(expected) == Json::from(came) => {}
        (Some(expected), Some(came)) => {
            differences.push(format!("{path}: expected {expected}, came {came}"));
        }
        (Some(expected), None) => {
            differences.push(format!("{path}: expected {expected}, not there"));
        }
        (None, Some(came)) => differences.push(format!("{path}: not expected, came {came}")),
        (None, None) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compare(expected: &[&str], output: &[&str]) -> Vec<String> {
        let expected: Vec<Json> = expected.iter().map(|text| Json::parse(text).unwrap()).collect();
        let output: Vec<String> = output.iter().map(|&line| line.to_owned()).collect();
        let comparison = Comparison::new(&expected, &output);
        if comparison.is_match() { Vec::new() } else { comparison.difference() }
    }

    #[test]
    fn messages_are_compared_by_value_in_order_with_others_between_them() {
        let expected = [r#"{"a": 0, "b": "x"}"#, r#"{"c": [1]}"#];
        assert_eq!(compare(&expected, &[r#"{"b":"x","a":0.0}"#, "{}", r#"{"c":[1e0]}"#]), [""; 0]);
        assert_ne!(compare(&expected, &[r#"{"c":[1]}"#, r#"{"a":0,"b":"x"}"#]), [""; 0]);
        assert_ne!(compare(&expected, &[r#"{"a":0,"b":"x"}"#]), [""; 0]);
        // One line is not two messages.
        assert_ne!(compare(&["1", "1"], &["1"]), [""; 0]);
        // A key too many, or an element too few, is a difference.
        assert_ne!(compare(&[r#"{"a":1}"#], &[r#"{"a":1,"b":2}"#]), [""; 0]);
        assert_ne!(compare(&["[1,2]"], &["[1]"]), [""; 0]);
    }

    #[test]
    fn a_difference_is_shown_line_against_line_and_field_by_field() {
        let difference = compare(
            &["1", r#"{"body":{"id":"n1-0","msg_id":1}}"#, "3"],
            &["1", r#"{"body":{"id":"n1-1","x":null}}"#],
        );
        assert_eq!(
            difference,
            [
                "  as expected  1",
                r#"- expected     {"body":{"id":"n1-0","msg_id":1}}"#,
                r#"+ came         {"body":{"id":"n1-1","x":null}}"#,
                r#"               body.id: expected "n1-0", came "n1-1""#,
                "               body.msg_id: expected 1, not there",
                "               body.x: not expected, came null",
                "- expected     3",
                "+ came         nothing",
            ]
        );
    }
}
