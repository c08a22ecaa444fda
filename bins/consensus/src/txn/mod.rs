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

use proto::txn::{Message, Micro};
use proto::{Error, Json};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::command::PlainCommand;
use crate::machine::{Access, Machine, Service, no_request};

pub mod list_append;
pub mod rw_register;
#[cfg(test)]
mod tests;

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

/// A transaction.
pub type Txn = Vec<Micro<Function>>;

impl<O: Object> Machine for Objects<O> {
    type Operation = Txn;
    type Answer = Txn;
    type Wire = PlainCommand<Txn>;

    fn access(txn: &Txn) -> Access {
        let is_read = txn.iter().all(|Micro(function, ..)| *function == Function::Read);
        if is_read { Access::Read } else { Access::Change }
    }

    fn read(&self, txn: &Txn) -> Txn {
        let read = |Micro(function, key, _): &Micro<Function>| {
            Micro(*function, key.clone(), self.value(key))
        };
        txn.iter().map(read).collect()
    }

    fn apply(&mut self, txn: &Txn) -> Txn {
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
    type Message = Message<Function>;

    fn operation(message: Message<Function>) -> Result<Txn, Error> {
        let Message::Txn { txn } = message else { return Err(no_request()) };
        let is_known = |Micro(function, ..): &Micro<Function>| {
            *function == Function::Read || *function == O::WRITE
        };
        match txn.iter().position(|micro| !is_known(micro)) {
            None => Ok(txn),
            Some(place) => {
                let text = format!("field `txn`: micro-operation {place}: {}", O::WRONG);
                Err(Error::malformed_request(text))
            }
        }
    }

    fn replies(txn: Txn) -> Vec<Result<Message<Function>, Error>> {
        vec![Ok(Message::TxnOk { txn })]
    }
}
