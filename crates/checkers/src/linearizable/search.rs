//! The search for an order of operations that explains what every one of them saw.
//!
//! It is that of Wing and Gong (Testing and Verifying Concurrent Objects, 1993) with Lowe's memory
//! of configurations (Testing for Linearizability, 2017): take any operation that may come next, go
//! on, and step back when there is none; never go on from where the search has been. From the
//! latter paper there is also just-in-time linearization: an operation is taken only when some
//! completion cannot be passed otherwise, and one that only reads is taken at once when it matches.
//!
//! The search goes depth first, on a stack of its own, and tries the operation whose completion
//! comes first before others; it looks for others only when it comes back.

use std::collections::BTreeSet;

use super::configuration::{Configuration, Move};
use super::failed::Failed;
use super::model::Model;
use super::moves::Moves;
use super::timeline::Timeline;
use super::used::UsedSets;

/// How far a search may go.
///
/// Besides the number of configurations its work and its memory are bounded, in proportion: a
/// search that has looked at [`WORK_PER_STATE`] operations for each of `states_max`, or has
/// remembered [`BYTES_PER_STATE`] bytes, is undecided as well, whichever comes first. All three are
/// counted and not measured, so that a verdict is the same on every machine.
pub struct WorkLimit<'a> {
    /// The most configurations that one search may visit.
    pub states_max: u64,
    /// Asked once in a while; `true` ends the search.
    pub stop: &'a mut dyn FnMut() -> bool,
}

/// How many operations (open ones, and kinds of unknown outcome) a search may look at for each
/// configuration of [`WorkLimit::states_max`].
pub const WORK_PER_STATE: u64 = 200;

/// How many bytes a search may remember for each configuration of [`WorkLimit::states_max`].
pub const BYTES_PER_STATE: u64 = 150;

/// No search has to do with less than this.
const BYTES_MIN: u64 = 1 << 20;

/// How many moves are made before the search looks again how far it has come.
const LIMIT_INTERVAL: u64 = 64;

/// The search asks whether to stop whenever it has made so many more moves.
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
    /// It had to look at more operations than [`WORK_PER_STATE`] allows.
    WorkMax,
    /// It had to remember more than [`BYTES_PER_STATE`] allows.
    MemoryMax,
    /// [`WorkLimit::stop`] said so.
    Stopped,
    /// More operations were open at once than any search can deal with.
    TooManyOpen,
}

struct Frame<S, const WORDS: usize> {
    /// How the search came here; the first frame is where it began.
    by: Option<Move>,
    /// Where in [`Search::untried`] this frame's moves begin.
    untried_from: u32,
    /// Where in [`Search::blocked`] this frame's groups begin.
    blocked_from: u32,
    /// Whether everything was found that is worth trying here.
    is_explored: bool,
    configuration: Configuration<S, WORDS>,
}

/// The last deadline that was reached.
struct Furthest<S, const WORDS: usize> {
    deadline: u32,
    /// The configurations in which it was.
    configurations: Vec<Configuration<S, WORDS>>,
    /// The moves that first led there, one for each frame of the stack but the first. Those of
    /// frames that are still there are filled in when they are left.
    path: Vec<Move>,
    /// How many frames of the stack are still the ones on the path.
    on_stack: usize,
}

pub(crate) struct Search<'a, M: Model, const WORDS: usize> {
    moves: Moves<'a, M>,
    stack: Vec<Frame<M::State, WORDS>>,
    /// The moves that the frames on the stack still have to try, those of the topmost at the end.
    untried: Vec<Move>,
    /// The groups of unknown outcome used on the way to each frame on the stack that something
    /// further on lacked, those of the topmost at the end.
    blocked: Vec<u32>,
    failed: Failed<M::State, WORDS>,
    /// How many configurations were visited, and how many were met.
    states: u64,
    met: u64,
    furthest: Furthest<M::State, WORDS>,
}

impl<'a, M: Model, const WORDS: usize> Search<'a, M, WORDS> {
    /// A search for an order of everything. The timeline must not need more slots than there are.
    pub(crate) fn new(model: &'a M, timeline: &'a Timeline<M>) -> Self {
        Self {
            moves: Moves::new(model, timeline),
            stack: Vec::new(),
            untried: Vec::new(),
            blocked: Vec::new(),
            failed: Failed::new(),
            states: 0,
            met: 0,
            furthest: Furthest {
                deadline: 0,
                configurations: Vec::new(),
                path: Vec::new(),
                on_stack: 0,
            },
        }
    }

    /// Searches. May be called once.
    pub(crate) fn run(&mut self, limit: &mut WorkLimit<'_>) -> Outcome {
        let start = self.moves.start(&mut |_| {});
        self.note(None, &start);
        self.push(None, start);
        loop {
            let Some(frame) = self.stack.last() else {
                return Outcome::Stuck { deadline: self.furthest.deadline };
            };
            if frame.configuration.deadline == self.moves.goal {
                return Outcome::Found;
            }
            let Some((by, configuration)) = self.next() else {
                self.pop();
                continue;
            };
            self.note(Some(by), &configuration);
            if let Some(lack) = self.failed.lack(&configuration, &self.moves.used) {
                if lack != UsedSets::NONE {
                    self.learn(lack);
                }
            } else {
                self.push(Some(by), configuration);
                if self.states >= limit.states_max {
                    return Outcome::GaveUp(Undecided::StatesMax);
                }
            }
            self.met += 1;
            if self.met.is_multiple_of(LIMIT_INTERVAL)
                && let Some(why) = self.exceeds(limit)
            {
                return Outcome::GaveUp(why);
            }
        }
    }

    fn exceeds(&self, limit: &mut WorkLimit<'_>) -> Option<Undecided> {
        let work = self.moves.work + self.moves.used.work() + self.failed.work();
        if work > limit.states_max.saturating_mul(WORK_PER_STATE) {
            return Some(Undecided::WorkMax);
        }
        if self.bytes() as u64 > limit.states_max.saturating_mul(BYTES_PER_STATE).max(BYTES_MIN) {
            return Some(Undecided::MemoryMax);
        }
        (self.met.is_multiple_of(STOP_INTERVAL) && (limit.stop)()).then_some(Undecided::Stopped)
    }

    /// How much memory the search takes.
    fn bytes(&self) -> usize {
        self.stack.capacity() * size_of::<Frame<M::State, WORDS>>()
            + (self.untried.capacity() + self.furthest.path.capacity()) * size_of::<Move>()
            + self.blocked.capacity() * size_of::<u32>()
            + self.furthest.configurations.capacity() * size_of::<Configuration<M::State, WORDS>>()
            + self.failed.bytes()
            + self.moves.used.bytes()
    }

    /// How many configurations were visited.
    pub(crate) fn states(&self) -> u64 {
        self.states
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

    fn push(&mut self, by: Option<Move>, configuration: Configuration<M::State, WORDS>) {
        self.states += 1;
        let untried_from = self.untried.len() as u32;
        let blocked_from = self.blocked.len() as u32;
        let mut is_explored = true;
        if configuration.deadline < self.moves.goal {
            // What is due comes first: the less is taken before its time, the more is left to
            // choose from later. Mostly nothing else need be looked for.
            if let Some(due) = self.moves.due(&configuration) {
                self.untried.push(due);
                is_explored = false;
            } else {
                self.moves.find(&configuration, &mut self.untried, &mut self.blocked);
            }
        }
        self.stack.push(Frame { by, untried_from, blocked_from, is_explored, configuration });
    }

    /// Steps back from where nothing is left to try. Only now is the configuration remembered:
    /// every step takes one operation more, so nothing on the stack can come again before.
    fn pop(&mut self) {
        let Some(frame) = self.stack.pop() else { return };
        let blocked = &self.blocked[frame.blocked_from as usize..];
        let mut lack = UsedSets::NONE;
        if frame.configuration.used != UsedSets::NONE && !blocked.is_empty() {
            let groups = &self.moves.timeline.unknown.groups;
            lack = self.moves.used.only(frame.configuration.used, blocked, groups);
        }
        self.failed.insert(&frame.configuration, lack);
        self.blocked.truncate(frame.blocked_from as usize);
        if lack != UsedSets::NONE {
            self.learn(lack);
        }
        if self.stack.len() < self.furthest.on_stack
            && let Some(by) = frame.by
        {
            self.furthest.on_stack = self.stack.len();
            self.furthest.path[self.stack.len() - 1] = by;
        }
    }

    /// Notes in the topmost frame what a configuration after it lacked.
    fn learn(&mut self, lack: u32) {
        let Some(frame) = self.stack.last() else { return };
        for &(group, _) in self.moves.used.counts(lack) {
            if self.moves.used.count(frame.configuration.used, group) > 0
                && !self.blocked[frame.blocked_from as usize..].contains(&group)
            {
                self.blocked.push(group);
            }
        }
    }

    /// Keeps the configurations with the furthest deadline, and the way to the first of them.
    fn note(&mut self, by: Option<Move>, at: &Configuration<M::State, WORDS>) {
        let furthest = &mut self.furthest;
        if at.deadline > furthest.deadline {
            furthest.deadline = at.deadline;
            furthest.configurations.clear();
            furthest.configurations.push(at.clone());
            if let Some(by) = by {
                if furthest.path.len() != self.stack.len() - 1 {
                    furthest.path.resize(self.stack.len() - 1, by);
                }
                furthest.path.push(by);
                furthest.on_stack = self.stack.len();
            }
        } else if at.deadline == furthest.deadline && furthest.configurations.last() != Some(at) {
            furthest.configurations.push(at.clone());
        }
    }

    /// What the topmost frame tries next.
    fn next(&mut self) -> Option<(Move, Configuration<M::State, WORDS>)> {
        let frame = self.stack.last_mut()?;
        if self.untried.len() == frame.untried_from as usize {
            if frame.is_explored {
                return None;
            }
            frame.is_explored = true;
            self.moves.find(&frame.configuration, &mut self.untried, &mut self.blocked);
            if self.untried.len() == frame.untried_from as usize {
                return None;
            }
        }
        let next = self.untried.pop()?;
        Some((next, self.moves.after(&frame.configuration, next, &mut |_| {})))
    }
}
