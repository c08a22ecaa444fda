//! Random numbers that are the same on every machine for the same seed.

use std::time::Duration;

use rand::rngs::Xoshiro256PlusPlus;
use rand::{Rng as _, RngExt as _, SeedableRng};

/// A seeded source of random numbers (xoshiro256++). It uses no function whose result may depend
/// on the platform.
#[derive(Clone, Debug)]
pub struct Random(Xoshiro256PlusPlus);

impl Random {
    /// The source for one use of a seed. Different uses (`"network"`, `"nemesis"`) draw from
    /// unrelated streams, so that a change in one of them leaves the others as they are.
    pub fn new(seed: u64, purpose: &str) -> Self {
        // FNV-1a (Fowler, Noll, Vo), then one round of the generator's own seeding.
        let hash = purpose.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Self(Xoshiro256PlusPlus::seed_from_u64(seed ^ hash))
    }

    /// Any 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number below `bound`, uniformly; zero for a bound of zero.
    pub fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { self.0.random_range(0..bound) }
    }

    /// An index below `length`, uniformly; zero for a length of zero.
    pub fn index(&mut self, length: usize) -> usize {
        self.below(length as u64) as usize
    }

    /// True with probability `p`.
    pub fn chance(&mut self, p: f64) -> bool {
        p > 0.0 && self.fraction() < p
    }

    /// A number in [0, 1), uniformly.
    pub fn fraction(&mut self) -> f64 {
        self.0.random()
    }

    /// One of the items, uniformly; nothing if there are none.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        items.get(self.index(items.len()))
    }

    /// Puts the items in a random order (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.index(last + 1));
        }
    }

    /// A duration in [0, 2 × mean), uniformly.
    pub fn uniform(&mut self, mean: Duration) -> Duration {
        Duration::from_nanos(self.below(2 * nanos(mean)))
    }

    /// An exponentially distributed duration.
    ///
    /// By von Neumann's comparison method ("Various techniques used in connection with random
    /// digits", 1951), which needs no logarithm: libm's differs between platforms.
    pub fn exponential(&mut self, mean: Duration) -> Duration {
        let mut whole = 0.0;
        loop {
            let first = self.fraction();
            let (mut last, mut falling) = (first, 1_u32);
            loop {
                let next = self.fraction();
                if next >= last {
                    break;
                }
                (last, falling) = (next, falling + 1);
            }
            if falling % 2 == 1 {
                return Duration::from_nanos(((whole + first) * nanos(mean) as f64) as u64);
            }
            whole += 1.0;
        }
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn purposes_draw_from_unrelated_streams_and_seeds_repeat() {
        let draw = |seed, purpose| Random::new(seed, purpose).bits();
        assert_eq!(draw(1, "network"), draw(1, "network"));
        assert_ne!(draw(1, "network"), draw(1, "nemesis"));
        assert_ne!(draw(1, "network"), draw(2, "network"));
    }

    #[test]
    fn each_number_below_a_bound_comes_as_often() {
        let mut random = Random::new(7, "test");
        let mut counts = [0; 5];
        (0..10_000).for_each(|_| counts[random.below(5) as usize] += 1);
        assert!(counts.iter().all(|count| (1_800..2_200).contains(count)), "{counts:?}");
        assert_eq!((random.below(1), random.below(0)), (0, 0));
        let picked = |random: &mut Random| random.pick(&["a", "b"]).copied();
        let all: std::collections::BTreeSet<_> = (0..50).map(|_| picked(&mut random)).collect();
        assert_eq!(all, [Some("a"), Some("b")].into());
        assert_eq!(random.pick::<u8>(&[]), None);
    }

    #[test]
    fn exponential_draws_have_the_mean_and_the_tail_they_should() {
        let mut random = Random::new(7, "test");
        let mean = Duration::from_millis(100);
        let draws: Vec<_> = (0..100_000).map(|_| random.exponential(mean).as_secs_f64()).collect();
        let average = draws.iter().sum::<f64>() / draws.len() as f64;
        assert!((average - 0.1).abs() < 0.002, "mean {average}");
        // P(X > 3 means) = e^-3 = 0.0498.
        let tail = draws.iter().filter(|draw| **draw > 0.3).count() as f64 / draws.len() as f64;
        assert!((tail - 0.0498).abs() < 0.003, "tail {tail}");
    }

    #[test]
    fn uniform_draws_have_their_mean() {
        let mut random = Random::new(7, "test");
        let mean = Duration::from_millis(100);
        let total: Duration = (0..100_000).map(|_| random.uniform(mean)).sum();
        assert!((total.as_secs_f64() / 100_000.0 - 0.1).abs() < 0.002);
    }
}
