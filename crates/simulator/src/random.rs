//! Random numbers that are the same on every machine for the same seed.

use std::time::Duration;

use rand::rngs::Xoshiro256PlusPlus;
use rand::{Rng as _, RngExt as _, SeedableRng};

use crate::numbers::Numbers;

/// A seeded source of random numbers (xoshiro256++). It uses no function whose result may depend
/// on the platform.
///
/// Its draws have numbers, one each time that somebody asks it for something. Those that are
/// [spared](Self::sparing) are made and not looked at: the others stay what they are.
#[derive(Clone, Debug)]
pub struct Random {
    source: Xoshiro256PlusPlus,
    drawn: u64,
    spared: Numbers,
    /// How many draws may be spared before the next [`Random::begin`].
    patience: u64,
}

/// Who draws more than so often for one thing waits for something that no calm value is.
const PATIENCE: u64 = 1_000;

impl Random {
    /// The source for one use of a seed. Different uses (`"network"`, `"nemesis"`) draw from
    /// unrelated streams, so that a change in one of them leaves the others as they are.
    pub fn new(seed: u64, purpose: &str) -> Self {
        let spared = Numbers::default();
        Self { source: stream(seed, purpose), drawn: 0, spared, patience: u64::MAX }
    }

    /// The same, but these draws are not left to chance: each takes the calmest value that it can have.
    #[must_use]
    pub fn sparing(mut self, draws: &Numbers) -> Self {
        self.spared = draws.clone();
        self
    }

    /// Begins something for which draws are spared a thousand times at most: who draws again until something
    /// fits comes to an end.
    pub fn begin(&mut self) {
        self.patience = PATIENCE;
    }

    /// Goes on with another seed; numbers go on, and the same ones are spared.
    pub fn reseed(&mut self, seed: u64, purpose: &str) {
        self.source = stream(seed, purpose);
    }

    /// The next draw, or the calm value if it is spared.
    fn draw<T>(&mut self, calm: T, draw: impl FnOnce(&mut Xoshiro256PlusPlus) -> T) -> T {
        let drawn = draw(&mut self.source);
        let is_spared = self.spared.contains(self.drawn) && self.patience > 0;
        self.drawn += 1;
        self.patience -= u64::from(is_spared);
        if is_spared { calm } else { drawn }
    }

    /// Any 64 bits; zero is calm.
    pub fn bits(&mut self) -> u64 {
        self.draw(0, Xoshiro256PlusPlus::next_u64)
    }

    /// A number below `bound`, uniformly; zero for a bound of zero, and zero is calm.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.below_or(bound, 0)
    }

    /// A number below `bound`, uniformly; calmly this one.
    pub fn below_or(&mut self, bound: u64, calm: u64) -> u64 {
        self.draw(calm, |source| below(source, bound))
    }

    /// True once in so many times; calmly it is false.
    pub fn once_in(&mut self, times: u64) -> bool {
        self.draw(false, |source| below(source, times) == 0)
    }

    /// An index below `length`, uniformly; zero for a length of zero, and zero is calm.
    pub fn index(&mut self, length: usize) -> usize {
        self.below(length as u64) as usize
    }

    /// True with probability `p`; calmly it is false.
    pub fn chance(&mut self, p: f64) -> bool {
        self.draw(false, |source| p > 0.0 && fraction(source) < p)
    }

    /// A number in [0, 1), uniformly; zero is calm.
    pub fn fraction(&mut self) -> f64 {
        self.draw(0.0, fraction)
    }

    /// One of the items, uniformly, calmly the first; nothing if there are none.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        items.get(self.index(items.len()))
    }

    /// Puts the items in a random order (Fisher and Yates); calmly they stay as they are.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        let calm: Vec<usize> = (1..items.len()).rev().collect();
        let places = self.draw(calm, |source| {
            (1..items.len()).rev().map(|last| below(source, last as u64 + 1) as usize).collect()
        });
        for (last, place) in (1..items.len()).rev().zip(places) {
            items.swap(last, place);
        }
    }

    /// A duration in [0, 2 × mean), uniformly; the mean is calm.
    pub fn uniform(&mut self, mean: Duration) -> Duration {
        self.draw(mean, |source| Duration::from_nanos(below(source, 2 * nanos(mean))))
    }

    /// An exponentially distributed duration; the mean is calm.
    pub fn exponential(&mut self, mean: Duration) -> Duration {
        self.draw(mean, |source| exponential(source, mean))
    }
}

fn stream(seed: u64, purpose: &str) -> Xoshiro256PlusPlus {
    // FNV-1a (Fowler, Noll, Vo), then one round of the generator's own seeding.
    let hash = purpose.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    Xoshiro256PlusPlus::seed_from_u64(seed ^ hash)
}

fn below(source: &mut Xoshiro256PlusPlus, bound: u64) -> u64 {
    if bound == 0 { 0 } else { source.random_range(0..bound) }
}

fn fraction(source: &mut Xoshiro256PlusPlus) -> f64 {
    source.random()
}

/// By von Neumann's comparison method ("Various techniques used in connection with random digits",
/// 1951), which needs no logarithm: libm's differs between platforms.
fn exponential(source: &mut Xoshiro256PlusPlus, mean: Duration) -> Duration {
    let mut whole = 0.0;
    loop {
        let first = fraction(source);
        let (mut last, mut falling) = (first, 1_u32);
        loop {
            let next = fraction(source);
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

    #[test]
    fn who_draws_until_something_fits_comes_to_an_end() {
        let mut random = Random::new(7, "test").sparing(&Numbers::only(&[]));
        for _ in 0..3 {
            random.begin();
            let tried = (0..).take_while(|_| random.below(10) != 7).count() as u64;
            assert!((PATIENCE..PATIENCE + 200).contains(&tried), "{tried}");
        }
        random.begin();
        assert!((0..PATIENCE).all(|_| random.bits() == 0));
    }

    #[test]
    fn draws_that_are_spared_are_calm_and_leave_the_others_as_they_are() {
        let mean = Duration::from_millis(100);
        let draws = |spared: &str| -> Vec<String> {
            let spared = spared.parse().unwrap_or_default();
            let mut random = Random::new(7, "test").sparing(&spared);
            (0..40)
                .map(|draw| match draw % 10 {
                    0 if draw == 0 => random.bits().to_string(),
                    0 if draw == 10 => random.below_or(1_000_000, 0).to_string(),
                    0 => (random.once_in(1) as u8).to_string(),
                    1 => random.below(1_000_000).to_string(),
                    2 => (0..20).filter(|_| random.chance(0.5)).count().to_string(),
                    3 => random.fraction().to_string(),
                    4 => format!("{:?}", random.pick(b"abcdefghijklmnop")),
                    5 => {
                        let mut items = *b"abcdefghij";
                        random.shuffle(&mut items);
                        String::from_utf8_lossy(&items).into_owned()
                    }
                    6 => format!("{:?}", random.uniform(mean)),
                    7 => format!("{:?}", random.exponential(mean)),
                    8 => random.chance(0.0).to_string(),
                    _ => {
                        random.reseed(draw, "other");
                        random.index(1_000_000).to_string()
                    }
                })
                .collect()
        };
        // What asks for one thing twenty times has twenty numbers.
        let numbers = |draw: u64| {
            let first = draw + 19 * ((draw + 7) / 10);
            (first, first + if draw % 10 == 2 { 19 } else { 0 })
        };
        let calm = ["0", "0", "0", "0", "Some(97)", "abcdefghij", "100ms", "100ms", "false", "0"];
        let all = draws("");
        for draw in 0..40 {
            let (first, last) = numbers(draw);
            let some = draws(&format!("{first}-{last}"));
            for (place, (drawn, some)) in all.iter().zip(&some).enumerate() {
                let expected = if place == draw as usize { calm[place % 10] } else { drawn };
                assert_eq!(some, expected, "draw {place} without {draw}");
            }
        }
        assert!(draws("0-").iter().zip(calm.iter().cycle()).all(|(drawn, calm)| drawn == calm));
    }
}
