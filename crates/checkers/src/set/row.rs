//! Reads as sets of small numbers, so that a history of thousands of reads of thousands of elements
//! takes a millisecond.

use super::Elements;

/// The elements of a read by their numbers. Reads of one process follow each other, the last one first.
pub(super) struct Row<'a, V> {
    elements: Option<&'a Elements<V>>,
    pub(super) numbers: Vec<u32>,
    /// The numbers as a set.
    pub(super) present: BitSet,
    pub(super) has_duplicates: bool,
    /// Where in the history the read ended.
    pub(super) completed_at: usize,
    /// How many elements somebody had tried to add by then.
    pub(super) tried: usize,
}

impl<V> Default for Row<'_, V> {
    fn default() -> Self {
        Self {
            elements: None,
            numbers: Vec::new(),
            present: BitSet::default(),
            has_duplicates: false,
            completed_at: 0,
            tried: 0,
        }
    }
}

impl<'a, V: Eq> Row<'a, V> {
    /// How many elements of the old row are tried before one is looked up.
    const LOOKAHEAD: usize = 8;

    /// How many elements at their beginning this row and another read have in common.
    pub(super) fn common_length(&self, elements: &Elements<V>) -> usize {
        self.elements.map_or(0, |old| old.common_length(elements))
    }

    /// Turns this row into that of `elements`, of which the first `common` are the same, taking over the
    /// numbers of what both have in the same order, and asking `number` for the others.
    pub(super) fn follow(
        &mut self,
        elements: &'a Elements<V>,
        common: usize,
        mut number: impl FnMut(&'a V) -> u32,
    ) {
        let old = self.numbers.split_off(common);
        if self.has_duplicates {
            self.present.clear();
            for &number in &self.numbers {
                self.present.insert(number);
            }
        } else {
            for &number in &old {
                self.present.remove(number);
            }
        }
        self.numbers.reserve(elements.len() - common);
        let old: Vec<(&V, u32)> = self
            .elements
            .map_or_else(Vec::new, |elements| elements.iter_from(common).zip(old).collect());
        let mut next = 0;
        for element in elements.iter_from(common) {
            let ahead = old[next..].iter().take(Self::LOOKAHEAD);
            if let Some(place) = ahead.into_iter().position(|(old, _)| *old == element) {
                next += place;
                self.numbers.push(old[next].1);
                next += 1;
            } else {
                self.numbers.push(number(element));
            }
        }
        for &number in &self.numbers[common..] {
            self.present.insert(number);
        }
        self.has_duplicates = self.present.len() < self.numbers.len();
        self.elements = Some(elements);
    }
}

/// A set of numbers.
#[derive(Default)]
pub(super) struct BitSet {
    pub(super) words: Vec<u64>,
}

impl BitSet {
    /// All numbers below `count`.
    pub(super) fn all(count: usize) -> Self {
        let words = (0..count.div_ceil(64)).map(|word| below(word, count)).collect();
        Self { words }
    }

    fn clear(&mut self) {
        self.words.clear();
    }

    fn insert(&mut self, number: u32) {
        let (word, bit) = ((number / 64) as usize, 1 << (number % 64));
        if word >= self.words.len() {
            self.words.resize(word + 1, 0);
        }
        self.words[word] |= bit;
    }

    fn remove(&mut self, number: u32) {
        if let Some(word) = self.words.get_mut((number / 64) as usize) {
            *word &= !(1 << (number % 64));
        }
    }

    pub(super) fn contains(&self, number: u32) -> bool {
        let word = self.words.get((number / 64) as usize);
        word.is_some_and(|word| word >> (number % 64) & 1 == 1)
    }

    fn len(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Removes what is also in the words that `chosen` makes of the place and the word there, and
    /// calls `removed` with each.
    pub(super) fn take(&mut self, chosen: impl Fn(usize) -> u64, mut removed: impl FnMut(usize)) {
        for (place, word) in self.words.iter_mut().enumerate() {
            let mut taken = *word & chosen(place);
            *word &= !taken;
            while taken != 0 {
                removed(place * 64 + taken.trailing_zeros() as usize);
                taken &= taken - 1;
            }
        }
    }
}

/// The bits of a word that stand for numbers below `count`.
pub(super) const fn below(word: usize, count: usize) -> u64 {
    match count.saturating_sub(word * 64) {
        rest @ 0..64 => (1 << rest) - 1,
        _ => u64::MAX,
    }
}
