//! Whether a process reads what it is sent.

use std::time::Duration;

use proto::Time;

use crate::carrier::READ_PATIENCE;

/// Most of the time between two looks that counts as time in which a process did not read. Where looks come
/// later it is the machine that stood still, and the process with it.
const LOOK_GAP_MAX: Duration = Duration::from_secs(1);

/// How far a process has read its stdin.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Reading {
    /// Bytes that it had read at the last look.
    read: u64,
    /// When that was, and for how long it had not read by then what was there; nothing once that was told.
    idle: Option<(Time, Duration)>,
}

impl Reading {
    /// It has read all that it was sent, or cannot read.
    pub(super) fn rests(&mut self, now: Time, read: u64) {
        *self = Self { read, idle: Some((now, Duration::ZERO)) };
    }

    /// It has read so much, and there is more. Whether it has read nothing for long, which is told once.
    pub(super) fn is_late(&mut self, now: Time, read: u64) -> bool {
        if read != self.read {
            self.rests(now, read);
        }
        let Some((last, idle)) = self.idle else { return false };
        let idle = idle + now.since(last).min(LOOK_GAP_MAX);
        let is_late = idle >= READ_PATIENCE;
        self.idle = (!is_late).then_some((now, idle));
        is_late
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks every half second from there on until it is late; how many that took.
    fn looks_until_late(reading: &mut Reading, mut now: Time) -> usize {
        let looks = std::iter::from_fn(|| {
            now = now + Duration::from_millis(500);
            (!reading.is_late(now, 7)).then_some(())
        });
        looks.take(100).count() + 1
    }

    #[test]
    fn who_reads_nothing_for_four_seconds_is_late_and_told_of_once() {
        let (mut reading, start) = (Reading::default(), Time::ZERO + Duration::from_secs(1));
        reading.rests(start, 7);
        assert_eq!(looks_until_late(&mut reading, start), 8);
        assert!(!reading.is_late(start + Duration::from_secs(60), 7));
        assert!(!reading.is_late(start + Duration::from_secs(61), 8), "it has read more");
        assert!(!reading.is_late(start + Duration::from_secs(62), 8));
    }

    #[test]
    fn a_machine_that_stood_still_makes_no_process_late() {
        let (mut reading, start) = (Reading::default(), Time::ZERO + Duration::from_secs(1));
        reading.rests(start, 7);
        let later = start + Duration::from_secs(70);
        assert!(!reading.is_late(later, 7));
        assert_eq!(looks_until_late(&mut reading, later), 6, "one second has counted");
    }
}
