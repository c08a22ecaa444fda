//! What an object can hold because of operations of unknown outcome whose effect no later operation
//! could see: the search leaves them out, since they help it nowhere, but what is said of the object
//! is to be true.

use super::call::Call;
use super::decide;
use super::model::Model;
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
        let is_possible = place >= tried_max || {
            let (invoked, completed) = (end, Some(end + 1));
            before.push(Call { operation: observe(&state), invoked, completed });
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
