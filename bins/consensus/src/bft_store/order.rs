//! What the store needs of a protocol that puts batches of requests into an order.

use std::fmt::Debug;
use std::time::Duration;

use bft::{Digest, Key, Quorums, Seal, Stable};
use proto::{Error, Records};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::pending::Pending;
use super::value::Value;

/// Views and rounds last at most so long, however many failed before.
pub const TIMEOUT_MAX: Duration = Duration::from_secs(2);

/// A change of what a node keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Keep {
    /// Sets a record.
    Put(Vec<u8>, Vec<u8>),
    /// Removes the records from one key to before another.
    Delete(Vec<u8>, Vec<u8>),
}

impl Keep {
    /// Sets a record to a value as JSON.
    pub(super) fn put(key: Vec<u8>, value: &impl Serialize) -> Self {
        // Numbers, hashes and lists of them: nothing that JSON cannot hold.
        Self::Put(key, serde_json::to_vec(value).unwrap_or_default())
    }
}

/// The key of a record that belongs to a slot; their order is that of the slots.
pub(super) fn slot_key(prefix: &str, slot: u64) -> Vec<u8> {
    [prefix.as_bytes(), &slot.to_be_bytes()].concat()
}

/// The records of all slots.
pub(super) fn of_slots<T: DeserializeOwned>(
    records: &Records,
    prefix: &str,
) -> Result<Vec<T>, Error> {
    let first = prefix.as_bytes().to_vec();
    let end = slot_key(prefix, u64::MAX);
    records.range(first..=end).map(|(_, value)| parse(value)).collect()
}

/// A record.
pub(super) fn parse<T: DeserializeOwned>(value: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(value)
        .map_err(|error| unusable(&format!("a record cannot be read: {error}")))
}

/// Error 11: what is stored is not what this node writes.
pub(super) fn unusable(reason: &str) -> Error {
    Error::temporarily_unavailable(format!("state directory: {reason}"))
}

/// What a protocol wants to have done, in this order.
#[derive(Debug)]
pub struct Said<M> {
    /// To be stored first.
    pub keep: Vec<Keep>,
    /// To be signed, and sent to all nodes, this one first.
    pub messages: Vec<M>,
}

impl<M> Said<M> {
    /// Whether it is nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keep.is_empty() && self.messages.is_empty()
    }
}

/// What a protocol begins with.
#[derive(Debug)]
pub struct Start<'a> {
    /// Who it is.
    pub key: Key,
    /// How many make a quorum.
    pub quorums: Quorums,
    /// How long it waits at first.
    pub timeout: Duration,
    /// The checkpoint whose state the store has.
    pub stable: Option<Stable>,
    /// What was stored.
    pub records: &'a Records,
    /// Whether anything is stored at all.
    pub is_durable: bool,
}

/// A protocol at one node. Slots are its sequence numbers or heights, from 1.
pub trait Order: Debug + Sized + 'static {
    /// What nodes of it say to each other.
    type Message: Debug + Clone + Send + Serialize + DeserializeOwned + 'static;
    /// Where a node is.
    type Status: Debug + Clone + Copy + Send + Serialize + DeserializeOwned + 'static;

    /// The prefixes of its records of slots, of which it needs none up to a stable checkpoint.
    const SLOT_RECORDS: &'static [&'static str];

    /// Begins, or goes on from what was stored.
    ///
    /// # Errors
    /// If what was stored cannot be read.
    fn start(start: Start<'_>) -> Result<Self, Error>;

    /// Does something to every signature of a message, but for those of requests.
    fn each_signed(message: &mut Self::Message, seal: &mut impl Seal);

    /// Shows every value in a message.
    fn each_value(message: &Self::Message, look: impl FnMut(&Value));

    /// The stable checkpoint that a message tells of, if that is what it does.
    fn stable_of(message: &Self::Message) -> Option<&Stable>;

    /// A message came whose signatures are right.
    fn step(&mut self, message: Self::Message);

    /// Takes requests, if it is this node's turn to propose some.
    fn offer(&mut self, pending: &mut Pending);

    /// Takes what is to be done.
    fn take(&mut self, now: Duration) -> Said<Self::Message>;

    /// What was decided in a slot, if that is known: no value is an empty slot.
    fn decided(&self, slot: u64) -> Option<Option<Value>>;

    /// The state after a slot.
    fn checkpoint(&mut self, slot: u64, digest: Digest);

    /// The last checkpoint that a quorum signed.
    fn stable(&self) -> Option<&Stable>;

    /// The store has taken the state of that over.
    fn install(&mut self, stable: Stable);

    /// Where it is.
    fn status(&self) -> Self::Status;

    /// What somebody lacks who is there.
    fn help(&self, other: &Self::Status) -> Vec<Self::Message>;

    /// When [`tick`](Self::tick) is to be called; requests have waited since then.
    fn deadline(&self, waiting_since: Option<Duration>) -> Option<Duration>;

    /// Its time has come.
    fn tick(&mut self, now: Duration, waiting_since: Option<Duration>);

    /// Whether it is this node's turn to propose.
    fn is_leader(&self) -> bool;

    /// What the node believes that a quorum has certified: slot, view or round, and value. Two nodes
    /// never believe different things of the same slot and view.
    fn certified(&self) -> Vec<(u64, u64, Option<Value>)>;

    /// Whether what was decided in a slot has its proof.
    fn is_proven(&self, slot: u64, quorums: &Quorums) -> bool;

    /// How far it came: this never goes back.
    fn position(&self) -> (u64, u64);
}

/// What a Byzantine node could say in the place of a message. All of it has to be signed yet.
pub trait Twist: Order {
    /// The same message with other values, if it has any of this node's own.
    fn twist(
        message: &Self::Message,
        key: &Key,
        change: &mut dyn FnMut(&Value) -> Value,
    ) -> Option<Self::Message>;

    /// Another lie that fits the message: something untold, made up, or in the name of another node,
    /// by `draw`, which gives a number below its argument.
    fn lie(
        message: &Self::Message,
        key: &Key,
        draw: &mut dyn FnMut(u64) -> u64,
    ) -> Option<Self::Message>;
}
