//! The one text that stands for all texts of a value.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::{WHOLE_DIGITS_MAX, plain_integer};

/// Deepest nesting that is compared by value; what lies deeper is compared by its text.
pub(super) const DEPTH_MAX: usize = 64;

/// Whether a float can equal an integer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Floats {
    /// By value.
    AsIntegers,
    /// Never.
    Apart,
}

/// What a value is compared by.
#[derive(PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Canonical {
    Integer(i64),
    Text(String),
}

/// What to compare the value by, or nothing when its text serves.
pub(super) fn canonical(text: &str) -> Option<Canonical> {
    match text.as_bytes().first()? {
        b'n' | b't' | b'f' => None,
        b'-' | b'0'..=b'9' => {
            let number = canonical_number(text);
            match plain_integer(&number) {
                Some(integer) => Some(Canonical::Integer(integer)),
                None => (number != text).then(|| Canonical::Text(number.into_owned())),
            }
        }
        _ if is_plain(text) => None,
        _ => {
            let mut canonical = String::with_capacity(text.len());
            write_canonical(text, DEPTH_MAX, Floats::AsIntegers, &mut canonical);
            (canonical != text).then_some(Canonical::Text(canonical))
        }
    }
}

/// Whether a text of JSON is clearly its own canonical one, whatever is thought of floats: without space,
/// escapes, fractions and exponents, with the keys of objects in their order. So nearly all are that
/// programs write.
pub(super) fn is_plain(text: &str) -> bool {
    let mut rest = text.as_bytes();
    skip_plain(&mut rest, DEPTH_MAX).is_some() && rest.is_empty()
}

/// Takes the value in front of what is left, if it is plain. That it is JSON is known.
fn skip_plain(rest: &mut &[u8], depth_left: usize) -> Option<()> {
    match rest.first()? {
        b'"' => skip_string(rest).map(drop),
        b'-' | b'0'..=b'9' => skip_integer(rest),
        b't' | b'n' => skip(rest, "null".len()).map(drop),
        b'f' => skip(rest, "false".len()).map(drop),
        b'[' => {
            let depth_left = depth_left.checked_sub(1)?;
            skip_items(rest, b']', |rest| skip_plain(rest, depth_left))
        }
        b'{' => {
            let depth_left = depth_left.checked_sub(1)?;
            let mut last = None;
            skip_items(rest, b'}', |rest| {
                let key = skip_string(rest)?;
                let is_in_order = last.replace(key).is_none_or(|last| last < key);
                is_in_order.then_some(())?;
                skip_byte(rest, b':')?;
                skip_plain(rest, depth_left)
            })
        }
        _ => None,
    }
}

/// Takes a list or an object whose end is `end`.
fn skip_items<'a>(
    rest: &mut &'a [u8],
    end: u8,
    mut skip_item: impl FnMut(&mut &'a [u8]) -> Option<()>,
) -> Option<()> {
    *rest = rest.get(1..)?;
    if skip_byte(rest, end).is_some() {
        return Some(());
    }
    loop {
        skip_item(rest)?;
        if skip_byte(rest, b',').is_none() {
            return skip_byte(rest, end);
        }
    }
}

fn skip_byte(rest: &mut &[u8], byte: u8) -> Option<()> {
    *rest = rest.strip_prefix(&[byte])?;
    Some(())
}

fn skip<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (front, back) = rest.split_at_checked(length)?;
    *rest = back;
    Some(front)
}

/// Takes a string without escapes; its content.
fn skip_string<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    skip_byte(rest, b'"')?;
    let length = rest.iter().position(|byte| matches!(byte, b'"' | b'\\'))?;
    let content = skip(rest, length)?;
    skip_byte(rest, b'"')?;
    Some(content)
}

/// Takes a whole number that is written plainly.
fn skip_integer(rest: &mut &[u8]) -> Option<()> {
    let is_negative = skip_byte(rest, b'-').is_some();
    let length = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let digits = skip(rest, length)?;
    // That it is zero is said without a sign, and a longer one perhaps by a power of ten.
    let is_plain = length <= WHOLE_DIGITS_MAX && !(is_negative && digits == b"0");
    is_plain.then_some(())
}

/// Writes the one text that all texts of the same value share.
pub(super) fn write_canonical(text: &str, depth_left: usize, floats: Floats, out: &mut String) {
    let parsed = match text.as_bytes().first() {
        Some(b'-' | b'0'..=b'9') => {
            out.push_str(&canonical_number(text));
            if floats == Floats::Apart && text.contains(['.', 'e', 'E']) {
                // No number is written so; no integer is the same.
                out.push('.');
            }
            Some(())
        }
        Some(b'"') => serde_json::from_str::<String>(text)
            .and_then(|string| serde_json::to_string(&string))
            .ok()
            .map(|string| out.push_str(&string)),
        Some(b'[') if depth_left > 0 => write_canonical_array(text, depth_left - 1, floats, out),
        Some(b'{') if depth_left > 0 => write_canonical_object(text, depth_left - 1, floats, out),
        _ => None,
    };
    if parsed.is_none() {
        out.push_str(text);
    }
}

fn write_canonical_array(
    text: &str,
    depth_left: usize,
    floats: Floats,
    out: &mut String,
) -> Option<()> {
    let items: Vec<&RawValue> = serde_json::from_str(text).ok()?;
    out.push('[');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        write_canonical(item.get(), depth_left, floats, out);
    }
    out.push(']');
    Some(())
}

fn write_canonical_object(
    text: &str,
    depth_left: usize,
    floats: Floats,
    out: &mut String,
) -> Option<()> {
    let fields: BTreeMap<String, &RawValue> = serde_json::from_str(text).ok()?;
    out.push('{');
    for (index, (name, value)) in fields.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        out.push_str(&serde_json::to_string(name).ok()?);
        out.push(':');
        write_canonical(value.get(), depth_left, floats, out);
    }
    out.push('}');
    Some(())
}

/// A number as its digits without outer zeros and a power of ten (`12e-1`), or plainly where it is
/// a whole number of up to 19 digits. An exponent too large to count with is left as it came.
fn canonical_number(text: &str) -> Cow<'_, str> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => match exponent.parse::<i32>() {
            Ok(exponent) => (mantissa, i64::from(exponent)),
            Err(_) => return Cow::Borrowed(text),
        },
        None => (text, 0),
    };
    let (sign, mantissa) =
        mantissa.strip_prefix('-').map_or(("", mantissa), |mantissa| ("-", mantissa));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = [whole, fraction].concat();
    let trimmed = digits.trim_end_matches('0');
    let exponent = exponent - fraction.len() as i64 + (digits.len() - trimmed.len()) as i64;
    let digits = trimmed.trim_start_matches('0');
    if digits.is_empty() {
        return Cow::Borrowed("0");
    }
    let length = digits.len() as i64 + exponent;
    if exponent >= 0 && length <= WHOLE_DIGITS_MAX as i64 {
        let zeros = "0".repeat(exponent as usize);
        return Cow::Owned(format!("{sign}{digits}{zeros}"));
    }
    if exponent == 0 {
        return Cow::Owned(format!("{sign}{digits}"));
    }
    Cow::Owned(format!("{sign}{digits}e{exponent}"))
}

#[cfg(test)]
mod tests {
    use rand::rngs::Xoshiro256PlusPlus;
    use rand::seq::IndexedRandom;
    use rand::{RngExt, SeedableRng};

    use super::*;

    /// Pieces that are plain, and pieces of which each is not in a way of its own.
    const SCALARS: [&str; 20] = [
        "0",
        "7",
        "-12",
        "100",
        "9223372036854775807",
        "9999999999999999999",
        "null",
        "true",
        "false",
        r#""""#,
        r#""a b""#,
        r#""ü""#,
        "-0",
        "1.0",
        "1e2",
        "1E-1",
        "10000000000000000000",
        r#""\u0061""#,
        r#""\/""#,
        " 1",
    ];
    const KEYS: [&str; 6] = [r#""a""#, r#""b""#, r#""B""#, r#""""#, r#""\u0061""#, r#" "c""#];

    fn random_text(random: &mut Xoshiro256PlusPlus, depth_left: u32) -> String {
        let any = |random: &mut Xoshiro256PlusPlus, texts: &[&str]| {
            texts.choose(random).unwrap().to_string()
        };
        match random.random_range(0..4) {
            0 if depth_left > 0 => {
                let items: Vec<_> = (0..random.random_range(0..4))
                    .map(|_| random_text(random, depth_left - 1))
                    .collect();
                format!("[{}]", items.join(","))
            }
            1 if depth_left > 0 => {
                let items: Vec<_> = (0..random.random_range(0..4))
                    .map(|_| {
                        let key = any(random, &KEYS);
                        format!("{key}:{}", random_text(random, depth_left - 1))
                    })
                    .collect();
                format!("{{{}}}", items.join(","))
            }
            // Mostly plain, or no longer text would be.
            _ if random.random_bool(0.9) => any(random, &SCALARS[..12]),
            _ => any(random, &SCALARS),
        }
    }

    #[test]
    fn a_text_that_is_taken_for_plain_is_its_own_canonical_one() {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(1);
        let mut plain = 0;
        for _ in 0..50_000 {
            let text = random_text(&mut random, 4);
            let text = text.trim_ascii();
            let canonical = [Floats::AsIntegers, Floats::Apart].map(|floats| {
                let mut canonical = String::new();
                write_canonical(text, DEPTH_MAX, floats, &mut canonical);
                canonical
            });
            if is_plain(text) {
                plain += 1;
                assert_eq!(canonical, [text, text]);
            } else {
                // None of these pieces is refused without need.
                assert_ne!(canonical, [text, text]);
            }
        }
        assert!((5_000..45_000).contains(&plain), "{plain}");
    }

    #[test]
    fn what_is_deep_is_not_looked_at() {
        let nested = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
        assert!(is_plain(&nested(DEPTH_MAX)));
        assert!(!is_plain(&nested(DEPTH_MAX + 1)));
        assert!(!is_plain(&nested(1_000_000)));
    }
}
