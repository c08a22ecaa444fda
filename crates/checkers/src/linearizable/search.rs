//! The search for an order of operations that explains what every one of them saw.
//!
//! It is that of Wing and Gong (Testing and Verifying Concurrent Objects, 1993) with Lowe's memory
//! of configurations (Testing for Linearizability, 2017): take any operation that may come next, go
//! on, and step back when there is none; never go on from where the search has been. From the
//! latter paper there is also just-in-time linearization: an operation is taken only when some
//! completion cannot be passed otherwise, and one that only reads is taken at once when it matches.
//!
//! The search goes depth first, on a stack of its own, and tries the operation whose completion
//! comes first before others.

use std::collections::BTreeSet;

use super::failed::Failed;
use super::model::Model;
use super::moves::{Configuration, Move, Moves};
use super::timeline::Timeline;
use super::unknown::UsedSets;

/// How far a search may go.
pub struct WorkLimit<'a> {
    /// The most configurations that one search may visit; each takes about 100
    /// bytes at most, with up to 64 operations open at once.
    pub states_max: u64,
    /// Asked once in a while; `true` ends the search.
    pub stop: &'a mut dyn FnMut() -> bool,
}

/// The search asks whether to stop whenever it has visited so many more configurations.
const STOP_INTERVAL: u64 = 1024;

/// How many states [`Search::last_states`] lists at most.
pub(crate) const LAST_STATES_MAX: usize = 1000;

/// How a search ended.
pub(crate) enum Outcome {
    /// All operations up to the goal have an order.
    Found,
    /// They have none: this is the first deadline that no order passes.
    Stuck { deadline: u32 },
    /// The limit was reached.
    GaveUp(Undecided),
}

/// Why a search has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Undecided {
    /// It had to visit more configurations than [`WorkLimit::states_max`].
    StatesMax,
    /// [`WorkLimit::stop`] said so.
    Stopped,
    /// More operations were open at once than any search can deal with.
    TooManyOpen,
}

struct Frame<S, const WORDS: usize> {
    /// How the search came here; the first frame is where it began.
    by: Option<Move>,
    configuration: Configuration<S, WORDS>,
    /// Where in [`Search::untried`] this frame's moves begin.
    untried_from: usize,
    /// Groups of unknown outcome used on the way here that something further on lacked.
    blocked: Vec<u32>,
}

pub(crate) struct Search<'a, M: Model, const WORDS: usize> {
    moves: Moves<'a, M>,
    stack: Vec<Frame<M::State, WORDS>>,
    /// The moves that the frames on the stack still have to try, those of the topmost at the end.
    untried: Vec<Move>,
    failed: Failed<M::State, WORDS>,
    /// How many configurations were visited.
    states: u64,
    /// The last deadline that was reached, and the configurations in which it was.
    furthest: u32,
    frontier: Vec<Configuration<M::State, WORDS>>,
}

impl<'a, M: Model, const WORDS: usize> Search<'a, M, WORDS> {
    /// A search for an order of everything that completed before deadline `goal`. The timeline must
    /// not need more slots than there are.
    pub(crate) fn new(model: &'a M, timeline: &'a Timeline<M>, goal: u32) -> Self {
        Self {
            moves: Moves { model, timeline, goal, used: UsedSets::new() },
            stack: Vec::new(),
            untried: Vec::new(),
            failed: Failed::new(),
            states: 0,
            furthest: 0,
            frontier: Vec::new(),
        }
    }

    /// Searches. May be called once.
    pub(crate) fn run(&mut self, limit: &mut WorkLimit<'_>) -> Outcome {
        let start = self.moves.start(&mut |_| {});
        self.note_frontier(&start);
        self.push(None, start);
        loop {
            let Some(frame) = self.stack.last() else {
                return Outcome::Stuck { deadline: self.furthest };
            };
            if frame.configuration.deadline == self.moves.goal {
                return Outcome::Found;
            }
            let Some((by, configuration)) = self.next() else {
                self.pop();
                continue;
            };
            self.note_frontier(&configuration);
            if let Some(lack) = self.failed.lack(&configuration, &self.moves.used) {
                self.learn(lack);
                continue;
            }
            self.push(Some(by), configuration);
            if self.states >= limit.states_max {
                return Outcome::GaveUp(Undecided::StatesMax);
            }
            if self.states.is_multiple_of(STOP_INTERVAL) && (limit.stop)() {
                return Outcome::GaveUp(Undecided::Stopped);
            }
        }
    }

    /// How many configurations were visited.
    pub(crate) fn states(&self) -> u64 {
        self.states
    }

    /// The calls on the way to the goal in the order found.
    pub(crate) fn linearization(&mut self) -> Vec<u32> {
        let mut order = Vec::new();
        let mut at: Configuration<M::State, WORDS> = self.moves.start(&mut |call| order.push(call));
        for by in self.stack.iter().filter_map(|frame| frame.by) {
            at = self.moves.after(&at, by, &mut |call| order.push(call));
        }
        order
    }

    /// The states that the object can have been in just before the furthest deadline, as far as
    /// operations of unknown outcome whose effects nobody could see are left out; at most
    /// [`LAST_STATES_MAX`].
    pub(crate) fn last_states(&mut self) -> Vec<M::State> {
        let reached: BTreeSet<_> =
            self.frontier.iter().map(|at| (at.state.clone(), at.used)).collect();
        let mut states = BTreeSet::new();
        for (state, used) in reached {
            if states.len() >= LAST_STATES_MAX {
                break;
            }
            states.extend(self.reachable(state, used));
        }
        states.into_iter().take(LAST_STATES_MAX).collect()
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
                if group.member(sets.count(used, number), self.furthest).is_some()
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

    fn push(&mut self, by: Option<Move>, configuration: Configuration<M::State, WORDS>) {
        self.states += 1;
        let untried_from = self.untried.len();
        let mut blocked = Vec::new();
        if configuration.deadline < self.moves.goal {
            self.moves.find(&configuration, &mut self.untried, &mut blocked);
        }
        self.stack.push(Frame { by, configuration, untried_from, blocked });
    }

    /// Steps back from where nothing is left to try. Only now is the configuration remembered:
    /// every step takes one operation more, so nothing on the stack can come again before.
    fn pop(&mut self) {
        let Some(frame) = self.stack.pop() else { return };
        let groups = &self.moves.timeline.unknown.groups;
        let lack = self.moves.used.only(frame.configuration.used, &frame.blocked, groups);
        self.failed.insert(&frame.configuration, lack);
        self.learn(lack);
    }

    /// Notes in the topmost frame what a configuration after it lacked.
    fn learn(&mut self, lack: u32) {
        if lack == UsedSets::NONE {
            return;
        }
        let Some(frame) = self.stack.last_mut() else { return };
        for &(group, _) in self.moves.used.counts(lack) {
            if self.moves.used.count(frame.configuration.used, group) > 0
                && !frame.blocked.contains(&group)
            {
                frame.blocked.push(group);
            }
        }
    }

    /// Keeps the configurations with the furthest deadline.
    fn note_frontier(&mut self, at: &Configuration<M::State, WORDS>) {
        if at.deadline > self.furthest {
            self.furthest = at.deadline;
            self.frontier.clear();
        }
        if at.deadline == self.furthest && self.frontier.last() != Some(at) {
            self.frontier.push(at.clone());
        }
    }

    /// What the topmost frame tries next.
    fn next(&mut self) -> Option<(Move, Configuration<M::State, WORDS>)> {
        let frame = self.stack.last()?;
        if self.untried.len() == frame.untried_from {
            return None;
        }
        let next = self.untried.pop()?;
        Some((next, self.moves.after(&frame.configuration, next, &mut |_| {})))
    }
}
