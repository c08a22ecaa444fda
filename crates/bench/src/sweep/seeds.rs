//! Which seeds a sweep tries: a range, or one machine's part of it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Seeds from `start` on, `end` left out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct SeedRange {
    /// The first one.
    pub start: u64,
    /// The first one that is not tried any more.
    pub end: u64,
}

/// One of so many parts of a range. Parts are disjoint and together complete.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shard {
    /// Which part, from 0.
    pub index: u64,
    /// How many there are.
    pub count: u64,
}

/// The seeds of one part of a range, by their position.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Seeds {
    range: SeedRange,
    shard: Shard,
}

impl Seeds {
    /// Every so many-th seed of the range, so that all parts have the same share of every stretch.
    pub fn new(range: SeedRange, shard: Shard) -> Self {
        Self { range, shard }
    }

    /// How many there are.
    pub fn len(&self) -> u64 {
        let all = self.range.end.saturating_sub(self.range.start);
        all.saturating_sub(self.shard.index).div_ceil(self.shard.count)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The one at this position, in rising order.
    pub fn get(&self, position: u64) -> Option<u64> {
        (position < self.len())
            .then(|| self.range.start + self.shard.index + position * self.shard.count)
    }
}

impl SeedRange {
    /// Whether a seed is one of them.
    pub fn contains(self, seed: u64) -> bool {
        (self.start..self.end).contains(&seed)
    }
}

/// As the command line has it: `0..10000`.
impl fmt::Display for SeedRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.start, self.end)
    }
}

impl From<SeedRange> for String {
    fn from(range: SeedRange) -> Self {
        range.to_string()
    }
}

impl TryFrom<String> for SeedRange {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl Default for Shard {
    fn default() -> Self {
        Self { index: 0, count: 1 }
    }
}

impl FromStr for SeedRange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            "has to be of the form A..B, such as `0..10000`: the seeds from A to B - 1".to_owned()
        };
        let (start, end) = text.split_once("..").ok_or_else(wrong)?;
        let range = Self {
            start: start.parse().map_err(|_| wrong())?,
            end: end.parse().map_err(|_| wrong())?,
        };
        if range.start < range.end { Ok(range) } else { Err(wrong()) }
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            "has to be of the form I/N with I from 0 to N - 1, such as `0/4`, `1/4`, `2/4`, `3/4`"
                .to_owned()
        };
        let (index, count) = text.split_once('/').ok_or_else(wrong)?;
        let shard = Self {
            index: index.parse().map_err(|_| wrong())?,
            count: count.parse().map_err(|_| wrong())?,
        };
        if shard.index < shard.count { Ok(shard) } else { Err(wrong()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(range: &str, shard: Shard) -> Vec<u64> {
        let seeds = Seeds::new(range.parse().unwrap(), shard);
        let all: Vec<u64> = (0..).map_while(|position| seeds.get(position)).collect();
        assert_eq!(all.len() as u64, seeds.len());
        assert_eq!(all.is_empty(), seeds.is_empty());
        all
    }

    #[test]
    fn shards_are_disjoint_and_together_complete() {
        for (range, first, end) in [("0..100", 0, 100), ("17..18", 17, 18), ("5..18", 5, 18)] {
            for count in [1, 2, 3, 7, 13, 40] {
                let mut together: Vec<u64> =
                    (0..count).flat_map(|index| all(range, Shard { index, count })).collect();
                together.sort_unstable();
                assert_eq!(together, (first..end).collect::<Vec<_>>(), "{range} in {count}");
            }
        }
    }

    #[test]
    fn the_largest_range_overflows_nowhere() {
        let shard = Shard { index: u64::MAX - 2, count: u64::MAX - 1 };
        let seeds = Seeds::new(SeedRange { start: 0, end: u64::MAX }, shard);
        assert_eq!((seeds.len(), seeds.get(0), seeds.get(1)), (1, Some(u64::MAX - 2), None));
        let seeds = Seeds::new(SeedRange { start: 0, end: u64::MAX }, Shard::default());
        assert_eq!((seeds.len(), seeds.get(u64::MAX - 1)), (u64::MAX, Some(u64::MAX - 1)));
    }

    #[test]
    fn what_is_no_range_and_no_shard_is_refused() {
        for text in ["", "5", "3..3", "4..3", "a..b", "..", "-1..3"] {
            assert!(text.parse::<SeedRange>().is_err(), "{text}");
        }
        for text in ["", "1", "1/1", "4/4", "0/0", "-1/2", "a/b"] {
            assert!(text.parse::<Shard>().is_err(), "{text}");
        }
    }
}
