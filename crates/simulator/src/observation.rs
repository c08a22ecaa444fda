//! Messages as whoever keeps a journal sees them.

use proto::{AnyMessage, Time};

/// A message as the network sees it, for whoever keeps a journal.
#[derive(Debug)]
pub struct Observation<'a> {
    /// When.
    pub time: Time,
    /// The message's number in this run. Duplicates share it.
    pub number: u64,
    /// What became of it.
    pub fate: Fate,
    /// The message.
    pub message: &'a AnyMessage,
}

/// What became of a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate {
    /// It entered the network.
    Sent,
    /// It was handed to its receiver.
    Received,
    /// It was dropped at random.
    Lost,
    /// It arrived during a partition.
    Cut,
    /// Its receiver was down.
    ReceiverDown,
    /// There is nobody of that name.
    NoReceiver,
}
