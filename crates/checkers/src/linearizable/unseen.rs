//! What an object can hold because of operations of unknown outcome whose effect no later operation
//! could see: the search leaves them out, since they help it nowhere, but what is said of the object
//! is to be true.

use super::call::Call;
use super::decide;
use super::model::{Model, Need};
use super::search::{LAST_STATES_MAX, WorkLimit};
use super::{Decision, Stuck};

/// So many states are looked at one by one, each with a search of its own; of those beyond it is taken
/// that the object can have held them.
const TRIED_MAX: usize = 16;

/// And so many calls are looked at in all.
const CALLS_MAX: usize = 500_000;

/// So many states are looked for behind the order that was found.
const STATES_BEHIND_MAX: usize = 256;

/// No such search visits more configurations.
const STATES_MAX: u64 = 20_000;

/// The states in which the object can have been just before the completion at which every order of
/// `calls` breaks off, in ascending order: those of `stuck` and those that nobody could see. `observe`
/// is an operation that is possible in one state only. Where it would take too long to find out, a
/// state that an operation of unknown outcome leaves counts as possible.
///
/// For models that say what each operation leaves ([`Model::result`]); other states are not found.
pub fn states_before<M: Model>(
    model: &M,
    calls: &[Call<M::Operation>],
    stuck: &Stuck<M::State>,
    observe: impl Fn(&M::State) -> M::Operation,
    stop: &mut dyn FnMut() -> bool,
) -> Vec<M::State> {
    let mut states = stuck.states.clone();
    let Some(end) = calls[stuck.call].completed.filter(|_| states.len() < LAST_STATES_MAX) else {
        return states;
    };
    let is_unknown = |call: &Call<_>| call.completed.is_none() && call.invoked < end;
    let unknown = calls.iter().filter(|call| is_unknown(call));
    let mut candidates: Vec<M::State> =
        unknown.filter_map(|call| model.result(&call.operation)).collect();
    candidates.sort_unstable();
    candidates.dedup();
    candidates.retain(|state| states.binary_search(state).is_err());
    if candidates.is_empty() {
        return states;
    }
    let behind = behind(model, calls, &stuck.order, is_unknown);
    let (known, candidates): (Vec<_>, Vec<_>) =
        candidates.into_iter().partition(|state| behind.contains(state));
    states.extend(known);
    let mut before = match candidates.is_empty() {
        true => Vec::new(),
        false => before(calls, stuck.call, end),
    };
    let tried_max = TRIED_MAX.min(CALLS_MAX / before.len().max(1));
    for (place, state) in candidates.into_iter().enumerate() {
        let is_possible =
            place >= tried_max || can_end_with(model, &mut before, &state, end, stop) || {
                before.push(last(observe(&state), end));
                let mut limit = WorkLimit { states_max: STATES_MAX, stop: &mut *stop };
                let (decision, _) = decide(model, &before, &mut limit);
                before.pop();
                !matches!(decision, Decision::Impossible(_))
            };
        if is_possible {
            states.push(state);
        }
    }
    states.sort_unstable();
    states.truncate(LAST_STATES_MAX);
    states
}

/// Whether one of the calls that leave a state can be the last before `end`, as far as a short search
/// tells: where it is set aside for that, no search uses it up first and has to do without it then.
fn can_end_with<M: Model>(
    model: &M,
    before: &mut Vec<Call<M::Operation>>,
    state: &M::State,
    end: u64,
    stop: &mut dyn FnMut() -> bool,
) -> bool {
    let leaves_it = |call: &Call<M::Operation>| {
        call.completed.is_none() && model.result(&call.operation).as_ref() == Some(state)
    };
    // The later it was invoked the less it can do before; best is one that is possible in every state.
    let places = (0..before.len()).filter(|&place| leaves_it(&before[place]));
    let needs_nothing = |&place: &usize| model.need(&before[place].operation) == Need::Nothing;
    let Some(place) = places.max_by_key(|place| (needs_nothing(place), *place)) else {
        return false;
    };
    let set_aside = before.remove(place);
    before.push(last(set_aside.operation.clone(), end));
    let mut limit = WorkLimit { states_max: before.len() as u64, stop };
    let (decision, _) = decide(model, before, &mut limit);
    before.pop();
    before.insert(place, set_aside);
    decision == Decision::Linearizable
}

/// An operation that happens at the end.
fn last<O>(operation: O, end: u64) -> Call<O> {
    Call { operation, invoked: end, completed: Some(end + 1) }
}

/// The states to which calls that are not in an order, and may have happened, lead from its end: what
/// nobody needed may as well come last.
fn behind<M: Model>(
    model: &M,
    calls: &[Call<M::Operation>],
    order: &[usize],
    may_come: impl Fn(&Call<M::Operation>) -> bool,
) -> Vec<M::State> {
    let mut is_in_order = vec![false; calls.len()];
    order.iter().for_each(|&call| is_in_order[call] = true);
    let end = order
        .iter()
        .try_fold(model.initial(), |state, &call| model.step(&state, &calls[call].operation));
    let left =
        calls.iter().zip(is_in_order).filter(|(call, is_in_order)| !is_in_order && may_come(call));
    let left: Vec<_> = left.map(|(call, _)| &call.operation).collect();
    let mut states: Vec<M::State> = end.into_iter().collect();
    let mut next = 0;
    while next < states.len() && states.len() < STATES_BEHIND_MAX {
        let state = states[next].clone();
        next += 1;
        for operation in &left {
            if let Some(after) = model.step(&state, operation)
                && !states.contains(&after)
            {
                states.push(after);
            }
        }
    }
    states
}

/// The other calls as they stood when one of them completed.
fn before<O: Clone>(calls: &[Call<O>], without: usize, end: u64) -> Vec<Call<O>> {
    let begun =
        calls.iter().enumerate().filter(|(place, call)| *place != without && call.invoked < end);
    let cut = |call: &Call<O>| Call {
        completed: call.completed.filter(|&completed| completed < end),
        ..call.clone()
    };
    begun.map(|(_, call)| cut(call)).collect()
}

#[cfg(test)]
mod tests {
    use super::{can_end_with, states_before};
    use crate::linearizable::call::Call;
    use crate::linearizable::register::{Register, RegisterOperation};
    use crate::linearizable::search::WorkLimit;
    use crate::linearizable::{Decision, decide};
    use RegisterOperation::{Cas, Read, Write};

    /// Calls one after another, the first ones of unknown outcome.
    fn calls(
        unknown: &[RegisterOperation],
        known: &[RegisterOperation],
    ) -> Vec<Call<RegisterOperation>> {
        let operations = unknown.iter().chain(known).zip(0_usize..);
        let call = |(&operation, place): (_, usize)| Call {
            operation,
            invoked: 2 * place as u64,
            completed: (place >= unknown.len()).then_some(2 * place as u64 + 1),
        };
        operations.map(call).collect()
    }

    /// What the register can have held before a last read that cannot be explained.
    fn before_last(calls: &[Call<RegisterOperation>]) -> Vec<u32> {
        let mut limit = WorkLimit { states_max: 1000, stop: &mut || false };
        let (Decision::Impossible(stuck), _) = decide(&Register, calls, &mut limit) else {
            panic!()
        };
        assert_eq!(stuck.call, calls.len() - 1);
        states_before(&Register, calls, &stuck, |&state| Read(state), &mut || false)
    }

    #[test]
    fn an_operation_can_be_kept_for_the_end_where_another_does_its_work() {
        let known = [Read(1), Write(2), Read(3)];
        // Either of the two can be what was read; only the write is possible at the end.
        let either = calls(&[Write(1), Cas(0, 1)], &known);
        assert_eq!(before_last(&either), [1, 2]);
        // Here there is only one.
        let one = calls(&[Write(1)], &known);
        assert_eq!(before_last(&one), [2]);
        for (calls, is_possible) in [(either, true), (one, false)] {
            let end = calls[calls.len() - 1].invoked;
            let mut before = calls[..calls.len() - 1].to_vec();
            let mut stop = || false;
            assert_eq!(can_end_with(&Register, &mut before, &1, end, &mut stop), is_possible);
            assert!(!can_end_with(&Register, &mut before, &7, end, &mut stop));
            // The calls are as they were.
            let positions = |calls: &[Call<_>]| -> Vec<_> {
                calls.iter().map(|call| (call.invoked, call.completed)).collect()
            };
            assert_eq!(positions(&before), positions(&calls[..calls.len() - 1]));
        }
    }
}
