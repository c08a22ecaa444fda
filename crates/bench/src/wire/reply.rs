//! A reply as the answer to a request, read as strictly as Maelstrom reads it: the fields of its
//! type, `type`, `in_reply_to` and perhaps `msg_id`, and nothing else. What is wrong is named.

use std::borrow::Cow;
use std::fmt;

use proto::{Error, ErrorCode, Json};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::{in_words, quote};

/// What a reply says.
#[derive(Clone, PartialEq, Debug)]
pub enum Answer {
    /// What was asked was done.
    Ok,
    /// An error message.
    Error(Error),
    /// It is not what this request is answered with; why.
    Malformed(String),
}

/// Reads a body as the answer to a request of the type `kind`. `take` takes the fields of the reply
/// that carry a result; what it leaves does not belong there.
pub fn read(
    kind: &str,
    body: &str,
    take: impl FnOnce(&mut Fields<'_>) -> Result<(), String>,
) -> Answer {
    match try_read(kind, body, take) {
        Ok(answer) => answer,
        Err(flaw) => Answer::Malformed(format!("{flaw}: {}", quote(body.as_bytes()))),
    }
}

fn try_read(
    asked: &str,
    body: &str,
    take: impl FnOnce(&mut Fields<'_>) -> Result<(), String>,
) -> Result<Answer, String> {
    let mut fields = match Fields::split(body) {
        Some(fields) => fields,
        None => serde_json::from_str(body).map_err(|error| error.to_string())?,
    };
    let kind = text("type", fields.get("type")?)?;
    if kind == "error" {
        return read_error(&fields).map(Answer::Error);
    }
    if kind.strip_suffix("_ok") != Some(asked) {
        return Err(format!("its type is `{kind}` and should be `{asked}_ok`"));
    }
    let taken = take(&mut fields);
    // Where a field is missing, the one that is there in its place says more.
    if taken.is_ok() || fields.lacks_one {
        for (key, value) in &fields.all {
            match &**key {
                "type" => {}
                "in_reply_to" | "msg_id"
                    if Json::plain(value).is_some_and(|id| id.as_i64().is_some()) => {}
                "in_reply_to" | "msg_id" => drop(parse::<i64>(key, value)?),
                key => return Err(format!("`{key}` does not belong into `{kind}`")),
            }
        }
    }
    taken.map(|()| Answer::Ok)
}

fn read_error(fields: &Fields<'_>) -> Result<Error, String> {
    let code: u32 = parse("code", fields.get("code")?)?;
    let text = match fields.get("text") {
        Ok(text) => parse("text", text)?,
        Err(_) => String::new(),
    };
    Ok(Error::new(ErrorCode::from_number(code), text))
}

/// Reads the value of a field; an error names the field.
///
/// # Errors
/// If it is of another type.
pub fn parse<'a, T: Deserialize<'a>>(key: &str, value: &'a str) -> Result<T, String> {
    serde_json::from_str(value).map_err(|error| of_field(key, &error))
}

fn of_field(key: &str, error: &serde_json::Error) -> String {
    in_words(&format!("`{key}`"), error)
}

/// Reads the value of a field that is a string; mostly it stands there as it is.
fn text<'a>(key: &str, value: &'a str) -> Result<Cow<'a, str>, String> {
    match plain_string(value) {
        Some(text) => Ok(Cow::Borrowed(text)),
        None => parse(key, value).map(Cow::Owned),
    }
}

/// The content of a text that is a string without escapes.
fn plain_string(text: &str) -> Option<&str> {
    let content = text.strip_prefix('"')?.strip_suffix('"')?;
    let is_plain = |byte| !matches!(byte, b'"' | b'\\' | 0..b' ');
    content.bytes().all(is_plain).then_some(content)
}

/// What ends a string of JSON without escapes, or cannot stand in it.
const ENDS_STRING: [bool; 256] = {
    let mut ends = [false; 256];
    let mut byte = 0;
    while byte < b' ' as usize {
        ends[byte] = true;
        byte += 1;
    }
    ends[b'"' as usize] = true;
    ends[b'\\' as usize] = true;
    ends
};

fn is_of_integers(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b',' | b'-')
}

/// Reads a list of any JSON, in which 1.0 is not 1.
///
/// # Errors
/// If it is no list.
pub(crate) fn list(text: &str) -> serde_json::Result<Vec<Json>> {
    if let Some(list) = plain_list(text) {
        return Ok(list);
    }
    let list: Vec<Json> = serde_json::from_str(text)?;
    Ok(list.into_iter().map(Json::distinguishing_floats).collect())
}

/// Reads a list of integers and strings, each written in the plain way, without spaces. The lists of sets
/// grow with every operation and are mostly of that kind; as any JSON they would take most of the time of
/// a run.
fn plain_list(text: &str) -> Option<Vec<Json>> {
    let inner = text.strip_prefix('[')?.strip_suffix(']')?;
    // In pieces whose count is a byte, which is faster over long lists.
    let commas_in = |piece: &[u8]| piece.iter().map(|byte| u8::from(*byte == b',')).sum::<u8>();
    let commas: usize =
        inner.as_bytes().chunks(u8::MAX.into()).map(|piece| usize::from(commas_in(piece))).sum();
    let mut list = Vec::with_capacity(commas + 1);
    plain_elements(inner, usize::MAX, &mut list)?;
    Some(list)
}

/// Adds up to `max` elements that stand in front of what is left of the inside of a list, each an integer
/// or a string written in the plain way. Returns how much of the text they are, with the comma behind the
/// last one.
pub(crate) fn plain_elements(text: &str, max: usize, list: &mut Vec<Json>) -> Option<usize> {
    let mut at = 0;
    if text.is_empty() {
        return Some(at);
    }
    for _ in 0..max {
        let short = text.as_bytes()[at..].first_chunk().and_then(short_integer);
        let (value, length) = match short {
            Some((number, length)) => (Json::from(number), length),
            None => {
                let rest = &text[at..];
                let length = rest.find(',').unwrap_or(rest.len());
                (Json::plain(&rest[..length])?, length)
            }
        };
        list.push(value);
        at += length;
        if at == text.len() {
            break;
        }
        at += 1;
    }
    Some(at)
}

/// The integer of one to seven digits that stands in front of a comma, and how many those are, if there
/// is one written in the plain way. Digits are counted and put together all at once, as bytes of a word:
/// long lists are mostly of such integers.
fn short_integer(bytes: &[u8; 8]) -> Option<(i64, usize)> {
    const ALL: u64 = 0x0101_0101_0101_0101;
    // Digits become their values. What is none gets its highest bit set, the first of them for sure.
    let digits = u64::from_le_bytes(*bytes) ^ (0x30 * ALL);
    let others = (digits.wrapping_add(0x76 * ALL) | digits) & (0x80 * ALL);
    let length = others.trailing_zeros() as usize / 8;
    if !matches!(length, 1..=7) || bytes[length] != b',' || (bytes[0] == b'0' && length > 1) {
        return None;
    }
    // With as many zeros in front as there are bytes left, then by pairs, fours and eights.
    let digits = digits << (64 - 8 * length);
    let pairs = digits.wrapping_mul(10).wrapping_add(digits >> 8) & 0x00ff_00ff_00ff_00ff;
    let fours = pairs.wrapping_mul(100).wrapping_add(pairs >> 16) & 0x0000_ffff_0000_ffff;
    let number = fours.wrapping_mul(10_000).wrapping_add(fours >> 32) & 0xffff_ffff;
    Some((number as i64, length))
}

/// The fields of a body, in their order.
#[derive(Debug)]
pub struct Fields<'a> {
    all: Vec<(Cow<'a, str>, &'a str)>,
    /// One was to be taken that is not there.
    lacks_one: bool,
}

impl<'a> Fields<'a> {
    fn new(all: Vec<(Cow<'a, str>, &'a str)>) -> Self {
        Self { all, lacks_one: false }
    }

    /// Cuts up a body of strings, integers and lists of integers, written without spaces and escapes,
    /// as most are. Lists are not looked into but for what they are made of: whoever takes one reads it.
    fn split(body: &'a str) -> Option<Self> {
        let bytes = body.as_bytes();
        let string_end = |start: usize| {
            let content = bytes.get(start..)?.strip_prefix(b"\"")?;
            let length = content.iter().position(|byte| ENDS_STRING[usize::from(*byte)])?;
            (content[length] == b'"').then_some(start + 1 + length)
        };
        let mut fields = Vec::with_capacity(4);
        let mut opening = b'{';
        let mut at = 0;
        loop {
            if *bytes.get(at)? != opening {
                return (&bytes[at..] == b"}" && opening == b',').then_some(Self::new(fields));
            }
            let key_end = string_end(at + 1)?;
            if *bytes.get(key_end + 1)? != b':' {
                return None;
            }
            let start = key_end + 2;
            let rest = bytes.get(start..)?;
            let length = match rest.first()? {
                b'"' => string_end(start)? + 1 - start,
                b'[' => {
                    let end = body[start..].find(']')?;
                    // Without a way out in the middle, which is faster over long lists.
                    let is_plain = |all, byte: &u8| all & is_of_integers(*byte);
                    rest[1..end].iter().fold(true, is_plain).then_some(end + 1)?
                }
                b'0' => 1,
                b'1'..=b'9' => rest.iter().position(|byte| !byte.is_ascii_digit())?,
                _ => return None,
            };
            fields.push((Cow::Borrowed(&body[at + 2..key_end]), &body[start..start + length]));
            at = start + length;
            opening = b',';
        }
    }

    /// Takes the field `key`, which has to be there.
    ///
    /// # Errors
    /// If it is missing.
    pub fn take(&mut self, key: &str) -> Result<&'a str, String> {
        let value = self.get(key);
        self.lacks_one |= value.is_err();
        self.all.retain(|(name, _)| name != key);
        value
    }

    /// Takes a field that may be any JSON. 1.0 is not 1 for Maelstrom's checkers, and so not for ours.
    ///
    /// # Errors
    /// If it is missing.
    pub fn json(&mut self, key: &str) -> Result<Json, String> {
        let text = self.take(key)?;
        match Json::plain(text) {
            Some(value) => Ok(value),
            None => parse(key, text).map(Json::distinguishing_floats),
        }
    }

    /// Takes a field that is read by `read`.
    ///
    /// # Errors
    /// If it is missing, or something else.
    pub fn read<T>(
        &mut self,
        key: &str,
        read: impl FnOnce(&'a str) -> serde_json::Result<T>,
    ) -> Result<T, String> {
        read(self.take(key)?).map_err(|error| of_field(key, &error))
    }

    fn get(&self, key: &str) -> Result<&'a str, String> {
        let found = self.all.iter().find(|(name, _)| name == key);
        found.map(|(_, value)| *value).ok_or_else(|| format!("`{key}` is missing"))
    }
}

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(transparent)]
        struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

        struct FieldsVisitor;
        impl<'de> Visitor<'de> for FieldsVisitor {
            type Value = Fields<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields<'de>, A::Error> {
                let mut fields = Vec::with_capacity(4);
                while let Some((Key(key), value)) = map.next_entry::<_, &RawValue>()? {
                    fields.push((key, value.get()));
                }
                Ok(Fields::new(fields))
            }
        }
        deserializer.deserialize_map(FieldsVisitor)
    }
}

#[cfg(test)]
mod tests;
