//! The history of one object, prepared for the search: which operations are open when.
//!
//! Time is counted in *deadlines*, the completions of certain operations in their order: an
//! operation has to be linearized before its own completion, and nothing else ever forces the
//! search to do anything. What happens between two deadlines needs no finer clock.

use super::model::{Model, Need};
use super::unknown::UnknownOperations;

/// An operation that certainly happened, or may have.
#[derive(Clone, Debug)]
pub struct Call<O> {
    /// What it did.
    pub operation: O,
    /// Where in the history it was invoked.
    pub invoked: u64,
    /// Where it completed; `None` when its outcome is unknown.
    pub completed: Option<u64>,
}

/// An operation that certainly happened.
pub(crate) struct CertainOperation<M: Model> {
    pub(crate) operation: M::Operation,
    /// Index of its [`Call`].
    pub(crate) call: u32,
    pub(crate) slot: u32,
    pub(crate) is_read: bool,
    pub(crate) need: Need<M::State>,
    pub(crate) result: Option<M::State>,
}

pub(crate) struct Timeline<M: Model> {
    /// In the order of invocation.
    pub(crate) certain: Vec<CertainOperation<M>>,
    /// The operations open at each deadline, the one that is due first; `open_starts` delimits.
    open: Vec<u32>,
    open_starts: Vec<u32>,
    /// For each deadline how many certain operations were invoked before it.
    invoked_before: Vec<u32>,
    /// The largest number of certain operations open at once.
    pub(crate) slots: u32,
    pub(crate) unknown: UnknownOperations<M>,
}

/// More than this many pairs of a deadline and an operation open at it are not stored.
const OPEN_MAX: usize = 1 << 26;

impl<M: Model> Timeline<M> {
    /// Prepares `calls`, which are in the order of invocation. `None` if so many operations are
    /// open at once that there is no hope for any search.
    pub(crate) fn new(model: &M, calls: &[Call<M::Operation>]) -> Option<Self> {
        let deadlines = deadlines(calls);
        let mut timeline = Self {
            certain: Vec::with_capacity(deadlines.len()),
            open: Vec::with_capacity(deadlines.len() * 4),
            open_starts: vec![0],
            invoked_before: Vec::with_capacity(deadlines.len()),
            slots: 0,
            unknown: UnknownOperations::default(),
        };
        // Deadline and index of each operation open now, the next deadline first.
        let mut open: Vec<(u32, u32)> = Vec::new();
        let mut free_slots: Vec<u32> = Vec::new();
        let mut upcoming = calls.iter().zip(0_u32..).peekable();
        let deadline_of = deadline_of(calls, &deadlines);

        for (&(completed, _), deadline) in deadlines.iter().zip(0_u32..) {
            while let Some((call, index)) = upcoming.next_if(|(call, _)| call.invoked < completed) {
                let operation = call.operation.clone();
                if call.completed.is_none() {
                    timeline.unknown.add(model, operation, index, deadline);
                    continue;
                }
                let slot = free_slots.pop().unwrap_or_else(|| {
                    timeline.slots += 1;
                    timeline.slots - 1
                });
                let own_deadline = deadline_of[index as usize];
                let place = open.partition_point(|&(other, _)| other < own_deadline);
                open.insert(place, (own_deadline, timeline.certain.len() as u32));
                timeline.certain.push(CertainOperation {
                    call: index,
                    slot,
                    is_read: model.is_read(&operation),
                    need: model.need(&operation),
                    result: model.result(&operation),
                    operation,
                });
            }
            if timeline.open.len() + open.len() > OPEN_MAX {
                return None;
            }
            timeline.open.extend(open.iter().map(|&(_, operation)| operation));
            timeline.open_starts.push(timeline.open.len() as u32);
            timeline.invoked_before.push(timeline.certain.len() as u32);
            let (_, due) = open.remove(0);
            free_slots.push(timeline.certain[due as usize].slot);
        }
        timeline.retire_unknown();
        Some(timeline)
    }

    /// How many deadlines there are; past the last one everything is linearized.
    pub(crate) fn deadlines(&self) -> u32 {
        self.invoked_before.len() as u32
    }

    /// The certain operations open at a deadline; the first one is due.
    pub(crate) fn open(&self, deadline: u32) -> &[u32] {
        let at = deadline as usize;
        &self.open[self.open_starts[at] as usize..self.open_starts[at + 1] as usize]
    }

    /// The operation that has to be linearized before this deadline passes.
    pub(crate) fn due(&self, deadline: u32) -> &CertainOperation<M> {
        &self.certain[self.open(deadline)[0] as usize]
    }

    /// The certain operations invoked after the deadline before this one.
    pub(crate) fn invoked_since_last(&self, deadline: u32) -> std::ops::Range<u32> {
        let at = deadline as usize;
        let start = if at == 0 { 0 } else { self.invoked_before[at - 1] };
        start..self.invoked_before[at]
    }

    /// Tells the operations of unknown outcome until when their results can matter.
    fn retire_unknown(&mut self) {
        if self.unknown.is_empty() {
            return;
        }
        let (open, certain) = (&self.open, &self.certain);
        let due = self.open_starts[..self.invoked_before.len()].iter();
        let due = due.map(|&start| certain[open[start as usize] as usize].need.clone());
        self.unknown.retire(due);
    }
}

/// Completion and call of every certain operation, in the order of the completions.
fn deadlines<O>(calls: &[Call<O>]) -> Vec<(u64, u32)> {
    let mut deadlines: Vec<(u64, u32)> = calls
        .iter()
        .zip(0..)
        .filter_map(|(call, index)| call.completed.map(|completed| (completed, index)))
        .collect();
    deadlines.sort_unstable();
    deadlines
}

/// The deadline of each call; meaningless for those of unknown outcome.
fn deadline_of<O>(calls: &[Call<O>], deadlines: &[(u64, u32)]) -> Vec<u32> {
    let mut deadline_of = vec![u32::MAX; calls.len()];
    for (&(_, call), deadline) in deadlines.iter().zip(0..) {
        deadline_of[call as usize] = deadline;
    }
    deadline_of
}
