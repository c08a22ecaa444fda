//! Registers without a search, where every value that was read has one writer.
//!
//! Gibbons and Korach (Testing Shared Memories, 1997, section 3.2) put a write and the reads of its
//! value into a *cluster*. The operations of a cluster come one after another in every order that
//! explains them, because its value is never written again. All that is left of a cluster is the
//! moment when its first operation completed and the moment when its last one was invoked: some
//! cluster has to come before another one exactly if the former of the one is before the latter of
//! the other, and an order exists exactly if no two clusters have to come before each other.
//!
//! Added to this are, with their reasons:
//!
//! - *Compare-and-set*. With one writer a value, at most one compare-and-set finds it. It joins two
//!   clusters, whose operations have to come one after another; such a chain is a [`Block`], and
//!   blocks are ordered as clusters are.
//! - *Operations of unknown outcome*. If something certain needs what one leaves, it happened, and
//!   any time after its invocation will do, so it counts as completing at infinity. If nothing
//!   does, an order that has it is one without it as well: it is left out.
//! - *The register as it starts* is a cluster whose write came before everything.
//! - *Values that nobody saw* may be written as often as one likes: each such write is a block.
//!
//! The time is that of sorting the blocks.

mod blocks;
mod stuck;

use self::blocks::Blocks;
use super::{EMPTY, Number, RegisterOperation};
use crate::linearizable::call::Call;
use crate::linearizable::{Decision, Stuck};

/// No call, or no value.
const NONE: u32 = u32::MAX;

/// A register's history with what is known of its values.
pub(super) struct Clusters<'a> {
    calls: &'a [Call<RegisterOperation>],
    /// How many different values there are, if they are counted by the largest.
    values: usize,
    /// The call that writes each value; with several of them it is not needed, and this is any.
    writer: Vec<u32>,
    /// Whether something that certainly happened saw the value.
    is_needed: Vec<bool>,
}

/// Values above so many times the number of calls are left to the search: everything about a value
/// is kept at the place that is its number.
const SPARSE: usize = 4;

impl<'a> Clusters<'a> {
    /// `None` if a value that was seen may have been written twice.
    pub(super) fn new(calls: &'a [Call<RegisterOperation>]) -> Option<Self> {
        if calls.len() >= NONE as usize {
            return None;
        }
        let mut clusters = Self { calls, values: 1, writer: vec![NONE], is_needed: Vec::new() };
        let mut is_ambiguous = vec![false];
        // Values that were seen, of which it is still to be found out what their writer saw.
        let mut seen = Vec::new();
        for (call, index) in calls.iter().zip(0..) {
            let largest = values(&call.operation).into_iter().max().unwrap_or(EMPTY) as usize;
            if largest >= clusters.values {
                if largest > calls.len() * SPARSE + 1024 {
                    return None;
                }
                clusters.values = largest + 1;
                clusters.writer.resize(clusters.values, NONE);
                is_ambiguous.resize(clusters.values, false);
            }
            if let Some(value) = written(&call.operation) {
                let writer = &mut clusters.writer[value as usize];
                is_ambiguous[value as usize] = *writer != NONE || value == EMPTY;
                *writer = index;
            }
            if let (Some(value), Some(_)) = (sees(&call.operation), call.completed) {
                // Mostly this is soon so, if it is at all.
                if is_ambiguous[value as usize] {
                    return None;
                }
                seen.push(value);
            }
        }
        clusters.is_needed = vec![false; clusters.values];
        while let Some(value) = seen.pop() {
            let at = value as usize;
            if is_ambiguous[at] {
                return None;
            }
            if !std::mem::replace(&mut clusters.is_needed[at], true)
                && let Some(before) =
                    clusters.writer_of(value).and_then(|call| sees(&calls[call as usize].operation))
            {
                seen.push(before);
            }
        }
        Some(clusters)
    }

    /// Whether there is an order.
    pub(super) fn decide(&self) -> Decision<Number> {
        if Blocks::new(self, u64::MAX).is_some_and(|blocks| blocks.have_order()) {
            return Decision::Linearizable;
        }
        let mut deadlines: Vec<(u64, u32)> = self
            .calls
            .iter()
            .zip(0..)
            .filter_map(|(call, index)| Some((call.completed?, index)))
            .collect();
        deadlines.sort_unstable();
        // A history without an order does not get one by going on, so the first completion after
        // which there is none can be found by halving.
        let first = deadlines.partition_point(|&(completed, _)| {
            Blocks::new(self, completed.saturating_add(1)).is_some_and(|blocks| blocks.have_order())
        });
        let Some(&(completed, call)) = deadlines.get(first) else {
            return Decision::Linearizable;
        };
        let (order, states) = match Blocks::new(self, completed) {
            Some(blocks) => (blocks.order(), blocks.last_states()),
            None => (Vec::new(), Vec::new()),
        };
        Decision::Impossible(Stuck { call: call as usize, order, states })
    }

    fn writer_of(&self, value: Number) -> Option<u32> {
        Some(self.writer[value as usize]).filter(|&call| call != NONE)
    }
}

/// The values in an operation.
fn values(operation: &RegisterOperation) -> [Number; 2] {
    match *operation {
        RegisterOperation::Read(value) | RegisterOperation::Write(value) => [value, value],
        RegisterOperation::Cas(from, to) => [from, to],
    }
}

/// What an operation leaves behind that was not there. A compare-and-set of a value to itself
/// does not, and is a read.
fn written(operation: &RegisterOperation) -> Option<Number> {
    match *operation {
        RegisterOperation::Read(_) => None,
        RegisterOperation::Write(value) => Some(value),
        RegisterOperation::Cas(from, to) => (from != to).then_some(to),
    }
}

/// The value without which an operation is impossible.
fn sees(operation: &RegisterOperation) -> Option<Number> {
    match *operation {
        RegisterOperation::Write(_) => None,
        RegisterOperation::Read(value) | RegisterOperation::Cas(value, _) => Some(value),
    }
}
