//! From a line of JSON to a typed message.
//!
//! The common layout (`src` and `dest` before `body`, `type` before the payload) is read in one
//! pass, straight into the node's own types: nothing is buffered, and opaque values keep their
//! text; where the envelope is written as Maelstrom writes it, it is only compared. Every other layout
//! takes a second look at the body, and every error is explained there.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::{BorrowedStrDeserializer, MapAccessDeserializer, StrDeserializer};
use serde::de::{
    self, DeserializeSeed, Deserializer, EnumAccess, Error as _, IgnoredAny, MapAccess,
    VariantAccess, Visitor,
};
use serde::{Deserialize, forward_to_deserialize_any};
use serde_json::value::RawValue;

use crate::error::Error;
use crate::id::{MessageId, NodeId};
use crate::message::{BadBody, Body, Init, Message, Payload, is_reply_type};
use crate::service::{ServiceReply, is_service};

#[cfg(test)]
mod tests;

/// Why a line is no message at all.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The line is not one JSON value.
    #[error("not JSON: {0}")]
    NotJson(serde_json::Error),
    /// The line is JSON, but not an object with `src`, `dest` and `body`.
    #[error("not a message: {0}")]
    NotAnEnvelope(serde_json::Error),
}

/// Reads one line.
///
/// # Errors
/// If the line is not a JSON object with the strings `src` and `dest` and the object `body`.
/// A body that makes no sense is no error here: it becomes [`Payload::Bad`], to be answered.
pub fn decode<B: Body>(line: &str) -> Result<Message<Payload<B>>, DecodeError> {
    let quick = || decode_usual_envelope(line).or_else(|| decode_usual_order(line));
    quick().map_or_else(|| decode_any_layout(line), Ok)
}

/// The quickest path: an envelope that only has to be compared.
fn decode_usual_envelope<B: Body>(line: &str) -> Option<Message<Payload<B>>> {
    let (src, dest, body) = usual_envelope(line)?;
    decode_usual_body(src, dest, body)
}

/// The quick path: the usual order of fields.
fn decode_usual_order<B: Body>(line: &str) -> Option<Message<Payload<B>>> {
    let mut reader = serde_json::Deserializer::from_str(line);
    let message = reader.deserialize_map(EnvelopeVisitor(PhantomData)).ok()?;
    reader.end().ok().map(|()| message)
}

/// Sender, receiver and body of a line as Maelstrom and `eddy` write it, byte for byte:
/// `{"id":7,"src":"c1","dest":"n1","body":{...}}`, with or without `id`. Whether the body is one remains
/// to be seen.
fn usual_envelope(line: &str) -> Option<(NodeId, NodeId, &str)> {
    let rest = line.strip_prefix('{')?;
    let rest = match rest.strip_prefix("\"id\":") {
        Some(id) => {
            let digits = id.bytes().take_while(u8::is_ascii_digit).count();
            let is_number = digits > 0 && (digits == 1 || !id.starts_with('0'));
            id[digits..].strip_prefix(',').filter(|_| is_number)?
        }
        None => rest,
    };
    let (src, rest) = plain_name(rest.strip_prefix("\"src\":\"")?)?;
    let (dest, rest) = plain_name(rest.strip_prefix(",\"dest\":\"")?)?;
    let body = rest.strip_prefix(",\"body\":")?.strip_suffix('}')?;
    Some((NodeId::new(src), NodeId::new(dest), body))
}

/// What comes before the next quote, if it stands for itself, and what comes after it.
fn plain_name(text: &str) -> Option<(&str, &str)> {
    let is_special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
    let end = text.as_bytes().iter().position(is_special)?;
    Some((&text[..end], text[end..].strip_prefix('"')?))
}

#[derive(Deserialize)]
struct Envelope<'a> {
    src: NodeId,
    dest: NodeId,
    #[serde(borrow)]
    body: &'a RawValue,
}

/// The slow path: any order of fields, and a reason for everything that is wrong.
fn decode_any_layout<B: Body>(line: &str) -> Result<Message<Payload<B>>, DecodeError> {
    let envelope: Envelope<'_> = serde_json::from_str(line).map_err(|error| {
        match serde_json::from_str::<IgnoredAny>(line) {
            Ok(_) => DecodeError::NotAnEnvelope(error),
            Err(error) => DecodeError::NotJson(error),
        }
    })?;
    let body = envelope.body.get();
    // serde would take an array for a struct.
    if !line.trim_start().starts_with('{') || !body.starts_with('{') {
        return Err(DecodeError::NotAnEnvelope(serde_json::Error::custom("not an object")));
    }
    decode_any_body(envelope.src, envelope.dest, body)
}

/// Reads the body of a message whose envelope is known.
///
/// # Errors
/// If the text is no JSON object. A body that makes no sense becomes [`Payload::Bad`].
pub fn decode_body<B: Body>(
    src: NodeId,
    dest: NodeId,
    body: &str,
) -> Result<Message<Payload<B>>, DecodeError> {
    match decode_usual_body(src.clone(), dest.clone(), body) {
        Some(message) => Ok(message),
        None => decode_any_body(src, dest, body),
    }
}

/// Reads a body that has its `type` before the payload; anything else needs a second look.
fn decode_usual_body<B: Body>(
    src: NodeId,
    dest: NodeId,
    body: &str,
) -> Option<Message<Payload<B>>> {
    let seed = BodySeed {
        kind: None,
        from_service: is_service(src.as_str()),
        unsupported: None,
        node: PhantomData,
    };
    let mut reader = serde_json::Deserializer::from_str(body);
    let Parsed { payload, msg_id, in_reply_to } = seed.deserialize(&mut reader).ok()?;
    reader.end().ok()?;
    Some(Message { src, dest, msg_id, in_reply_to, payload })
}

fn decode_any_body<B: Body>(
    src: NodeId,
    dest: NodeId,
    body: &str,
) -> Result<Message<Payload<B>>, DecodeError> {
    let header: Header<'_> = serde_json::from_str(body).map_err(DecodeError::NotAnEnvelope)?;
    let (kind, msg_id, in_reply_to) = header.parse();
    let bad =
        |payload| Message { src: src.clone(), dest: dest.clone(), msg_id, in_reply_to, payload };
    let malformed = |kind: &str, reason: String| {
        bad(Payload::Bad(Box::new(BadBody::Malformed { kind: kind.to_owned(), reason })))
    };
    let Some(kind) = kind else {
        return Ok(malformed("", "field `type`: not there, or not a string".to_owned()));
    };
    let unsupported = Cell::new(false);
    let seed = BodySeed {
        kind: Some(&kind),
        from_service: is_service(src.as_str()),
        unsupported: Some(&unsupported),
        node: PhantomData,
    };
    let mut reader = serde_json::Deserializer::from_str(body);
    Ok(match seed.deserialize(&mut reader) {
        Ok(Parsed { payload, msg_id, in_reply_to }) => {
            Message { src, dest, msg_id, in_reply_to, payload }
        }
        Err(_) if unsupported.get() => {
            bad(Payload::Bad(Box::new(BadBody::Unsupported { kind: kind.into_owned() })))
        }
        Err(error) => malformed(&kind, without_position(&error)),
    })
}

/// The text of an error without serde_json's " at line 1 column 17", which counts within the body.
fn without_position(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rfind(" at line ") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

/// The fields that every body may have, whatever else is wrong with it.
#[derive(Deserialize)]
struct Header<'a> {
    #[serde(borrow, rename = "type")]
    kind: Option<&'a RawValue>,
    #[serde(borrow)]
    msg_id: Option<&'a RawValue>,
    #[serde(borrow)]
    in_reply_to: Option<&'a RawValue>,
}

impl<'a> Header<'a> {
    fn parse(&self) -> (Option<Cow<'a, str>>, Option<MessageId>, Option<MessageId>) {
        let number = |raw: Option<&RawValue>| serde_json::from_str(raw?.get()).ok();
        let kind = self.kind.and_then(|kind| serde_json::from_str::<Text<'a>>(kind.get()).ok());
        (kind.map(|text| text.0), number(self.msg_id), number(self.in_reply_to))
    }
}

/// A string, borrowed from the line where it has no escapes.
struct Text<'de>(Cow<'de, str>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;
        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(TextVisitor)
    }
}

/// Reads an envelope in the usual order; anything else is an error and goes the slow path.
struct EnvelopeVisitor<B>(PhantomData<B>);

impl<'de, B: Body> Visitor<'de> for EnvelopeVisitor<B> {
    type Value = Message<Payload<B>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with `src`, `dest` and `body`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut src, mut dest) = (None::<NodeId>, None::<NodeId>);
        let mut parsed = None;
        while let Some(Text(key)) = map.next_key()? {
            match (&*key, &src) {
                ("src", None) => src = Some(map.next_value()?),
                ("dest", _) if dest.is_none() => dest = Some(map.next_value()?),
                ("body", Some(src)) if parsed.is_none() => {
                    let from_service = is_service(src.as_str());
                    parsed = Some(map.next_value_seed(BodySeed {
                        kind: None,
                        from_service,
                        unsupported: None,
                        node: PhantomData,
                    })?);
                }
                ("src" | "dest" | "body", _) => return Err(A::Error::custom("unusual layout")),
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        let (Some(src), Some(dest), Some(parsed)) = (src, dest, parsed) else {
            return Err(A::Error::custom("unusual layout"));
        };
        let Parsed { payload, msg_id, in_reply_to } = parsed;
        Ok(Message { src, dest, msg_id, in_reply_to, payload })
    }
}

/// A body that was understood.
struct Parsed<B> {
    payload: Payload<B>,
    msg_id: Option<MessageId>,
    in_reply_to: Option<MessageId>,
}

/// Reads a body. Without `kind` the `type` has to come before the payload.
struct BodySeed<'a, B> {
    kind: Option<&'a str>,
    from_service: bool,
    /// Set when the type is none of the node's.
    unsupported: Option<&'a Cell<bool>>,
    node: PhantomData<B>,
}

impl<'de, B: Body> DeserializeSeed<'de> for BodySeed<'_, B> {
    type Value = Parsed<B>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, B: Body> Visitor<'de> for BodySeed<'_, B> {
    type Value = Parsed<B>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a body (an object)")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let numbers = Numbers::default();
        let kind = match self.kind {
            Some(kind) => Cow::Borrowed(kind),
            None => loop {
                let Some(Text(key)) = map.next_key()? else {
                    return Err(A::Error::missing_field("type"));
                };
                if key == "type" {
                    break map.next_value::<Text<'de>>()?.0;
                }
                if !numbers.take(&key, &mut map)? {
                    return Err(A::Error::custom("unusual layout"));
                }
            },
        };
        let fields = Fields { map, numbers: &numbers, current: Cow::Borrowed("") };
        let payload = match &*kind {
            "init" => {
                Payload::Init(Box::new(Init::deserialize(MapAccessDeserializer::new(fields))?))
            }
            "init_ok" => {
                fields.skip()?;
                Payload::InitOk
            }
            "error" => Payload::Error(Error::deserialize(MapAccessDeserializer::new(fields))?),
            kind => {
                let body = BodyDeserializer { kind, fields, unsupported: self.unsupported };
                if self.from_service {
                    Payload::ServiceReply(ServiceReply::deserialize(body)?)
                } else {
                    Payload::Body(B::deserialize(body)?)
                }
            }
        };
        let (msg_id, in_reply_to) = (numbers.msg_id.get(), numbers.in_reply_to.get());
        if in_reply_to.is_none() && is_reply_type(&kind) {
            // A reply to nothing must not look like a request of the node's own.
            let kind = kind.into_owned();
            return Ok(Parsed {
                payload: Payload::Bad(Box::new(BadBody::Unsupported { kind })),
                msg_id,
                in_reply_to,
            });
        }
        Ok(Parsed { payload, msg_id, in_reply_to })
    }
}

/// The numbers of a message, picked out of the body on the way.
#[derive(Default)]
struct Numbers {
    msg_id: Cell<Option<MessageId>>,
    in_reply_to: Cell<Option<MessageId>>,
}

impl Numbers {
    /// Takes the value of a field that is ours; otherwise leaves it and returns false.
    fn take<'de, A: MapAccess<'de>>(&self, key: &str, map: &mut A) -> Result<bool, A::Error> {
        let place = match key {
            "msg_id" => &self.msg_id,
            "in_reply_to" => &self.in_reply_to,
            _ => return Ok(false),
        };
        place.set(map.next_value().map_err(|error| in_field(key, &error))?);
        Ok(true)
    }
}

fn in_field<E: de::Error>(field: &str, error: &E) -> E {
    E::custom(format_args!("field `{field}`: {error}"))
}

/// The payload of a body: its fields without `type`, `msg_id` and `in_reply_to`.
struct Fields<'a, 'de, A> {
    map: A,
    numbers: &'a Numbers,
    current: Cow<'de, str>,
}

impl<'de, A: MapAccess<'de>> Fields<'_, 'de, A> {
    fn skip(mut self) -> Result<(), A::Error> {
        while self.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(())
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Fields<'_, 'de, A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, A::Error> {
        while let Some(Text(key)) = self.map.next_key()? {
            if key == "type" {
                self.map.next_value::<IgnoredAny>()?;
            } else if !self.numbers.take(&key, &mut self.map)? {
                self.current = key;
                return match &self.current {
                    Cow::Borrowed(key) => seed.deserialize(BorrowedStrDeserializer::new(key)),
                    Cow::Owned(key) => seed.deserialize(StrDeserializer::new(key)),
                }
                .map(Some);
            }
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        self.map.next_value_seed(seed).map_err(|error| in_field(&self.current, &error))
    }
}

/// Presents a body as the enum that serde derives: the type is the variant, the fields its content.
struct BodyDeserializer<'a, 'de, A> {
    kind: &'a str,
    fields: Fields<'a, 'de, A>,
    unsupported: Option<&'a Cell<bool>>,
}

impl<'de, A: MapAccess<'de>> Deserializer<'de> for BodyDeserializer<'_, 'de, A> {
    type Error = A::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, A::Error> {
        visitor.visit_enum(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier
        ignored_any
    }
}

impl<'a, 'de, A: MapAccess<'de>> EnumAccess<'de> for BodyDeserializer<'a, 'de, A> {
    type Error = A::Error;
    type Variant = Fields<'a, 'de, A>;

    fn variant_seed<V: DeserializeSeed<'de>>(
        self,
        seed: V,
    ) -> Result<(V::Value, Self::Variant), A::Error> {
        let variant = seed.deserialize(StrDeserializer::<A::Error>::new(self.kind));
        if let (Err(_), Some(unsupported)) = (&variant, self.unsupported) {
            unsupported.set(true);
        }
        Ok((variant?, self.fields))
    }
}

impl<'de, A: MapAccess<'de>> VariantAccess<'de> for Fields<'_, 'de, A> {
    type Error = A::Error;

    fn unit_variant(self) -> Result<(), A::Error> {
        self.skip()
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, A::Error> {
        seed.deserialize(MapAccessDeserializer::new(self))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, A::Error> {
        Err(A::Error::custom("a message cannot be a tuple variant"))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        visitor.visit_map(self)
    }
}
