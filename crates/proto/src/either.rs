//! The messages of a node that come from two enums.
//!
//! What several nodes share, such as the messages of a consensus protocol, is an enum of its own;
//! what clients say to each of them is another. Together they are the node's
//! [`Body`](crate::Body), told apart by their `type`. An `untagged` or `flatten` of serde would
//! buffer the message and lose the exact text of opaque values; this reads it in one pass.

use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::StrDeserializer;
use serde::de::{DeserializeSeed, Deserializer, EnumAccess, VariantAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer, forward_to_deserialize_any};

/// A message of one of two enums. No variant's name may be in both.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Either<L, R> {
    /// One of the first.
    Left(L),
    /// One of the second.
    Right(R),
}

impl<L: Serialize, R: Serialize> Serialize for Either<L, R> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Left(left) => left.serialize(serializer),
            Self::Right(right) => right.serialize(serializer),
        }
    }
}

impl<'de, L: Deserialize<'de>, R: Deserialize<'de>> Deserialize<'de> for Either<L, R> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_enum("Either", &[], EitherVisitor(PhantomData))
    }
}

struct EitherVisitor<L, R>(PhantomData<(L, R)>);

impl<'de, L: Deserialize<'de>, R: Deserialize<'de>> Visitor<'de> for EitherVisitor<L, R> {
    type Value = Either<L, R>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a message of one of two kinds")
    }

    fn visit_enum<A: EnumAccess<'de>>(self, data: A) -> Result<Self::Value, A::Error> {
        let ((is_left, name), content) = data.variant_seed(Side::<L, R>(PhantomData))?;
        let named = Named { name: &name, content };
        if is_left {
            L::deserialize(named).map(Either::Left)
        } else {
            R::deserialize(named).map(Either::Right)
        }
    }
}

/// Reads the name of a variant: whether it is one of the first enum's, and the name.
struct Side<L, R>(PhantomData<(L, R)>);

impl<'de, L: Deserialize<'de>, R: Deserialize<'de>> DeserializeSeed<'de> for Side<L, R> {
    type Value = (bool, String);

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl<'de, L: Deserialize<'de>, R: Deserialize<'de>> Visitor<'de> for Side<L, R> {
    type Value = (bool, String);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a variant")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Self::Value, E> {
        let is_left = has_variant::<L>(name);
        if is_left || has_variant::<R>(name) {
            Ok((is_left, name.to_owned()))
        } else {
            Err(E::unknown_variant(name, &[]))
        }
    }
}

/// Whether an enum has a variant of this name: it is asked to read one, and the question is over
/// once it has taken the name or not.
fn has_variant<'de, T: Deserialize<'de>>(name: &str) -> bool {
    let found = Cell::new(false);
    let _ = T::deserialize(Named { name, content: Question(&found) });
    found.get()
}

/// An enum of which the name of the variant is known.
struct Named<'a, C> {
    name: &'a str,
    content: C,
}

impl<'de, C: VariantAccess<'de>> Deserializer<'de> for Named<'_, C> {
    type Error = C::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, C::Error> {
        visitor.visit_enum(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option
        unit unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier
        ignored_any
    }
}

impl<'de, C: VariantAccess<'de>> EnumAccess<'de> for Named<'_, C> {
    type Error = C::Error;
    type Variant = C;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, C), C::Error> {
        let variant = seed.deserialize(StrDeserializer::<C::Error>::new(self.name))?;
        Ok((variant, self.content))
    }
}

/// The content of a variant that nobody wants to read: who gets here has taken its name.
struct Question<'a>(&'a Cell<bool>);

/// That is all there is to know. It is asked for each message, so nothing is written down.
#[derive(Debug)]
struct Enough;

impl fmt::Display for Enough {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("that is all there is to know")
    }
}

impl std::error::Error for Enough {}

impl serde::de::Error for Enough {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

impl Question<'_> {
    fn answer<T>(self) -> Result<T, Enough> {
        self.0.set(true);
        Err(Enough)
    }
}

impl<'de> VariantAccess<'de> for Question<'_> {
    type Error = Enough;

    fn unit_variant(self) -> Result<(), Enough> {
        self.answer()
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, _: T) -> Result<T::Value, Enough> {
        self.answer()
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, Enough> {
        self.answer()
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Enough> {
        self.answer()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BadBody, Json, Payload};

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Client {
        Read { key: Json },
        ReadOk { value: Json },
        Stop,
    }

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Peer {
        Vote(Vote),
        Ping,
    }

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Vote {
        term: u64,
    }

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Task {
        Count { to: u64 },
    }

    /// Three enums are one with two in it, whichever side that is on.
    type Messages = Either<Either<Client, Task>, Peer>;
    type Turned = Either<Peer, Either<Task, Client>>;

    fn payload<B: crate::Body>(body: &str) -> Payload<B> {
        let line = format!(r#"{{"src":"c1","dest":"n1","body":{body}}}"#);
        crate::decode(&line).unwrap().payload
    }

    #[test]
    fn each_type_is_read_as_the_enum_that_has_it_and_written_as_that_enum_writes_it() {
        let big = r#"{"a": 1.0, "b": 9007199254740993}"#;
        let key = Json::parse(big).unwrap();
        let read = Client::Read { key };
        for (text, message) in [
            (
                format!(r#"{{"type":"read","key":{big},"msg_id":1}}"#),
                Either::Left(Either::Left(read)),
            ),
            (r#"{"type":"stop","msg_id":1}"#.to_owned(), Either::Left(Either::Left(Client::Stop))),
            (
                r#"{"type":"count","to":3,"msg_id":1}"#.to_owned(),
                Either::Left(Either::Right(Task::Count { to: 3 })),
            ),
            (
                r#"{"type":"vote","term":4,"msg_id":1}"#.to_owned(),
                Either::Right(Peer::Vote(Vote { term: 4 })),
            ),
            (r#"{"type":"ping","msg_id":1}"#.to_owned(), Either::Right(Peer::Ping)),
        ] {
            let message: Messages = message;
            assert_eq!(payload::<Messages>(&text), Payload::Body(message.clone()));
            // The type may come last, too.
            let turned = text.replacen(r#""type":"#, r#""x":0,"type":"#, 1);
            assert_eq!(payload::<Messages>(&turned), Payload::Body(message.clone()));
            assert!(matches!(payload::<Turned>(&text), Payload::Body(_)), "{text}");
            let numbers = crate::Numbers { msg_id: Some(crate::MessageId(1)), in_reply_to: None };
            let mut written = Vec::new();
            crate::encode::encode_own_body(&message, numbers, &mut written).unwrap();
            assert_eq!(String::from_utf8(written).unwrap(), text);
        }
    }

    #[test]
    fn a_type_of_neither_is_unknown_and_a_wrong_field_is_named() {
        assert_eq!(
            payload::<Messages>(r#"{"type":"sing","msg_id":1}"#),
            Payload::Bad(Box::new(BadBody::Unsupported { kind: "sing".to_owned() }))
        );
        for (body, field) in
            [(r#"{"type":"vote","term":"x"}"#, "term"), (r#"{"type":"read"}"#, "key")]
        {
            let Payload::Bad(bad) = payload::<Messages>(body) else { panic!("{body}") };
            let BadBody::Malformed { reason, .. } = *bad else { panic!("{body}") };
            assert!(reason.contains(field), "{reason}");
        }
    }
}
