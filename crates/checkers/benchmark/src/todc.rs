//! `todc-utils`, which knows neither keys nor operations of unknown outcome.

use std::collections::BTreeMap;

use checkers::linearizable::RegisterOp;
use checkers::{Event, Kind, operations};
use todc_utils::specifications::Specification;
use todc_utils::{Action, History, WGLChecker};

use crate::{Check, timed};

/// A register operation, and whether it certainly happened.
#[derive(Clone, Debug)]
struct Step {
    op: RegisterOp<u64>,
    is_certain: bool,
}

struct Register;

impl Specification for Register {
    type State = Option<u64>;
    type Operation = Step;

    fn init() -> Self::State {
        None
    }

    fn apply(step: &Step, state: &Self::State) -> (bool, Self::State) {
        match step.op {
            RegisterOp::Read { value, .. } => (value == Some(*state), *state),
            RegisterOp::Write { value, .. } => (true, Some(value)),
            RegisterOp::Cas { from, to, .. } if *state == Some(from) => (true, Some(to)),
            // What need not have happened is always possible.
            _ => (!step.is_certain, *state),
        }
    }
}

pub(crate) fn prepare(history: &[Event<RegisterOp<u64>>]) -> Check {
    let operations = operations(history).unwrap_or_default();
    // Invocations and completions of each key by their positions.
    let mut by_key: BTreeMap<u64, BTreeMap<usize, (usize, Action<Step>)>> = BTreeMap::new();
    for (process, operation) in operations.iter().enumerate() {
        let is_certain = match operation.outcome() {
            Kind::Fail => continue,
            outcome => outcome == Kind::Ok,
        };
        if !is_certain && matches!(operation.op(), RegisterOp::Read { .. }) {
            continue;
        }
        let completed = operation.completed_at.filter(|_| is_certain);
        let step = Step { op: operation.op().clone(), is_certain };
        let actions = by_key.entry(*operation.op().key()).or_default();
        actions.insert(operation.invoked_at, (process, Action::Call(step.clone())));
        let end = completed.unwrap_or(history.len() + process);
        actions.insert(end, (process, Action::Response(step)));
    }
    let inputs: Vec<History<Step>> = by_key
        .into_values()
        .map(|actions| History::from_actions(actions.into_values().collect()))
        .collect();
    Box::new(move || {
        let inputs = inputs.clone();
        timed(|| inputs.into_iter().all(WGLChecker::<Register>::is_linearizable))
    })
}
