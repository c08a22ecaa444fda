//! What holds when a majority of every set of voters says so: of one set usually, of the old and of
//! the new one while the members change (paper, section 6).

use crate::membership::{Configuration, Voters};
use crate::quorum::{quorum, reached_by_quorum};
use crate::types::{Incarnation, MemberId};

/// The values of so many voters are compared without a vector of them.
const FEW: usize = 8;

/// How a vote stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tally {
    /// Votes that are not in yet may decide it either way.
    Open,
    /// Every majority is for it.
    Won,
    /// Some majority cannot be reached any more.
    Lost,
}

/// The largest value that a majority of every set of voters reaches: of match indices, the commit
/// index; of acknowledged rounds, the confirmed round. `value` is asked for each voter and the life
/// of it that counts.
///
/// # Panics
///
/// If the configuration has no voters.
#[must_use]
pub fn reached<T: Ord + Copy>(
    configuration: &Configuration,
    value: impl Fn(MemberId, Option<Incarnation>) -> T,
) -> T {
    let of = |voters: &Voters| {
        let mut values = voters.iter().map(|(&voter, &life)| value(voter, life));
        match values.next() {
            Some(first) if voters.len() <= FEW => {
                // Sorted as they come, the highest first: they are few.
                let mut highest = [first; FEW];
                for (value, count) in values.zip(1..) {
                    let mut place = count;
                    while place > 0 && highest[place - 1] < value {
                        highest[place] = highest[place - 1];
                        place -= 1;
                    }
                    highest[place] = value;
                }
                highest[quorum(voters.len()) - 1]
            }
            first => reached_by_quorum(&mut first.into_iter().chain(values).collect::<Vec<_>>()),
        }
    };
    let new = of(configuration.voters());
    configuration.outgoing().map_or(new, |old| new.min(of(old)))
}

/// How the votes stand; `vote` says what a voter has answered, if it has.
#[must_use]
pub fn tally(configuration: &Configuration, vote: impl Fn(MemberId) -> Option<bool>) -> Tally {
    let of = |voters: &Voters| {
        let given = |answer| voters.keys().filter(|&&id| vote(id) == Some(answer)).count();
        let quorum = quorum(voters.len());
        if given(true) >= quorum {
            Tally::Won
        } else if given(false) > voters.len() - quorum {
            Tally::Lost
        } else {
            Tally::Open
        }
    };
    let tallies = configuration.majorities().map(of);
    tallies.fold(Tally::Won, |all, one| match (all, one) {
        (Tally::Lost, _) | (_, Tally::Lost) => Tally::Lost,
        (Tally::Open, _) | (_, Tally::Open) => Tally::Open,
        (Tally::Won, Tally::Won) => Tally::Won,
    })
}

/// Whether these nodes hold a majority of every set of voters.
#[must_use]
pub fn is_quorum(configuration: &Configuration, has: impl Fn(MemberId) -> bool) -> bool {
    tally(configuration, |id| Some(has(id))) == Tally::Won
}

impl Configuration {
    /// Whether every majority of the one has a node in common with every majority of the other, so
    /// that both cannot decide differently. Looks at every set of members.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        let members: Vec<_> = self.members().union(&other.members()).copied().collect();
        (0..1_u32 << members.len().min(20)).all(|set| {
            let is_in = |id| {
                members
                    .iter()
                    .position(|&member| member == id)
                    .is_some_and(|place| set >> place & 1 == 1)
            };
            !is_quorum(self, is_in) || !is_quorum(other, |id| !is_in(id))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joint(old: std::ops::Range<u64>, new: std::ops::Range<u64>) -> Configuration {
        let old = Configuration::of(old.map(MemberId));
        old.changed_to(Configuration::of(new.map(MemberId)).voters().clone())
    }

    /// Against the definition, over all answers of all nodes.
    #[test]
    fn both_majorities_are_needed() {
        for (old, new) in [(0..3, 2..6), (0..1, 1..2), (0..4, 1..4), (0..3, 0..5)] {
            let configuration = joint(old.clone(), new.clone());
            for code in 0..3_u32.pow(6) {
                let vote = |id: MemberId| {
                    [None, Some(true), Some(false)][code as usize / 3_usize.pow(id.0 as u32) % 3]
                };
                let count = |set: &std::ops::Range<u64>, answer| {
                    set.clone().filter(|&id| vote(MemberId(id)) == Some(answer)).count()
                };
                let won =
                    [&old, &new].into_iter().all(|set| count(set, true) * 2 > set.clone().count());
                let lost = [&old, &new].into_iter().any(|set| {
                    (set.clone().count() - count(set, false)) * 2 <= set.clone().count()
                });
                let expected = match (won, lost) {
                    (true, _) => Tally::Won,
                    (_, true) => Tally::Lost,
                    _ => Tally::Open,
                };
                assert_eq!(tally(&configuration, vote), expected, "{old:?} {new:?} {code}");
            }
        }
    }

    /// A majority of each: with which sizes they must meet is a matter of counting.
    #[test]
    fn majorities_of_neighbours_overlap_and_those_of_strangers_do_not() {
        let of = |members: std::ops::Range<u64>| Configuration::of(members.map(MemberId));
        for (one, other, expected) in [
            (0..3, 0..3, true),
            (0..3, 0..4, true),
            (0..4, 0..3, true),
            (0..3, 0..5, false),
            (0..3, 1..4, false),
            (0..3, 2..5, false),
            (0..1, 0..1, true),
            (0..1, 1..2, false),
        ] {
            assert_eq!(of(one.clone()).overlaps(&of(other.clone())), expected, "{one:?} {other:?}");
        }
        // Both at once overlap with either, which is what joint consensus is for.
        let both = joint(0..3, 2..5);
        assert!(both.overlaps(&of(0..3)) && both.overlaps(&of(2..5)) && !both.overlaps(&of(1..4)));
    }

    #[test]
    fn what_is_reached_is_reached_by_both() {
        let configuration = joint(0..3, 2..5);
        let values = [9, 7, 5, 3, 1];
        // Of 9 7 5 a majority has 7, of 5 3 1 a majority has 3.
        assert_eq!(reached(&configuration, |id, _| values[id.0 as usize]), 3);
        assert_eq!(reached(&Configuration::of((0..3).map(MemberId)), |id, _| id.0), 1);
        // The more there are, the longer the list; its middle is what a majority has.
        for voters in 1..=12 {
            let all = Configuration::of((0..voters).map(MemberId));
            assert_eq!(reached(&all, |id, _| id.0 * 5 % 13), middle(voters), "{voters}");
        }
    }

    fn middle(voters: u64) -> u64 {
        let mut values: Vec<u64> = (0..voters).map(|id| id * 5 % 13).collect();
        values.sort_unstable();
        values[values.len() - quorum(values.len())]
    }
}
