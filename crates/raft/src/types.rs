//! The small numbers of the protocol, each with a type of its own so that a
//! term can never be taken for an index.

use std::fmt;

/// A period with at most one leader, numbered from 1; 0 is "before the first".
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Term(pub u64);

impl Term {
    /// A term that no election can follow, so that no node may ever enter it: a
    /// message that claims it is garbage.
    pub const UNREACHABLE: Self = Self(u64::MAX);

    /// The term after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// A place in the log, numbered from 1; 0 is "before the first entry".
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogIndex(pub u64);

impl LogIndex {
    /// The index after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The index before this one; 0 stays 0.
    #[must_use]
    pub fn previous(self) -> Self {
        Self(self.0.saturating_sub(1))
    }
}

/// A node, by a number that the host gives it: the same in the eyes of every
/// node and in all of its lives, whoever else is in the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemberId(pub u64);

/// One life of a node's storage: drawn at random when the storage is created
/// and kept as long as it is. See [`crate::roster`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Incarnation(pub u64);

/// A leader's round of messages, counted from 1 in each term. An answer to
/// round `r` proves that the leader was still one when `r` was sent.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Round(pub u64);

/// The host's name for a read it asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReadId(pub u64);

macro_rules! display_as_number {
    ($($name:ident),*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(formatter)
            }
        }
    )*};
}
display_as_number!(Term, LogIndex, MemberId, Incarnation, Round, ReadId);
