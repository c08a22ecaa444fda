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
    /// Index of its [`Call`].
    pub(crate) call: u32,
    pub(crate) slot: u16,
    pub(crate) is_read: bool,
}

/// A completion that has to be reached with its operation linearized.
pub(crate) struct Deadline {
    /// The operation that is due, by its index in [`Timeline::certain`].
    pub(crate) due: u32,
    /// Where in [`Timeline::open`] the operations of each kind that are open now are.
    open: [(u32, u32); 2],
    /// How many certain reads were invoked before it.
    reads_before: u32,
    pub(crate) slot: u16,
    pub(crate) is_read: bool,
}

/// The most certain operations that may be open at once.
pub(crate) const SLOTS_MAX: u32 = 4096;

/// The operations of one kind that are open at each deadline, the next deadline first.
///
/// What is open at a deadline is what was open at the one before, without its first and with what
/// was invoked since. So mostly both lie in the same place, one beginning or ending later.
struct OpenOperations {
    operations: Vec<u32>,
    /// Where those begin that are open now; they go to the end.
    start: usize,
    /// Deadlines that are past need what is before this as it is.
    past: usize,
    /// When the operations from `copied` on complete, and then the end of all time: so there always
    /// is a next one, and nobody has to ask.
    completed: Vec<u64>,
    /// Where those begin that were copied last.
    copied: usize,
}

impl OpenOperations {
    fn new(room: usize) -> Self {
        let (operations, mut completed) = (Vec::with_capacity(room), Vec::with_capacity(room + 1));
        completed.push(u64::MAX);
        Self { operations, start: 0, past: 0, completed, copied: 0 }
    }

    /// Adds an operation.
    #[inline]
    fn insert(&mut self, operation: u32, completed: u64) {
        let last = self.completed.len() - 1;
        // Those that are not open any more completed before.
        let is_last = last == 0 || self.completed[last - 1] < completed;
        self.operations.push(operation);
        self.completed[last] = completed;
        self.completed.push(u64::MAX);
        if !is_last {
            self.sort_in();
        }
    }

    /// Brings the operation that was added to its place. Those that are open are few, so it is
    /// quickest to go through them from behind.
    #[inline(never)]
    fn sort_in(&mut self) {
        if self.start < self.past {
            let copied = self.operations.len();
            self.operations.extend_from_within(self.start..);
            self.completed.drain(..self.start - self.copied);
            self.start = copied;
            self.copied = copied;
        }
        let open = &mut self.operations[self.start..];
        let completed = &mut self.completed[self.start - self.copied..];
        let mut place = open.len() - 1;
        while place > 0 && completed[place] < completed[place - 1] {
            open.swap(place, place - 1);
            completed.swap(place, place - 1);
            place -= 1;
        }
    }

    /// When the next of those that are open completes, or the end of all time.
    fn next(&self) -> u64 {
        self.completed[self.start - self.copied]
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
    /// The operations open at each deadline: at [`UPDATES`] those that may change the state, at
    /// [`READS`] those that only read. Which kind comes next is as good as random, so wherever
    /// it can be an index it is none of the processor's guesses.
    open: [OpenOperations; 2],
    /// All that only read, in the order of invocation.
    all_reads: Vec<u32>,
    /// The largest number of certain operations open at once.
    pub(crate) slots: u32,
    pub(crate) unknown: UnknownOperations<M>,
}

const UPDATES: usize = 0;
const READS: usize = 1;

/// More than this many places for operations open at deadlines are not made.
const OPEN_MAX: usize = 1 << 26;

/// What is needed to make a [`Timeline`] only.
struct Now {
    free_slots: Vec<u16>,
    /// When the next of those that are open completes, if there are any, by kind.
    next: [u64; 2],
    /// How many reads there are.
    reads: u32,
}

impl<M: Model> Timeline<M> {
    /// Prepares `calls`, which are in the order of invocation. `None` if so many operations are
    /// open at once that there is no hope for any search.
    pub(crate) fn new(model: &M, calls: &[Call<M::Operation>]) -> Option<Self> {
        let mut timeline = Self {
            certain: Vec::with_capacity(calls.len()),
            open: [OpenOperations::new(calls.len()), OpenOperations::new(calls.len())],
            all_reads: vec![0; calls.len()],
            deadlines: Vec::with_capacity(calls.len()),
            slots: 0,
            unknown: UnknownOperations::default(),
        };
        let mut now = Now { free_slots: Vec::new(), next: [u64::MAX; 2], reads: 0 };
        for (call, index) in calls.iter().zip(0..) {
            while now.next[UPDATES].min(now.next[READS]) < call.invoked {
                timeline.pass(&mut now)?;
            }
            let operation = call.operation.clone();
            let Some(completed) = call.completed else {
                let deadline = timeline.deadlines();
                timeline.unknown.add(model, operation, index, deadline);
                continue;
            };
            let slot = match now.free_slots.pop() {
                Some(slot) => slot,
                None if timeline.slots == SLOTS_MAX => return None,
                None => {
                    timeline.slots += 1;
                    timeline.slots as u16 - 1
                }
            };
            let is_read = model.is_read(&operation);
            let number = timeline.certain.len() as u32;
            timeline.certain.push(CertainOperation { operation, call: index, slot, is_read });
            timeline.all_reads[now.reads as usize] = number;
            now.reads += u32::from(is_read);
            let kind = usize::from(is_read);
            timeline.open[kind].insert(number, completed);
            now.next[kind] = completed.min(now.next[kind]);
        }
        while timeline.deadlines.len() < timeline.certain.len() {
            timeline.pass(&mut now)?;
        }
        timeline.all_reads.truncate(now.reads as usize);
        timeline.open.iter_mut().for_each(|open| open.completed = Vec::new());
        timeline.retire_unknown(model);
        Some(timeline)
    }

    /// Notes what is open at the next deadline, and passes it.
    #[inline]
    fn pass(&mut self, now: &mut Now) -> Option<()> {
        let ranges = self.open.each_mut().map(OpenOperations::range);
        OPEN_MAX.checked_sub(self.open[UPDATES].past + self.open[READS].past)?;
        let mut kind = usize::from(now.next[READS] < now.next[UPDATES]);
        if self.open[kind].start == self.open[kind].past {
            // There is no update, and the read completes at the end of all time.
            kind = READS;
        }
        let open = &mut self.open[kind];
        let due = *open.operations.get(open.start)?;
        open.start += 1;
        now.next[kind] = open.next();
        let CertainOperation { slot, is_read, .. } = self.certain[due as usize];
        now.free_slots.push(slot);
        self.deadlines.push(Deadline { due, open: ranges, reads_before: now.reads, slot, is_read });
        Some(())
    }

    /// How many deadlines there are; past the last one everything is linearized.
    pub(crate) fn deadlines(&self) -> u32 {
        self.deadlines.len() as u32
    }

    pub(crate) fn deadline(&self, deadline: u32) -> &Deadline {
        &self.deadlines[deadline as usize]
    }

    /// How many certain operations may change the state.
    pub(crate) fn updates_count(&self) -> usize {
        self.certain.len() - self.all_reads.len()
    }

    /// The operations open at a deadline that may change the state.
    pub(crate) fn updates(&self, at: &Deadline) -> &[u32] {
        self.open_at(at, UPDATES)
    }

    /// The reads open at a deadline.
    pub(crate) fn reads(&self, at: &Deadline) -> &[u32] {
        self.open_at(at, READS)
    }

    fn open_at(&self, at: &Deadline, kind: usize) -> &[u32] {
        let (start, end) = at.open[kind];
        &self.open[kind].operations[start as usize..end as usize]
    }

    /// The operation that has to be linearized before this deadline passes.
    pub(crate) fn due(&self, deadline: u32) -> &CertainOperation<M> {
        &self.certain[self.deadline(deadline).due as usize]
    }

    /// The certain reads invoked after one deadline and before the one after it.
    pub(crate) fn reads_between(&self, before: &Deadline, at: &Deadline) -> &[u32] {
        &self.all_reads[before.reads_before as usize..at.reads_before as usize]
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

#[cfg(test)]
mod tests {
    use rand::rngs::Xoshiro256PlusPlus;
    use rand::seq::SliceRandom as _;
    use rand::{RngExt as _, SeedableRng as _};

    use super::Timeline;
    use crate::linearizable::call::Call;
    use crate::linearizable::register::{Register, RegisterOperation};

    #[test]
    fn what_is_open_at_a_deadline_is_in_the_order_of_the_completions() {
        for seed in 0..500 {
            let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
            let (mut calls, mut open, mut now) = (Vec::new(), Vec::new(), 0);
            while now < 60 || !open.is_empty() {
                now += 1;
                if now <= 60 && rng.random_bool(0.5) {
                    open.push(calls.len());
                    let operation = match rng.random_bool(0.4) {
                        true => RegisterOperation::Read(0),
                        false => RegisterOperation::Write(0),
                    };
                    calls.push(Call { operation, invoked: now, completed: None });
                } else if !open.is_empty() {
                    open.shuffle(&mut rng);
                    calls[open.pop().unwrap()].completed = Some(now);
                }
            }
            let timeline = Timeline::new(&Register, &calls).unwrap();
            let mut due: Vec<u32> = (0..calls.len() as u32).collect();
            due.sort_by_key(|&call| calls[call as usize].completed);
            for deadline in 0..timeline.deadlines() {
                let now = calls[due[deadline as usize] as usize].completed.unwrap();
                let open = |is_read| {
                    let mut rest = due[deadline as usize..].to_vec();
                    rest.retain(|&call| {
                        let Call { operation, invoked, .. } = &calls[call as usize];
                        let reads = matches!(operation, RegisterOperation::Read(_));
                        *invoked < now && reads == is_read
                    });
                    rest
                };
                let at = timeline.deadline(deadline);
                assert_eq!(timeline.updates(at), open(false), "seed {seed}, deadline {deadline}");
                assert_eq!(timeline.reads(at), open(true), "seed {seed}, deadline {deadline}");
            }
        }
    }
}
