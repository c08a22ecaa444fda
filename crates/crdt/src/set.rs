//! Sets: one that only grows, and one whose elements can be removed for good.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::lattice::Lattice;

/// A grow-only set (Shapiro et al. 2011, specification 11). The join is the union.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
#[serde(bound(serialize = "T: Serialize", deserialize = "T: Ord + Deserialize<'de>"))]
pub struct GSet<T> {
    elements: BTreeSet<T>,
}

impl<T> Default for GSet<T> {
    fn default() -> Self {
        Self { elements: BTreeSet::new() }
    }
}

impl<T: Ord + Clone> GSet<T> {
    /// Adds an element. Returns the delta, which says nothing if the element was there.
    pub fn add(&mut self, element: T) -> Self {
        let is_news = self.elements.insert(element.clone());
        is_news.then_some(element).into_iter().collect()
    }

    /// Whether an element is there.
    pub fn contains(&self, element: &T) -> bool {
        self.elements.contains(element)
    }

    /// The elements, in their order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &T> {
        self.elements.iter()
    }

    /// How many elements there are.
    pub fn len(&self) -> usize {
        self.elements.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.elements.is_empty()
    }
}

impl<T: Ord> FromIterator<T> for GSet<T> {
    fn from_iter<I: IntoIterator<Item = T>>(elements: I) -> Self {
        Self { elements: elements.into_iter().collect() }
    }
}

impl<T: Ord + Clone> Lattice for GSet<T> {
    fn join(&mut self, mut other: Self) -> bool {
        let before = self.len();
        if before == 0 {
            std::mem::swap(&mut self.elements, &mut other.elements);
        }
        self.elements.extend(other.elements);
        self.len() > before
    }

    fn beyond(&self, other: &Self) -> Self {
        self.elements.difference(&other.elements).cloned().collect()
    }
}

/// A two-phase set (Shapiro et al. 2011, specification 12): a grow-only set of what was added and
/// one of what was removed. An element is there if it was added and never removed, so a removed one
/// can never come back, and one may be removed before it is added.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(bound(serialize = "T: Serialize", deserialize = "T: Ord + Deserialize<'de>"))]
pub struct TwoPhaseSet<T> {
    added: GSet<T>,
    removed: GSet<T>,
}

impl<T> Default for TwoPhaseSet<T> {
    fn default() -> Self {
        Self { added: GSet::default(), removed: GSet::default() }
    }
}

impl<T: Ord + Clone> TwoPhaseSet<T> {
    /// The state in which these elements were added and those removed.
    pub fn from_parts(added: GSet<T>, removed: GSet<T>) -> Self {
        Self { added, removed }
    }

    /// Adds an element; that does not show if it was removed before. Returns the delta.
    pub fn add(&mut self, element: T) -> Self {
        Self { added: self.added.add(element), removed: GSet::default() }
    }

    /// Removes an element for good, whether it was added yet or not. Returns the delta.
    pub fn remove(&mut self, element: T) -> Self {
        Self { added: GSet::default(), removed: self.removed.add(element) }
    }

    /// Whether an element is there.
    pub fn contains(&self, element: &T) -> bool {
        self.added.contains(element) && !self.removed.contains(element)
    }

    /// The elements that are there, in their order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.added.iter().filter(|element| !self.removed.contains(element))
    }

    /// Every element that was ever added.
    pub fn added(&self) -> &GSet<T> {
        &self.added
    }

    /// Every element that was ever removed: its tombstones.
    pub fn removed(&self) -> &GSet<T> {
        &self.removed
    }
}

impl<T: Ord + Clone> Lattice for TwoPhaseSet<T> {
    fn join(&mut self, other: Self) -> bool {
        // Both, whatever the first says.
        self.added.join(other.added) | self.removed.join(other.removed)
    }

    fn beyond(&self, other: &Self) -> Self {
        Self {
            added: self.added.beyond(&other.added),
            removed: self.removed.beyond(&other.removed),
        }
    }
}
