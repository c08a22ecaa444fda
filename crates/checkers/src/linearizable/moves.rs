//! What can happen next at a point of the search, and what follows from it without a choice.

use std::hash::Hash;

use super::model::{Model, Need};
use super::slots::SlotSet;
use super::timeline::{CertainOperation, Timeline};
use super::unknown::{Candidates, UsedSets};

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
    /// Which operations of unknown outcome took effect, a number of [`UsedSets`].
    pub(crate) used: u32,
}

impl<S, const WORDS: usize> Configuration<S, WORDS> {
    fn has_linearized<M: Model>(&self, operation: &CertainOperation<M>) -> bool {
        let linearized = if operation.is_read { &self.reads } else { &self.linearized };
        linearized.contains(operation.slot)
    }
}

/// An operation to linearize next.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Move {
    /// One that certainly happened: an index of [`Timeline::certain`].
    Certain(u32),
    /// The next of a group of unknown outcome.
    Unknown(u32),
}

/// The rules of the search: how one configuration follows from another.
pub(crate) struct Moves<'a, M: Model> {
    pub(crate) model: &'a M,
    pub(crate) timeline: &'a Timeline<M>,
    /// The deadline at which the search ends.
    pub(crate) goal: u32,
    pub(crate) used: UsedSets,
}

impl<'a, M: Model> Moves<'a, M> {
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

    /// Finds everything that is worth trying next, the best last. `blocked` gets the groups of
    /// unknown outcome that might have helped, if fewer of them had been used.
    pub(crate) fn find<const WORDS: usize>(
        &self,
        at: &Configuration<M::State, WORDS>,
        found: &mut Vec<Move>,
        blocked: &mut Vec<u32>,
    ) {
        let start = found.len();
        let open = self.timeline.open(at.deadline);
        for &operation in open.iter().rev() {
            let certain = &self.timeline.certain[operation as usize];
            // A read that matches was taken when the state came to be.
            if !certain.is_read
                && !at.linearized.contains(certain.slot)
                && self.model.step(&at.state, &certain.operation).is_some()
            {
                found.push(Move::Certain(operation));
            }
        }
        if !self.timeline.unknown.is_empty() {
            let needed = self.needed(at);
            let used = self.used.counts(at.used);
            let mut candidates = Candidates { moves: found, blocked };
            self.timeline.unknown.candidates(
                self.model,
                &at.state,
                at.deadline,
                used,
                needed,
                &mut candidates,
            );
        }
        if found.len() < start + 2 {
            return;
        }
        // Whatever lets the operation pass that is due comes first: the less is taken before its
        // time, the more is left to choose from later.
        let due = self.timeline.due(at.deadline);
        found[start..].sort_by_key(|next| match (*next, &due.need) {
            (Move::Certain(operation), _) if operation == open[0] => 4,
            (_, Need::State(state)) if self.result(*next) == Some(state) => 3,
            (Move::Certain(_), _) => 2,
            (Move::Unknown(_), _) => 1,
        });
    }

    /// The states that open operations ask for, other than the one that is; `None` if one of them
    /// does not say.
    fn needed<const WORDS: usize>(
        &self,
        at: &Configuration<M::State, WORDS>,
    ) -> Option<Vec<M::State>> {
        let mut needed = Vec::new();
        for &operation in self.timeline.open(at.deadline) {
            let certain = &self.timeline.certain[operation as usize];
            if at.has_linearized(certain) {
                continue;
            }
            match &certain.need {
                Need::Unspecified => return None,
                Need::State(state) if *state != at.state && !needed.contains(state) => {
                    needed.push(state.clone());
                }
                _ => {}
            }
        }
        Some(needed)
    }

    /// The state that a move leaves, if it is the same one whenever it happens.
    fn result(&self, next: Move) -> Option<&M::State> {
        match next {
            Move::Certain(operation) => self.timeline.certain[operation as usize].result.as_ref(),
            Move::Unknown(group) => self.timeline.unknown.groups[group as usize].result.as_ref(),
        }
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

    /// Does what needs no choice: takes reads that match the state, and passes deadlines.
    fn settle<const WORDS: usize>(
        &mut self,
        at: &mut Configuration<M::State, WORDS>,
        taken: &mut impl FnMut(u32),
    ) {
        let timeline = self.timeline;
        for &operation in timeline.open(at.deadline) {
            self.take_read(at, operation, taken);
        }
        loop {
            let due = timeline.due(at.deadline);
            if !at.has_linearized(due) {
                break;
            }
            at.linearized.remove(due.slot);
            at.reads.remove(due.slot);
            at.used = self.used.retire(at.used, at.deadline, &timeline.unknown.groups);
            at.deadline += 1;
            if at.deadline == self.goal {
                break;
            }
            for operation in timeline.invoked_since_last(at.deadline) {
                self.take_read(at, operation, taken);
            }
        }
    }

    fn take_read<const WORDS: usize>(
        &self,
        at: &mut Configuration<M::State, WORDS>,
        operation: u32,
        taken: &mut impl FnMut(u32),
    ) {
        let certain = &self.timeline.certain[operation as usize];
        if certain.is_read
            && !at.reads.contains(certain.slot)
            && self.model.step(&at.state, &certain.operation).is_some()
        {
            at.reads.insert(certain.slot);
            taken(certain.call);
        }
    }
}
