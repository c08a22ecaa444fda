//! How far a search came, and how: what there is to say when it can go no further.

use std::collections::BTreeSet;

use super::Search;
use crate::linearizable::configuration::{Configuration, Move};
use crate::linearizable::model::Model;
use crate::linearizable::moves::Moves;

/// How many states [`Search::last_states`] lists at most.
pub(crate) const LAST_STATES_MAX: usize = 1000;

/// The last deadline that was reached.
pub(super) struct Furthest<S, const WORDS: usize> {
    pub(super) deadline: u32,
    /// The configurations in which it was.
    configurations: Vec<Configuration<S, WORDS>>,
    /// The moves that first led there, one for each frame of the stack but the first. Those of
    /// frames that are still there are filled in when they are left.
    path: Vec<Move>,
    /// How many frames of the stack are still the ones on the path.
    on_stack: usize,
    /// How many frames of the stack were noted.
    noted: usize,
}

impl<S: Clone + PartialEq, const WORDS: usize> Furthest<S, WORDS> {
    pub(super) const fn new() -> Self {
        Self { deadline: 0, configurations: Vec::new(), path: Vec::new(), on_stack: 0, noted: 0 }
    }

    /// How much memory all this takes.
    pub(super) fn bytes(&self) -> usize {
        self.configurations.capacity() * size_of::<Configuration<S, WORDS>>()
            + self.path.capacity() * size_of::<Move>()
    }

    /// Keeps the configurations with the furthest deadline, and the way to the first of them, which
    /// leads over all of the `frames`. Says whether it is further than any before.
    #[inline]
    pub(super) fn note(
        &mut self,
        by: Option<Move>,
        at: &Configuration<S, WORDS>,
        frames: usize,
    ) -> bool {
        if at.deadline > self.deadline {
            self.deadline = at.deadline;
            self.configurations.clear();
            self.configurations.push(at.clone());
            if let Some(by) = by {
                self.path.resize(frames - 1, by);
                self.path.push(by);
                self.on_stack = frames;
            }
            return true;
        }
        if at.deadline == self.deadline && self.configurations.last() != Some(at) {
            self.configurations.push(at.clone());
        }
        false
    }

    /// A frame is left, to which `by` led; so many `frames` are below it.
    fn leave(&mut self, frames: usize, by: Option<Move>) {
        self.noted = self.noted.min(frames);
        if frames < self.on_stack
            && let Some(by) = by
        {
            self.on_stack = frames;
            self.path[frames - 1] = by;
        }
    }
}

impl<M: Model, const WORDS: usize> Search<'_, M, WORDS> {
    /// Notes the frames that came on the stack since this was done last. While the search goes on,
    /// how far it is can be seen from the last of them: so that is soon enough when it steps back.
    pub(super) fn note_frames(&mut self) {
        let new = &self.stack[self.furthest.noted..];
        let Some(last) = new.last() else { return };
        let deadline = last.configuration.deadline;
        let furthest =
            new.iter().rev().take_while(|frame| frame.configuration.deadline == deadline).count();
        for place in self.stack.len() - furthest..self.stack.len() {
            let frame = &self.stack[place];
            if self.furthest.note(frame.by, &frame.configuration, place) {
                self.patience.begin(deadline);
            }
        }
        self.furthest.noted = self.stack.len();
    }

    /// Notes that the topmost frame was left, to which `by` led.
    pub(super) fn leave(&mut self, by: Option<Move>) {
        self.furthest.leave(self.stack.len(), by);
    }

    /// The calls up to the furthest deadline, in the order in which the search came there. For a
    /// search that got stuck.
    pub(crate) fn linearization(&mut self) -> Vec<u32> {
        let mut order = Vec::new();
        self.moves.goal = self.furthest.deadline;
        let mut at: Configuration<M::State, WORDS> = self.moves.start(&mut |call| order.push(call));
        for &by in &self.furthest.path {
            at = self.moves.after(&at, by, &mut |call| order.push(call));
        }
        order
    }

    /// The states that the object can have been in just before the furthest deadline, as far as
    /// operations of unknown outcome whose effects nobody could see are left out; at most
    /// [`LAST_STATES_MAX`], from as many points of the search.
    pub(crate) fn last_states(&mut self) -> Vec<M::State> {
        let configurations = self.furthest.configurations.iter();
        let reached: BTreeSet<_> = configurations.map(|at| (at.state.clone(), at.used)).collect();
        let mut states = BTreeSet::new();
        for (state, used) in reached.into_iter().take(LAST_STATES_MAX) {
            states.extend(self.reachable(state, used));
        }
        states.into_iter().take(LAST_STATES_MAX).collect()
    }

    /// The same, if none of them had to be left out.
    pub(super) fn all_last_states(&mut self) -> Option<Vec<M::State>> {
        if self.furthest.configurations.len() >= LAST_STATES_MAX {
            return None;
        }
        Some(self.last_states()).filter(|states| states.len() < LAST_STATES_MAX)
    }

    /// The states to which operations of unknown outcome can lead from one at the furthest deadline.
    fn reachable(&mut self, state: M::State, used: u32) -> Vec<M::State> {
        let Moves { model, timeline, used: ref mut sets, .. } = self.moves;
        let groups = &timeline.unknown.groups;
        let mut states = vec![state.clone()];
        // Each state with what was used on the shortest way there.
        let mut reached = vec![(state, used)];
        let mut next = 0;
        while next < reached.len() && reached.len() < LAST_STATES_MAX {
            let (state, used) = reached[next].clone();
            next += 1;
            for (group, number) in groups.iter().zip(0..) {
                if group.member(sets.count(used, number), self.furthest.deadline).is_some()
                    && let Some(after) = model.step(&state, &group.operation)
                    && !states.contains(&after)
                {
                    states.push(after.clone());
                    reached.push((after, sets.with(used, number, groups)));
                }
            }
        }
        states
    }

    /// Leaves all frames at once.
    pub(super) fn unwind(&mut self) {
        while let Some(frame) = self.stack.pop() {
            self.leave(frame.by);
        }
    }
}
