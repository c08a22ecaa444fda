//! Whether a history goes wrong at a place whatever happened long before.
//!
//! A search that got stuck would have to try everything else from the beginning on to be sure that
//! there is no way past the place where it did. But most of what happened before is forgotten: what
//! matters at some earlier deadline is only which of the operations open there are linearized, and
//! what the object holds. So one may as well suppose that *any* of them are, that it holds anything
//! that was ever left behind, that all reads are done, and that no operation of unknown outcome was
//! used yet: everything that can have been is among that, or can do no more. If nothing leads past
//! the place from there, nothing does from the beginning; and if it ends in the same states, those
//! are all, for what can have been is between what was found and what was supposed.

use super::{Search, WorkLimit};
use crate::linearizable::configuration::Configuration;
use crate::linearizable::model::Model;
use crate::linearizable::slots::SlotSet;
use crate::linearizable::timeline::Timeline;
use crate::linearizable::used::UsedSets;

/// More different states than this are not supposed.
const STATES_SUPPOSED_MAX: usize = 64;

/// Nor are subsets of more open operations than this.
const OPEN_SUPPOSED_MAX: usize = 6;

/// How many deadlines the search steps back at least before it asks whether it is stuck for good.
const REACH_MIN: u32 = 32;

/// The same where outcomes are unknown: what such an operation may still do is not forgotten soon.
const REACH_MIN_UNKNOWN: u32 = 128;

/// How many configurations are visited at most to answer that.
const AROUND_MAX: u64 = 4096;

/// How far a search steps back before it looks whether it need not.
pub(super) struct Patience {
    /// So many deadlines at first.
    reach: u32,
    /// It ends when the search has stepped back before this deadline.
    pub(super) ends_at: u32,
    /// How many configurations were visited in looking.
    pub(super) states: u64,
}

impl Patience {
    /// That of a search that always steps back to the beginning.
    pub(super) const fn never() -> Self {
        Self { reach: u32::MAX, ends_at: 0, states: 0 }
    }

    pub(super) const fn new(is_all_certain: bool) -> Self {
        let reach = if is_all_certain { REACH_MIN } else { REACH_MIN_UNKNOWN };
        Self { reach, ..Self::never() }
    }

    /// The search came further than ever before.
    pub(super) const fn begin(&mut self, deadline: u32) {
        self.ends_at = deadline.saturating_sub(self.reach);
    }
}

impl<M: Model, const WORDS: usize> Search<'_, M, WORDS> {
    /// Whether it is certain already that the furthest deadline cannot be passed, and which states
    /// there can be there. If not, the search will be asked again when it has stepped back further.
    pub(super) fn is_stuck(&mut self) -> bool {
        let furthest = self.furthest.deadline;
        let reach = furthest - self.patience.ends_at;
        self.patience.ends_at = furthest.saturating_sub(reach.saturating_mul(4));
        // Whatever comes of it, it takes no longer than the search took.
        let states_max = self.states.saturating_sub(self.patience.states).min(AROUND_MAX);
        let (states, states_there) = self.look_around(reach, states_max);
        self.patience.states += states;
        states_there.is_some() && states_there == self.all_last_states()
    }

    /// Looks for a way past the furthest deadline from anything that can have been up to `reach`
    /// deadlines before. Says how many configurations it visited and, if there is no way, in which
    /// states the object can be at the deadline.
    fn look_around(&self, reach: u32, states_max: u64) -> (u64, Option<Vec<M::State>>) {
        let (model, timeline) = (self.moves.model, self.moves.timeline);
        let deadline = self.furthest.deadline;
        let open_at = |at: &u32| timeline.updates(timeline.deadline(*at)).len();
        // Where the fewest are open there is the least to suppose.
        let from = (deadline.saturating_sub(reach)..=deadline - reach / 2).min_by_key(open_at);
        let Some(from) = from.filter(|at| open_at(at) <= OPEN_SUPPOSED_MAX) else {
            return (0, None);
        };
        let Some(supposed) = states(model, timeline) else { return (0, None) };
        let mut search = Search::<M, WORDS>::to(model, timeline, deadline + 1);
        let mut limit = WorkLimit { states_max, stop: &mut || false };
        for mut start in starts(timeline, from, &supposed) {
            search.moves.settle(&mut start, &mut |_| {});
            if search.run_from(start, &mut limit).is_some() {
                return (search.states, None);
            }
        }
        let is_there = search.furthest.deadline == deadline;
        (search.states, if is_there { search.all_last_states() } else { None })
    }
}

/// All that the object can ever hold; `None` if that is too much or not known.
fn states<M: Model>(model: &M, timeline: &Timeline<M>) -> Option<Vec<M::State>> {
    let mut states = vec![model.initial()];
    let certain = timeline.certain.iter().filter(|of| !of.is_read).map(|of| &of.operation);
    let unknown = timeline.unknown.groups.iter().map(|group| &group.operation);
    for operation in certain.chain(unknown) {
        let state = model.result(operation)?;
        if !states.contains(&state) {
            if states.len() == STATES_SUPPOSED_MAX {
                return None;
            }
            states.push(state);
        }
    }
    Some(states)
}

/// All that can have been at a deadline, with each state.
fn starts<M: Model, const WORDS: usize>(
    timeline: &Timeline<M>,
    deadline: u32,
    states: &[M::State],
) -> impl Iterator<Item = Configuration<M::State, WORDS>> {
    let at = timeline.deadline(deadline);
    let (updates, reads) = (timeline.updates(at), timeline.reads(at));
    let slots = |operations: &[u32], is_in: &dyn Fn(usize) -> bool| {
        let mut slots = SlotSet::EMPTY;
        for (place, &operation) in operations.iter().enumerate() {
            slots.insert_if(timeline.certain[operation as usize].slot, is_in(place));
        }
        slots
    };
    let all_reads = slots(reads, &|_| true);
    (0..1_usize << updates.len()).flat_map(move |subset| {
        let linearized = slots(updates, &|place| subset >> place & 1 == 1);
        states.iter().map(move |state| Configuration {
            linearized,
            reads: all_reads,
            state: state.clone(),
            deadline,
            used: UsedSets::NONE,
        })
    })
}

#[cfg(test)]
mod tests {
    use rand::rngs::Xoshiro256PlusPlus;
    use rand::{RngExt as _, SeedableRng as _};

    use super::super::{Outcome, Search, WorkLimit};
    use crate::linearizable::call::Call;
    use crate::linearizable::register::{Number, Register, RegisterOperation};
    use crate::linearizable::timeline::Timeline;

    /// Calls of some clients on a register that did what they did when they were invoked, but for
    /// one that read or found anything.
    fn calls(seed: u64) -> Vec<Call<RegisterOperation>> {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        let mut random = |bound: u64| rng.random_range(0..bound);
        let (clients, values) = (1 + random(8) as usize, 2 + random(3));
        let mix = [3, 3, 8][random(3) as usize];
        let (number, unknown) = (5 + random(40), [0, 0, 10, 40][random(4) as usize]);
        let wrong = random(number);
        let mut calls: Vec<Call<RegisterOperation>> = Vec::new();
        let mut open = vec![None; clients];
        let (mut state, mut now): (Number, u64) = (0, 0);
        while (calls.len() as u64) < number || open.iter().any(Option::is_some) {
            now += 1;
            let client = random(clients as u64) as usize;
            if let Some(call) = open[client].take() {
                let call: &mut Call<_> = &mut calls[call];
                call.completed = (random(100) >= unknown).then_some(now);
            } else if (calls.len() as u64) < number {
                let value = random(values) as Number;
                let seen = if calls.len() as u64 == wrong { value } else { state };
                let operation = match random(mix) {
                    0 => RegisterOperation::Read(seen),
                    1 => RegisterOperation::Cas(seen, value),
                    _ => RegisterOperation::Write(value),
                };
                if !matches!(operation, RegisterOperation::Read(_)) {
                    state = value;
                }
                open[client] = Some(calls.len());
                calls.push(Call { operation, invoked: now, completed: None });
            }
        }
        calls
    }

    /// The first deadline that is not passed, the states there, an order of what is before it and
    /// how many configurations were visited; with a search of such patience, if of any.
    fn stuck(
        calls: &[Call<RegisterOperation>],
        reach: Option<u32>,
    ) -> Option<(u32, Vec<Number>, Vec<u32>, u64)> {
        let timeline = Timeline::new(&Register, calls).unwrap();
        let mut search = Search::<_, 1>::new(&Register, &timeline);
        search.patience.reach = reach.unwrap_or(u32::MAX);
        let mut limit = WorkLimit { states_max: u64::MAX, stop: &mut || false };
        let Outcome::Stuck { deadline } = search.run(&mut limit) else { return None };
        let states = search.last_states();
        Some((deadline, states, search.linearization(), search.states))
    }

    #[test]
    fn a_search_of_little_patience_finds_what_one_of_much_finds() {
        let (mut invalid, mut fewer) = (0, 0);
        for seed in 0..10_000 {
            let calls = calls(seed);
            let patient = stuck(&calls, None);
            for reach in 1..6 {
                let impatient = stuck(&calls, Some(reach));
                let found = |of: &Option<(u32, Vec<Number>, Vec<u32>, u64)>| {
                    of.as_ref().map(|(deadline, states, order, _)| {
                        (*deadline, states.clone(), order.clone())
                    })
                };
                assert_eq!(found(&impatient), found(&patient), "seed {seed}, reach {reach}");
                if let (Some(impatient), Some(patient)) = (impatient, &patient) {
                    invalid += 1;
                    fewer += u32::from(impatient.3 < patient.3);
                }
            }
        }
        assert!(invalid > 2_000 && fewer > 500, "{invalid} invalid, {fewer} with less");
    }

    #[test]
    fn a_long_history_that_goes_wrong_at_the_end_is_not_searched_to_its_beginning() {
        // Two writes at once, and a read of either: each leaves a choice to come back to.
        let mut calls = Vec::new();
        for pair in 0..1_000_u64 {
            let mut call = |operation, invoked, completed| {
                let (invoked, completed) = (6 * pair + invoked, Some(6 * pair + completed));
                calls.push(Call { operation, invoked, completed });
            };
            call(RegisterOperation::Write(1), 0, 2);
            call(RegisterOperation::Write(2), 1, 3);
            let seen = if pair == 999 { 3 } else { 1 + (pair % 2) as Number };
            call(RegisterOperation::Read(seen), 4, 5);
        }
        let (deadline, states, _, visited) = stuck(&calls, Some(super::REACH_MIN)).unwrap();
        let (patient_deadline, patient_states, _, all) = stuck(&calls, None).unwrap();
        assert_eq!((deadline, &states), (patient_deadline, &patient_states));
        // Each operation is visited once on the way there, and a few again.
        assert!(visited < 3_100 && all > 4_000, "{visited} instead of {all}");
    }
}
