//! Linearizability by trying all orders, in a few lines that can be seen to be right. It has nothing
//! in common with the search but the question.

use std::collections::BTreeSet;

use checkers::linearizable::RegisterOp;
use checkers::{Event, Kind, operations};

/// An operation that may have happened.
pub(crate) struct Step<O> {
    pub(crate) op: O,
    pub(crate) invoked: usize,
    /// Where it completed, if it certainly happened.
    pub(crate) completed: Option<usize>,
}

type Register = Option<u64>;

/// Whether the operations on `key` have an order that explains them.
pub(crate) fn is_linearizable(events: &[Event<RegisterOp<u64>>], key: u64) -> bool {
    has_order(&register_steps(events, key), None, &register)
}

/// Everything that the register can hold just before the event at `position`.
pub(crate) fn states_before(
    events: &[Event<RegisterOp<u64>>],
    key: u64,
    position: usize,
) -> BTreeSet<Register> {
    let mut steps = register_steps(events, key);
    steps.retain(|step| step.invoked < position);
    let mut states = BTreeSet::new();
    let is_over = |step: &Step<_>| step.completed.is_some_and(|completed| completed < position);
    try_all(&steps, &mut vec![false; steps.len()], None, &register, &mut |done, state| {
        if steps.iter().zip(done).all(|(step, done)| *done || !is_over(step)) {
            states.insert(*state);
        }
        false
    });
    states
}

/// Whether some order, from a state on, holds everything that certainly happened.
pub(crate) fn has_order<O, S>(
    steps: &[Step<O>],
    state: S,
    after: &impl Fn(&S, &O) -> Option<S>,
) -> bool {
    try_all(steps, &mut vec![false; steps.len()], state, after, &mut |done, _| {
        steps.iter().zip(done).all(|(step, done)| *done || step.completed.is_none())
    })
}

/// Goes through all orders until `visit`, which sees each point on the way, is content.
fn try_all<O, S>(
    steps: &[Step<O>],
    done: &mut Vec<bool>,
    state: S,
    after: &impl Fn(&S, &O) -> Option<S>,
    visit: &mut impl FnMut(&[bool], &S) -> bool,
) -> bool {
    if visit(done, &state) {
        return true;
    }
    for place in 0..steps.len() {
        let is_too_late = steps.iter().zip(&*done).any(|(other, done)| {
            !done && other.completed.is_some_and(|completed| completed < steps[place].invoked)
        });
        if done[place] || is_too_late {
            continue;
        }
        if let Some(next) = after(&state, &steps[place].op) {
            done[place] = true;
            let found = try_all(steps, done, next, after, visit);
            done[place] = false;
            if found {
                return true;
            }
        }
    }
    false
}

fn register_steps(events: &[Event<RegisterOp<u64>>], key: u64) -> Vec<Step<&RegisterOp<u64>>> {
    let operations = operations(events).unwrap();
    let of_key = operations.iter().filter(|operation| operation.asked.key() == &key);
    of_key
        .filter(|operation| operation.outcome() != Kind::Fail)
        .map(|operation| Step {
            op: operation.op(),
            invoked: operation.invoked_at,
            completed: operation.completed_at.filter(|_| operation.outcome() == Kind::Ok),
        })
        .collect()
}

fn register(state: &Register, op: &&RegisterOp<u64>) -> Option<Register> {
    match op {
        RegisterOp::Read { value: Some(value), .. } => (state == value).then_some(*state),
        RegisterOp::Read { value: None, .. } => Some(*state),
        RegisterOp::Write { value, .. } => Some(Some(*value)),
        RegisterOp::Cas { from, to, .. } => (*state == Some(*from)).then_some(Some(*to)),
    }
}
