//! Sets of open operations, small enough to be copied at every step of the search.

use std::hash::{Hash, Hasher};

/// A set of slots; an operation holds a slot from its invocation to its completion, so the set is
/// as wide as the number of operations that are open at once, not as the history is long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SlotSet<const WORDS: usize>([u64; WORDS]);

impl<const WORDS: usize> SlotSet<WORDS> {
    pub(crate) const EMPTY: Self = Self([0; WORDS]);

    /// There are enough words for every slot, so the remainder changes nothing; but with it the
    /// compiler knows as well, and of a single word it knows which one.
    const fn word(slot: u16) -> usize {
        (slot / 64) as usize % WORDS
    }

    pub(crate) fn contains(&self, slot: u16) -> bool {
        self.0[Self::word(slot)] & bit(slot) != 0
    }

    pub(crate) fn insert(&mut self, slot: u16) {
        self.0[Self::word(slot)] |= bit(slot);
    }

    pub(crate) fn is_subset_of(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).all(|(own, other)| own & !other == 0)
    }

    /// Inserts a slot if `is_in`. Without a branch, for nobody could guess which way it goes.
    pub(crate) fn insert_if(&mut self, slot: u16, is_in: bool) {
        self.0[Self::word(slot)] |= u64::from(is_in) << (slot % 64);
    }

    pub(crate) fn remove(&mut self, slot: u16) {
        self.0[Self::word(slot)] &= !bit(slot);
    }
}

// An array would be hashed byte by byte.
impl<const WORDS: usize> Hash for SlotSet<WORDS> {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.0.iter().for_each(|&word| hasher.write_u64(word));
    }
}

const fn bit(slot: u16) -> u64 {
    1 << (slot % 64)
}

#[cfg(test)]
mod tests {
    use super::SlotSet;

    #[test]
    fn slots_of_different_words_do_not_meet() {
        let mut set = SlotSet::<2>::EMPTY;
        set.insert(3);
        set.insert(67);
        set.remove(3);
        assert!(set.contains(67));
        assert!(!set.contains(3));
        assert!(SlotSet::EMPTY.is_subset_of(&set));
        assert!(!set.is_subset_of(&SlotSet::EMPTY));
    }
}
