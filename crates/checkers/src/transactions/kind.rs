//! The phenomena by the names that Elle gives them.

use std::fmt;

/// The shape of a cycle of dependencies between transactions: which edges it has.
///
/// Elle's names end in `-item` where a cycle has anti-dependencies, because these go through single
/// objects and not through predicates; histories of this module have no predicates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Shape {
    /// Writes only: each transaction overwrote the one before.
    G0,
    /// Writes and at least one read of what the one before wrote.
    G1c,
    /// Exactly one anti-dependency: read skew, and lost updates.
    GSingleItem,
    /// Several anti-dependencies, no two of them next to each other: long fork, for instance.
    GNonadjacentItem,
    /// Two anti-dependencies next to each other: write skew, for instance.
    G2Item,
}

impl Shape {
    /// Whether Elle calls every cycle of this shape one of `other` as well.
    #[must_use]
    pub fn implies(self, other: Self) -> bool {
        match self {
            Self::G0 | Self::G1c => matches!(other, Self::G0 | Self::G1c) && self <= other,
            _ => other >= self,
        }
    }
}

/// Which order among transactions a cycle needs beside their data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Order {
    /// None: reads and writes alone contradict each other.
    Data,
    /// The order in which a process did its transactions.
    Process,
    /// Real time: one had returned before the other began.
    Realtime,
}

/// What can be wrong with a history of transactions. Ordered roughly from worst to mildest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A value was read that nobody ever wrote. (Elle's paper: garbage read; its code has no such
    /// keyword.)
    GarbageRead,
    /// An element was twice in one list.
    DuplicateElements,
    /// Two reads of one list contradict each other: neither is a prefix of the other.
    IncompatibleOrder,
    /// What is known of the order of a register's versions goes in a circle.
    CyclicVersions,
    /// A write that failed was read.
    AbortedRead,
    /// A committed append came after one that failed, so it rests on a state that never was.
    DirtyUpdate,
    /// A value was read that its own transaction had already written over.
    IntermediateRead,
    /// A transaction contradicts its own earlier reads and writes.
    Internal,
    /// A transaction read what it was only going to write.
    FutureRead,
    /// Two transactions read the same version of an object and both wrote it.
    LostUpdate,
    /// A cycle of dependencies.
    Cycle(Order, Shape),
    /// Nothing can be said: no transaction depends on another.
    EmptyTransactionGraph,
}

impl Kind {
    /// The name in Elle's results.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::GarbageRead => "garbage-read",
            Self::DuplicateElements => "duplicate-elements",
            Self::IncompatibleOrder => "incompatible-order",
            Self::CyclicVersions => "cyclic-versions",
            Self::AbortedRead => "G1a",
            Self::DirtyUpdate => "dirty-update",
            Self::IntermediateRead => "G1b",
            Self::Internal => "internal",
            Self::FutureRead => "future-read",
            Self::LostUpdate => "lost-update",
            Self::EmptyTransactionGraph => "empty-transaction-graph",
            Self::Cycle(Order::Data, shape) => match shape {
                Shape::G0 => "G0",
                Shape::G1c => "G1c",
                Shape::GSingleItem => "G-single-item",
                Shape::GNonadjacentItem => "G-nonadjacent-item",
                Shape::G2Item => "G2-item",
            },
            Self::Cycle(Order::Process, shape) => match shape {
                Shape::G0 => "G0-process",
                Shape::G1c => "G1c-process",
                Shape::GSingleItem => "G-single-item-process",
                Shape::GNonadjacentItem => "G-nonadjacent-item-process",
                Shape::G2Item => "G2-item-process",
            },
            Self::Cycle(Order::Realtime, shape) => match shape {
                Shape::G0 => "G0-realtime",
                Shape::G1c => "G1c-realtime",
                Shape::GSingleItem => "G-single-item-realtime",
                Shape::GNonadjacentItem => "G-nonadjacent-item-realtime",
                Shape::G2Item => "G2-item-realtime",
            },
        }
    }

    /// What it is, in one sentence.
    #[must_use]
    pub const fn description(self) -> &'static str {
        match self {
            Self::GarbageRead => "a value was read that nobody ever wrote",
            Self::DuplicateElements => "an element that was appended once was read twice",
            Self::IncompatibleOrder => "two reads show appends in orders that exclude each other",
            Self::CyclicVersions => "the versions of a register follow each other in a circle",
            Self::AbortedRead => "a transaction read what a failed one wrote (aborted read)",
            Self::DirtyUpdate => "a committed append rests on one that failed (dirty update)",
            Self::IntermediateRead => {
                "a transaction read a value its writer had already replaced (intermediate read)"
            }
            Self::Internal => "a transaction contradicts its own reads and writes",
            Self::FutureRead => "a transaction read what it was only going to write",
            Self::LostUpdate => "two transactions replaced the same version of an object",
            Self::EmptyTransactionGraph => "no transaction depends on another",
            Self::Cycle(_, Shape::G0) => "transactions overwrote each other in a circle",
            Self::Cycle(_, Shape::G1c) => "information flowed in a circle",
            Self::Cycle(_, Shape::GSingleItem) => {
                "a transaction saw one effect of another and missed an earlier one (read skew)"
            }
            Self::Cycle(_, Shape::GNonadjacentItem) => {
                "transactions saw writes in orders that no series of snapshots has"
            }
            Self::Cycle(_, Shape::G2Item) => {
                "transactions missed each other's writes in a circle (write skew)"
            }
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::Shape::{G0, G1c, G2Item, GNonadjacentItem, GSingleItem};

    #[test]
    fn shapes_imply_what_elle_says_they_imply() {
        let all = [G0, G1c, GSingleItem, GNonadjacentItem, G2Item];
        let implied: Vec<Vec<_>> = all
            .iter()
            .map(|shape| all.into_iter().filter(|&other| shape.implies(other)).collect())
            .collect();
        assert_eq!(
            implied,
            [
                vec![G0, G1c],
                vec![G1c],
                vec![GSingleItem, GNonadjacentItem, G2Item],
                vec![GNonadjacentItem, G2Item],
                vec![G2Item],
            ]
        );
    }
}
