//! Transactions, strict serializable: Maelstrom's workloads `txn-list-append` and
//! `txn-rw-register`.
//!
//! A transaction that writes is one command of Raft's log, and its reads are answered when it is
//! applied: all transactions happen one after the other, each between its request and its reply. One
//! that only reads waits for the confirmation that the leader still leads, and costs no entry.
//! Nothing runs at the same time as something else, so no transaction is ever aborted for a conflict
//! (error 30).
//!
//! What is written differs: [`list_append`], [`rw_register`].

use std::collections::BTreeMap;
use std::fmt::Debug;

use proto::{Error, Json};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::command::PlainCommand;
use crate::machine::{Access, Machine, Service, no_request};

pub mod list_append;
pub mod rw_register;
#[cfg(test)]
mod tests;

/// A micro-operation: `["r", key, null]`, `["w", key, value]` or `["append", key, element]`. Of a read
/// that is answered the value is what the object has, or null.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Micro(
    /// What it does.
    pub Function,
    /// The object.
    pub Json,
    /// What it has, or gets.
    pub Json,
);

/// What a micro-operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Function {
    /// Reads an object.
    #[serde(rename = "r")]
    Read,
    /// Writes a register.
    #[serde(rename = "w")]
    Write,
    /// Appends to a list.
    #[serde(rename = "append")]
    Append,
}

/// The messages of both workloads.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Message {
    /// Runs a transaction.
    Txn {
        /// Its micro-operations.
        txn: Vec<Micro>,
    },
    /// Answer to `txn`.
    TxnOk {
        /// The same with what was read.
        txn: Vec<Micro>,
    },
}

/// One object that transactions read and write. It is there once it is written.
pub trait Object:
    Clone + Default + Debug + Eq + Serialize + DeserializeOwned + Send + Sync + 'static
{
    /// The micro-operation that writes.
    const WRITE: Function;
    /// What a node says to another one.
    const WRONG: &'static str;

    /// Writes.
    fn write(&mut self, value: Json);

    /// What a read finds.
    fn value(&self) -> Json;
}

/// All objects, by their keys.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Objects<O: Object> {
    /// In JSON a list of pairs, since keys may be any JSON.
    #[serde(with = "crate::pairs")]
    objects: BTreeMap<Json, O>,
    /// How often anything was written.
    writes: usize,
}

impl<O: Object> Objects<O> {
    fn value(&self, key: &Json) -> Json {
        self.objects.get(key).map_or_else(Json::null, O::value)
    }
}

impl<O: Object> Machine for Objects<O> {
    type Operation = Vec<Micro>;
    type Answer = Vec<Micro>;
    type Wire = PlainCommand<Vec<Micro>>;

    fn access(txn: &Vec<Micro>) -> Access {
        let is_read = txn.iter().all(|Micro(function, ..)| *function == Function::Read);
        if is_read { Access::Read } else { Access::Change }
    }

    fn read(&self, txn: &Vec<Micro>) -> Vec<Micro> {
        let read = |Micro(function, key, _): &Micro| Micro(*function, key.clone(), self.value(key));
        txn.iter().map(read).collect()
    }

    fn apply(&mut self, txn: &Vec<Micro>) -> Vec<Micro> {
        let mut done = txn.clone();
        for Micro(function, key, value) in &mut done {
            if *function == Function::Read {
                *value = self.value(key);
            } else {
                self.objects.entry(key.clone()).or_default().write(value.clone());
                self.writes += 1;
            }
        }
        done
    }

    fn size(&self) -> usize {
        self.writes
    }
}

impl<O: Object> Service for Objects<O> {
    type Message = Message;

    fn operation(message: Message) -> Result<Vec<Micro>, Error> {
        let Message::Txn { txn } = message else { return Err(no_request()) };
        let is_known =
            |Micro(function, ..): &Micro| *function == Function::Read || *function == O::WRITE;
        match txn.iter().position(|micro| !is_known(micro)) {
            None => Ok(txn),
            Some(place) => {
                let text = format!("field `txn`: micro-operation {place}: {}", O::WRONG);
                Err(Error::malformed_request(text))
            }
        }
    }

    fn replies(txn: Vec<Micro>) -> Vec<Result<Message, Error>> {
        vec![Ok(Message::TxnOk { txn })]
    }
}
