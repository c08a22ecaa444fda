//! Where to look first, as far as the clients' history tells.

use checkers::Op;
use checkers::operation::{Operation, Record};
use proto::Json;
use serde::{Deserialize, Serialize};

/// What is wrong, and the operations that show it.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Lead {
    /// In a sentence.
    pub text: String,
    /// When it shows, in nanoseconds since the run started.
    pub time: u64,
    /// The operations that show it, in the order in which they are to be read.
    pub operations: Vec<Shown>,
    /// What to look for among the messages to find out why.
    pub clue: Clue,
}

/// An operation that is to be looked at.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Shown {
    /// The index of the event that began it.
    pub invoked: u64,
    /// The operation in a few words.
    pub what: String,
}

/// What explains a failure, if the messages have it.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum Clue {
    /// Nothing is known to look for but the faults that were on meanwhile.
    #[default]
    Fault,
    /// The answer is what it is: nothing else can be told.
    None,
    /// A value that the first operation put somewhere and the last one should have seen: how it went
    /// from node to node.
    Missing {
        /// The value.
        value: Json,
    },
    /// A value that came more than once: who gave it out.
    Repeated {
        /// The value.
        value: Json,
        /// How often.
        times: u64,
        /// Whether all of it was in one answer.
        at_once: bool,
    },
    /// An answer about a key that is older than it may be: the news that had not come.
    Stale {
        /// The key.
        key: Json,
    },
    /// What the first operation was told holds no more: who was killed between it and the last one.
    NotKept {
        /// What it is about.
        key: Json,
        /// Whether it is gone, and not given to somebody else.
        is_gone: bool,
    },
    /// Transactions that did not see what others wrote: how far that had come when they were answered.
    Unseen {
        /// Each of them with the one that it did not see.
        missed: Vec<Missed>,
    },
    /// Two transactions that saw the same writes in different orders: who answered them.
    Orders {
        /// One.
        first: Named,
        /// The other one.
        second: Named,
    },
    /// A sum that is not what was added: where that was.
    Sum {
        /// What was answered, if that is a number.
        got: Option<i64>,
        /// The type of the requests that add.
        message: String,
        /// The field of theirs that says how much.
        field: String,
    },
}

/// A transaction that did not see what another one wrote.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Missed {
    /// The one that read.
    pub reader: Named,
    /// The one that wrote.
    pub writer: Named,
    /// The key, as JSON.
    pub key: String,
}

/// An operation by the name that a sentence has for it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Named {
    /// The name: `T3`.
    pub name: String,
    /// The index of the event that began it.
    pub invoked: u64,
}

impl Shown {
    /// An operation of a checker.
    pub fn new<O: Op>(operation: &Operation<'_, O>, what: String) -> Self {
        Self { invoked: operation.invocation.index, what }
    }
}

impl Lead {
    /// Of one operation.
    pub fn of_record<O>(text: String, record: &Record<O>, what: String, clue: Clue) -> Self {
        let time = record.end.unwrap_or(record.start).1;
        let operations = vec![Shown { invoked: record.start.0, what }];
        Self { text, time, operations, clue }
    }
}
