//! The hybrid logical clock of Kulkarni and others (2014): the time of day, and a counter for
//! everything that happens while it is held.

use crate::wall::{Guard, READING_MAX_MS, Reading};

/// A stamp: the physical part first, then the logical one, compared in that order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Stamp {
    /// The latest time of day that was read or heard of (`l` in the paper), in milliseconds.
    pub physical_ms: u64,
    /// What happened since at that time (`c` in the paper).
    pub logical: u64,
}

/// The clock of one node: (0, 0) until the first event.
///
/// ```
/// use clocks::hybrid::{Hybrid, Stamp};
///
/// let mut clock = Hybrid::default();
/// assert_eq!(clock.tick(500), Stamp { physical_ms: 500, logical: 0 });
/// assert_eq!(clock.tick(400), Stamp { physical_ms: 500, logical: 1 }, "it was set back");
/// let heard = Stamp { physical_ms: 900, logical: 7 };
/// assert_eq!(clock.receive(heard, 600), Ok(Stamp { physical_ms: 900, logical: 8 }));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Hybrid {
    guard: Guard,
    logical: u64,
}

/// A received stamp that no clock of any node can have come to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("no clock shows {0} ms: the highest is {READING_MAX_MS}")]
pub struct BeyondAllClocks(pub u64);

impl Hybrid {
    /// A clock whose next stamp is higher than any with a physical part below `first_ms`.
    pub const fn starting_at(first_ms: u64) -> Self {
        Self { guard: Guard::starting_at(first_ms), logical: 0 }
    }

    /// The stamp of the last event; reading it is none.
    pub const fn stamp(self) -> Stamp {
        Stamp { physical_ms: self.guard.latest_ms(), logical: self.logical }
    }

    /// How far the physical part is ahead of a clock that shows `clock_ms`, in milliseconds.
    pub const fn ahead_of(self, clock_ms: u64) -> u64 {
        self.guard.ahead_of(clock_ms)
    }

    /// A local event, or the sending of a message, while the node's clock shows `clock_ms`
    /// (paper, figure 5, "send or local event").
    pub fn tick(&mut self, clock_ms: u64) -> Stamp {
        match self.guard.read(clock_ms) {
            Reading::Advanced(_) => self.logical = 0,
            Reading::Held(_) => self.count_on_from(self.logical),
        }
        self.stamp()
    }

    /// The receipt of a message that carries `received`, while the node's clock shows `clock_ms`
    /// (paper, figure 5, "receive event of message m"). There is no limit to how far a stamp may
    /// be ahead of the own clock.
    ///
    /// # Errors
    /// If the physical part is beyond all clocks ([`READING_MAX_MS`]); the clock stays.
    pub fn receive(&mut self, received: Stamp, clock_ms: u64) -> Result<Stamp, BeyondAllClocks> {
        if received.physical_ms > READING_MAX_MS {
            return Err(BeyondAllClocks(received.physical_ms));
        }
        let highest = self.stamp().max(received);
        match self.guard.read(clock_ms.max(received.physical_ms)) {
            Reading::Advanced(now_ms) if now_ms > highest.physical_ms => self.logical = 0,
            // The higher of the two stamps is at the latest reading: the other one's counter
            // matters only if it is at that reading too, and then the higher stamp has the higher
            // counter.
            _ => self.count_on_from(highest.logical),
        }
        Ok(self.stamp())
    }

    /// Hears of a stamp without an event: all later stamps are higher than it, but it has none of its
    /// own. Nodes tell each other so in the background what their causes are.
    ///
    /// # Errors
    /// If the physical part is beyond all clocks ([`READING_MAX_MS`]); the clock stays.
    pub fn hear(&mut self, stamp: Stamp) -> Result<(), BeyondAllClocks> {
        if stamp.physical_ms > READING_MAX_MS {
            return Err(BeyondAllClocks(stamp.physical_ms));
        }
        if stamp > self.stamp() {
            *self = Self { guard: Guard::starting_at(stamp.physical_ms), logical: stamp.logical };
        }
        Ok(())
    }

    /// A counter at its end moves the physical part on instead: the stamp rises either way.
    fn count_on_from(&mut self, logical: u64) {
        match logical.checked_add(1) {
            Some(next) => self.logical = next,
            None => {
                self.guard.push_on();
                self.logical = 0;
            }
        }
    }
}
