//! Numbers reserved in blocks, so that a restarted node can skip all that it may have used.
//!
//! Before a number of a new block is used, the end of that block is made durable: the record is
//! put before the reply is sent, and the runtime lets the reply leave only once the record is
//! synced. A restarted node begins where the last block ends. What was left of that block is lost,
//! which costs nothing but numbers; what was used of it is never used again, whenever the node was
//! killed. A node without a state directory has no records and reserves in vain.

use proto::{Context, Error, Node, Records};

/// Numbers below a bound that no other life of this node uses.
#[derive(Clone, Debug)]
pub(crate) struct Reservation {
    /// The record's key.
    key: &'static str,
    /// How many numbers beyond the one that is needed are reserved at once.
    block: u64,
    /// The first number that is not reserved.
    end: u64,
}

impl Reservation {
    pub(crate) const fn new(key: &'static str, block: u64) -> Self {
        Self { key, block, end: 0 }
    }

    /// Takes up the record of an earlier life. Returns the first number that life cannot have
    /// used.
    ///
    /// # Errors
    /// If the record is not one that this program wrote.
    pub(crate) fn restore(&mut self, records: &Records) -> Result<u64, Error> {
        if let Some(record) = records.get(self.key.as_bytes()) {
            let end = record.as_slice().try_into().map_err(|_| {
                Error::unusable_records(format_args!(
                    "the record `{}` of an earlier life is unreadable",
                    self.key
                ))
            })?;
            self.end = u64::from_be_bytes(end);
        }
        Ok(self.end)
    }

    /// Makes sure that `number` and all numbers below it are reserved.
    pub(crate) fn cover<N: Node>(&mut self, number: u64, ctx: &mut Context<'_, N>) {
        if number >= self.end {
            self.end = number + self.block;
            ctx.put(self.key, self.end.to_be_bytes());
        }
    }
}
