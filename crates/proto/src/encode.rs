//! From a typed message to its line of JSON.
//!
//! The layout is fixed: `src`, `dest`, `body`; in the body `type`, then the payload, then
//! `in_reply_to`, then `msg_id`. Everything is written straight to the output, so a message of any
//! size needs no buffer of its own.

use std::{fmt, io};

use serde::ser::{Error as _, Impossible, SerializeStruct, SerializeStructVariant};
use serde::{Serialize, Serializer};
use serde_json::ser::{CompactFormatter, Formatter};

use crate::error::ErrorCode;
use crate::id::MessageId;
use crate::json::needs_escapes;
use crate::message::{Body, Init, Message, Payload};

/// Writes a message and the end of its line.
///
/// # Errors
/// If the output fails, or if the body is not an enum of unit, struct and newtype variants.
pub fn encode<B: Body>(message: &Message<Payload<B>>, out: &mut impl io::Write) -> io::Result<()> {
    out.write_all(b"{\"src\":\"")?;
    write_content(message.src.as_str(), out)?;
    out.write_all(b"\",\"dest\":\"")?;
    write_content(message.dest.as_str(), out)?;
    out.write_all(b"\",\"body\":")?;
    encode_body(message, out)?;
    out.write_all(b"}\n")
}

/// Writes only the body of a message.
///
/// # Errors
/// As [`encode`].
pub fn encode_body<B: Body>(
    message: &Message<Payload<B>>,
    out: &mut impl io::Write,
) -> io::Result<()> {
    encode_payload(&message.payload, Numbers::of(message), out, encode_own_body)
}

/// Writes a body, leaving those that are a node's own to `write_own`.
pub(crate) fn encode_payload<B, W: io::Write>(
    payload: &Payload<B>,
    numbers: Numbers,
    out: &mut W,
    write_own: impl FnOnce(&B, Numbers, &mut W) -> io::Result<()>,
) -> io::Result<()> {
    match payload {
        Payload::Body(body) => write_own(body, numbers, out),
        Payload::Init(init) => encode_own_body(&Shared::Init(init), numbers, out),
        Payload::InitOk => encode_own_body(&Shared::InitOk, numbers, out),
        Payload::Error(error) => {
            let error = Shared::Error { code: error.code, text: &error.text };
            encode_own_body(&error, numbers, out)
        }
        Payload::ServiceRequest(request) => encode_own_body(&**request, numbers, out),
        Payload::ServiceReply(reply) => encode_own_body(reply, numbers, out),
        Payload::Bad(bad) => Err(serde_json::Error::custom(bad.to_error()).into()),
    }
}

/// Writes an enum as a body that ends with these numbers.
pub(crate) fn encode_own_body<B: Serialize, W: io::Write>(
    body: &B,
    numbers: Numbers,
    out: &mut W,
) -> io::Result<()> {
    let body = body.serialize(BodySerializer { out, numbers, is_open: false });
    body.map_err(|EncodeError(error)| error)
}

/// Writes what stands between the quotes of a string of JSON. Few need escapes; the others are copied.
///
/// # Errors
/// If the output fails.
pub fn write_content(text: &str, out: &mut impl io::Write) -> io::Result<()> {
    if needs_escapes(text) {
        let quoted = serde_json::to_string(text)?;
        return out.write_all(&quoted.as_bytes()[1..quoted.len() - 1]);
    }
    out.write_all(text.as_bytes())
}

/// Writes any value as JSON: what `serde_json::to_writer` writes, faster where there are many numbers.
///
/// # Errors
/// If the output fails, or the value cannot be JSON.
pub fn write_json<T: Serialize + ?Sized>(
    value: &T,
    out: &mut impl io::Write,
) -> serde_json::Result<()> {
    let pieces = Pieces { out, held: [0; HELD_BYTES], length: 0 };
    let mut serializer = serde_json::Serializer::with_formatter(pieces, SmallNumbers);
    value.serialize(&mut serializer)?;
    serializer.into_inner().pass_on().map_err(serde_json::Error::io)
}

/// How much is passed on at a time.
const HELD_BYTES: usize = 128;

/// Gathers what is written in pieces of few bytes, which the numbers and commas of a long list are.
struct Pieces<'a, W> {
    out: &'a mut W,
    held: [u8; HELD_BYTES],
    length: usize,
}

impl<W: io::Write> Pieces<'_, W> {
    fn pass_on(&mut self) -> io::Result<()> {
        let length = std::mem::take(&mut self.length);
        self.out.write_all(&self.held[..length])
    }

    /// Writes a piece for which there is no room beside what is held.
    #[cold]
    fn write_after_all(&mut self, piece: &[u8]) -> io::Result<()> {
        self.pass_on()?;
        if piece.len() > HELD_BYTES {
            self.out.write_all(piece)
        } else {
            io::Write::write_all(self, piece)
        }
    }
}

impl<W: io::Write> io::Write for Pieces<'_, W> {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        self.write_all(piece)?;
        Ok(piece.len())
    }

    // Where the length of a piece is known, as that of a comma is, it is copied without a call.
    #[inline]
    fn write_all(&mut self, piece: &[u8]) -> io::Result<()> {
        match self.held[self.length..].get_mut(..piece.len()) {
            Some(place) => {
                place.copy_from_slice(piece);
                self.length += piece.len();
                Ok(())
            }
            None => self.write_after_all(piece),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.pass_on()?;
        self.out.flush()
    }
}

/// Writes numbers of up to four digits, which most are in long lists, without looking for their length.
struct SmallNumbers;

impl Formatter for SmallNumbers {
    fn write_u64<W: io::Write + ?Sized>(&mut self, out: &mut W, number: u64) -> io::Result<()> {
        match number {
            0..10 => out.write_all(&[b'0' + number as u8]),
            10..100 => out.write_all(&PAIRS[number as usize]),
            100..10_000 => {
                let number = number as u32;
                let ([a, b], [c, d]) =
                    (PAIRS[(number / 100) as usize], PAIRS[(number % 100) as usize]);
                if a == b'0' { out.write_all(&[b, c, d]) } else { out.write_all(&[a, b, c, d]) }
            }
            _ => CompactFormatter.write_u64(out, number),
        }
    }

    fn write_i64<W: io::Write + ?Sized>(&mut self, out: &mut W, number: i64) -> io::Result<()> {
        match u64::try_from(number) {
            Ok(number) => self.write_u64(out, number),
            Err(_) => CompactFormatter.write_i64(out, number),
        }
    }
}

/// The numbers below a hundred, in two digits.
static PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[b'0'; 2]; 100];
    let mut number = 0;
    while number < pairs.len() {
        pairs[number] = [b'0' + (number / 10) as u8, b'0' + (number % 10) as u8];
        number += 1;
    }
    pairs
};

/// Why a body is not written.
#[derive(Debug)]
struct EncodeError(io::Error);

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for EncodeError {}

impl serde::ser::Error for EncodeError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(serde_json::Error::custom(message).into())
    }
}

impl From<io::Error> for EncodeError {
    fn from(error: io::Error) -> Self {
        Self(error)
    }
}

impl From<serde_json::Error> for EncodeError {
    fn from(error: serde_json::Error) -> Self {
        Self(error.into())
    }
}

/// The bodies that every node shares.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Shared<'a> {
    Init(&'a Init),
    InitOk,
    Error { code: ErrorCode, text: &'a str },
}

/// The numbers that a body ends with.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Numbers {
    /// The request that it answers.
    pub in_reply_to: Option<MessageId>,
    /// The sender's number for it.
    pub msg_id: Option<MessageId>,
}

impl Numbers {
    /// The numbers of a message.
    pub fn of<P>(message: &Message<P>) -> Self {
        Self { in_reply_to: message.in_reply_to, msg_id: message.msg_id }
    }

    /// Writes them and the end of the body.
    fn end(self, out: &mut impl io::Write) -> io::Result<()> {
        if let Some(id) = self.in_reply_to {
            out.write_all(b",\"in_reply_to\":")?;
            write_json(&id, out)?;
        }
        if let Some(id) = self.msg_id {
            out.write_all(b",\"msg_id\":")?;
            write_json(&id, out)?;
        }
        out.write_all(b"}")
    }
}

/// Writes an enum as a body: the variant's name as `type`, its content as the fields after it.
struct BodySerializer<'a, W> {
    out: &'a mut W,
    numbers: Numbers,
    /// Whether the `type` is written, so that the struct within a newtype variant has to come.
    is_open: bool,
}

/// A body whose `type` is written and whose fields follow.
struct OpenBody<'a, W> {
    out: &'a mut W,
    numbers: Numbers,
}

impl<'a, W: io::Write> BodySerializer<'a, W> {
    fn open(self, kind: &str) -> Result<OpenBody<'a, W>, EncodeError> {
        if self.is_open {
            return Err(no_body());
        }
        self.out.write_all(b"{\"type\":\"")?;
        write_content(kind, self.out)?;
        self.out.write_all(b"\"")?;
        Ok(OpenBody { out: self.out, numbers: self.numbers })
    }
}

fn no_body() -> EncodeError {
    EncodeError::custom("a body is an enum with unit, struct or newtype variants")
}

impl<W: io::Write> OpenBody<'_, W> {
    fn field<T: Serialize + ?Sized>(&mut self, key: &str, value: &T) -> Result<(), EncodeError> {
        self.out.write_all(b",\"")?;
        write_content(key, self.out)?;
        self.out.write_all(b"\":")?;
        Ok(write_json(value, self.out)?)
    }

    fn close(self) -> Result<(), EncodeError> {
        Ok(self.numbers.end(self.out)?)
    }
}

impl<W: io::Write> SerializeStructVariant for OpenBody<'_, W> {
    type Ok = ();
    type Error = EncodeError;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), EncodeError> {
        self.field(key, value)
    }

    fn end(self) -> Result<(), EncodeError> {
        self.close()
    }
}

impl<W: io::Write> SerializeStruct for OpenBody<'_, W> {
    type Ok = ();
    type Error = EncodeError;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), EncodeError> {
        self.field(key, value)
    }

    fn end(self) -> Result<(), EncodeError> {
        self.close()
    }
}

/// Refuses what is not a body.
macro_rules! no_body {
    ($($method:ident($($argument:ty),*) -> $result:ty;)*) => {
        $(fn $method(self, $(_: $argument),*) -> Result<$result, EncodeError> {
            Err(no_body())
        })*
    };
}

impl<'a, W: io::Write> Serializer for BodySerializer<'a, W> {
    type Ok = ();
    type Error = EncodeError;
    type SerializeSeq = Impossible<(), EncodeError>;
    type SerializeTuple = Impossible<(), EncodeError>;
    type SerializeTupleStruct = Impossible<(), EncodeError>;
    type SerializeTupleVariant = Impossible<(), EncodeError>;
    type SerializeMap = Impossible<(), EncodeError>;
    type SerializeStruct = OpenBody<'a, W>;
    type SerializeStructVariant = OpenBody<'a, W>;

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<(), EncodeError> {
        self.open(variant)?.close()
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), EncodeError> {
        let OpenBody { out, numbers } = self.open(variant)?;
        value.serialize(Self { out, numbers, is_open: true })
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, EncodeError> {
        self.open(variant)
    }

    no_body! {
        serialize_bool(bool) -> ();
        serialize_i8(i8) -> ();
        serialize_i16(i16) -> ();
        serialize_i32(i32) -> ();
        serialize_i64(i64) -> ();
        serialize_u8(u8) -> ();
        serialize_u16(u16) -> ();
        serialize_u32(u32) -> ();
        serialize_u64(u64) -> ();
        serialize_f32(f32) -> ();
        serialize_f64(f64) -> ();
        serialize_char(char) -> ();
        serialize_str(&str) -> ();
        serialize_bytes(&[u8]) -> ();
        serialize_none() -> ();
        serialize_unit() -> ();
        serialize_unit_struct(&'static str) -> ();
        serialize_seq(Option<usize>) -> Self::SerializeSeq;
        serialize_tuple(usize) -> Self::SerializeTuple;
        serialize_tuple_struct(&'static str, usize) -> Self::SerializeTupleStruct;
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> Self::SerializeTupleVariant;
        serialize_map(Option<usize>) -> Self::SerializeMap;
    }

    fn serialize_struct(
        self,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStruct, EncodeError> {
        if !self.is_open {
            return Err(no_body());
        }
        Ok(OpenBody { out: self.out, numbers: self.numbers })
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), EncodeError> {
        value.serialize(self)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), EncodeError> {
        value.serialize(self)
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::id::NodeId;

    #[derive(Clone, Debug, Serialize, Deserialize)]
    enum Odd {
        #[serde(rename = "say \"hi\"")]
        Say {
            #[serde(rename = "back\\slash\n")]
            what: String,
        },
    }

    /// Wherever one piece ends and the next is passed on, and however long one is.
    #[test]
    fn what_is_written_in_pieces_is_what_serde_json_writes() {
        for length in 0..2 * HELD_BYTES {
            let long = "x".repeat(length);
            let numbers: Vec<_> = (0..length as i64).map(|n| n * n * n - 40).collect();
            let value = (&long, &numbers, &long, true, &numbers);
            let mut written = Vec::new();
            write_json(&value, &mut written).unwrap();
            assert_eq!(written, serde_json::to_vec(&value).unwrap(), "{length}");
        }
    }

    /// Nodes, types and fields may have any name.
    #[test]
    fn names_that_need_escapes_get_them() {
        let message = Message {
            src: NodeId::new("n\"1\""),
            dest: NodeId::new("tab\there"),
            msg_id: Some(MessageId(7)),
            in_reply_to: Some(MessageId(8)),
            payload: Payload::Body(Odd::Say { what: "\"".to_owned() }),
        };
        let mut line = Vec::new();
        encode(&message, &mut line).unwrap();
        let expected = serde_json::json!({
            "src": "n\"1\"",
            "dest": "tab\there",
            "body": {
                "type": "say \"hi\"",
                "back\\slash\n": "\"",
                "in_reply_to": 8,
                "msg_id": 7,
            },
        });
        assert_eq!(serde_json::from_slice::<serde_json::Value>(&line).unwrap(), expected);
    }

    #[test]
    fn numbers_are_written_as_they_always_are() {
        let write = |value: serde_json::Value| {
            let mut out = Vec::new();
            write_json(&value, &mut out).unwrap();
            assert_eq!(String::from_utf8(out).unwrap(), value.to_string());
        };
        for number in (0..12_000_i64).chain([i64::MAX - 1]) {
            write(serde_json::json!([number, -number, number + 1, { "a": number }]));
        }
        write(serde_json::json!({ "a": u64::MAX, "b": [i64::MIN, -1.5, 1e300, "x", null] }));
    }
}
