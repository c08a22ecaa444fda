//! The elements of one read of a set.

use std::fmt;
use std::ops::Index;
use std::sync::Arc;

use serde::{Serialize, Serializer};

/// The elements of one read of a set, in the order of the node's answer.
///
/// A set grows with every addition, and most reads begin as an earlier one did. So elements are kept in
/// pieces of [`PIECE`](Self::PIECE), and [`followed_by`](Self::followed_by) makes a read that shares its
/// first ones with another: a history of many reads of a long set then takes little more memory than the
/// set. Copies are cheap.
///
/// ```
/// use checkers::set::Elements;
///
/// let earlier: Elements<usize> = (0..Elements::<usize>::PIECE + 7).collect();
/// let later = earlier.followed_by(1, vec![7, 8]);
/// assert_eq!(later.len(), Elements::<usize>::PIECE + 2);
/// assert_eq!(earlier.common_length(&later), Elements::<usize>::PIECE);
/// ```
pub struct Elements<V>(Arc<Pieces<V>>);

struct Pieces<V> {
    /// Pieces of [`Elements::PIECE`] each.
    whole: Vec<Arc<Vec<V>>>,
    /// Fewer than that.
    rest: Vec<V>,
}

impl<V> Elements<V> {
    /// How many elements a piece has.
    pub const PIECE: usize = 128;

    /// So many whole pieces of the beginning of this, and then others.
    ///
    /// # Panics
    /// If it has fewer pieces.
    #[must_use]
    pub fn followed_by(&self, pieces: usize, others: Vec<V>) -> Self {
        let mut whole = self.0.whole[..pieces].to_vec();
        let mut others = others.into_iter();
        while others.len() >= Self::PIECE {
            whole.push(Arc::new(others.by_ref().take(Self::PIECE).collect()));
        }
        Self(Arc::new(Pieces { whole, rest: others.collect() }))
    }

    /// How many they are.
    pub fn len(&self) -> usize {
        self.0.whole.len() * Self::PIECE + self.0.rest.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All elements in their order.
    pub fn iter(&self) -> impl Iterator<Item = &V> + Clone {
        self.iter_from(0)
    }

    /// The elements from a place on.
    pub fn iter_from(&self, place: usize) -> impl Iterator<Item = &V> + Clone {
        let whole = self.0.whole.iter().map(|piece| piece.as_slice());
        let pieces = whole.chain([self.0.rest.as_slice()]);
        pieces.skip(place / Self::PIECE).flatten().skip(place % Self::PIECE)
    }
}

impl<V: PartialEq> Elements<V> {
    /// Whether this is one of them.
    pub fn contains(&self, element: &V) -> bool {
        self.iter().any(|other| other == element)
    }

    /// How many elements at their beginnings are the same.
    pub fn common_length(&self, other: &Self) -> usize {
        let both = self.0.whole.iter().zip(&other.0.whole);
        let shared = both.take_while(|(one, other)| Arc::ptr_eq(one, other)).count() * Self::PIECE;
        let both = self.iter_from(shared).zip(other.iter_from(shared));
        shared + both.take_while(|(one, other)| one == other).count()
    }
}

impl<V> Clone for Elements<V> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<V> Default for Elements<V> {
    fn default() -> Self {
        Self(Arc::new(Pieces { whole: Vec::new(), rest: Vec::new() }))
    }
}

impl<V> From<Vec<V>> for Elements<V> {
    fn from(elements: Vec<V>) -> Self {
        Self::default().followed_by(0, elements)
    }
}

impl<V> FromIterator<V> for Elements<V> {
    fn from_iter<I: IntoIterator<Item = V>>(elements: I) -> Self {
        elements.into_iter().collect::<Vec<_>>().into()
    }
}

impl<V> Index<usize> for Elements<V> {
    type Output = V;

    fn index(&self, place: usize) -> &V {
        match self.0.whole.get(place / Self::PIECE) {
            Some(piece) => &piece[place % Self::PIECE],
            None => &self.0.rest[place - self.0.whole.len() * Self::PIECE],
        }
    }
}

impl<V: PartialEq> PartialEq for Elements<V> {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.common_length(other) == self.len()
    }
}

impl<V: Eq> Eq for Elements<V> {}

impl<V: fmt::Debug> fmt::Debug for Elements<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<V: Serialize> Serialize for Elements<V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PIECE: usize = Elements::<usize>::PIECE;

    #[test]
    fn they_are_what_they_were_made_of_however_many() {
        for count in [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE + 5] {
            let list: Vec<usize> = (0..count).collect();
            let elements = Elements::from(list.clone());
            assert_eq!((elements.len(), elements.is_empty()), (count, count == 0));
            assert_eq!(elements.iter().copied().collect::<Vec<_>>(), list);
            assert!((0..count).all(|place| elements[place] == place && elements.contains(&place)));
            assert!(!elements.contains(&count));
            for place in [0, count / 2, count] {
                assert!(elements.iter_from(place).copied().eq(place..count), "{count} {place}");
            }
            assert_eq!(format!("{elements:?}"), format!("{list:?}"));
            assert_eq!(serde_json::to_value(&elements).unwrap(), serde_json::json!(list));
        }
    }

    #[test]
    fn what_is_shared_makes_no_difference() {
        let list: Vec<usize> = (0..2 * PIECE + 9).collect();
        let all = Elements::from(list.clone());
        for pieces in 0..=2 {
            let other = all.followed_by(pieces, list[pieces * PIECE..].to_vec());
            assert_eq!(other, all);
            assert_eq!(all.common_length(&other), list.len());
            let longer = all.followed_by(pieces, (pieces * PIECE..3 * PIECE).collect());
            assert_ne!(longer, all);
            assert_eq!(all.common_length(&longer), list.len());
            let parts = pieces * PIECE;
            let elsewhere = all.followed_by(pieces, vec![usize::MAX]);
            assert_eq!((elsewhere.len(), all.common_length(&elsewhere)), (parts + 1, parts));
        }
    }
}
