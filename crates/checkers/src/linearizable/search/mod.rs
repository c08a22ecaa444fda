//! The search for an order of operations that explains what every one of them saw.
//!
//! It is that of Wing and Gong (Testing and Verifying Concurrent Objects, 1993) with Lowe's memory
//! of configurations (Testing for Linearizability, 2017): take any operation that may come next, go
//! on, and step back when there is none; never go on from where the search has been. From the
//! latter paper there is also just-in-time linearization: an operation is taken only when some
//! completion cannot be passed otherwise, and one that only reads is taken at once when it matches.
//!
//! The search goes depth first, on a stack of its own, and tries the operation whose completion
//! comes first before others; it looks for others only when it comes back. When it can go no further
//! it mostly need not step back to the beginning: see `around`. `furthest` is what there is to say
//! then, `limits` what may stop it.

mod around;
mod furthest;
mod limits;

use self::around::Patience;
use self::furthest::Furthest;
pub(crate) use self::furthest::LAST_STATES_MAX;
use self::limits::BYTES_MIN;
pub use self::limits::{BYTES_PER_STATE, Undecided, WORK_PER_STATE, WorkLimit};
use super::configuration::{Configuration, Move};
use super::failed::Failed;
use super::model::Model;
use super::moves::Moves;
use super::timeline::Timeline;
use super::used::{ROOM, UsedSets};

/// How many moves are made before the search looks again how far it has come.
const LIMIT_INTERVAL: u64 = 64;

/// The search asks whether to stop whenever it has made so many more moves.
const STOP_INTERVAL: u64 = 1024;

/// The stack has room for no more frames than this at first.
const STACK_ROOM_MAX: usize = 1024;

/// How a search ended.
pub(crate) enum Outcome {
    /// All operations up to the goal have an order.
    Found,
    /// They have none: this is the first deadline that no order passes.
    Stuck { deadline: u32 },
    /// The limit was reached.
    GaveUp(Undecided),
}

struct Frame<S, const WORDS: usize> {
    /// How the search came here; the first frame is where it began.
    by: Option<Move>,
    /// Where in [`Search::untried`] this frame's moves begin.
    untried_from: u32,
    /// Where in [`Search::blocked`] this frame's groups begin.
    blocked_from: u32,
    stage: Stage,
    configuration: Configuration<S, WORDS>,
}

/// What was looked for at a frame so far.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Nothing; the operation that is due is possible.
    Due,
    /// That operation was tried.
    AfterDue,
    /// Everything was found that is worth trying.
    Explored,
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
    patience: Patience,
}

impl<'a, M: Model, const WORDS: usize> Search<'a, M, WORDS> {
    /// A search for an order of everything. The timeline must not need more slots than there are.
    pub(crate) fn new(model: &'a M, timeline: &'a Timeline<M>) -> Self {
        let patience = Patience::new(timeline.unknown.is_empty());
        Self { patience, ..Self::to(model, timeline, timeline.deadlines()) }
    }

    /// A search that may begin anywhere, for an order of everything before `goal`.
    fn to(model: &'a M, timeline: &'a Timeline<M>, goal: u32) -> Self {
        Self {
            moves: Moves::new(model, timeline, goal),
            // Mostly each update needs a frame.
            stack: Vec::with_capacity(timeline.updates_count().min(STACK_ROOM_MAX)),
            untried: Vec::with_capacity(ROOM),
            blocked: Vec::with_capacity(ROOM),
            failed: Failed::new(),
            states: 0,
            met: 0,
            furthest: Furthest::new(),
            patience: Patience::never(),
        }
    }

    /// Searches. May be called once.
    pub(crate) fn run(&mut self, limit: &mut WorkLimit<'_>) -> Outcome {
        let start = self.moves.start(&mut |_| {});
        self.run_from(start, limit).unwrap_or(Outcome::Stuck { deadline: self.furthest.deadline })
    }

    /// Searches on from a configuration; `None` if there is no way to the goal.
    fn run_from(
        &mut self,
        start: Configuration<M::State, WORDS>,
        limit: &mut WorkLimit<'_>,
    ) -> Option<Outcome> {
        self.furthest.note(None, &start, 0);
        if start.deadline == self.moves.goal {
            self.states += 1;
            return Some(Outcome::Found);
        }
        if self.failed.lack(&start, &self.moves.used).is_none() {
            self.push(None, start);
        }
        while let Some(frame) = self.stack.last() {
            if frame.configuration.deadline < self.patience.ends_at {
                if self.is_stuck() {
                    self.unwind();
                    return None;
                }
                continue;
            }
            let Some((by, configuration)) = self.next() else {
                self.pop();
                continue;
            };
            if configuration.deadline == self.moves.goal {
                self.states += 1;
                return Some(Outcome::Found);
            }
            if let Some(lack) = self.failed.lack(&configuration, &self.moves.used) {
                if configuration.deadline >= self.furthest.deadline {
                    self.note_frames();
                    self.furthest.note(Some(by), &configuration, self.stack.len());
                }
                if lack != UsedSets::NONE {
                    self.learn(lack);
                }
            } else {
                self.push(Some(by), configuration);
                if self.states >= limit.states_max {
                    return Some(Outcome::GaveUp(Undecided::StatesMax));
                }
            }
            self.met += 1;
            if self.met.is_multiple_of(LIMIT_INTERVAL)
                && let Some(why) = self.exceeds(limit)
            {
                return Some(Outcome::GaveUp(why));
            }
        }
        None
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
            + self.untried.capacity() * size_of::<Move>()
            + self.blocked.capacity() * size_of::<u32>()
            + self.furthest.bytes()
            + self.failed.bytes()
            + self.moves.used.bytes()
    }

    /// How many configurations were visited.
    pub(crate) fn states(&self) -> u64 {
        self.states + self.patience.states
    }

    fn push(&mut self, by: Option<Move>, configuration: Configuration<M::State, WORDS>) {
        self.states += 1;
        let untried_from = self.untried.len() as u32;
        let blocked_from = self.blocked.len() as u32;
        // What is due comes first: the less is taken before its time, the more is left to
        // choose from later. Mostly nothing else need be looked for.
        let mut stage = Stage::Due;
        if !self.moves.is_due_possible(&configuration) {
            stage = Stage::Explored;
            self.moves.find(&configuration, &mut self.untried, &mut self.blocked);
        }
        self.stack.push(Frame { by, untried_from, blocked_from, stage, configuration });
    }

    /// Steps back from where nothing is left to try. Only now is the configuration remembered:
    /// every step takes one operation more, so nothing on the stack can come again before.
    fn pop(&mut self) {
        self.note_frames();
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
        self.leave(frame.by);
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

    /// What the topmost frame tries next.
    fn next(&mut self) -> Option<(Move, Configuration<M::State, WORDS>)> {
        let frame = self.stack.last_mut()?;
        if frame.stage == Stage::Due {
            frame.stage = Stage::AfterDue;
            let due = self.moves.timeline.deadline(frame.configuration.deadline).due;
            let next = Move::Certain(due);
            return Some((next, self.moves.after(&frame.configuration, next, &mut |_| {})));
        }
        if frame.stage == Stage::AfterDue {
            frame.stage = Stage::Explored;
            self.moves.find(&frame.configuration, &mut self.untried, &mut self.blocked);
        }
        if self.untried.len() == frame.untried_from as usize {
            return None;
        }
        let next = self.untried.pop()?;
        Some((next, self.moves.after(&frame.configuration, next, &mut |_| {})))
    }
}

#[cfg(test)]
mod tests;
