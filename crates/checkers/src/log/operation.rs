//! What clients of a log do.

/// An operation of one client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogOperation<K, V> {
    /// Who did it. A process does one thing at a time.
    pub process: u64,
    /// Where in the history it was invoked; operations are given in this order.
    pub invoked: u64,
    /// Where it completed; `None` when it never did.
    pub completed: Option<u64>,
    /// What became of it.
    pub outcome: Outcome,
    /// What it did.
    pub action: Action<K, V>,
}

/// What became of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It happened.
    Ok,
    /// It did not.
    Fail,
    /// Nobody knows.
    Unknown,
}

/// What an operation did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action<K, V> {
    /// From now on the process polls these keys, each from where it was, or where it is told.
    Assign(Vec<K>),
    /// From now on the process polls whatever of these keys it is given.
    Subscribe(Vec<K>),
    /// The process forgot everything.
    Crash,
    /// Sends and polls, of which all happen or none. Most operations are one of them.
    Messages(Vec<Step<K, V>>),
}

/// A part of an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step<K, V> {
    /// A message that was sent to a key, and where it was put, if that is known.
    Send {
        /// Where to.
        key: K,
        /// What was sent; the messages of a key are told apart by it.
        value: V,
        /// Its place in the log.
        offset: Option<u64>,
    },
    /// What came back from each key: offsets and messages, in the order in which they came.
    Poll(Vec<(K, Vec<(u64, V)>)>),
}
