//! `<node id>-<milliseconds since 1970>-<sequence>`: the sequence starts at 0 in every
//! millisecond.
//!
//! Unique because
//! * the node id tells nodes apart (neither number has a dash, so the last two dashes of an id end
//!   the node's name), and
//! * within one life of a node the pair of timestamp and sequence only ever rises. While the clock
//!   stands still or has gone back, the last timestamp stays and the sequence goes on; when the
//!   sequence is used up, the timestamp moves on to the next millisecond by itself. Neither waits:
//!   an id is there at once even if the clock is set back by years.
//!
//! Assumed: node ids differ; and when a node is restarted, its clock shows a later time than the
//! last id of its earlier life. With a state directory that is not needed: timestamps are reserved
//! ahead (see `reservation`) and the new life begins after them.

use proto::{Context, Error, Node, Records};

use crate::reservation::Reservation;

/// The highest sequence number within a millisecond: 12 bits, as in a Snowflake id.
const SEQUENCE_MAX: u64 = 4095;
/// A clock cannot usefully show more (292 million years). The limit leaves room to count beyond
/// any reading.
const CLOCK_MAX_MS: u64 = u64::MAX / 2;
/// Timestamps that are reserved with one synced record: one record every ten seconds.
const BLOCK_MS: u64 = 10_000;

/// The last id of one node.
#[derive(Clone, Debug)]
pub(crate) struct Timestamp {
    /// The millisecond of the next id, if the clock is not beyond it.
    ms: u64,
    /// The sequence number of the next id within that millisecond.
    sequence: u64,
    reservation: Reservation,
}

impl Default for Timestamp {
    fn default() -> Self {
        Self { ms: 0, sequence: 0, reservation: Reservation::new("timestamp", BLOCK_MS) }
    }
}

impl Timestamp {
    pub(crate) fn restore(&mut self, records: &Records) -> Result<(), Error> {
        self.ms = self.reservation.restore(records)?;
        Ok(())
    }

    pub(crate) fn generate<N: Node>(&mut self, ctx: &mut Context<'_, N>) -> String {
        let (ms, sequence) = self.advance(ctx.wall_clock_ms());
        self.reservation.cover(ms, ctx);
        format!("{}-{ms}-{sequence}", ctx.id())
    }

    /// The next pair of timestamp and sequence when the clock shows `clock_ms`.
    fn advance(&mut self, clock_ms: u64) -> (u64, u64) {
        let clock_ms = clock_ms.min(CLOCK_MAX_MS);
        if clock_ms > self.ms {
            (self.ms, self.sequence) = (clock_ms, 0);
        } else if self.sequence > SEQUENCE_MAX {
            (self.ms, self.sequence) = (self.ms + 1, 0);
        }
        let pair = (self.ms, self.sequence);
        self.sequence += 1;
        pair
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sequence_counts_within_a_millisecond_and_starts_anew_in_the_next() {
        let mut timestamp = Timestamp::default();
        let pairs = [5, 5, 5, 6, 9, 9].map(|clock_ms| timestamp.advance(clock_ms));
        assert_eq!(pairs, [(5, 0), (5, 1), (5, 2), (6, 0), (9, 0), (9, 1)]);
    }

    #[test]
    fn a_clock_that_goes_back_keeps_the_timestamp_and_the_sequence_goes_on() {
        let mut timestamp = Timestamp::default();
        let pairs = [5, 4, 0, 5, 6, 1].map(|clock_ms| timestamp.advance(clock_ms));
        assert_eq!(pairs, [(5, 0), (5, 1), (5, 2), (5, 3), (6, 0), (6, 1)]);
    }

    #[test]
    fn a_sequence_that_is_used_up_moves_on_to_the_next_millisecond() {
        let mut timestamp = Timestamp::default();
        let last = (0..=SEQUENCE_MAX).map(|_| timestamp.advance(5)).last();
        assert_eq!(last, Some((5, SEQUENCE_MAX)));
        // The clock is now behind the timestamp until it shows 7.
        let pairs = [5, 6, 7].map(|clock_ms| timestamp.advance(clock_ms));
        assert_eq!(pairs, [(6, 0), (6, 1), (7, 0)]);
    }
}
