//! What nodes said should hold sometimes ([`proto::Context::sometimes`]), over all runs of a sweep.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use serde::{Deserialize, Serialize};

/// Conditions, and of each whether it has held at some moment.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sometimes(BTreeMap<String, bool>);

impl Sometimes {
    /// Those of one run, which says how often each held.
    pub fn of_run(counts: &BTreeMap<String, u64>) -> Self {
        Self(counts.iter().map(|(condition, count)| (condition.clone(), *count > 0)).collect())
    }

    /// Takes in those of other runs. Returns what was not known of them before.
    pub fn join(&mut self, others: Self) -> Self {
        let is_news = |(condition, holds): &(String, bool)| match self.0.entry(condition.clone()) {
            Entry::Vacant(place) => {
                place.insert(*holds);
                true
            }
            Entry::Occupied(mut known) => {
                let is_new = *holds && !known.get();
                *known.get_mut() |= *holds;
                is_new
            }
        };
        Self(others.0.into_iter().filter(is_news).collect())
    }

    /// Those that never held, in the order of their names.
    pub fn never(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter(|(_, held)| !**held).map(|(condition, _)| condition.as_str())
    }

    /// Whether nothing is known of any.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(counts: &[(&str, u64)]) -> Sometimes {
        let counts = counts.iter().map(|(name, count)| ((*name).to_owned(), *count));
        Sometimes::of_run(&counts.collect())
    }

    #[test]
    fn what_held_once_has_held_whatever_the_order_of_the_runs() {
        let runs = [run(&[("a", 0), ("b", 0)]), run(&[("a", 3), ("c", 0)]), run(&[("a", 0)])];
        for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2]] {
            let mut all = Sometimes::default();
            order.into_iter().for_each(|at| drop(all.join(runs[at].clone())));
            assert_eq!(all.never().collect::<Vec<_>>(), ["b", "c"], "{order:?}");
        }
    }

    #[test]
    fn only_what_was_not_known_is_news() {
        let mut all = Sometimes::default();
        assert_eq!(all.join(run(&[("a", 0), ("b", 2)])), run(&[("a", 0), ("b", 1)]));
        assert!(all.join(run(&[("a", 0), ("b", 0)])).is_empty());
        assert_eq!(all.join(run(&[("a", 1), ("b", 1)])), run(&[("a", 1)]));
        assert!(all.join(run(&[("a", 5)])).is_empty());
    }
}
