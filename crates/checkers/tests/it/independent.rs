//! Linearizability of longer histories, against the independent crate `todc-utils`.

use std::collections::BTreeMap;

use checkers::linearizable::RegisterOp;
use checkers::{Event, Kind, Verdict, operations};
use todc_utils::specifications::Specification;
use todc_utils::{Action, History, WGLChecker};

use crate::generator::{Random, Shape, some, valid_history};
use crate::linearizable::{show, verdict};
use crate::mutation::mutate;

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
            // An operation that need not have happened is always possible, and comes last if it
            // did not: `todc-utils` wants every operation to complete.
            _ => (!step.is_certain, *state),
        }
    }
}

fn is_linearizable(events: &[Event<RegisterOp<u64>>]) -> bool {
    let operations = operations(events).unwrap();
    let mut actions: BTreeMap<usize, (usize, Action<Step>)> = BTreeMap::new();
    for (process, operation) in operations.iter().enumerate() {
        let is_certain = operation.outcome() == Kind::Ok;
        let is_read = matches!(operation.op(), RegisterOp::Read { .. });
        if operation.outcome() == Kind::Fail || (is_read && !is_certain) {
            continue;
        }
        let step = Step { op: operation.op().clone(), is_certain };
        let completed = operation.completed_at.filter(|_| is_certain);
        actions.insert(operation.invoked_at, (process, Action::Call(step.clone())));
        actions
            .insert(completed.unwrap_or(events.len() + process), (process, Action::Response(step)));
    }
    if actions.is_empty() {
        return true;
    }
    WGLChecker::<Register>::is_linearizable(History::from_actions(actions.into_values().collect()))
}

#[test]
fn longer_random_histories_agree_with_todc_utils() {
    let mut invalid = 0;
    for seed in 0..some(600) {
        let mut random = Random(seed);
        let shape = Shape {
            operations: 20 + random.below(60) as usize,
            clients: 1 + random.below(6),
            keys: 1,
            values: 1 + random.below(5),
            unknown_percent: [0, 3, 10][random.below(3) as usize],
        };
        let mut events = valid_history(&mut random, shape);
        assert_eq!(verdict(&events), Verdict::Valid, "seed {seed}\n{}", show(&events));
        mutate(&mut random, &mut events, shape.values);
        let expected = is_linearizable(&events);
        invalid += u32::from(!expected);
        assert_eq!(
            verdict(&events),
            Verdict::from_rule(expected),
            "seed {seed}\n{}",
            show(&events)
        );
    }
    assert!(u64::from(invalid) > some(150), "only {invalid} histories were invalid");
}
