//! Which part of a long list a page shows: windows of neighbours, so that what is shown can be
//! followed, rather than a sample in which every cause is missing; and how much of each text in it.

use std::ops::Range;

/// Moments beyond these are left out, so that every window has a useful length.
const MOMENTS_MAX: usize = 12;

/// Characters of all texts of one kind, together.
const CHARACTERS_MAX: usize = 5_000_000;
/// One text is cut after so many characters even if there are few.
const LENGTH_MAX: usize = 400;

/// After how many characters each of so many texts is cut.
pub(crate) fn length_of_each(count: usize) -> usize {
    (CHARACTERS_MAX / count.max(1)).clamp(24, LENGTH_MAX)
}

/// Ranges of `0..count` with about `budget` places in all: everything, if that is no more; else one
/// window round each of `moments` (places, the most important first), the beginning and the end.
pub(crate) fn windows(count: usize, budget: usize, moments: &[usize]) -> Vec<Range<usize>> {
    if count <= budget {
        return std::iter::once(0..count).filter(|all| !all.is_empty()).collect();
    }
    let mut centres: Vec<usize> = moments.iter().copied().take(MOMENTS_MAX).collect();
    centres.extend([0, count]);
    let share = (budget / centres.len()).max(1);
    let mut ranges: Vec<Range<usize>> = centres
        .into_iter()
        .map(|centre| {
            // More of what led to it than of what followed.
            let start = centre.min(count).saturating_sub(share * 2 / 3).min(count - share);
            start..start + share
        })
        .collect();
    ranges.sort_unstable_by_key(|range| range.start);
    let mut merged: Vec<Range<usize>> = Vec::new();
    for range in ranges {
        match merged.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => merged.push(range),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_list_is_shown_whole() {
        assert_eq!(windows(0, 10, &[]), []);
        assert_eq!(windows(10, 10, &[3]).first(), Some(&(0..10)));
    }

    #[test]
    fn a_long_list_is_shown_round_its_moments() {
        assert_eq!(windows(1000, 90, &[500]), [0..30, 480..510, 970..1000]);
        assert_eq!(windows(1000, 90, &[10]), [0..30, 970..1000]);
    }

    #[test]
    fn windows_stay_within_list_and_budget() {
        for count in [11, 100, 5000] {
            for moments in [vec![], vec![count], vec![count * 2], (0..count).collect::<Vec<_>>()] {
                let ranges = windows(count, 10, &moments);
                let shown: usize = ranges.iter().map(ExactSizeIterator::len).sum();
                assert!((1..=14).contains(&shown), "{ranges:?}");
                assert!(ranges.iter().all(|range| range.start < range.end && range.end <= count));
                assert!(ranges.windows(2).all(|pair| pair[0].end < pair[1].start));
            }
        }
    }
}
