//! Why a node wakes.

/// What timers and calls bring back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Token {
    /// The protocol has something to do.
    Protocol,
    /// A client's request may have waited too long.
    Deadlines,
    /// Changes of clients were gathered for long enough.
    Gathered,
    /// There is a slice of a long computation to be done.
    Work,
    /// A change of members was passed on to the leader.
    Change {
        /// Its number.
        number: u64,
    },
    /// A request was passed on to the leader.
    Forwarded {
        /// The request's number.
        sequence: u64,
        /// How often it had been passed on before.
        attempt: u32,
    },
}
