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

use rustc_hash::FxHashSet;

use super::failed::Failed;
use super::model::Model;
use super::moves::{Configuration, Move, Moves};
use super::timeline::Timeline;
use super::unknown::{Candidates, UsedSets};

/// How far a search may go.
pub struct WorkLimit<'a> {
    /// The most configurations that one search may visit; each takes about 50 bytes.
    pub states_max: u64,
    /// Asked once in a while; `true` ends the search.
    pub stop: &'a mut dyn FnMut() -> bool,
}

/// The search asks whether to stop whenever it has visited so many more configurations.
const STOP_INTERVAL: u64 = 1024;

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
    /// Place in the open operations of the deadline that is tried next.
    next_open: u32,
    /// Where in [`Search::candidates`] this frame's begin, once they are needed.
    candidates_from: Option<u32>,
    /// Groups of unknown outcome used on the way here that something further on lacked.
    blocked: Vec<u32>,
}

pub(crate) struct Search<'a, M: Model, const WORDS: usize> {
    moves: Moves<'a, M>,
    stack: Vec<Frame<M::State, WORDS>>,
    /// Groups of unknown outcome that the frames still have to try.
    candidates: Vec<u32>,
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
            candidates: Vec::new(),
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
    /// operations of unknown outcome whose effects nobody could see are left out.
    pub(crate) fn last_states(&self) -> Vec<M::State> {
        let moves = &self.moves;
        let mut found = Vec::new();
        let reached: FxHashSet<_> = self.frontier.iter().map(|at| (&at.state, at.used)).collect();
        for (state, used) in reached {
            let mut states = vec![state.clone()];
            let mut next = 0;
            while let Some(state) = states.get(next).cloned() {
                next += 1;
                let used = moves.used.counts(used);
                let unknown = &moves.timeline.unknown;
                for state in unknown.reachable(moves.model, &state, self.furthest, used) {
                    if !states.contains(&state) {
                        states.push(state);
                    }
                }
            }
            found.append(&mut states);
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    fn push(&mut self, by: Option<Move>, configuration: Configuration<M::State, WORDS>) {
        self.states += 1;
        self.stack.push(Frame {
            by,
            configuration,
            next_open: 0,
            candidates_from: None,
            blocked: Vec::new(),
        });
    }

    /// Steps back from where nothing is left to try. Only now is the configuration remembered:
    /// every step takes one operation more, so nothing on the stack can come again before.
    fn pop(&mut self) {
        let Some(frame) = self.stack.pop() else { return };
        if let Some(from) = frame.candidates_from {
            self.candidates.truncate(from as usize);
        }
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
        let frame = self.stack.last_mut()?;
        let at = &frame.configuration;
        let next = if let Some((next, after)) = self.moves.next_certain(at, frame.next_open) {
            frame.next_open = after;
            next
        } else if self.moves.timeline.unknown.is_empty() {
            return None;
        } else {
            frame.next_open = self.moves.timeline.open(at.deadline).len() as u32;
            let candidates = &mut self.candidates;
            let from = *frame.candidates_from.get_or_insert_with(|| {
                let from = candidates.len() as u32;
                let mut found = Candidates { groups: candidates, blocked: &mut frame.blocked };
                self.moves.find_candidates(at, &mut found);
                from
            });
            if self.candidates.len() == from as usize {
                return None;
            }
            Move::Unknown(self.candidates.pop()?)
        };
        Some((next, self.moves.after(at, next, &mut |_| {})))
    }
}
