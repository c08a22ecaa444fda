//! Lamport's clock: one counter that a cause has lower than its effect.

/// The counter of one node, 0 at the start (Lamport 1978, rules IR1 and IR2).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Lamport {
    time: u64,
}

/// A received count that no node can have come to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("no node has counted to {0}")]
pub struct Overflow(pub u64);

/// A Lamport time with the node that it is of. Ordered by time and then by node, which is one
/// order of all events that contradicts no cause.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Stamp<N> {
    /// The node's counter.
    pub time: u64,
    /// The node.
    pub node: N,
}

impl Lamport {
    /// The time of the last event; reading it is none.
    pub const fn time(self) -> u64 {
        self.time
    }

    /// A local event, or the sending of a message, which carries the time that is returned.
    ///
    /// # Panics
    /// After 2^64 - 1 events. Received times cannot lead there: [`Lamport::receive`] refuses them.
    pub fn tick(&mut self) -> u64 {
        self.time += 1;
        self.time
    }

    /// The receipt of a message that carries `received`.
    ///
    /// # Errors
    /// If `received` is in the upper half of the range, where no node counts to; the clock stays.
    pub fn receive(&mut self, received: u64) -> Result<u64, Overflow> {
        if received > u64::MAX / 2 {
            return Err(Overflow(received));
        }
        self.time = self.time.max(received);
        Ok(self.tick())
    }
}
