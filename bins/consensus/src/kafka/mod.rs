//! `consensus kafka`: logs of messages, replicated by Raft.
//!
//! Sends and commits go through the one log of Raft, which gives each key's messages their offsets.
//! A node gathers those of its clients for a moment and passes them on as one request, which becomes
//! one entry: under load a few messages between nodes carry hundreds of sends. A poll is answered by
//! whichever node is asked, from what it knows to be decided: consumers of a log are promised its
//! order, not its newest message, so polls cost nothing and go on under every partition.
//!
//! Nothing of a log is ever removed.

use std::collections::BTreeMap;

use proto::{Error, Json, Manual};
use serde::{Deserialize, Serialize};

use crate::args::help;
use crate::command::PlainCommand;
use crate::machine::{Access, Machine, Service, no_request};
use crate::node::RaftNode;

pub use proto::kafka::{Message, Offset};

/// What the node says about itself.
pub const MANUAL: Manual = Manual {
    name: "kafka",
    summary: "logs of messages, replicated by Raft",
    usage: "[--batch MS] [--election-timeout MS] [--heartbeat MS] [--gather MS] [--compact-after N]",
    help: help!(
        "\
It serves Maelstrom's workload `kafka`, and challenge 5c of Gossip Glomers: `send`, `poll`,
`commit_offsets` and `list_committed_offsets`. A poll brings what the asked node knows, which may not
be the newest; a message that is acknowledged gets to every node.

  --batch MS             how long a node gathers sends and commits of its clients before it passes
                         them on as one request; 0 passes each on at once; default 5
"
    ),
};

/// The node.
pub type KafkaNode = RaftNode<Logs>;

/// How many messages of one key a poll brings at most.
const POLL_MAX: usize = 100;

/// A log of messages for each key, and up to where each was dealt with.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Logs {
    logs: BTreeMap<String, Vec<Json>>,
    committed: BTreeMap<String, Offset>,
    /// How many messages there are in all logs.
    messages: usize,
}

/// What clients want.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// Changes, each a client's.
    Change(Vec<Change>),
    /// What stands in logs from these offsets on.
    Poll(BTreeMap<String, Offset>),
    /// What was committed of these keys.
    Committed(Vec<String>),
}

/// A change of a log or of what was committed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// Appends a message to the log of a key.
    Send(String, Json),
    /// Raises what was committed of each key to at least this.
    Commit(BTreeMap<String, Offset>),
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// Of each change, in their order.
    Changed(Vec<Done>),
    /// The messages of each key, with their offsets.
    Polled(BTreeMap<String, Vec<(Offset, Json)>>),
    /// By key.
    Committed(BTreeMap<String, Offset>),
}

/// What came of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Done {
    /// The message has this offset.
    Sent(Offset),
    /// It was committed.
    Committed,
}

impl Logs {
    fn change(&mut self, change: &Change) -> Done {
        match change {
            Change::Send(key, message) => {
                let log = self.logs.entry(key.clone()).or_default();
                log.push(message.clone());
                self.messages += 1;
                Done::Sent(log.len() as Offset - 1)
            }
            Change::Commit(offsets) => {
                for (key, &offset) in offsets {
                    // A commit never takes back a later one.
                    let committed = self.committed.entry(key.clone()).or_insert(offset);
                    *committed = offset.max(*committed);
                }
                Done::Committed
            }
        }
    }

    fn poll(&self, key: &str, from: Offset) -> Vec<(Offset, Json)> {
        let log = self.logs.get(key).map_or(&[][..], |log| log);
        let first = usize::try_from(from).unwrap_or(usize::MAX);
        let messages = (from..).zip(log.iter().skip(first).take(POLL_MAX));
        messages.map(|(offset, message)| (offset, message.clone())).collect()
    }
}

impl Machine for Logs {
    type Operation = Operation;
    type Answer = Answer;
    type Wire = PlainCommand<Operation>;

    fn access(operation: &Operation) -> Access {
        match operation {
            Operation::Change(_) => Access::Change,
            Operation::Poll(_) | Operation::Committed(_) => Access::ReadHere,
        }
    }

    fn read(&self, operation: &Operation) -> Answer {
        match operation {
            Operation::Poll(offsets) => {
                let polled = offsets.iter().map(|(key, &from)| (key.clone(), self.poll(key, from)));
                Answer::Polled(polled.collect())
            }
            Operation::Committed(keys) => {
                let committed = |key: &String| Some((key.clone(), *self.committed.get(key)?));
                Answer::Committed(keys.iter().filter_map(committed).collect())
            }
            Operation::Change(_) => Answer::Changed(Vec::new()),
        }
    }

    fn apply(&mut self, operation: &Operation) -> Answer {
        match operation {
            Operation::Change(changes) => {
                Answer::Changed(changes.iter().map(|change| self.change(change)).collect())
            }
            Operation::Poll(_) | Operation::Committed(_) => self.read(operation),
        }
    }

    fn size(&self) -> usize {
        self.messages + self.committed.len()
    }
}

impl Service for Logs {
    type Message = Message;

    const JOINS: bool = true;

    fn operation(message: Message) -> Result<Operation, Error> {
        Ok(match message {
            Message::Send { key, msg } => Operation::Change(vec![Change::Send(key, msg)]),
            Message::CommitOffsets { offsets } => Operation::Change(vec![Change::Commit(offsets)]),
            Message::Poll { offsets } => Operation::Poll(offsets),
            Message::ListCommittedOffsets { keys } => Operation::Committed(keys),
            Message::SendOk { .. }
            | Message::PollOk { .. }
            | Message::CommitOffsetsOk
            | Message::ListCommittedOffsetsOk { .. } => return Err(no_request()),
        })
    }

    fn join(first: &mut Operation, next: Operation) {
        if let (Operation::Change(changes), Operation::Change(more)) = (first, next) {
            changes.extend(more);
        }
    }

    fn replies(answer: Answer) -> Vec<Result<Message, Error>> {
        match answer {
            Answer::Changed(done) => {
                let reply = |done| match done {
                    Done::Sent(offset) => Message::SendOk { offset },
                    Done::Committed => Message::CommitOffsetsOk,
                };
                done.into_iter().map(|done| Ok(reply(done))).collect()
            }
            Answer::Polled(msgs) => vec![Ok(Message::PollOk { msgs })],
            Answer::Committed(offsets) => vec![Ok(Message::ListCommittedOffsetsOk { offsets })],
        }
    }
}

#[cfg(test)]
mod tests;
