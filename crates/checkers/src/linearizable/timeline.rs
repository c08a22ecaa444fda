//! The history of one object, prepared for the search: which operations are open when.
//!
//! Time is counted in *deadlines*, the completions of certain operations in their order: an
//! operation has to be linearized before its own completion, and nothing else ever forces the
//! search to do anything. What happens between two deadlines needs no finer clock.

use super::model::Model;
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
}

/// A completion that has to be reached with its operation linearized.
pub(crate) struct Deadline {
    /// The operation that is due, by its index in [`Timeline::certain`].
    pub(crate) due: u32,
    pub(crate) slot: u32,
    pub(crate) is_read: bool,
    /// Where in [`Timeline::open`] the operations open now begin: those that change the state, and
    /// then the reads, each with the next deadline first.
    updates_start: u32,
    reads_start: u32,
    /// How many certain operations were invoked before it.
    invoked_before: u32,
}

/// The moment up to which a timeline has come.
struct Now {
    /// Completion, index in [`Timeline::certain`], and whether it is a read, of each open
    /// operation, the next deadline first.
    open: Vec<(u64, u32, bool)>,
    free_slots: Vec<u32>,
}

impl Now {
    fn next_deadline(&self) -> Option<u64> {
        self.open.first().map(|&(completed, ..)| completed)
    }
}

pub(crate) struct Timeline<M: Model> {
    /// In the order of invocation.
    pub(crate) certain: Vec<CertainOperation<M>>,
    deadlines: Vec<Deadline>,
    /// The operations open at each deadline, as [`Deadline`] delimits them.
    open: Vec<u32>,
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
        let mut timeline = Self {
            certain: Vec::with_capacity(calls.len()),
            open: Vec::with_capacity(calls.len() * 4),
            deadlines: Vec::with_capacity(calls.len()),
            slots: 0,
            unknown: UnknownOperations::default(),
        };
        let mut now = Now { open: Vec::new(), free_slots: Vec::new() };
        for (call, index) in calls.iter().zip(0_u32..) {
            while now.next_deadline().is_some_and(|completed| completed < call.invoked) {
                timeline.pass(&mut now)?;
            }
            let operation = call.operation.clone();
            let Some(completed) = call.completed else {
                let deadline = timeline.deadlines();
                timeline.unknown.add(model, operation, index, deadline);
                continue;
            };
            let slot = now.free_slots.pop().unwrap_or_else(|| {
                timeline.slots += 1;
                timeline.slots - 1
            });
            let is_read = model.is_read(&operation);
            let place = now.open.iter().rposition(|&(other, ..)| other < completed);
            let place = place.map_or(0, |last| last + 1);
            now.open.insert(place, (completed, timeline.certain.len() as u32, is_read));
            timeline.certain.push(CertainOperation { call: index, slot, is_read, operation });
        }
        while !now.open.is_empty() {
            timeline.pass(&mut now)?;
        }
        timeline.retire_unknown(model);
        Some(timeline)
    }

    /// Notes what is open at the next deadline, and passes it.
    fn pass(&mut self, now: &mut Now) -> Option<()> {
        if self.open.len() + now.open.len() > OPEN_MAX {
            return None;
        }
        let of_kind = |wanted| {
            let open = now.open.iter();
            open.filter(move |&&(.., is_read)| is_read == wanted)
                .map(|&(_, operation, _)| operation)
        };
        let updates_start = self.open.len() as u32;
        self.open.extend(of_kind(false));
        let reads_start = self.open.len() as u32;
        self.open.extend(of_kind(true));
        let (_, due, is_read) = now.open.remove(0);
        let slot = self.certain[due as usize].slot;
        now.free_slots.push(slot);
        let invoked_before = self.certain.len() as u32;
        self.deadlines.push(Deadline {
            due,
            slot,
            is_read,
            updates_start,
            reads_start,
            invoked_before,
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
    pub(crate) fn updates(&self, deadline: u32) -> &[u32] {
        let at = self.deadline(deadline);
        &self.open[at.updates_start as usize..at.reads_start as usize]
    }

    /// The reads open at a deadline.
    pub(crate) fn reads(&self, deadline: u32) -> &[u32] {
        let start = self.deadline(deadline).reads_start as usize;
        let next = self.deadlines.get(deadline as usize + 1);
        &self.open[start..next.map_or(self.open.len(), |next| next.updates_start as usize)]
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
