//! How long a peer may take to answer: learnt from how long it took so far.
//!
//! The estimate is that of TCP: a smoothed round trip and its smoothed deviation, and a time-out of
//! one plus four times the other (V. Jacobson and M. Karels, "Congestion avoidance and control",
//! 1988, appendix A; the constants as in RFC 6298). A time-out that passes doubles the next one.
//!
//! As with TCP there is one measurement a round trip, not one a message. What differs:
//!
//! - An acknowledgement names the message that it answers, and a turn of a comparison carries the
//!   time of its opening, so an answer that comes after the time-out measures as well as any other.
//!   The rule of P. Karn and C. Partridge ("Improving round-trip time estimates in reliable
//!   transport protocols", 1987), that what was sent again measures nothing, is needed only where
//!   an answer does not say which copy it is for.
//! - So a peer that stood still for a minute would be believed to be that slow for long. A
//!   measurement therefore counts for no more than twice the time-out in force: a network that has
//!   become slow is believed after a few answers, a single pause never.
//! - The time-out does not fall below the one that the command line sets: a node that was quick for
//!   an hour may still be stopped for a moment.

use std::time::Duration;

use proto::Time;

/// The time-out never grows beyond this, whatever was measured.
const TIMEOUT_MAX: Duration = Duration::from_secs(60);
/// Doubling alone makes it no longer than this: a lossy network is not a slow one.
const BACK_OFF_MAX: Duration = Duration::from_secs(4);

/// What is known of the round trips to a peer. Times are in nanoseconds, because a node of a large cluster
/// has two of these for each of its links.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RoundTrip {
    smoothed: u64,
    deviation: u64,
    /// What follows from the two: it is asked for far more often than it changes.
    timeout: u64,
    /// When an answer was measured last.
    measured_at: Time,
    /// Whether one ever was. Until then all of the above means nothing.
    is_known: bool,
    /// How many time-outs have passed since the last measurement.
    back_off: u8,
}

impl RoundTrip {
    /// An answer to what was sent at `sent_at` has come, which took so long beyond the time for
    /// which the peer was free to hold it back. `least` is the shortest time-out. Says whether it
    /// counts: one a round trip does.
    pub fn measure(&mut self, sent_at: Time, beyond: Duration, now: Time, least: Duration) -> bool {
        if self.is_known && sent_at < self.measured_at {
            return false;
        }
        let took = nanos(beyond.min(2 * self.timeout(least)));
        (self.smoothed, self.deviation) = match self.is_known {
            false => (took, took / 2),
            true => {
                let difference = self.smoothed.abs_diff(took);
                ((7 * self.smoothed + took) / 8, (3 * self.deviation + difference) / 4)
            }
        };
        self.timeout = (self.smoothed + 4 * self.deviation).min(nanos(TIMEOUT_MAX));
        (self.measured_at, self.is_known, self.back_off) = (now, true, 0);
        true
    }

    /// No answer came in time.
    pub fn expired(&mut self) {
        self.back_off = (self.back_off + 1).min(16);
    }

    /// Whether an answer ever came.
    pub fn is_known(&self) -> bool {
        self.is_known
    }

    /// How long an answer may take, at least `least`.
    pub fn timeout(&self, least: Duration) -> Duration {
        let once = match self.is_known {
            true => least.max(Duration::from_nanos(self.timeout)),
            false => least,
        };
        if self.back_off == 0 {
            return once;
        }
        (once * (1 << self.back_off)).min(BACK_OFF_MAX.max(once))
    }
}

fn nanos(duration: Duration) -> u64 {
    (Time::ZERO + duration).as_nanos()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAST: Duration = Duration::from_millis(500);

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// A peer to which one message after the other is sent and answered.
    #[derive(Default)]
    struct Link {
        round_trip: RoundTrip,
        now: Time,
    }

    impl Link {
        fn answer(&mut self, took: Duration) -> Duration {
            let sent_at = self.now;
            self.now = sent_at + took;
            self.round_trip.measure(sent_at, took, self.now, LEAST);
            self.timeout()
        }

        fn timeout(&self) -> Duration {
            self.round_trip.timeout(LEAST)
        }
    }

    /// The numbers follow from the formulas of RFC 6298, section 2, by hand.
    #[test]
    fn the_first_answers_give_the_time_outs_of_the_rfc() {
        let mut link = Link::default();
        assert_eq!(link.timeout(), LEAST);
        // 800 + 4 * 400.
        assert_eq!(link.answer(ms(800)), ms(2400));
        // The deviation has fallen to 300.
        assert_eq!(link.answer(ms(800)), ms(2000));
        // Smoothed 900, deviation (3 * 300 + 800) / 4 = 425.
        assert_eq!(link.answer(ms(1600)), ms(2600));
    }

    #[test]
    fn a_steady_peer_is_soon_given_little_more_than_it_takes_but_never_less_than_the_least() {
        let (mut slow, mut fast) = (Link::default(), Link::default());
        for _ in 0..40 {
            slow.answer(ms(2000));
            fast.answer(ms(2));
        }
        assert!((ms(2000)..ms(2050)).contains(&slow.timeout()), "{:?}", slow.timeout());
        assert_eq!(fast.timeout(), LEAST);
    }

    #[test]
    fn time_outs_double_until_an_answer_comes() {
        let mut link = Link::default();
        let timeouts = [0; 5].map(|_| {
            link.round_trip.expired();
            link.timeout().as_millis()
        });
        assert_eq!(timeouts, [1000, 2000, 4000, 4000, 4000]);
        assert_eq!(link.answer(ms(10)), LEAST);
    }

    /// Everything that was sent to a peer while it was stopped is answered when it goes on.
    #[test]
    fn a_pause_is_one_measurement_and_does_not_make_a_slow_peer() {
        let mut link = Link::default();
        for _ in 0..10 {
            link.answer(ms(10));
        }
        let stopped = link.now;
        let now = stopped + ms(60_000);
        for sent in 0..1000 {
            let sent_at = stopped + ms(60 * sent);
            link.round_trip.measure(sent_at, now.since(sent_at), now, LEAST);
        }
        assert!(link.timeout() < ms(1500), "{:?}", link.timeout());
    }

    #[test]
    fn a_network_that_has_become_slow_is_believed_after_a_few_answers() {
        let mut link = Link::default();
        for _ in 0..10 {
            link.answer(ms(10));
        }
        let answers = (1..).find(|_| link.answer(ms(5000)) > ms(5000)).unwrap();
        assert!(answers <= 5, "{answers}");
    }

    #[test]
    fn there_is_an_end_to_patience() {
        let mut link = Link::default();
        for _ in 0..20 {
            link.answer(ms(3_600_000));
        }
        assert_eq!(link.timeout(), TIMEOUT_MAX);
        // Unless the command line wants more.
        assert_eq!(link.round_trip.timeout(2 * TIMEOUT_MAX), 2 * TIMEOUT_MAX);
    }
}
