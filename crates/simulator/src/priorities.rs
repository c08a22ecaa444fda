//! Deliveries by priority: probabilistic concurrency testing (Burckhardt, Kothari, Musuvathi and
//! Nagarakatte, ASPLOS 2010) for messages, after taPCTCP (Ozkan, Majumdar and Oraee, OOPSLA 2019), in a
//! world that has a clock.
//!
//! There, a scheduler with a list of chains always lets the highest one that can go on go on, and at
//! `d - 1` places drawn beforehand lowers one of them: an ordering of `d` events is hit with a chance that
//! is known. Here the chains are the links from one node to another, and what is lower is slower: nothing
//! waits for ever, because timers go on. How much slower, and after how many messages all priorities are
//! drawn anew, is drawn once a run, over orders of magnitude.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::endpoint::Endpoint;
use crate::random::Random;

/// Messages between two draws of all priorities, at least, and at most so many times that.
const PERIOD_MIN: u64 = 30;
const PERIOD_SPREAD: f64 = 200.0;
/// How much slower than the mean a lowered link is, at least, and at most so many times that.
const SLOWNESS_MIN: f64 = 3.0;
const SLOWNESS_SPREAD: f64 = 30.0;

/// The priorities of links.
#[derive(Clone, Debug)]
pub(crate) struct Priorities {
    depth: u8,
    period: u64,
    slowness: f64,
    /// How many messages there were since all priorities were drawn.
    sent: u64,
    /// After which of them the link that sends is lowered.
    changes: Vec<u64>,
    /// How much slower than the mean each link is.
    links: BTreeMap<(Endpoint, Endpoint), f64>,
}

impl Priorities {
    pub(crate) fn new(depth: u8, random: &mut Random) -> Self {
        let period = PERIOD_MIN as f64 * PERIOD_SPREAD.powf(random.fraction());
        let slowness = SLOWNESS_MIN * SLOWNESS_SPREAD.powf(random.fraction());
        let (changes, links) = Default::default();
        Self { depth, period: period as u64, slowness, sent: 0, changes, links }
    }

    /// How long a message takes on a link.
    pub(crate) fn latency(
        &mut self,
        from: Endpoint,
        to: Endpoint,
        mean: Duration,
        random: &mut Random,
    ) -> Duration {
        if self.sent.is_multiple_of(self.period) {
            self.links.clear();
            let changes = 1..self.depth.max(1);
            self.changes = changes.map(|_| self.sent + random.below(self.period)).collect();
        }
        let link = self.links.entry((from, to)).or_insert_with(|| 2.0 * random.fraction());
        if self.changes.contains(&self.sent) {
            *link = self.slowness;
        }
        self.sent += 1;
        mean.mul_f64(*link)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEAN: Duration = Duration::from_millis(10);

    /// How slow each of so many messages is, taking turns on twenty links.
    fn latencies(depth: u8, seed: u64) -> (Priorities, Vec<Duration>) {
        let mut random = Random::new(seed, "network");
        let mut priorities = Priorities::new(depth, &mut random);
        let mut link = |at: usize| {
            let (from, to) = (Endpoint::Node(at % 5), Endpoint::Node(5 + at / 5 % 4));
            priorities.latency(from, to, MEAN, &mut random)
        };
        let all = (0..2_000).map(&mut link).collect();
        (priorities, all)
    }

    #[test]
    fn a_link_keeps_its_speed_until_all_are_drawn_anew_or_it_is_lowered() {
        for seed in 0..50 {
            let (priorities, all) = latencies(1, seed);
            assert!(all.iter().all(|latency| *latency < 2 * MEAN), "nothing is lowered at depth 1");
            let period = priorities.period as usize;
            let within: Vec<_> = all.iter().take(period).collect();
            let twenty_later = within.iter().zip(within.iter().skip(20));
            assert!(twenty_later.clone().all(|(one, two)| one == two), "seed {seed}");
            let (_, lowered) = latencies(4, seed);
            let slow = lowered.iter().take(period).filter(|latency| **latency >= 3 * MEAN).count();
            assert!(slow > 0 || period > 2_000, "seed {seed}");
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_speeds() {
        assert_eq!(latencies(3, 7).1, latencies(3, 7).1);
        assert_ne!(latencies(3, 7).1, latencies(3, 8).1);
    }
}
