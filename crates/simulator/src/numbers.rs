//! Sets of numbers, as people write them: which operations of a run do not take place, which messages are lost,
//! which draws are left to chance.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

/// A set of whole numbers, as people write it: `0-36,40`, or `0-36,40-` where there is no last one.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Numbers {
    /// From and up to, in rising order; at least one number is between two of them.
    ranges: Vec<(u64, u64)>,
}

impl Numbers {
    /// All numbers below `end` but these, which rise.
    pub fn all_but(kept: &[u64], end: u64) -> Self {
        let mut ranges = Vec::new();
        let mut next = 0;
        for &number in kept.iter().filter(|number| **number < end) {
            if next < number {
                ranges.push((next, number - 1));
            }
            next = number + 1;
        }
        if next < end {
            ranges.push((next, end - 1));
        }
        Self { ranges }
    }

    /// What lies in any of these ranges.
    fn joined(mut ranges: Vec<(u64, u64)>) -> Self {
        ranges.sort_unstable();
        let mut joined: Vec<(u64, u64)> = Vec::new();
        for (from, to) in ranges {
            match joined.last_mut() {
                Some((_, last)) if from <= last.saturating_add(1) => *last = to.max(*last),
                _ => joined.push((from, to)),
            }
        }
        Self { ranges: joined }
    }

    /// All numbers but these, which rise.
    pub fn only(kept: &[u64]) -> Self {
        let end = kept.last().map_or(0, |last| last + 1);
        let mut others = Self::all_but(kept, end);
        others.ranges.push((end, u64::MAX));
        others
    }

    /// All others.
    #[must_use]
    pub fn others(&self) -> Self {
        let mut ranges = Vec::new();
        let mut next = Some(0);
        for &(from, to) in &self.ranges {
            if let Some(first) = next.filter(|first| *first < from) {
                ranges.push((first, from - 1));
            }
            next = to.checked_add(1);
        }
        ranges.extend(next.map(|first| (first, u64::MAX)));
        Self { ranges }
    }

    /// These and those.
    #[must_use]
    pub fn and(mut self, others: Self) -> Self {
        self.ranges.extend(others.ranges);
        Self::joined(self.ranges)
    }

    /// The highest of them.
    pub fn highest(&self) -> Option<u64> {
        self.ranges.last().map(|(_, to)| *to)
    }

    /// The same, each so much lower; those that are not so high are gone.
    #[must_use]
    pub fn lowered_by(&self, less: u64) -> Self {
        let high = self.ranges.iter().filter(|(_, to)| *to >= less);
        Self { ranges: high.map(|(from, to)| (from.saturating_sub(less), to - less)).collect() }
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.ranges
            .iter()
            .map(|(from, to)| (to - from).saturating_add(1))
            .fold(0, u64::saturating_add)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Whether this number is one of them.
    pub fn contains(&self, number: u64) -> bool {
        let after = self.ranges.partition_point(|(from, _)| *from <= number);
        after.checked_sub(1).is_some_and(|place| number <= self.ranges[place].1)
    }

    /// How many numbers below `end` are not among them.
    pub fn left_below(&self, end: u64) -> u64 {
        let below = self.ranges.iter().take_while(|(from, _)| *from < end);
        end - below.map(|(from, to)| (*to).min(end - 1) - from + 1).sum::<u64>()
    }
}

impl fmt::Display for Numbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (from, to)) in self.ranges.iter().enumerate() {
            let comma = if place == 0 { "" } else { "," };
            match *to {
                u64::MAX => write!(f, "{comma}{from}-")?,
                _ if from == to => write!(f, "{comma}{from}")?,
                _ => write!(f, "{comma}{from}-{to}")?,
            }
        }
        Ok(())
    }
}

impl FromStr for Numbers {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            "has to be numbers and ranges of numbers, such as `0-36,40`, or `50-` for all from 50 on".to_owned()
        };
        let mut ranges: Vec<(u64, u64)> = Vec::new();
        for part in text.split(',').map(str::trim) {
            let (from, to) = part.split_once('-').unwrap_or((part, part));
            let to = if to.is_empty() { Ok(u64::MAX) } else { to.parse() };
            match (from.parse(), to) {
                (Ok(from), Ok(to)) if from <= to => ranges.push((from, to)),
                _ => return Err(wrong()),
            }
        }
        Ok(Self::joined(ranges))
    }
}

/// These numbers, in any order.
impl FromIterator<u64> for Numbers {
    fn from_iter<I: IntoIterator<Item = u64>>(numbers: I) -> Self {
        Self::joined(numbers.into_iter().map(|number| (number, number)).collect())
    }
}

impl Serialize for Numbers {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_as_it_is_written_and_ranges_are_joined() {
        for (text, written) in [
            ("0", "0"),
            ("0-36,40", "0-36,40"),
            (" 5 , 3-4,1", "1,3-5"),
            ("2-9,4-5,9-12", "2-12"),
            ("7-18446744073709551615,18446744073709551615", "7-"),
            ("3,7-,9-12", "3,7-"),
            ("0-", "0-"),
        ] {
            let numbers: Numbers = text.parse().unwrap();
            assert_eq!(numbers.to_string(), written);
            assert_eq!(written.parse(), Ok(numbers));
        }
        for wrong in ["", ",", "-", "-3", "3--", "4-3", "a", "1;2", "1--2"] {
            assert!(wrong.parse::<Numbers>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn it_is_made_of_numbers_in_any_order_and_counted() {
        let numbers: Numbers = [7, 3, 4, 9, 4, 8].into_iter().collect();
        assert_eq!((numbers.to_string().as_str(), numbers.count()), ("3-4,7-9", 5));
        assert_eq!((Numbers::default().count(), Numbers::only(&[]).count()), (0, u64::MAX));
        assert_eq!((numbers.highest(), Numbers::default().highest()), (Some(9), None));
        let lowered = [0, 3, 4, 8, 10].map(|less| numbers.lowered_by(less).to_string());
        assert_eq!(lowered, ["3-4,7-9", "0-1,4-6", "0,3-5", "0-1", ""]);
    }

    #[test]
    fn others_are_all_that_are_not_among_them() {
        for (text, others) in
            [("0-", ""), ("", "0-"), ("0", "1-"), ("5-", "0-4"), ("1-2,9", "0,3-8,10-")]
        {
            let numbers: Numbers = text.parse().unwrap_or_default();
            assert_eq!(numbers.others().to_string(), others);
            assert_eq!(numbers.others().others(), numbers);
            assert_eq!(numbers.others().and(numbers), Numbers::only(&[]));
        }
    }

    #[test]
    fn all_but_some_go_on_without_end() {
        for (kept, written) in [(&[][..], "0-"), (&[0], "1-"), (&[2, 3, 9], "0-1,4-8,10-")] {
            let numbers = Numbers::only(kept);
            assert_eq!(numbers.to_string(), written);
            assert_eq!(written.parse(), Ok(numbers.clone()));
            for number in (0..12).chain([u64::MAX - 1, u64::MAX]) {
                assert_eq!(numbers.contains(number), !kept.contains(&number), "{number}");
            }
            assert_eq!(numbers.left_below(8), kept.iter().filter(|kept| **kept < 8).count() as u64);
        }
    }

    #[test]
    fn it_has_the_numbers_that_it_is_made_of() {
        for bits in 0_u32..64 {
            let kept: Vec<u64> = (0..6).filter(|number| bits >> number & 1 == 1).collect();
            for end in 0..8 {
                let numbers = Numbers::all_but(&kept, end);
                for number in 0..9 {
                    let is_left_out = number < end && !kept.contains(&number);
                    assert_eq!(numbers.contains(number), is_left_out, "{number} in {numbers}");
                }
                for below in 0..9 {
                    let left = (0..below).filter(|number| !numbers.contains(*number)).count();
                    assert_eq!(numbers.left_below(below), left as u64, "below {below}: {numbers}");
                }
                let written = numbers.to_string();
                let again =
                    if numbers.is_empty() { Ok(Numbers::default()) } else { written.parse() };
                assert_eq!(again, Ok(numbers));
            }
        }
    }
}
