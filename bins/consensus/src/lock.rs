//! `consensus lock`: locks, replicated by Raft.
//!
//! Who acquires a lock gets it if nobody holds it, and holds it until it is given back: acquiring and
//! releasing are commands of the one log, so they happen one after the other and the same everywhere.
//! There is no end in time, since no clock can tell whether a holder is gone or only slow (Kleppmann,
//! "How to do distributed locking", 2016); a client that is not sure whether it got a lock gives it
//! back under the name of the same holder.

use std::collections::BTreeMap;

use proto::{Error, ErrorCode, Json, Manual};
use serde::{Deserialize, Serialize};

use crate::args::help;
use crate::command::PlainCommand;
use crate::machine::{Access, Machine, Service, no_request};
use crate::node::RaftNode;

/// What the node says about itself.
pub const MANUAL: Manual = Manual {
    name: "lock",
    summary: "locks that at most one client holds, replicated by Raft",
    usage: "[--election-timeout MS] [--heartbeat MS] [--gather MS] [--compact-after N]",
    help: help!(
        "\
It serves the workload `lock`: `acquire` and `release` with `key`, the lock, and `holder`, any JSON.
Either is refused with error 22 if somebody else holds the lock, and a release if nobody does.

"
    ),
};

/// The node.
pub type LockNode = RaftNode<Locks>;

/// Who holds which lock.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Locks {
    #[serde(with = "crate::pairs")]
    held: BTreeMap<Json, Json>,
}

/// What a client wants of a lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// To hold it from now on.
    Acquire(Json, Json),
    /// To hold it no more.
    Release(Json, Json),
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// The holder holds it.
    Acquired,
    /// It is free.
    Released,
    /// Nothing: this one holds it.
    HeldBy(Json),
    /// Nothing: nobody holds it.
    NotHeld,
}

impl Machine for Locks {
    type Operation = Operation;
    type Answer = Answer;
    type Wire = PlainCommand<Operation>;

    fn access(_: &Operation) -> Access {
        Access::Change
    }

    fn read(&self, operation: &Operation) -> Answer {
        let (Operation::Acquire(lock, _) | Operation::Release(lock, _)) = operation;
        self.held.get(lock).cloned().map_or(Answer::NotHeld, Answer::HeldBy)
    }

    fn apply(&mut self, operation: &Operation) -> Answer {
        match (operation, self.read(operation)) {
            (Operation::Acquire(lock, holder), Answer::NotHeld) => {
                self.held.insert(lock.clone(), holder.clone());
                Answer::Acquired
            }
            (Operation::Release(lock, holder), Answer::HeldBy(other)) if other == *holder => {
                self.held.remove(lock);
                Answer::Released
            }
            (_, as_it_is) => as_it_is,
        }
    }

    fn size(&self) -> usize {
        self.held.len()
    }
}

/// The messages of clients.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Message {
    /// Asks for a lock.
    Acquire {
        /// Which one.
        key: Json,
        /// Who is to hold it.
        holder: Json,
    },
    /// Answer to `acquire`: it is held.
    AcquireOk,
    /// Gives a lock back.
    Release {
        /// Which one.
        key: Json,
        /// Who holds it.
        holder: Json,
    },
    /// Answer to `release`.
    ReleaseOk,
}

impl Service for Locks {
    type Message = Message;

    fn operation(message: Message) -> Result<Operation, Error> {
        match message {
            Message::Acquire { key, holder } => Ok(Operation::Acquire(key, holder)),
            Message::Release { key, holder } => Ok(Operation::Release(key, holder)),
            Message::AcquireOk | Message::ReleaseOk => Err(no_request()),
        }
    }

    fn replies(answer: Answer) -> Vec<Result<Message, Error>> {
        let refused = |text: String| Err(Error::new(ErrorCode::PreconditionFailed, text));
        vec![match answer {
            Answer::Acquired => Ok(Message::AcquireOk),
            Answer::Released => Ok(Message::ReleaseOk),
            Answer::HeldBy(holder) => refused(format!("it is held by {holder}")),
            Answer::NotHeld => refused("nobody holds it".to_owned()),
        }]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_given_to_one_holder_until_that_one_gives_it_back() {
        let mut locks = Locks::default();
        let mut ask = |f: fn(Json, Json) -> Operation, lock: i64, holder: i64| {
            locks.apply(&f(lock.into(), holder.into()))
        };
        let (acquire, release): (fn(_, _) -> _, fn(_, _) -> _) =
            (Operation::Acquire, Operation::Release);
        assert_eq!(ask(release, 1, 7), Answer::NotHeld);
        assert_eq!(ask(acquire, 1, 7), Answer::Acquired);
        assert_eq!(ask(acquire, 1, 8), Answer::HeldBy(7.into()));
        // Not even to the same: a holder has it once.
        assert_eq!(ask(acquire, 1, 7), Answer::HeldBy(7.into()));
        assert_eq!(ask(release, 1, 8), Answer::HeldBy(7.into()));
        assert_eq!(ask(acquire, 2, 8), Answer::Acquired);
        assert_eq!(ask(release, 1, 7), Answer::Released);
        assert_eq!(ask(acquire, 1, 8), Answer::Acquired);
    }

    #[test]
    fn a_snapshot_keeps_who_holds_what() {
        let mut locks = Locks::default();
        locks.apply(&Operation::Acquire(Json::from("a"), 7.into()));
        let text = serde_json::to_string(&locks).unwrap();
        assert_eq!(serde_json::from_str::<Locks>(&text).unwrap(), locks);
    }
}
