//! `porcupine-rs`, which checks keys on all cores.

use std::collections::BTreeMap;

use checkers::linearizable::RegisterOp;
use checkers::{Event, Kind, operations};
use porcupine_rs::{Model, Operation, check_operations};

use crate::{Check, timed};

/// A register operation, and whether it certainly happened.
#[derive(Clone, Debug)]
struct Step {
    op: RegisterOp<u64>,
    is_certain: bool,
}

#[derive(Clone, Debug)]
struct Register;

impl Model for Register {
    type State = Option<u64>;
    type Op = Step;
    type Metadata = ();

    fn partition_operations(history: &[Operation<Self>]) -> Vec<Vec<Operation<Self>>> {
        let mut by_key: BTreeMap<u64, Vec<Operation<Self>>> = BTreeMap::new();
        for operation in history {
            by_key.entry(*operation.op.op.key()).or_default().push(operation.clone());
        }
        by_key.into_values().collect()
    }

    fn init() -> Self::State {
        None
    }

    fn step(state: &Self::State, step: &Step) -> (bool, Self::State) {
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
    let input: Vec<Operation<Register>> = operations
        .iter()
        .filter_map(|operation| {
            let is_certain = match operation.outcome() {
                Kind::Fail => return None,
                outcome => outcome == Kind::Ok,
            };
            if !is_certain && matches!(operation.op(), RegisterOp::Read { .. }) {
                return None;
            }
            let completed = operation.completed_at.filter(|_| is_certain);
            Some(Operation {
                client_id: None,
                call_time: operation.invoked_at as i64,
                return_time: completed.map_or(i64::MAX, |position| position as i64),
                op: Step { op: operation.op().clone(), is_certain },
                metadata: None,
            })
        })
        .collect();
    Box::new(move || timed(|| check_operations(&input)))
}
