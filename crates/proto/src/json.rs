//! Values that are opaque to a node: any JSON, kept exactly as it came, compared by value.

mod by_value;
mod canonical;

use std::borrow::Cow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

pub use by_value::ByValue;
use canonical::{Canonical, DEPTH_MAX, Floats, canonical, is_plain, write_canonical};

/// Any JSON value, cheap to copy, that comes back exactly as it came.
///
/// Two values are equal when they mean the same: `1` equals `1.0` and `1e0`, `"\u0061"` equals
/// `"a"`, and the order of an object's keys does not matter. Numbers of any size keep all digits.
#[derive(Clone)]
pub struct Json(Repr);

#[derive(Clone)]
enum Repr {
    /// A whole number written in the plain way; most keys, values and elements are one.
    Integer(i64),
    /// The text of a string without escapes, quotes included.
    String(Arc<str>),
    /// Other text that is the only way to write its value.
    Plain(Arc<RawValue>),
    /// Text that means the same as another one.
    Variant(Arc<Variant>),
}

struct Variant {
    text: Box<RawValue>,
    canonical: Canonical,
}

#[derive(PartialEq, Eq, PartialOrd, Ord, Hash)]
enum CanonicalRef<'a> {
    Integer(i64),
    Text(&'a str),
}

impl Json {
    /// The value `null`.
    pub fn null() -> Self {
        Self(Repr::Plain(Arc::from(RawValue::NULL.to_owned())))
    }

    /// Whether this is `null`.
    pub fn is_null(&self) -> bool {
        matches!(&self.0, Repr::Plain(text) if text.get() == "null")
    }

    /// Whether this is a list.
    pub fn is_list(&self) -> bool {
        self.text().starts_with('[')
    }

    /// Whether this is the string of these characters, which need no escapes.
    pub fn is_string(&self, content: &str) -> bool {
        let text = match self.canonical() {
            CanonicalRef::Text(text) => {
                text.strip_prefix('"').and_then(|text| text.strip_suffix('"'))
            }
            CanonicalRef::Integer(_) => None,
        };
        text == Some(content)
    }

    /// The value as an integer, where it is one that fits.
    pub fn as_i64(&self) -> Option<i64> {
        match self.canonical() {
            CanonicalRef::Integer(number) => Some(number),
            CanonicalRef::Text(_) => None,
        }
    }

    /// The JSON text, as it came.
    pub fn text(&self) -> Cow<'_, str> {
        match &self.0 {
            Repr::Integer(number) => Cow::Owned(number.to_string()),
            Repr::String(text) => Cow::Borrowed(text),
            Repr::Plain(text) => Cow::Borrowed(text.get()),
            Repr::Variant(variant) => Cow::Borrowed(variant.text.get()),
        }
    }

    /// The value of a JSON text.
    ///
    /// # Errors
    /// If the text is not exactly one JSON value.
    pub fn parse(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// The same text, equal only to values whose numbers are written in the same way, as integers
    /// or with a point or an exponent: `1.0` is `1.00`, but not `1`. Maelstrom compares so. Both
    /// sides of a comparison have to come from here.
    #[must_use]
    pub fn distinguishing_floats(self) -> Self {
        let raw: &RawValue = match &self.0 {
            Repr::Plain(text) if is_plain(text.get()) => return self,
            Repr::Plain(text) => text,
            Repr::Variant(variant) => &variant.text,
            // A plain integer is no float, and a string has no number in it.
            Repr::Integer(_) | Repr::String(_) => return self,
        };
        let mut canonical = String::with_capacity(raw.get().len());
        write_canonical(raw.get(), DEPTH_MAX, Floats::Apart, &mut canonical);
        let canonical = match plain_integer(&canonical) {
            Some(integer) => Canonical::Integer(integer),
            None if canonical == raw.get() => return Self(Repr::Plain(Arc::from(raw.to_owned()))),
            None => Canonical::Text(canonical),
        };
        Self(Repr::Variant(Arc::new(Variant { text: raw.to_owned(), canonical })))
    }

    /// The value of a text that is an integer or a string written in the plain way: without space,
    /// escapes and needless digits. `None` of any other text, which may be JSON all the same.
    pub fn plain(text: &str) -> Option<Self> {
        if let Some(content) = text.strip_prefix('"') {
            let is_plain = !needs_escapes(content.strip_suffix('"')?);
            return is_plain.then(|| Self(Repr::String(Arc::from(text))));
        }
        plain_integer(text).map(Self::from)
    }

    fn from_raw(raw: &RawValue) -> Self {
        let text = raw.get();
        if let Some(plain) = Self::plain(text) {
            return plain;
        }
        match canonical(text) {
            None => Self(Repr::Plain(Arc::from(raw.to_owned()))),
            Some(canonical) => {
                Self(Repr::Variant(Arc::new(Variant { text: raw.to_owned(), canonical })))
            }
        }
    }

    fn canonical(&self) -> CanonicalRef<'_> {
        match &self.0 {
            Repr::Integer(number) => CanonicalRef::Integer(*number),
            Repr::String(text) => CanonicalRef::Text(text),
            Repr::Plain(text) => CanonicalRef::Text(text.get()),
            Repr::Variant(variant) => match &variant.canonical {
                Canonical::Integer(number) => CanonicalRef::Integer(*number),
                Canonical::Text(text) => CanonicalRef::Text(text),
            },
        }
    }
}

impl PartialEq for Json {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            // Nearly all that is ever compared.
            (Repr::Integer(number), Repr::Integer(other)) => number == other,
            _ => self.canonical() == other.canonical(),
        }
    }
}

impl Eq for Json {}

impl Hash for Json {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.canonical().hash(state);
    }
}

impl PartialOrd for Json {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// Integers in their order, then everything else by its canonical text.
impl Ord for Json {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.canonical().cmp(&other.canonical())
    }
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Repr::Integer(number) => serializer.serialize_i64(*number),
            // Without escapes there is only one way to write it, with this content in quotes.
            Repr::String(text) => serializer.serialize_str(&text[1..text.len() - 1]),
            Repr::Plain(text) => text.serialize(serializer),
            Repr::Variant(variant) => variant.text.serialize(serializer),
        }
    }
}

/// Only from JSON text that is held in memory (`serde_json::from_str` and `from_slice`).
impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <&'de RawValue>::deserialize(deserializer).map(Self::from_raw)
    }
}

impl From<i64> for Json {
    fn from(number: i64) -> Self {
        Self(Repr::Integer(number))
    }
}

impl From<&str> for Json {
    fn from(text: &str) -> Self {
        match needs_escapes(text) {
            true => Self::from(&serde_json::Value::from(text)),
            false => Self(Repr::String(Arc::from(["\"", text, "\""].concat()))),
        }
    }
}

impl From<&serde_json::Value> for Json {
    fn from(value: &serde_json::Value) -> Self {
        // A `Value` is always valid JSON.
        Self::parse(&value.to_string()).unwrap_or_else(|_| Self::null())
    }
}

/// Whether some character of a text cannot stand in a string of JSON as it is.
pub(crate) fn needs_escapes(text: &str) -> bool {
    text.bytes().any(|byte| matches!(byte, b'"' | b'\\' | 0..b' '))
}

/// How many digits the largest integer has that fits.
const WHOLE_DIGITS_MAX: usize = 19;

/// The integer that this text is the one plain way to write.
fn plain_integer(text: &str) -> Option<i64> {
    let (digits, sign) = match text.as_bytes() {
        [b'-', digits @ ..] => (digits, -1),
        digits => (digits, 1),
    };
    // -0 is a float to many readers and must come back as it came.
    let is_plain = match digits {
        [b'0'] => sign > 0,
        // 18 digits always fit, 19 may.
        [b'1'..=b'9', ..] if digits.len() == WHOLE_DIGITS_MAX => return text.parse().ok(),
        [b'1'..=b'9', ..] => digits.len() < WHOLE_DIGITS_MAX,
        _ => false,
    };
    let add = |number, digit: &u8| match digit {
        b'0'..=b'9' => Some(number * 10 + i64::from(digit - b'0')),
        _ => None,
    };
    is_plain.then(|| digits.iter().try_fold(0, add))?.map(|number| sign * number)
}

#[cfg(test)]
mod tests;
