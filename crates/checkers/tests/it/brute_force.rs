//! Linearizability by trying all orders, in a few lines that can be seen to be right. It has nothing
//! in common with the search but the question.

use std::collections::BTreeSet;

use checkers::{Event, Kind, Op, operations};

/// An operation that may have happened.
struct Step<'a> {
    op: &'a Op<u64>,
    invoked: usize,
    /// Where it completed, if it certainly happened.
    completed: Option<usize>,
}

type Register = Option<u64>;

fn steps(events: &[Event<u64>], key: u64) -> Vec<Step<'_>> {
    let operations = operations(events).unwrap();
    let of_key = operations.iter().filter(|operation| operation.invocation.op.key() == Some(&key));
    of_key
        .filter(|operation| operation.outcome() != Kind::Fail)
        .map(|operation| Step {
            op: operation.op(),
            invoked: operation.invoked_at,
            completed: operation.completed_at.filter(|_| operation.outcome() == Kind::Ok),
        })
        .collect()
}

/// Whether the operations on `key` have an order that explains them.
pub(crate) fn is_linearizable(events: &[Event<u64>], key: u64) -> bool {
    let steps = steps(events, key);
    try_all(&steps, &mut vec![false; steps.len()], None, &mut |_, _| false)
}

/// Everything that the register can hold just before the event at `position`.
pub(crate) fn states_before(
    events: &[Event<u64>],
    key: u64,
    position: usize,
) -> BTreeSet<Register> {
    let steps: Vec<Step<'_>> =
        steps(events, key).into_iter().filter(|step| step.invoked < position).collect();
    let mut states = BTreeSet::new();
    let is_over = |step: &Step<'_>| step.completed.is_some_and(|completed| completed < position);
    try_all(&steps, &mut vec![false; steps.len()], None, &mut |done, state| {
        if steps.iter().zip(done).all(|(step, done)| *done || !is_over(step)) {
            states.insert(state);
        }
        true
    });
    states
}

/// Goes through all orders. `visit` sees each point on the way; if it is always false, the answer
/// is whether some order holds everything that certainly happened.
fn try_all(
    steps: &[Step<'_>],
    done: &mut Vec<bool>,
    state: Register,
    visit: &mut impl FnMut(&[bool], Register) -> bool,
) -> bool {
    let goes_on = visit(done, state);
    let is_left = |place: usize, done: &[bool]| !done[place] && steps[place].completed.is_some();
    if !goes_on && !(0..steps.len()).any(|place| is_left(place, done)) {
        return true;
    }
    for place in 0..steps.len() {
        let too_late = (0..steps.len()).any(|other| {
            is_left(other, done)
                && steps[other].completed.is_some_and(|completed| completed < steps[place].invoked)
        });
        if done[place] || too_late {
            continue;
        }
        if let Some(next) = after(state, steps[place].op) {
            done[place] = true;
            let found = try_all(steps, done, next, visit);
            done[place] = false;
            if found {
                return true;
            }
        }
    }
    false
}

fn after(state: Register, op: &Op<u64>) -> Option<Register> {
    match op {
        Op::Read { value: Some(value), .. } => (state == *value).then_some(state),
        Op::Read { value: None, .. } => Some(state),
        Op::Write { value, .. } => Some(Some(*value)),
        Op::Cas { from, to, .. } => (state == Some(*from)).then_some(Some(*to)),
        _ => None,
    }
}
