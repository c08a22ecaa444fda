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
        _ => {
            let mut canonical = String::with_capacity(text.len());
            write_canonical(text, DEPTH_MAX, Floats::AsIntegers, &mut canonical);
            (canonical != text).then_some(Canonical::Text(canonical))
        }
    }
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
