//! `consensus lin-kv`: a linearizable key-value store.

use std::collections::BTreeMap;

use proto::{Error, ErrorCode, Json};
use serde::{Deserialize, Serialize};

use crate::machine::{Access, Machine, Service, no_request};

mod wire;

pub use wire::WireCommand;

/// A value for each key that has one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyValues {
    /// In JSON a list of pairs, since keys may be any JSON.
    #[serde(with = "crate::pairs")]
    values: BTreeMap<Json, Json>,
}

/// A request of Maelstrom's `lin-kv` workload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// The value of a key. Never goes into the log.
    Read {
        /// The key.
        key: Json,
    },
    /// Sets a key.
    Write {
        /// The key.
        key: Json,
        /// Its new value.
        value: Json,
    },
    /// Sets a key that has a given value.
    Cas {
        /// The key.
        key: Json,
        /// The value it must have.
        from: Json,
        /// Its new value.
        to: Json,
        /// Whether it is set as well where there is no such key.
        create: bool,
    },
}

impl Operation {
    /// Whether it changes nothing.
    #[must_use]
    pub fn is_read(&self) -> bool {
        matches!(self, Self::Read { .. })
    }
}

/// How an operation ended; all of them are definite.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// A read found this.
    Value(Json),
    /// A write was done.
    Written,
    /// A compare-and-set was done.
    Swapped,
    /// There is no such key: error 20.
    NoSuchKey,
    /// The key has another value: error 22.
    Mismatch,
}

/// The messages of Maelstrom's `lin-kv` workload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Message {
    /// The value of a key.
    Read {
        /// Any JSON.
        key: Json,
    },
    /// Answer to `read`.
    ReadOk {
        /// The key's value.
        value: Json,
    },
    /// Sets a key.
    Write {
        /// Any JSON.
        key: Json,
        /// Any JSON.
        value: Json,
    },
    /// Answer to `write`.
    WriteOk,
    /// Sets a key that has a given value.
    Cas {
        /// Any JSON.
        key: Json,
        /// The value it must have.
        from: Json,
        /// Its new value.
        to: Json,
        /// Whether the key is set as well where there is none, as Maelstrom's services have it.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        create_if_not_exists: bool,
    },
    /// Answer to `cas`.
    CasOk,
}

impl From<Operation> for Message {
    fn from(operation: Operation) -> Self {
        match operation {
            Operation::Read { key } => Self::Read { key },
            Operation::Write { key, value } => Self::Write { key, value },
            Operation::Cas { key, from, to, create } => {
                Self::Cas { key, from, to, create_if_not_exists: create }
            }
        }
    }
}

impl Machine for KeyValues {
    type Operation = Operation;
    type Answer = Answer;
    type Wire = WireCommand;

    fn access(operation: &Operation) -> Access {
        if operation.is_read() { Access::Read } else { Access::Change }
    }

    fn read(&self, operation: &Operation) -> Answer {
        let (Operation::Read { key } | Operation::Write { key, .. } | Operation::Cas { key, .. }) =
            operation;
        self.values.get(key).cloned().map_or(Answer::NoSuchKey, Answer::Value)
    }

    fn apply(&mut self, operation: &Operation) -> Answer {
        match operation {
            Operation::Read { .. } => self.read(operation),
            Operation::Write { key, value } => {
                self.values.insert(key.clone(), value.clone());
                Answer::Written
            }
            Operation::Cas { key, from, to, create } => match self.values.get_mut(key) {
                None if *create => {
                    self.values.insert(key.clone(), to.clone());
                    Answer::Swapped
                }
                None => Answer::NoSuchKey,
                Some(value) if value != from => Answer::Mismatch,
                Some(value) => {
                    *value = to.clone();
                    Answer::Swapped
                }
            },
        }
    }

    fn size(&self) -> usize {
        self.values.len()
    }
}

impl Service for KeyValues {
    type Message = Message;

    fn operation(message: Message) -> Result<Operation, Error> {
        match message {
            Message::Read { key } => Ok(Operation::Read { key }),
            Message::Write { key, value } => Ok(Operation::Write { key, value }),
            Message::Cas { key, from, to, create_if_not_exists: create } => {
                Ok(Operation::Cas { key, from, to, create })
            }
            Message::ReadOk { .. } | Message::WriteOk | Message::CasOk => Err(no_request()),
        }
    }

    fn replies(answer: Answer) -> Vec<Result<Message, Error>> {
        vec![match answer {
            Answer::Value(value) => Ok(Message::ReadOk { value }),
            Answer::Written => Ok(Message::WriteOk),
            Answer::Swapped => Ok(Message::CasOk),
            Answer::NoSuchKey => {
                Err(Error::new(ErrorCode::KeyDoesNotExist, "there is no such key"))
            }
            Answer::Mismatch => {
                Err(Error::new(ErrorCode::PreconditionFailed, "the key has another value"))
            }
        }]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(value: i64) -> Operation {
        Operation::Write { key: 1.into(), value: value.into() }
    }

    fn cas(from: i64, to: i64) -> Operation {
        Operation::Cas { key: 1.into(), from: from.into(), to: to.into(), create: false }
    }

    /// As Maelstrom's own services do it.
    #[test]
    fn a_compare_and_set_may_create_its_key() {
        let mut store = KeyValues::default();
        let create = |from: i64, to: i64| {
            let text = format!(
                r#"{{"cas":{{"key":1,"from":{from},"to":{to},"create_if_not_exists":true}}}}"#
            );
            let message = serde_json::from_str(&text).unwrap();
            KeyValues::operation(message).unwrap()
        };
        assert_eq!(store.apply(&create(7, 1)), Answer::Swapped);
        assert_eq!(store.apply(&create(7, 2)), Answer::Mismatch);
        assert_eq!(store.apply(&create(1, 2)), Answer::Swapped);
        assert_eq!(store.read(&Operation::Read { key: 1.into() }), Answer::Value(2.into()));
    }

    #[test]
    fn operations_answer_as_maelstrom_defines_them() {
        let mut store = KeyValues::default();
        let read = Operation::Read { key: 1.into() };
        assert_eq!(store.read(&read), Answer::NoSuchKey);
        assert_eq!(store.apply(&cas(1, 2)), Answer::NoSuchKey);
        assert_eq!(store.apply(&write(1)), Answer::Written);
        assert_eq!(store.apply(&cas(3, 4)), Answer::Mismatch);
        assert_eq!(store.apply(&cas(1, 2)), Answer::Swapped);
        assert_eq!(store.read(&read), Answer::Value(2.into()));
    }
}
