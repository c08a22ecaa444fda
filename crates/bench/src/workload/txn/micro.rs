//! A transaction as it is asked, answered and stored.

use std::fmt;
use std::sync::Arc;

use checkers::{Kind, Op};
use proto::Json;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::Objects;
use crate::wire;

/// The function that reads.
const READ: &str = "r";

/// A micro-operation.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Micro {
    /// `r`, or what writes in this workload.
    pub(super) f: &'static str,
    /// The object.
    pub(super) key: Json,
    /// What is written, or was read; null where a read has not been answered.
    pub(super) value: Json,
}

impl Micro {
    /// A read without its result.
    pub(super) fn read(key: Json) -> Self {
        Self { f: READ, key, value: Json::null() }
    }

    /// A write by the function `f`.
    pub(super) fn write(f: &'static str, key: Json, value: i64) -> Self {
        Self { f, key, value: Json::from(value) }
    }

    /// Whether it reads.
    pub(super) fn is_read(&self) -> bool {
        self.f == READ
    }

    fn is_answered_by(&self, other: &Self) -> bool {
        (self.f, &self.key) == (other.f, &other.key)
            && (self.is_read() || self.value == other.value)
    }
}

impl Serialize for Micro {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (self.f, &self.key, &self.value).serialize(serializer)
    }
}

/// A transaction.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Txn(Arc<[Micro]>);

impl Txn {
    /// A transaction of these micro-operations.
    pub(super) fn new(micros: Vec<Micro>) -> Self {
        Self(micros.into())
    }

    /// Its micro-operations in their order.
    pub(super) fn micros(&self) -> &[Micro] {
        &self.0
    }

    /// As it stands in messages.
    pub(super) fn json(&self) -> Json {
        Json::parse(&self.to_string()).unwrap_or_else(|_| Json::null())
    }

    /// Reads a list of micro-operations.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub(super) fn read(objects: Objects, text: &str) -> Result<Self, String> {
        let micros: Vec<&RawValue> = serde_json::from_str(text)
            .map_err(|_| "it should be a list of micro-operations".to_owned())?;
        let micros = micros.into_iter().map(RawValue::get).enumerate().map(|(place, micro)| {
            let flaw = |flaw: &str| format!("micro-operation {place}, {micro}, {flaw}");
            let parts: [Json; 3] = serde_json::from_str(micro)
                .map_err(|_| flaw("should be [function, key, value]"))?;
            let [f, key, value] = parts.map(Json::distinguishing_floats);
            let f = [READ, objects.write()]
                .into_iter()
                .find(|name| f.is_string(name))
                .ok_or_else(|| flaw("should begin with \"r\" or the function that writes"))?;
            if f == READ && objects == Objects::Lists && !value.is_null() && !value.is_list() {
                return Err(flaw("should read null or a list"));
            }
            Ok(Micro { f, key, value })
        });
        micros.collect::<Result<Vec<_>, String>>().map(Self::new)
    }

    /// Whether these are the same micro-operations, with or without what was read.
    ///
    /// # Errors
    /// Says which is the first that is not.
    pub(super) fn is_answered_by(&self, done: &Self) -> Result<(), String> {
        let (asked, answered) = (self.micros(), done.micros());
        if asked.len() != answered.len() {
            let (asked, answered) = (asked.len(), answered.len());
            return Err(format!("{asked} micro-operations were asked, {answered} are answered"));
        }
        let mut both = asked.iter().zip(answered).enumerate();
        match both.find(|(_, (asked, answered))| !asked.is_answered_by(answered)) {
            None => Ok(()),
            Some((place, (asked, answered))) => {
                let text = |micro| serde_json::to_string(micro).unwrap_or_default();
                let (asked, answered) = (text(asked), text(answered));
                Err(format!("micro-operation {place} is {answered}, and {asked} was asked"))
            }
        }
    }
}

impl Serialize for Txn {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.micros().serialize(serializer)
    }
}

impl fmt::Display for Txn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string(self).map_err(|_| fmt::Error)?)
    }
}

impl Op for Txn {
    fn f(&self) -> &str {
        "txn"
    }

    fn is_completed_by(&self, completion: &Self) -> bool {
        self.is_answered_by(completion).is_ok()
    }

    fn write<M: SerializeMap>(&self, _: Kind, line: &mut M) -> Result<(), M::Error> {
        line.serialize_entry("value", self)
    }
}

/// The elements of a list that was read; nothing if it was null.
///
/// # Errors
/// If it is neither null nor a list.
pub(super) fn elements(value: &Json) -> Result<Option<Vec<Json>>, ()> {
    match value.is_null() {
        true => Ok(None),
        false => wire::list(&value.text()).map(Some).map_err(drop),
    }
}

#[cfg(test)]
mod tests {
    use super::Objects::{Lists, Registers};
    use super::*;

    fn flaw(objects: Objects, asked: &str, answered: &str) -> String {
        let asked = Txn::read(objects, asked).unwrap();
        let done = Txn::read(objects, answered);
        done.and_then(|done| asked.is_answered_by(&done)).expect_err(answered)
    }

    #[test]
    fn what_is_read_is_written_again_as_it_was() {
        let text = r#"[["r",1,[1,"a"]],["append","x",{"a":1}],["r",2,null]]"#;
        let txn = Txn::read(Lists, text).unwrap();
        assert_eq!(txn.to_string(), text);
        assert_eq!(txn.json().text(), text);
        assert_eq!(elements(&txn.micros()[0].value).unwrap().unwrap().len(), 2);
        assert_eq!(elements(&txn.micros()[2].value), Ok(None));
    }

    /// jepsen-io/maelstrom#14: none of this is noticed by Maelstrom.
    #[test]
    fn an_answer_to_another_transaction_is_named() {
        let asked = r#"[["r",1,null],["append",2,3]]"#;
        for (answered, expected) in [
            (r#"[["r",1,null]]"#, "2 micro-operations were asked, 1 are answered"),
            ("[]", "2 micro-operations were asked, 0 are answered"),
            (r#"[["append",2,3],["r",1,null]]"#, "micro-operation 0 is [\"append\",2,3], and"),
            (r#"[["r",2,null],["append",2,3]]"#, "micro-operation 0 is [\"r\",2,null], and"),
            (r#"[["r",1,null],["append",2,4]]"#, "micro-operation 1 is [\"append\",2,4], and"),
            (r#"[["r",1.0,null],["append",2,3]]"#, "micro-operation 0 is [\"r\",1.0,null], and"),
            (r#"[["r",1,7],["append",2,3]]"#, "micro-operation 0, [\"r\",1,7], should read null"),
            (r#"[["w",1,7],["append",2,3]]"#, "micro-operation 0, [\"w\",1,7], should begin with"),
            (r#"[["r",1],["append",2,3]]"#, "micro-operation 0, [\"r\",1], should be [function"),
            ("null", "it should be a list of micro-operations"),
            (r#"{"r":1}"#, "it should be a list of micro-operations"),
        ] {
            let flaw = flaw(Lists, asked, answered);
            assert!(flaw.starts_with(expected), "{answered}: {flaw}");
        }
        let lists = flaw(Registers, r#"[["w",1,2]]"#, r#"[["append",1,2]]"#);
        assert!(lists.contains("should begin with"), "{lists}");
        let registers = Txn::read(Registers, r#"[["r",1,null],["w",1,2]]"#).unwrap();
        let done = Txn::read(Registers, r#"[["r",1,[5]],["w",1,2]]"#).unwrap();
        assert_eq!(registers.is_answered_by(&done), Ok(()), "registers hold any JSON");
    }
}
