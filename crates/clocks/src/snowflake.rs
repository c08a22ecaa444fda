//! Snowflake ids (Twitter, 2010): a time, a machine and a sequence in 63 bits.
//!
//! ```text
//! bit 63   62                                     22   21        12   11          0
//!     0  |  milliseconds since an epoch (41 bits)  |  machine (10)  |  sequence (12)
//! ```
//!
//! Ids of one machine rise; those of several are in order as far as their clocks agree. 41 bits
//! of milliseconds last 69.7 years.

use crate::wall::{Guard, Reading};

/// Highest timestamp: 41 bits.
pub const TIMESTAMP_MAX_MS: u64 = (1 << 41) - 1;
/// Highest machine: 10 bits.
pub const MACHINE_MAX: u64 = (1 << 10) - 1;
/// Highest sequence: 12 bits, so 4,096 ids a millisecond and machine.
pub const SEQUENCE_MAX: u64 = (1 << 12) - 1;

const MACHINE_SHIFT: u32 = 12;
const TIMESTAMP_SHIFT: u32 = 22;

/// The moment that timestamps count from, in milliseconds since 1970.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Epoch {
    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub unix_ms: u64,
}

impl Epoch {
    /// 1970-01-01T00:00:00Z: lasts until 2039-09-07.
    pub const UNIX: Self = Self { unix_ms: 0 };
    /// 2024-01-01T00:00:00Z: lasts until 2093-09-06.
    pub const YEAR_2024: Self = Self { unix_ms: 1_704_067_200_000 };

    /// Milliseconds since the epoch; 0 for a clock that shows an earlier time.
    pub const fn since_ms(self, clock_ms: u64) -> u64 {
        clock_ms.saturating_sub(self.unix_ms)
    }
}

/// What an id is made of.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Parts {
    /// Milliseconds since the epoch, up to [`TIMESTAMP_MAX_MS`].
    pub timestamp_ms: u64,
    /// Up to [`MACHINE_MAX`].
    pub machine: u64,
    /// Up to [`SEQUENCE_MAX`].
    pub sequence: u64,
}

/// A number that does not fit its field.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the {field} {value} is more than {max}")]
pub struct OutOfRange {
    /// Which field.
    pub field: &'static str,
    /// What it was to hold.
    pub value: u64,
    /// What it can hold.
    pub max: u64,
}

fn fits(field: &'static str, value: u64, max: u64) -> Result<u64, OutOfRange> {
    if value <= max { Ok(value) } else { Err(OutOfRange { field, value, max }) }
}

impl Parts {
    /// The id of these parts.
    ///
    /// # Errors
    /// If one of them does not fit; nothing is cut off.
    pub fn encode(self) -> Result<u64, OutOfRange> {
        let timestamp_ms = fits("timestamp", self.timestamp_ms, TIMESTAMP_MAX_MS)?;
        let machine = fits("machine", self.machine, MACHINE_MAX)?;
        let sequence = fits("sequence", self.sequence, SEQUENCE_MAX)?;
        Ok(timestamp_ms << TIMESTAMP_SHIFT | machine << MACHINE_SHIFT | sequence)
    }

    /// The parts of an id.
    ///
    /// # Errors
    /// If its highest bit is set, which no id has.
    pub fn decode(id: u64) -> Result<Self, OutOfRange> {
        let id = fits("id", id, u64::MAX >> 1)?;
        Ok(Self {
            timestamp_ms: id >> TIMESTAMP_SHIFT,
            machine: id >> MACHINE_SHIFT & MACHINE_MAX,
            sequence: id & SEQUENCE_MAX,
        })
    }
}

/// The ids of one machine: each is higher than the one before.
///
/// While the clock stands still or has gone back the timestamp stays and the sequence goes on.
/// When the sequence is used up the timestamp moves on to the next millisecond, which is where
/// waiting for the clock would have led; so nobody waits, not even while the clock is set back by
/// years.
#[derive(Clone, Debug)]
pub struct Generator {
    epoch: Epoch,
    machine: u64,
    guard: Guard,
    /// The sequence of the next id within the guard's millisecond.
    sequence: u64,
    highest_sequence: u64,
}

impl Generator {
    /// A machine's ids since `epoch`.
    ///
    /// # Errors
    /// If the machine does not fit.
    pub fn new(machine: u64, epoch: Epoch) -> Result<Self, OutOfRange> {
        let machine = fits("machine", machine, MACHINE_MAX)?;
        Ok(Self { epoch, machine, guard: Guard::default(), sequence: 0, highest_sequence: 0 })
    }

    /// Goes on with timestamps from `first_ms` (since the epoch), after those of an earlier life.
    pub fn skip_to(&mut self, first_ms: u64) {
        if first_ms > self.guard.latest_ms() {
            (self.guard, self.sequence) = (Guard::starting_at(first_ms), 0);
        }
    }

    /// The machine.
    pub fn machine(&self) -> u64 {
        self.machine
    }

    /// The highest sequence that any id had so far.
    pub fn highest_sequence(&self) -> u64 {
        self.highest_sequence
    }

    /// The timestamp that an id would have if the clock shows `clock_ms` (since 1970).
    pub fn timestamp_ms(&self, clock_ms: u64) -> u64 {
        self.epoch.since_ms(clock_ms).max(self.guard.latest_ms())
    }

    /// The next id, as its parts, when the clock shows `clock_ms` (since 1970).
    ///
    /// # Errors
    /// If the timestamp does not fit; nothing changes, so that a clock which leaps beyond the last
    /// timestamp and comes back does no lasting harm.
    pub fn generate(&mut self, clock_ms: u64) -> Result<Parts, OutOfRange> {
        let since_ms = self.epoch.since_ms(clock_ms);
        fits("timestamp", since_ms, TIMESTAMP_MAX_MS)?;
        let (mut guard, mut sequence) = (self.guard, self.sequence);
        let timestamp_ms = match guard.read(since_ms) {
            Reading::Advanced(ms) => {
                sequence = 0;
                ms
            }
            Reading::Held(_) if sequence > SEQUENCE_MAX => {
                sequence = 0;
                guard.push_on()
            }
            Reading::Held(ms) => ms,
        };
        fits("timestamp", timestamp_ms, TIMESTAMP_MAX_MS)?;
        (self.guard, self.sequence) = (guard, sequence + 1);
        self.highest_sequence = self.highest_sequence.max(sequence);
        Ok(Parts { timestamp_ms, machine: self.machine, sequence })
    }
}
