//! Where a search is, and what it can do there.

use std::hash::Hash;

use super::slots::SlotSet;

/// A point of the search: everything before `deadline` is linearized.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Configuration<S, const WORDS: usize> {
    /// Which of the operations open at the deadline are linearized already, without reads.
    pub(crate) linearized: SlotSet<WORDS>,
    /// Which of the reads open at the deadline are linearized already.
    pub(crate) reads: SlotSet<WORDS>,
    /// What the object holds.
    pub(crate) state: S,
    /// The next completion to come.
    pub(crate) deadline: u32,
    /// Which operations of unknown outcome took effect, a number of
    /// [`UsedSets`](super::used::UsedSets).
    pub(crate) used: u32,
}

/// An operation to linearize next.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Move {
    /// One that certainly happened: an index of
    /// [`Timeline::certain`](super::timeline::Timeline::certain).
    Certain(u32),
    /// The next of a group of unknown outcome.
    Unknown(u32),
}
