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

use super::failed::{Configuration, Failed};
use super::model::{Model, Need};
use super::slots::SlotSet;
use super::timeline::Timeline;
use super::unknown::{Situation, UsedSets};

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

/// An operation that was taken: an index of [`Timeline::certain`], or a call of unknown outcome.
#[derive(Clone, Copy)]
enum Choice {
    Start,
    Certain(u32),
    Unknown(u32),
}

struct Frame<S, const WORDS: usize> {
    /// How the search came here.
    choice: Choice,
    configuration: Configuration<S, WORDS>,
    /// Place in the open operations of the deadline that is tried next.
    next_open: u32,
    /// Where in [`Search::candidates`] this frame's begin, once they are needed.
    candidates_from: Option<u32>,
}

pub(crate) struct Search<'a, M: Model, const WORDS: usize> {
    model: &'a M,
    timeline: &'a Timeline<M>,
    /// Stop at this deadline.
    goal: u32,
    stack: Vec<Frame<M::State, WORDS>>,
    /// Groups of unknown outcome that the frames still have to try.
    candidates: Vec<u32>,
    /// How many configurations were visited.
    states: u64,
    /// Those from which no order was found.
    failed: Failed<M::State, WORDS>,
    used: UsedSets,
}

impl<'a, M: Model, const WORDS: usize> Search<'a, M, WORDS> {
    /// A search for an order of everything that completed before deadline `goal`. The timeline must
    /// not need more slots than there are.
    pub(crate) fn new(model: &'a M, timeline: &'a Timeline<M>, goal: u32) -> Self {
        Self {
            model,
            timeline,
            goal,
            stack: Vec::new(),
            candidates: Vec::new(),
            states: 0,
            failed: Failed::new(),
            used: UsedSets::new(),
        }
    }

    /// Searches. May be called once.
    pub(crate) fn run(&mut self, limit: &mut WorkLimit<'_>) -> Outcome {
        let mut furthest = 0;
        let mut next = Some((Choice::Start, self.start(&mut |_| {})));
        loop {
            if let Some((choice, configuration)) = next {
                let deadline = configuration.deadline;
                if deadline == self.goal || !self.failed.contains(&configuration, &self.used) {
                    self.push(choice, configuration);
                }
                if deadline == self.goal {
                    return Outcome::Found;
                }
                furthest = furthest.max(deadline);
                if self.states >= limit.states_max {
                    return Outcome::GaveUp(Undecided::StatesMax);
                }
                if self.states.is_multiple_of(STOP_INTERVAL) && (limit.stop)() {
                    return Outcome::GaveUp(Undecided::Stopped);
                }
            } else {
                self.pop();
            }
            if self.stack.is_empty() {
                return Outcome::Stuck { deadline: furthest };
            }
            next = self.next();
        }
    }

    /// How many configurations were visited.
    pub(crate) fn states(&self) -> u64 {
        self.states
    }

    /// The calls on the way to the goal in the order found.
    pub(crate) fn linearization(&mut self) -> Vec<u32> {
        let mut order = Vec::new();
        let mut configuration = self.start(&mut |call| order.push(call));
        for place in 1..self.stack.len() {
            match self.stack[place].choice {
                Choice::Start => {}
                Choice::Certain(operation) => {
                    order.push(self.timeline.certain[operation as usize].call);
                    configuration =
                        self.take(&configuration, operation, &mut |call| order.push(call));
                }
                Choice::Unknown(group) => {
                    order.extend(
                        self.situation(&configuration).available(&self.timeline.unknown, group),
                    );
                    configuration =
                        self.use_unknown(&configuration, group, &mut |call| order.push(call));
                }
            }
        }
        order
    }

    /// The states that the object can have been in just before `deadline`, as far as operations of
    /// unknown outcome whose effects nobody could see are left out.
    pub(crate) fn states_before(&self, deadline: u32) -> Vec<M::State> {
        let mut found = Vec::new();
        for (state, used) in self.failed.at(deadline) {
            let mut states = vec![state];
            let mut next = 0;
            while next < states.len() {
                let state = states[next].clone();
                next += 1;
                let situation = Situation {
                    model: self.model,
                    state: &state,
                    deadline,
                    used: self.used.counts(used),
                };
                let reached: Vec<_> = situation.reachable(&self.timeline.unknown).collect();
                for state in reached {
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

    fn push(&mut self, choice: Choice, configuration: Configuration<M::State, WORDS>) {
        self.states += 1;
        self.stack.push(Frame { choice, configuration, next_open: 0, candidates_from: None });
    }

    /// Steps back from where nothing is left to try. Only now is the configuration remembered:
    /// every step takes one operation more, so nothing on the stack can come again before.
    fn pop(&mut self) {
        if let Some(frame) = self.stack.pop() {
            if let Some(from) = frame.candidates_from {
                self.candidates.truncate(from as usize);
            }
            self.failed.insert(frame.configuration);
        }
    }

    /// What the topmost frame tries next.
    fn next(&mut self) -> Option<(Choice, Configuration<M::State, WORDS>)> {
        let frame = self.stack.last_mut()?;
        let Configuration { deadline, linearized, ref state, .. } = frame.configuration;
        let open = self.timeline.open(deadline);
        while let Some(&operation) = open.get(frame.next_open as usize) {
            frame.next_open += 1;
            let certain = &self.timeline.certain[operation as usize];
            // A read that matches was taken when the state came to be.
            if certain.is_read || linearized.contains(certain.slot) {
                continue;
            }
            if self.model.step(state, &certain.operation).is_some() {
                let configuration = frame.configuration.clone();
                let next = self.take(&configuration, operation, &mut |_| {});
                return Some((Choice::Certain(operation), next));
            }
        }
        if self.timeline.unknown.is_empty() {
            return None;
        }
        let configuration = frame.configuration.clone();
        let from = match frame.candidates_from {
            Some(from) => from,
            None => {
                let from = self.candidates.len() as u32;
                frame.candidates_from = Some(from);
                self.find_candidates(&configuration);
                from
            }
        };
        if self.candidates.len() == from as usize {
            return None;
        }
        let group = self.candidates.pop()?;
        Some((Choice::Unknown(group), self.use_unknown(&configuration, group, &mut |_| {})))
    }

    fn find_candidates(&mut self, at: &Configuration<M::State, WORDS>) {
        let mut needed = Some(Vec::new());
        for &operation in self.timeline.open(at.deadline) {
            let certain = &self.timeline.certain[operation as usize];
            if at.linearized.contains(certain.slot) {
                continue;
            }
            match (&certain.need, &mut needed) {
                (Need::Unspecified, _) => needed = None,
                (Need::State(state), Some(needed))
                    if *state != at.state && !needed.contains(state) =>
                {
                    needed.push(state.clone());
                }
                _ => {}
            }
        }
        let situation = Situation {
            model: self.model,
            state: &at.state,
            deadline: at.deadline,
            used: self.used.counts(at.used),
        };
        self.timeline.unknown.candidates(&situation, needed, &mut self.candidates);
    }

    fn situation<'b>(&'b self, at: &'b Configuration<M::State, WORDS>) -> Situation<'b, M> {
        Situation {
            model: self.model,
            state: &at.state,
            deadline: at.deadline,
            used: self.used.counts(at.used),
        }
    }

    /// The configuration in which nothing has happened yet, except reads of the initial state.
    fn start(&mut self, taken: &mut impl FnMut(u32)) -> Configuration<M::State, WORDS> {
        let mut configuration = Configuration {
            deadline: 0,
            linearized: SlotSet::EMPTY,
            state: self.model.initial(),
            used: UsedSets::NONE,
        };
        if self.goal > 0 {
            self.settle(&mut configuration, taken);
        }
        configuration
    }

    /// Takes a certain operation, which must be possible.
    fn take(
        &mut self,
        from: &Configuration<M::State, WORDS>,
        operation: u32,
        taken: &mut impl FnMut(u32),
    ) -> Configuration<M::State, WORDS> {
        let mut configuration = from.clone();
        let certain = &self.timeline.certain[operation as usize];
        if let Some(state) = self.model.step(&from.state, &certain.operation) {
            configuration.state = state;
        }
        configuration.linearized.insert(certain.slot);
        self.settle(&mut configuration, taken);
        configuration
    }

    /// Takes an operation of unknown outcome, which must be possible.
    fn use_unknown(
        &mut self,
        from: &Configuration<M::State, WORDS>,
        group: u32,
        taken: &mut impl FnMut(u32),
    ) -> Configuration<M::State, WORDS> {
        let mut configuration = from.clone();
        let groups = &self.timeline.unknown.groups;
        if let Some(state) = self.model.step(&from.state, &groups[group as usize].operation) {
            configuration.state = state;
        }
        configuration.used = self.used.with(from.used, group, groups);
        self.settle(&mut configuration, taken);
        configuration
    }

    /// Does what needs no choice: takes reads that match the state, and passes deadlines.
    fn settle(&mut self, at: &mut Configuration<M::State, WORDS>, taken: &mut impl FnMut(u32)) {
        let timeline = self.timeline;
        for &operation in timeline.open(at.deadline) {
            self.take_read(at, operation, taken);
        }
        while at.linearized.contains(timeline.due(at.deadline).slot) {
            at.linearized.remove(timeline.due(at.deadline).slot);
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

    fn take_read(
        &self,
        at: &mut Configuration<M::State, WORDS>,
        operation: u32,
        taken: &mut impl FnMut(u32),
    ) {
        let certain = &self.timeline.certain[operation as usize];
        if certain.is_read
            && !at.linearized.contains(certain.slot)
            && self.model.step(&at.state, &certain.operation).is_some()
        {
            at.linearized.insert(certain.slot);
            taken(certain.call);
        }
    }
}
