//! Nodes whose type is forgotten: what lets one table hold all nodes of a program, and one cluster
//! hold nodes of any kind.
//!
//! A body stays in its node's own type on the way to a node of the same kind ([`AnyBody::Typed`]);
//! to everybody else, clients above all, it is the text that would stand on the wire. So a cluster
//! in virtual time makes no JSON between its nodes, and yet any node serves any client.

mod engine;
mod node;

use std::any::Any;
use std::fmt::Debug;
use std::io;

pub use self::engine::AnyEngine;
pub use self::node::AnyNode;
use crate::decode::{DecodeError, decode_body};
use crate::encode::{Numbers, encode_own_body, encode_payload};
use crate::message::{Body, Message, Payload};

/// What a message says, whatever node it comes from.
#[derive(Debug)]
pub enum AnyBody {
    /// The whole body as it would stand on the wire, `type` and numbers included.
    Text(Box<str>),
    /// A body in the type of the node that sent it.
    Typed(Box<dyn TypedBody>),
}

/// A message of any node.
pub type AnyMessage = Message<Payload<AnyBody>>;

impl AnyBody {
    /// Keeps a body in its own type.
    pub fn typed(body: impl Body) -> Self {
        Self::Typed(Box::new(body))
    }
}

impl Clone for AnyBody {
    fn clone(&self) -> Self {
        match self {
            Self::Text(text) => Self::Text(text.clone()),
            Self::Typed(body) => Self::Typed(body.copy()),
        }
    }
}

/// A [`Body`] whose type is forgotten.
pub trait TypedBody: Any + Send + Debug {
    /// A copy of it.
    fn copy(&self) -> Box<dyn TypedBody>;

    /// Appends it as text, with these numbers at its end.
    ///
    /// # Errors
    /// If the body is not an enum of unit, struct and newtype variants.
    fn write(&self, numbers: Numbers, out: &mut Vec<u8>) -> io::Result<()>;
}

impl<B: Body> TypedBody for B {
    fn copy(&self) -> Box<dyn TypedBody> {
        Box::new(self.clone())
    }

    fn write(&self, numbers: Numbers, out: &mut Vec<u8>) -> io::Result<()> {
        encode_own_body(self, numbers, out)
    }
}

/// The body of a message as the text that stands on the wire.
///
/// # Errors
/// If its type cannot be written as a body, which is a defect of the node's types.
pub fn body_text(message: &AnyMessage) -> io::Result<Box<str>> {
    let mut text = Vec::with_capacity(BODY_BYTES_USUAL);
    write_body(message, &mut text)?;
    String::from_utf8(text).map(String::into_boxed_str).map_err(io::Error::other)
}

/// What most bodies take at most, in bytes.
const BODY_BYTES_USUAL: usize = 256;

/// Adds the body of a message to `out`, as the text that stands on the wire.
///
/// # Errors
/// As [`body_text`].
pub fn write_body(message: &AnyMessage, out: &mut Vec<u8>) -> io::Result<()> {
    encode_payload(&message.payload, Numbers::of(message), out, |body, numbers, out| match body {
        AnyBody::Text(own) => {
            out.extend_from_slice(own.as_bytes());
            Ok(())
        }
        AnyBody::Typed(body) => body.write(numbers, out),
    })
}

/// Reads a message as one whose bodies are `B`, in whatever form it came.
///
/// # Errors
/// If its body is a text that is no JSON object.
pub fn recall<B: Body>(message: AnyMessage) -> Result<Message<Payload<B>>, DecodeError> {
    let text = match &message.payload {
        Payload::Body(AnyBody::Text(text)) => return decode_body(message.src, message.dest, text),
        Payload::Body(AnyBody::Typed(body)) if !(&**body as &dyn Any).is::<B>() => {
            body_text(&message)
        }
        _ => {
            return Ok(message.map(|body| match body {
                AnyBody::Typed(body) => match (body as Box<dyn Any>).downcast::<B>() {
                    Ok(body) => *body,
                    Err(_) => unreachable!("its type was looked at above"),
                },
                AnyBody::Text(_) => unreachable!("texts are read above"),
            }));
        }
    };
    decode_body(message.src, message.dest, &text.unwrap_or_default())
}
