//! A reply as the answer to a request, read as strictly as Maelstrom reads it: the fields of its
//! type, `type`, `in_reply_to` and perhaps `msg_id`, and nothing else. What is wrong is named.

use std::borrow::Cow;
use std::fmt;

use proto::{Error, ErrorCode, Json};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::quote;

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
                "in_reply_to" | "msg_id" if is_small(value) => {}
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
    serde_json::from_str(value).map_err(|error| {
        let reason = error.to_string();
        let reason = reason.rfind(" at line ").map_or(&*reason, |end| &reason[..end]);
        format!("`{key}`: {reason}")
    })
}

/// Reads the value of a field that is a string; mostly it stands there as it is.
fn text<'a>(key: &str, value: &'a str) -> Result<Cow<'a, str>, String> {
    match split_string(value) {
        Some((text, "")) => Ok(Cow::Borrowed(text)),
        _ => parse(key, value).map(Cow::Owned),
    }
}

/// Whether a value is a number above zero, written in the plain way, that fits in any type.
fn is_small(value: &str) -> bool {
    let digits = value.bytes();
    digits.len() <= 18
        && matches!(value.bytes().next(), Some(b'1'..=b'9'))
        && value.bytes().all(|byte| byte.is_ascii_digit())
}

/// The content of a string without escapes at the start of a text, and what follows it.
fn split_string(text: &str) -> Option<(&str, &str)> {
    let text = text.strip_prefix('"')?;
    let end = text.bytes().position(|byte| matches!(byte, b'"' | b'\\' | 0..b' '))?;
    Some((&text[..end], text[end..].strip_prefix('"')?))
}

fn is_of_integers(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b',' | b'-')
}

/// Reads a list of nothing but integers, each written in the one plain way, without spaces. The lists
/// of sets grow with every operation and are mostly of that kind; as any JSON they would take most of
/// the time of a run.
fn plain_integers(text: &str) -> Option<Vec<Json>> {
    let inner = text.strip_prefix('[')?.strip_suffix(']')?;
    if inner.is_empty() {
        return Some(Vec::new());
    }
    let commas = inner.bytes().filter(|byte| *byte == b',').count();
    let mut list = Vec::with_capacity(commas + 1);
    let mut bytes = inner.bytes();
    loop {
        let mut byte = bytes.next()?;
        let is_negative = byte == b'-';
        if is_negative {
            byte = bytes.next()?;
        }
        let starts_with_zero = byte == b'0';
        let (mut number, mut digits) = (0_i64, 0);
        let end = loop {
            if !byte.is_ascii_digit() || digits == INTEGER_DIGITS_MAX {
                return None;
            }
            number = number * 10 + i64::from(byte - b'0');
            digits += 1;
            match bytes.next() {
                None => break true,
                Some(b',') => break false,
                Some(next) => byte = next,
            }
        };
        if starts_with_zero && (digits > 1 || is_negative) {
            return None;
        }
        list.push(Json::from(if is_negative { -number } else { number }));
        if end {
            return Some(list);
        }
    }
}

/// So many digits always fit.
const INTEGER_DIGITS_MAX: u32 = 18;

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
        let mut fields = Vec::with_capacity(4);
        let mut rest = body.strip_prefix('{')?;
        loop {
            let (key, after) = split_string(rest)?;
            rest = after.strip_prefix(':')?;
            let length = match rest.bytes().next()? {
                b'"' => rest.len() - split_string(rest)?.1.len(),
                b'[' => {
                    let end = rest.find(']')?;
                    // Without a way out in the middle, which is faster over long lists.
                    let is_plain = |all, byte| all & is_of_integers(byte);
                    rest[1..end].bytes().fold(true, is_plain).then_some(end + 1)?
                }
                b'1'..=b'9' => rest.find(|character: char| !character.is_ascii_digit())?,
                _ => return None,
            };
            fields.push((Cow::Borrowed(key), &rest[..length]));
            rest = &rest[length..];
            match rest.strip_prefix(',') {
                Some(next) => rest = next,
                None => return (rest == "}").then_some(Self::new(fields)),
            }
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
        if is_small(text)
            && let Ok(number) = text.parse::<i64>()
        {
            return Ok(Json::from(number));
        }
        parse(key, text).map(Json::distinguishing_floats)
    }

    /// Takes a field that is a list of any JSON.
    ///
    /// # Errors
    /// If it is missing, or no list.
    pub fn list(&mut self, key: &str) -> Result<Vec<Json>, String> {
        let text = self.take(key)?;
        if let Some(list) = plain_integers(text) {
            return Ok(list);
        }
        let list: Vec<Json> = parse(key, text)?;
        Ok(list.into_iter().map(Json::distinguishing_floats).collect())
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
