//! What can happen next at a point of the search, and what follows from it without a choice.

use super::configuration::{Configuration, Move};
use super::model::{Model, Need};
use super::slots::SlotSet;
use super::timeline::{Deadline, Timeline};
use super::unknown::Candidates;
use super::used::UsedSets;

/// The rules of the search: how one configuration follows from another.
pub(crate) struct Moves<'a, M: Model> {
    pub(crate) model: &'a M,
    pub(crate) timeline: &'a Timeline<M>,
    /// The deadline at which the search ends.
    pub(crate) goal: u32,
    pub(crate) used: UsedSets,
    /// How many operations were looked at so far.
    pub(crate) work: u64,
    /// Empty; kept for their memory.
    unknown: Vec<Move>,
    promising: Vec<Move>,
    needed: Vec<M::State>,
    /// How many of each group of unknown outcome are used; all zero, kept as well.
    group_used: Vec<u32>,
}

impl<'a, M: Model> Moves<'a, M> {
    pub(crate) fn new(model: &'a M, timeline: &'a Timeline<M>, goal: u32) -> Self {
        Self {
            model,
            timeline,
            goal,
            used: UsedSets::new(),
            work: 0,
            unknown: Vec::new(),
            promising: Vec::new(),
            needed: Vec::new(),
            group_used: Vec::new(),
        }
    }

    /// The configuration in which nothing has happened yet, except reads of the initial state.
    /// `taken` is called with the calls that are linearized.
    pub(crate) fn start<const WORDS: usize>(
        &mut self,
        taken: &mut impl FnMut(u32),
    ) -> Configuration<M::State, WORDS> {
        let mut configuration = Configuration {
            linearized: SlotSet::EMPTY,
            reads: SlotSet::EMPTY,
            state: self.model.initial(),
            deadline: 0,
            used: UsedSets::NONE,
        };
        if self.goal > 0 {
            self.settle(&mut configuration, taken);
        }
        configuration
    }

    /// Whether the operation that is due is possible and changes the state. (A read that matches
    /// was taken when the state came to be.)
    pub(crate) fn is_due_possible<const WORDS: usize>(
        &self,
        at: &Configuration<M::State, WORDS>,
    ) -> bool {
        let due = self.timeline.deadline(at.deadline);
        let operation = &self.timeline.certain[due.due as usize].operation;
        !due.is_read && self.model.step(&at.state, operation).is_some()
    }

    /// Finds everything else that is worth trying next, the best last. `blocked` gets the groups of
    /// unknown outcome that might have helped, if fewer of them had been used.
    pub(crate) fn find<const WORDS: usize>(
        &mut self,
        at: &Configuration<M::State, WORDS>,
        found: &mut Vec<Move>,
        blocked: &mut Vec<u32>,
    ) {
        let timeline = self.timeline;
        let due = timeline.deadline(at.deadline);
        // What the due operation waits for, if it waits. Whatever lets it pass comes first.
        let awaited = match self.model.need(&timeline.certain[due.due as usize].operation) {
            Need::State(state) if state != at.state => Some(state),
            _ => None,
        };
        if timeline.unknown.is_empty() {
            self.find_certain(at, due, awaited, found);
            return;
        }
        let mut unknown = std::mem::take(&mut self.unknown);
        self.find_unknown(at, &mut unknown, blocked);
        if awaited.is_none() {
            found.append(&mut unknown);
        } else {
            unknown.retain(|&next| {
                let is_awaited = self.result(next) == awaited;
                if !is_awaited {
                    found.push(next);
                }
                is_awaited
            });
        }
        self.find_certain(at, due, awaited, found);
        found.append(&mut unknown);
        self.unknown = unknown;
    }

    /// Finds the operations that certainly happened and are worth trying next, but for the due one.
    fn find_certain<const WORDS: usize>(
        &mut self,
        at: &Configuration<M::State, WORDS>,
        due: &Deadline,
        awaited: Option<M::State>,
        found: &mut Vec<Move>,
    ) {
        let updates = self.timeline.updates(due);
        self.work += updates.len() as u64;
        for &operation in updates.iter().rev() {
            let certain = &self.timeline.certain[operation as usize];
            if operation == due.due || at.linearized.contains(certain.slot) {
                continue;
            }
            if let Some(state) = self.model.step(&at.state, &certain.operation) {
                let is_awaited = awaited.as_ref() == Some(&state);
                let moves = if is_awaited { &mut self.promising } else { &mut *found };
                moves.push(Move::Certain(operation));
            }
        }
        if !self.promising.is_empty() {
            found.append(&mut self.promising);
        }
    }

    /// Finds the operations of unknown outcome that are worth trying next.
    fn find_unknown<const WORDS: usize>(
        &mut self,
        at: &Configuration<M::State, WORDS>,
        found: &mut Vec<Move>,
        blocked: &mut Vec<u32>,
    ) {
        let mut needed = std::mem::take(&mut self.needed);
        let is_known = self.find_needed(at, &mut needed);
        let groups = &self.timeline.unknown.groups;
        self.group_used.resize(groups.len(), 0);
        for &(group, used) in self.used.counts(at.used) {
            self.group_used[group as usize] = used;
        }
        let mut candidates = Candidates { used: &self.group_used, moves: found, blocked, work: 0 };
        let known = is_known.then_some(&mut needed);
        self.timeline.unknown.candidates(
            self.model,
            &at.state,
            at.deadline,
            known,
            &mut candidates,
        );
        self.work += candidates.work;
        for &(group, _) in self.used.counts(at.used) {
            self.group_used[group as usize] = 0;
        }
        needed.clear();
        self.needed = needed;
    }

    /// Finds the states that open operations ask for, other than the one that is; `false` if one
    /// of them does not say.
    fn find_needed<const WORDS: usize>(
        &self,
        at: &Configuration<M::State, WORDS>,
        needed: &mut Vec<M::State>,
    ) -> bool {
        let deadline = self.timeline.deadline(at.deadline);
        let updates = (self.timeline.updates(deadline), &at.linearized);
        let reads = (self.timeline.reads(deadline), &at.reads);
        for (operations, linearized) in [updates, reads] {
            for &operation in operations {
                let certain = &self.timeline.certain[operation as usize];
                if linearized.contains(certain.slot) {
                    continue;
                }
                match self.model.need(&certain.operation) {
                    Need::Unspecified => return false,
                    Need::State(state) if state != at.state && !needed.contains(&state) => {
                        needed.push(state);
                    }
                    _ => {}
                }
            }
        }
        true
    }

    /// The state that a move leaves, if it is the same one whenever it happens.
    fn result(&self, next: Move) -> Option<M::State> {
        self.model.result(match next {
            Move::Certain(operation) => &self.timeline.certain[operation as usize].operation,
            Move::Unknown(group) => &self.timeline.unknown.groups[group as usize].operation,
        })
    }

    /// The configuration after a move that is possible. `taken` is called with the calls that are
    /// linearized, in order.
    pub(crate) fn after<const WORDS: usize>(
        &mut self,
        from: &Configuration<M::State, WORDS>,
        next: Move,
        taken: &mut impl FnMut(u32),
    ) -> Configuration<M::State, WORDS> {
        let mut at = from.clone();
        let groups = &self.timeline.unknown.groups;
        let operation = match next {
            Move::Certain(operation) => {
                let certain = &self.timeline.certain[operation as usize];
                at.linearized.insert(certain.slot);
                taken(certain.call);
                &certain.operation
            }
            Move::Unknown(group) => {
                let group_used = self.used.count(from.used, group);
                let group_of = &groups[group as usize];
                if let Some(call) = group_of.member(group_used, from.deadline) {
                    taken(call);
                }
                at.used = self.used.with(from.used, group, groups);
                &group_of.operation
            }
        };
        if let Some(state) = self.model.step(&from.state, operation) {
            at.state = state;
        }
        self.settle(&mut at, taken);
        at
    }

    /// Does what needs no choice at a point before the goal: takes reads that match the state, and passes deadlines.
    pub(crate) fn settle<const WORDS: usize>(
        &mut self,
        at: &mut Configuration<M::State, WORDS>,
        taken: &mut impl FnMut(u32),
    ) {
        let timeline = self.timeline;
        let mut due = timeline.deadline(at.deadline);
        let reads = timeline.reads(due);
        self.work += reads.len() as u64;
        self.take_reads(at, reads, taken);
        loop {
            let linearized = if due.is_read { &mut at.reads } else { &mut at.linearized };
            if !linearized.contains(due.slot) {
                break;
            }
            linearized.remove(due.slot);
            if at.used != UsedSets::NONE {
                at.used = self.used.retire(at.used, at.deadline, &timeline.unknown.groups);
            }
            at.deadline += 1;
            if at.deadline == self.goal {
                break;
            }
            let before = due;
            due = timeline.deadline(at.deadline);
            self.take_reads(at, timeline.reads_between(before, due), taken);
        }
    }

    /// Takes those reads that match the state.
    fn take_reads<const WORDS: usize>(
        &self,
        at: &mut Configuration<M::State, WORDS>,
        reads: &[u32],
        taken: &mut impl FnMut(u32),
    ) {
        for &read in reads {
            let read = &self.timeline.certain[read as usize];
            let matches = self.model.step(&at.state, &read.operation).is_some();
            if matches && !at.reads.contains(read.slot) {
                taken(read.call);
            }
            at.reads.insert_if(read.slot, matches);
        }
    }
}
