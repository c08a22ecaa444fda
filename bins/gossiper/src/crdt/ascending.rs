//! The order in which a set is read: numbers by their value, then strings by their content, then all
//! else by its JSON text.
//!
//! A set keeps its elements in the order of [`Json`]: integers, then everything else by its text. So
//! a set of integers is read as it stands, and only the rest has to be sorted.

use std::borrow::Cow;
use std::cmp::Ordering;

use proto::Json;

/// The elements of a set, which come in their own order, in ascending order.
pub(super) fn ascending<'a>(elements: impl Iterator<Item = &'a Json>) -> Vec<Json> {
    let all: Vec<&Json> = elements.collect();
    let (mut integers, rest) =
        all.split_at(all.partition_point(|element| element.as_i64().is_some()));
    let mut rest: Vec<_> = rest.iter().map(|element| (Key::of(element), *element)).collect();
    // Stable: what has the same key stays in the order of its text.
    rest.sort_by(|(key, _), (other, _)| key.cmp(other));
    let mut sorted = Vec::with_capacity(all.len());
    for (key, element) in rest {
        let smaller = match &key {
            Key::Number(number) => {
                integers.partition_point(|integer| Decimal::of(&integer.text()) < *number)
            }
            Key::Text(_) | Key::Other => integers.len(),
        };
        let (before, after) = integers.split_at(smaller);
        sorted.extend(before.iter().copied().cloned());
        sorted.push(element.clone());
        integers = after;
    }
    sorted.extend(integers.iter().copied().cloned());
    sorted
}

/// What an element is sorted by.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Key<'a> {
    Number(Decimal),
    Text(Cow<'a, str>),
    Other,
}

impl<'a> Key<'a> {
    fn of(element: &'a Json) -> Self {
        let text = element.text();
        match text.as_bytes().first() {
            Some(b'-' | b'0'..=b'9') => Self::Number(Decimal::of(&text)),
            Some(b'"') => Self::Text(content(text)),
            _ => Self::Other,
        }
    }
}

/// What a string says. Half a surrogate pair has no meaning: such a string stands by its text.
fn content(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.contains('\\')
        && let Ok(content) = serde_json::from_str(&text)
    {
        return Cow::Owned(content);
    }
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim_matches('"')),
        Cow::Owned(text) => Cow::Owned(text.trim_matches('"').to_owned()),
    }
}

/// A number of any size and precision, to be compared: `0.DIGITS` times ten to the power of `exponent`.
#[derive(PartialEq, Eq)]
struct Decimal {
    /// -1, 0 or 1.
    sign: i8,
    exponent: i64,
    /// Without zeros in front and at the end.
    digits: String,
}

impl Decimal {
    /// The value of a number's JSON text. An exponent too large to count with is the largest there is.
    fn of(text: &str) -> Self {
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let exponent = exponent.parse().unwrap_or_else(|_| match exponent.starts_with('-') {
            true => i64::MIN,
            false => i64::MAX,
        });
        let (sign, mantissa) = mantissa.strip_prefix('-').map_or((1, mantissa), |rest| (-1, rest));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all = [whole, fraction].concat();
        let digits = all.trim_start_matches('0');
        if digits.is_empty() {
            return Self { sign: 0, exponent: 0, digits: String::new() };
        }
        let point = whole.len() as i64 - (all.len() - digits.len()) as i64;
        let digits = digits.trim_end_matches('0').to_owned();
        Self { sign, exponent: exponent.saturating_add(point), digits }
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        let size = (self.exponent, &self.digits).cmp(&(other.exponent, &other.digits));
        self.sign.cmp(&other.sign).then(if self.sign < 0 { size.reverse() } else { size })
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// What is read of a set to which these are added.
    fn read(texts: &[&str]) -> String {
        let set: BTreeSet<_> = texts.iter().map(|text| Json::parse(text).unwrap()).collect();
        let texts: Vec<_> = ascending(set.iter()).iter().map(Json::to_string).collect();
        texts.join(" ")
    }

    #[test]
    fn numbers_come_in_the_order_of_their_values_and_as_they_were_written() {
        let texts = ["3", "1.5", "2", "1e20", "2.5", "-0.5", "0", "10000000000000000000", "-7"];
        assert_eq!(read(&texts), "-7 -0.5 0 1.5 2 2.5 3 10000000000000000000 1e20");
        assert_eq!(
            read(&["1e3", "999.5", "1000.5", "0.001", "1E-2"]),
            "0.001 1E-2 999.5 1e3 1000.5"
        );
        assert_eq!(read(&["-2.5", "-2", "-3", "-1e30", "-0.0"]), "-1e30 -3 -2.5 -2 -0.0");
        // A float would not tell these apart, or not hold them.
        let texts = ["9223372036854775809", "9223372036854775807", "9223372036854775808"];
        assert_eq!(read(&texts), "9223372036854775807 9223372036854775808 9223372036854775809");
        assert_eq!(read(&["1e400", "1", "2e400", "-1e400"]), "-1e400 1 1e400 2e400");
        let texts = ["1e99999999999999999999", "5", "1e-99999999999999999999", "0"];
        assert_eq!(read(&texts), "0 1e-99999999999999999999 5 1e99999999999999999999");
    }

    #[test]
    fn strings_come_after_all_numbers_in_the_order_of_their_content() {
        assert_eq!(read(&["\"a b\"", "\"a!\"", "\"a\""]), "\"a\" \"a b\" \"a!\"");
        assert_eq!(
            read(&["\"b\"", "\"\\u0061z\"", "\"a\"", "\"\""]),
            "\"\" \"a\" \"\\u0061z\" \"b\""
        );
        assert_eq!(read(&["\"1\"", "2.5", "\"\"", "-1", "1e20"]), "-1 2.5 1e20 \"\" \"1\"");
        let texts = ["null", "{\"a\":1}", "[2]", "\"z\"", "true", "0.5", "7", "false", "[1]"];
        assert_eq!(read(&texts), "0.5 7 \"z\" [1] [2] false null true {\"a\":1}");
    }
}
