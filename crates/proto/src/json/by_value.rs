//! Values in the order of what they say, which is not that of their texts.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::{Json, Repr};

/// What a value is sorted by: numbers by their value, then strings by their content, then all else.
#[derive(PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct ByValue<'a>(Key<'a>);

impl Json {
    /// What this is sorted by where people read it: numbers of any size and precision by their value,
    /// then strings by their content. All other values are the same in this order.
    pub fn by_value(&self) -> ByValue<'_> {
        ByValue(Key::of(self))
    }

    /// Compares numbers by their value, then strings by their content, then all else by its text.
    pub fn cmp_by_value(&self, other: &Self) -> Ordering {
        match (&self.0, &other.0) {
            (Repr::Integer(number), Repr::Integer(other)) => number.cmp(other),
            // Without escapes the content is what stands between the quotes.
            (Repr::String(text), Repr::String(other)) => {
                text[1..text.len() - 1].cmp(&other[1..other.len() - 1])
            }
            _ => self.by_value().cmp(&other.by_value()).then_with(|| self.cmp(other)),
        }
    }
}

/// What an element is sorted by.
#[derive(PartialEq, Eq, PartialOrd, Ord, Debug)]
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
#[derive(PartialEq, Eq, Debug)]
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
    use super::*;

    #[test]
    fn numbers_come_by_their_value_before_strings_by_their_content() {
        let texts = [
            "-1e30",
            "-2.5",
            "0",
            "2.5",
            "3",
            "9223372036854775807",
            "9223372036854775808",
            "10000000000000000000",
            "1e20",
            "\"\"",
            "\"1\"",
            "\"a\"",
            "\"a b\"",
            "\"a!\"",
            "[1]",
            "[2]",
        ];
        let values = texts.map(|text| Json::parse(text).unwrap());
        for (place, one) in values.iter().enumerate() {
            for (other_place, other) in values.iter().enumerate() {
                assert_eq!(one.cmp_by_value(other), place.cmp(&other_place), "{one} {other}");
            }
        }
    }
}
