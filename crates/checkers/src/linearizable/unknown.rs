//! Operations whose outcome nobody knows: each may take effect at any time after its invocation,
//! or never. Taken naively, `n` of them multiply the search by `2^n`; here they rarely cost
//! anything, for these reasons:
//!
//! - Equal ones are interchangeable. They form a [`Group`], of which the search only counts how
//!   many it has used.
//! - Nothing forces them, so one is used only where the operation after it needs what it leaves
//!   ([`UnknownOperations::candidates`]).
//! - When the search fails at some point, it learns which groups it would have needed more of
//!   ([`Candidates::blocked`]). Only if another way to the same point has used fewer of these is it
//!   worth trying ([`covers`](super::used::UsedSets::covers)).
//! - Once nobody can need the result of a group any more, how many of it were used is forgotten
//!   ([`retire`](super::used::UsedSets::retire)).

use rustc_hash::FxHashMap;

use super::configuration::Move;
use super::model::{Model, Need};

/// Equal operations of unknown outcome.
pub(crate) struct Group<M: Model> {
    pub(crate) operation: M::Operation,
    need: Need<M::State>,
    /// For each of them, in the order of invocation: its call, and the deadline from which on it
    /// may take effect.
    members: Vec<(u32, u32)>,
    /// The first deadline before which its result cannot matter any more.
    pub(crate) retires_at: u32,
}

impl<M: Model> Group<M> {
    /// The call of the next member when `used` have been used: one that was invoked before
    /// `deadline`, and whose result can still matter.
    pub(crate) fn member(&self, used: u32, deadline: u32) -> Option<u32> {
        let &(call, from) = self.members.get(used as usize)?;
        (from <= deadline && deadline < self.retires_at).then_some(call)
    }
}

/// How many of a group are in a set of groups and numbers, which is sorted.
pub(crate) fn count(used: &[(u32, u32)], group: u32) -> u32 {
    used.binary_search_by_key(&group, |&(group, _)| group).map_or(0, |place| used[place].1)
}

pub(crate) struct UnknownOperations<M: Model> {
    pub(crate) groups: Vec<Group<M>>,
    by_operation: FxHashMap<M::Operation, u32>,
    by_result: FxHashMap<M::State, Vec<u32>>,
    /// Whether the model says of each what it needs and what it leaves.
    is_specified: bool,
}

impl<M: Model> Default for UnknownOperations<M> {
    fn default() -> Self {
        Self {
            groups: Vec::new(),
            by_operation: FxHashMap::default(),
            by_result: FxHashMap::default(),
            is_specified: true,
        }
    }
}

impl<M: Model> UnknownOperations<M> {
    pub(crate) fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// Adds an operation that was invoked before `deadline` and not before the one before it.
    pub(crate) fn add(&mut self, model: &M, operation: M::Operation, call: u32, deadline: u32) {
        let need = model.need(&operation);
        let result = model.result(&operation);
        let is_idle = matches!((&need, &result), (Need::State(a), Some(b)) if a == b);
        if is_idle || model.is_read(&operation) {
            return;
        }
        self.is_specified &= need != Need::Unspecified && result.is_some();
        let groups = &mut self.groups;
        let group = *self.by_operation.entry(operation.clone()).or_insert_with(|| {
            let group = groups.len() as u32;
            if let Some(state) = result.clone() {
                self.by_result.entry(state).or_default().push(group);
            }
            groups.push(Group { operation, need, members: Vec::new(), retires_at: 0 });
            group
        });
        groups[group as usize].members.push((call, deadline));
    }

    /// Finds out until when each group can matter, given what the operation due at each deadline
    /// needs.
    pub(crate) fn retire(&mut self, due: impl ExactSizeIterator<Item = Need<M::State>>) {
        let last = due.len() as u32;
        let mut until_unspecified = if self.is_specified { 0 } else { last };
        let mut until: FxHashMap<M::State, u32> = FxHashMap::default();
        for (need, deadline) in due.zip(0..) {
            match need {
                Need::Nothing => {}
                Need::State(state) => _ = until.insert(state, deadline + 1),
                Need::Unspecified => until_unspecified = until_unspecified.max(deadline + 1),
            }
        }
        for group in &mut self.groups {
            group.retires_at = until_unspecified;
        }
        // The latest need comes first, so what a group leads to when it is first met is the last
        // thing that it leads to.
        let mut needs: Vec<(u32, M::State)> =
            until.into_iter().map(|(state, deadline)| (deadline, state)).collect();
        needs.sort_unstable();
        let mut by_result = self.by_result.clone();
        for (deadline, state) in needs.into_iter().rev() {
            let mut states = vec![state];
            while let Some(state) = states.pop() {
                for group in by_result.remove(&state).unwrap_or_default() {
                    let group = &mut self.groups[group as usize];
                    group.retires_at = group.retires_at.max(deadline);
                    if let Need::State(before) = &group.need {
                        states.push(before.clone());
                    }
                }
            }
        }
    }

    /// Finds the groups that are worth trying next: possible in `state`, and leading, perhaps through
    /// others, to one of the states that are `needed`. `None` when the needs are not known.
    pub(crate) fn candidates(
        &self,
        model: &M,
        state: &M::State,
        deadline: u32,
        needed: Option<&mut Vec<M::State>>,
        candidates: &mut Candidates<'_>,
    ) {
        let mut try_group = |number: u32| {
            candidates.work += 1;
            let group = &self.groups[number as usize];
            let used = candidates.used[number as usize];
            if group.member(used, deadline).is_none() {
                if used > 0 {
                    candidates.blocked.push(number);
                }
                return Attempt::Blocked;
            }
            if model.step(state, &group.operation).is_some_and(|next| next != *state) {
                candidates.moves.push(Move::Unknown(number));
                Attempt::Possible
            } else {
                Attempt::Impossible
            }
        };
        let (Some(needed), true) = (needed, self.is_specified) else {
            for group in 0..self.groups.len() as u32 {
                try_group(group);
            }
            return;
        };
        let mut next = 0;
        while next < needed.len() {
            let groups = self.by_result.get(&needed[next]).map_or(&[][..], Vec::as_slice);
            next += 1;
            for &group in groups {
                if try_group(group) == Attempt::Impossible
                    && let Need::State(before) = &self.groups[group as usize].need
                    && before != state
                    && !needed.contains(before)
                {
                    needed.push(before.clone());
                }
            }
        }
    }
}

#[derive(PartialEq, Eq)]
enum Attempt {
    Possible,
    Impossible,
    Blocked,
}

/// What [`UnknownOperations::candidates`] finds.
pub(crate) struct Candidates<'a> {
    /// How many of each group are used.
    pub(crate) used: &'a [u32],
    /// Groups to try.
    pub(crate) moves: &'a mut Vec<Move>,
    /// Groups that might have helped, if fewer of them had been used.
    pub(crate) blocked: &'a mut Vec<u32>,
    /// How many groups were looked at.
    pub(crate) work: u64,
}
