//! Which seeds a sweep tries: a range, or one machine's part of it.

use std::fmt;
use std::ops::Range;
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

/// The seeds of one part of a range, by the position of those that belong together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Seeds {
    range: SeedRange,
    shard: Shard,
    together: u64,
}

impl Seeds {
    /// Every so many-th seed of the range, so that all parts have the same share of every stretch. So
    /// many seeds belong `together`: those with the same quotient by that number.
    pub fn new(range: SeedRange, shard: Shard, together: u64) -> Self {
        Self { range, shard, together }
    }

    /// How many seeds there are.
    pub fn len(&self) -> u64 {
        let Some(last) = self.places().checked_sub(1) else { return 0 };
        let ends = [0, last].map(|position| self.get(position).map_or(0, |it| it.end - it.start));
        match last {
            0 => ends[0],
            // Only the first and the last of them may lack some.
            _ => ends[0] + (last - 1) * self.together + ends[1],
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many positions there are.
    fn places(&self) -> u64 {
        let SeedRange { start, end } = self.range;
        if start >= end {
            return 0;
        }
        let all = (end - 1) / self.together - start / self.together;
        // One more than the difference, which may be all there is of numbers.
        match all.checked_sub(self.shard.index) {
            Some(others) => (others / self.shard.count).saturating_add(1),
            None => 0,
        }
    }

    /// Those at this position, in rising order.
    pub fn get(&self, position: u64) -> Option<Range<u64>> {
        if position >= self.places() {
            return None;
        }
        let SeedRange { start, end } = self.range;
        let number = start / self.together + self.shard.index + position * self.shard.count;
        let first = number * self.together;
        Some(start.max(first)..end.min(first.saturating_add(self.together)))
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

    fn all(range: &str, shard: Shard, together: u64) -> Vec<u64> {
        let seeds = Seeds::new(range.parse().unwrap(), shard, together);
        let all: Vec<u64> = (0..).map_while(|position| seeds.get(position)).flatten().collect();
        assert_eq!(all.len() as u64, seeds.len());
        assert_eq!(all.is_empty(), seeds.is_empty());
        all
    }

    #[test]
    fn shards_are_disjoint_and_together_complete() {
        for (range, first, end) in [("0..100", 0, 100), ("17..18", 17, 18), ("5..18", 5, 18)] {
            for count in [1, 2, 3, 7, 13, 40] {
                for together in [1, 2, 5, 10, 1000] {
                    let shards = (0..count).map(|index| Shard { index, count });
                    let mut seeds: Vec<u64> =
                        shards.flat_map(|shard| all(range, shard, together)).collect();
                    seeds.sort_unstable();
                    assert_eq!(seeds, (first..end).collect::<Vec<_>>(), "{range} in {count}");
                }
            }
        }
    }

    #[test]
    fn seeds_that_belong_together_are_in_one_shard() {
        let shard = Shard { index: 1, count: 2 };
        assert_eq!(
            all("7..35", shard, 10),
            [10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 30, 31, 32, 33, 34]
        );
        let first = Shard { index: 0, count: 2 };
        assert_eq!(all("7..12", first, 10), [7, 8, 9]);
    }

    #[test]
    fn the_largest_range_overflows_nowhere() {
        let shard = Shard { index: u64::MAX - 2, count: u64::MAX - 1 };
        let range = SeedRange { start: 0, end: u64::MAX };
        let last = u64::MAX - 1;
        let seeds = Seeds::new(range, shard, 1);
        let only = last - 1..last;
        assert_eq!((seeds.len(), seeds.get(0), seeds.get(1)), (1, Some(only), None));
        let seeds = Seeds::new(range, Shard::default(), 1);
        assert_eq!((seeds.len(), seeds.get(last)), (u64::MAX, Some(last..u64::MAX)));
        let seeds = Seeds::new(range, Shard::default(), 10);
        assert_eq!(
            (seeds.len(), seeds.get(u64::MAX / 10)),
            (u64::MAX, Some(u64::MAX - 5..u64::MAX))
        );
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
