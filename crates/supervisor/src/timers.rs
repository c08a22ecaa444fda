//! Timers that a process sets: signals at a time, and files that become readable at one.

use std::collections::BTreeMap;

use crate::thread::TimerClock;

/// When a timer next fires, and how often after that.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Setting {
    /// The node's time, in nanoseconds; `None` if it is not set.
    pub(crate) next: Option<u64>,
    /// Nanoseconds between two firings; 0 for a timer that fires once.
    pub(crate) interval: u64,
}

impl Setting {
    /// How often it has fired by `now`; it is set to its next time.
    pub(crate) fn fire(&mut self, now: u64) -> u64 {
        let Some(next) = self.next.filter(|&next| next <= now) else {
            return 0;
        };
        if self.interval == 0 {
            self.next = None;
            return 1;
        }
        let times = (now - next) / self.interval + 1;
        self.next = Some(next + times * self.interval);
        times
    }

    /// What `getitimer` and its kin tell: time left, interval. A set timer never says 0.
    pub(crate) fn left(&self, now: u64) -> (u64, u64) {
        (self.next.map_or(0, |next| next.saturating_sub(now).max(1)), self.interval)
    }
}

/// What happens when a timer fires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Notice {
    /// This signal to the process.
    Signal(i32),
    /// A file is written to: its descriptor.
    File(i32),
    /// Nothing; it may be asked.
    None,
}

/// A timer.
pub(crate) struct Timer {
    pub(crate) setting: Setting,
    pub(crate) clock: TimerClock,
    pub(crate) notice: Notice,
}

/// Names a timer within a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum TimerName {
    /// The one of `setitimer` and `alarm`.
    Real,
    /// One made by `timer_create`.
    Made(i32),
    /// One made by `timerfd_create`, by its descriptor.
    File(i32),
}

/// The timers of a process.
#[derive(Default)]
pub(crate) struct Timers {
    pub(crate) all: BTreeMap<TimerName, Timer>,
    made: i32,
}

impl Timers {
    /// The name for the next `timer_create`.
    pub(crate) fn name(&mut self) -> i32 {
        self.made += 1;
        self.made - 1
    }

    /// When the first of them fires.
    pub(crate) fn due(&self) -> Option<u64> {
        self.all
            .values()
            .filter(|timer| timer.clock != TimerClock::Cpu)
            .filter_map(|timer| timer.setting.next)
            .min()
    }

    /// Those that have fired by `now`, and how often.
    pub(crate) fn fire(&mut self, now: u64) -> Vec<(Notice, u64)> {
        self.all
            .values_mut()
            .filter(|timer| timer.clock != TimerClock::Cpu)
            .filter_map(|timer| {
                let times = timer.setting.fire(now);
                (times > 0).then_some((timer.notice, times))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timer_without_interval_fires_once() {
        let mut setting = Setting { next: Some(10), interval: 0 };
        assert_eq!((setting.fire(9), setting.fire(10), setting.fire(99)), (0, 1, 0));
        assert_eq!(setting.left(99), (0, 0));
    }

    #[test]
    fn missed_firings_are_counted_and_the_beat_is_kept() {
        let mut setting = Setting { next: Some(10), interval: 10 };
        assert_eq!(setting.fire(35), 3, "at 10, 20 and 30");
        assert_eq!(setting.next, Some(40));
        assert_eq!(setting.left(40), (1, 10), "a set timer never has nothing left");
    }
}
