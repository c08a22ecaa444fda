//! A wall clock that never goes back, whatever the one behind it does.

/// The latest reading must leave room to count beyond it, whatever a clock or a peer claims: half
/// of the range is 292 million years.
pub const READING_MAX_MS: u64 = u64::MAX / 2;

/// The highest reading that there ever was.
///
/// ```
/// use clocks::wall::{Guard, Reading};
///
/// let mut guard = Guard::default();
/// assert_eq!(guard.read(500), Reading::Advanced(500));
/// assert_eq!(guard.read(499), Reading::Held(500), "it was set back");
/// assert_eq!(guard.ahead_of(499), 1);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Guard {
    latest_ms: u64,
}

/// What a guard shows, and whether it is later than all it has shown before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reading {
    /// The clock is later than ever.
    Advanced(u64),
    /// The clock stands still or has gone back: this is the latest reading again.
    Held(u64),
}

impl Guard {
    /// A guard that has shown `latest_ms` already.
    pub const fn starting_at(latest_ms: u64) -> Self {
        Self { latest_ms }
    }

    /// The latest reading; 0 before the first.
    pub const fn latest_ms(self) -> u64 {
        self.latest_ms
    }

    /// Reads a clock that shows `clock_ms`. What is beyond [`READING_MAX_MS`] counts as that.
    pub fn read(&mut self, clock_ms: u64) -> Reading {
        let clock_ms = clock_ms.min(READING_MAX_MS);
        if clock_ms > self.latest_ms {
            self.latest_ms = clock_ms;
            Reading::Advanced(clock_ms)
        } else {
            Reading::Held(self.latest_ms)
        }
    }

    /// Moves on by a millisecond although no clock shows it yet.
    pub fn push_on(&mut self) -> u64 {
        self.latest_ms += 1;
        self.latest_ms
    }

    /// How many milliseconds the latest reading is ahead of a clock that shows `clock_ms`.
    pub const fn ahead_of(self, clock_ms: u64) -> u64 {
        self.latest_ms.saturating_sub(clock_ms)
    }
}
