//! When a transaction ran and how it ended.

/// How a transaction ended, as far as its client knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It committed, and its reads are known.
    Ok,
    /// It did not happen.
    Fail,
    /// It may have happened or not, then or at any later time; what it read is unknown.
    Info,
}

/// A transaction without its micro-operations: who ran it, when, and how it ended.
///
/// Moments are numbers of any unit that grow with time: positions in a history, or nanoseconds. One
/// transaction comes before another in real time if its `completed` is *less* than the other's
/// `invoked`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Call {
    /// The logical client. It does one transaction at a time.
    pub process: u64,
    /// The moment at which the client began it.
    pub invoked: u64,
    /// The moment at which the client knew that it had committed. Without meaning unless `outcome`
    /// is [`Outcome::Ok`].
    pub completed: u64,
    /// How it ended.
    pub outcome: Outcome,
}

/// A transaction: a call, and what it did to objects in its order.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Transaction<O> {
    /// Who, when, and with what outcome.
    pub call: Call,
    /// Its micro-operations.
    pub ops: Vec<O>,
}
