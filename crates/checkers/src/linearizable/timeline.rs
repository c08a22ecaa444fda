//! The history of one object, prepared for the search: which operations are open when.
//!
//! Time is counted in *deadlines*, the completions of certain operations in their order: an
//! operation has to be linearized before its own completion, and nothing else ever forces the
//! search to do anything. What happens between two deadlines needs no finer clock.

use super::call::Call;
use super::model::Model;
use super::unknown::UnknownOperations;

/// An operation that certainly happened.
pub(crate) struct CertainOperation<M: Model> {
    pub(crate) operation: M::Operation,
    /// Where in the history it completed.
    completed: u64,
    /// Index of its [`Call`].
    pub(crate) call: u32,
    pub(crate) slot: u32,
    pub(crate) is_read: bool,
}

/// A completion that has to be reached with its operation linearized.
pub(crate) struct Deadline {
    /// The operation that is due, by its index in [`Timeline::certain`].
    pub(crate) due: u32,
    pub(crate) slot: u32,
    pub(crate) is_read: bool,
    /// Where in [`Timeline::updates`] and [`Timeline::reads`] the operations open now are.
    updates: (u32, u32),
    reads: (u32, u32),
    /// How many certain operations were invoked before it.
    invoked_before: u32,
}

/// The operations of one kind that are open at each deadline, the next deadline first.
///
/// What is open at a deadline is what was open at the one before, without its first and with what
/// was invoked since. So mostly both lie in the same place, one beginning or ending later.
#[derive(Default)]
struct OpenOperations {
    operations: Vec<u32>,
    /// Where those begin that are open now; they go to the end.
    start: usize,
    /// Deadlines that are past need what is before this as it is.
    past: usize,
    /// Where the next deadline is.
    next: Option<u64>,
}

impl OpenOperations {
    fn with_capacity(capacity: usize) -> Self {
        Self { operations: Vec::with_capacity(capacity), ..Self::default() }
    }

    fn now(&self) -> &[u32] {
        &self.operations[self.start..]
    }

    /// Adds one of `certain`.
    fn insert<M: Model>(&mut self, operation: u32, certain: &[CertainOperation<M>]) {
        let completion = |operation: u32| certain[operation as usize].completed;
        let completed = completion(operation);
        let after = self.now().iter().rposition(|&other| completion(other) < completed);
        let mut place = self.start + after.map_or(0, |last| last + 1);
        if place < self.past {
            let length = self.operations.len();
            self.operations.extend_from_within(self.start..);
            place += length - self.start;
            self.start = length;
        }
        if place == self.start {
            self.next = Some(completed);
        }
        self.operations.insert(place, operation);
    }

    /// Takes out the one with the next deadline.
    fn pass<M: Model>(&mut self, certain: &[CertainOperation<M>]) {
        self.start += 1;
        self.next = self.now().first().map(|&next| certain[next as usize].completed);
    }

    /// Where in `operations` those that are open now are, from now on for good.
    fn range(&mut self) -> (u32, u32) {
        self.past = self.operations.len();
        (self.start as u32, self.past as u32)
    }
}

pub(crate) struct Timeline<M: Model> {
    /// In the order of invocation.
    pub(crate) certain: Vec<CertainOperation<M>>,
    deadlines: Vec<Deadline>,
    /// The operations open at each deadline that may change the state.
    updates: OpenOperations,
    /// And those that only read.
    reads: OpenOperations,
    free_slots: Vec<u32>,
    /// The largest number of certain operations open at once.
    pub(crate) slots: u32,
    pub(crate) unknown: UnknownOperations<M>,
}

/// More than this many places for operations open at deadlines are not made.
const OPEN_MAX: usize = 1 << 26;

impl<M: Model> Timeline<M> {
    /// Prepares `calls`, which are in the order of invocation. `None` if so many operations are
    /// open at once that there is no hope for any search.
    pub(crate) fn new(model: &M, calls: &[Call<M::Operation>]) -> Option<Self> {
        let mut timeline = Self {
            certain: Vec::with_capacity(calls.len()),
            updates: OpenOperations::with_capacity(calls.len()),
            reads: OpenOperations::with_capacity(calls.len()),
            free_slots: Vec::new(),
            deadlines: Vec::with_capacity(calls.len()),
            slots: 0,
            unknown: UnknownOperations::default(),
        };
        for (call, index) in calls.iter().zip(0_u32..) {
            while timeline.next_completion().is_some_and(|completed| completed < call.invoked) {
                timeline.pass()?;
            }
            let operation = call.operation.clone();
            let Some(completed) = call.completed else {
                let deadline = timeline.deadlines();
                timeline.unknown.add(model, operation, index, deadline);
                continue;
            };
            let slot = timeline.free_slots.pop().unwrap_or_else(|| {
                timeline.slots += 1;
                timeline.slots - 1
            });
            let is_read = model.is_read(&operation);
            let number = timeline.certain.len() as u32;
            let call = index;
            timeline.certain.push(CertainOperation { operation, completed, call, slot, is_read });
            let open = if is_read { &mut timeline.reads } else { &mut timeline.updates };
            open.insert(number, &timeline.certain);
        }
        while timeline.next_completion().is_some() {
            timeline.pass()?;
        }
        timeline.retire_unknown(model);
        Some(timeline)
    }

    /// The position of the next completion of an open operation.
    fn next_completion(&self) -> Option<u64> {
        match (self.updates.next, self.reads.next) {
            (Some(update), Some(read)) => Some(update.min(read)),
            (update, read) => update.or(read),
        }
    }

    /// Notes what is open at the next deadline, and passes it.
    fn pass(&mut self) -> Option<()> {
        let is_read = self.next_completion() == self.reads.next;
        let (updates, reads) = (self.updates.range(), self.reads.range());
        if (updates.1 + reads.1) as usize > OPEN_MAX {
            return None;
        }
        let open = if is_read { &mut self.reads } else { &mut self.updates };
        let &due = open.now().first()?;
        open.pass(&self.certain);
        let slot = self.certain[due as usize].slot;
        self.free_slots.push(slot);
        self.deadlines.push(Deadline {
            due,
            slot,
            is_read,
            updates,
            reads,
            invoked_before: self.certain.len() as u32,
        });
        Some(())
    }

    /// How many deadlines there are; past the last one everything is linearized.
    pub(crate) fn deadlines(&self) -> u32 {
        self.deadlines.len() as u32
    }

    pub(crate) fn deadline(&self, deadline: u32) -> &Deadline {
        &self.deadlines[deadline as usize]
    }

    /// The operations open at a deadline that may change the state.
    pub(crate) fn updates(&self, at: &Deadline) -> &[u32] {
        &self.updates.operations[at.updates.0 as usize..at.updates.1 as usize]
    }

    /// The reads open at a deadline.
    pub(crate) fn reads(&self, at: &Deadline) -> &[u32] {
        &self.reads.operations[at.reads.0 as usize..at.reads.1 as usize]
    }

    /// The operation that has to be linearized before this deadline passes.
    pub(crate) fn due(&self, deadline: u32) -> &CertainOperation<M> {
        &self.certain[self.deadline(deadline).due as usize]
    }

    /// The certain operations invoked after the deadline before this one, which is not the first.
    pub(crate) fn invoked_since_last(&self, deadline: u32) -> &[CertainOperation<M>] {
        let start = self.deadline(deadline - 1).invoked_before as usize;
        &self.certain[start..self.deadline(deadline).invoked_before as usize]
    }

    /// Tells the operations of unknown outcome until when their results can matter.
    fn retire_unknown(&mut self, model: &M) {
        if self.unknown.is_empty() {
            return;
        }
        let due = self.deadlines.iter();
        let due = due.map(|deadline| model.need(&self.certain[deadline.due as usize].operation));
        self.unknown.retire(due);
    }
}
