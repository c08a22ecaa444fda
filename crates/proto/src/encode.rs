//! From a typed message to its line of JSON.
//!
//! The layout is fixed: `src`, `dest`, `body`; in the body `type`, then the payload, then
//! `in_reply_to`, then `msg_id`. Everything is written straight to the output, so a message of any
//! size needs no buffer of its own.

use std::io;

use serde::ser::{Error as _, Impossible, SerializeMap, SerializeStruct, SerializeStructVariant};
use serde::{Serialize, Serializer};

use crate::error::ErrorCode;
use crate::id::MessageId;
use crate::message::{Body, Init, Message, Payload};

/// Writes a message and the end of its line.
///
/// # Errors
/// If the output fails, or if the body is not an enum of unit, struct and newtype variants.
pub fn encode<B: Body>(message: &Message<Payload<B>>, out: &mut impl io::Write) -> io::Result<()> {
    out.write_all(b"{\"src\":")?;
    serde_json::to_writer(&mut *out, &message.src)?;
    out.write_all(b",\"dest\":")?;
    serde_json::to_writer(&mut *out, &message.dest)?;
    out.write_all(b",\"body\":")?;
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
    let target = Target::Enum(&mut serde_json::Serializer::new(out));
    Ok(body.serialize(BodySerializer { target, numbers })?)
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

    fn end<M: SerializeMap>(self, mut map: M) -> Result<M::Ok, M::Error> {
        if let Some(id) = self.in_reply_to {
            map.serialize_entry("in_reply_to", &id)?;
        }
        if let Some(id) = self.msg_id {
            map.serialize_entry("msg_id", &id)?;
        }
        map.end()
    }
}

/// Writes an enum as a body: the variant's name as `type`, its content as the fields after it.
struct BodySerializer<S: Serializer> {
    target: Target<S>,
    numbers: Numbers,
}

/// How far a body has come.
enum Target<S: Serializer> {
    /// Nothing is written: an enum has to come.
    Enum(S),
    /// The `type` is written: the struct within a newtype variant has to come.
    Struct(S::SerializeMap),
}

/// A body whose `type` is written and whose fields follow.
struct OpenBody<M> {
    map: M,
    numbers: Numbers,
}

impl<S: Serializer> BodySerializer<S> {
    fn open(self, kind: &str) -> Result<OpenBody<S::SerializeMap>, S::Error> {
        let Target::Enum(serializer) = self.target else { return Err(no_body()) };
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("type", kind)?;
        Ok(OpenBody { map, numbers: self.numbers })
    }
}

fn no_body<E: serde::ser::Error>() -> E {
    E::custom("a body is an enum with unit, struct or newtype variants")
}

impl<M: SerializeMap> OpenBody<M> {
    fn close(self) -> Result<M::Ok, M::Error> {
        self.numbers.end(self.map)
    }
}

impl<M: SerializeMap> SerializeStructVariant for OpenBody<M> {
    type Ok = M::Ok;
    type Error = M::Error;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), M::Error> {
        self.map.serialize_entry(key, value)
    }

    fn end(self) -> Result<M::Ok, M::Error> {
        self.close()
    }
}

impl<M: SerializeMap> SerializeStruct for OpenBody<M> {
    type Ok = M::Ok;
    type Error = M::Error;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), M::Error> {
        self.map.serialize_entry(key, value)
    }

    fn end(self) -> Result<M::Ok, M::Error> {
        self.close()
    }
}

/// Refuses what is not a body.
macro_rules! no_body {
    ($($method:ident($($argument:ty),*) -> $result:ty;)*) => {
        $(fn $method(self, $(_: $argument),*) -> Result<$result, S::Error> {
            Err(no_body())
        })*
    };
}

impl<S: Serializer> Serializer for BodySerializer<S> {
    type Ok = S::Ok;
    type Error = S::Error;
    type SerializeSeq = Impossible<S::Ok, S::Error>;
    type SerializeTuple = Impossible<S::Ok, S::Error>;
    type SerializeTupleStruct = Impossible<S::Ok, S::Error>;
    type SerializeTupleVariant = Impossible<S::Ok, S::Error>;
    type SerializeMap = Impossible<S::Ok, S::Error>;
    type SerializeStruct = OpenBody<S::SerializeMap>;
    type SerializeStructVariant = OpenBody<S::SerializeMap>;

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<S::Ok, S::Error> {
        self.open(variant)?.close()
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        let OpenBody { map, numbers } = self.open(variant)?;
        value.serialize(Self { target: Target::Struct(map), numbers })
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, S::Error> {
        self.open(variant)
    }

    no_body! {
        serialize_bool(bool) -> S::Ok;
        serialize_i8(i8) -> S::Ok;
        serialize_i16(i16) -> S::Ok;
        serialize_i32(i32) -> S::Ok;
        serialize_i64(i64) -> S::Ok;
        serialize_u8(u8) -> S::Ok;
        serialize_u16(u16) -> S::Ok;
        serialize_u32(u32) -> S::Ok;
        serialize_u64(u64) -> S::Ok;
        serialize_f32(f32) -> S::Ok;
        serialize_f64(f64) -> S::Ok;
        serialize_char(char) -> S::Ok;
        serialize_str(&str) -> S::Ok;
        serialize_bytes(&[u8]) -> S::Ok;
        serialize_none() -> S::Ok;
        serialize_unit() -> S::Ok;
        serialize_unit_struct(&'static str) -> S::Ok;
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
    ) -> Result<Self::SerializeStruct, S::Error> {
        let Target::Struct(map) = self.target else { return Err(no_body()) };
        Ok(OpenBody { map, numbers: self.numbers })
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        value.serialize(self)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        value.serialize(self)
    }
}
