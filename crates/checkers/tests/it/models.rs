//! The search with objects other than registers, which give it no hints, against brute force.

use std::collections::VecDeque;

use checkers::linearizable::{Call, Decision, Model, STATES_MAX, WorkLimit, decide};

use crate::brute_force::{Step, has_order};
use crate::generator::{Random, some};

/// A queue: first in, first out.
struct Queue;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum QueueOperation {
    Put(u8),
    /// What came out; nothing when it was empty.
    Take(Option<u8>),
}

impl Model for Queue {
    type State = VecDeque<u8>;
    type Operation = QueueOperation;

    fn initial(&self) -> VecDeque<u8> {
        VecDeque::new()
    }

    fn step(&self, state: &VecDeque<u8>, operation: &QueueOperation) -> Option<VecDeque<u8>> {
        let mut next = state.clone();
        match operation {
            QueueOperation::Put(value) => next.push_back(*value),
            QueueOperation::Take(value) => {
                if next.pop_front() != *value {
                    return None;
                }
            }
        }
        Some(next)
    }
}

/// Operations on a queue that may or may not have happened like this, with events in random order.
fn random_calls(random: &mut Random) -> Vec<Call<QueueOperation>> {
    let mut calls: Vec<Call<QueueOperation>> = Vec::new();
    let mut open: Vec<usize> = Vec::new();
    for position in 0..4 + random.below(9) {
        if open.is_empty() || (open.len() < 3 && calls.len() < 6 && random.percent(60)) {
            let value = random.below(2) as u8;
            let operation = match random.below(5) {
                0 => QueueOperation::Take(None),
                1 | 2 => QueueOperation::Take(Some(value)),
                _ => QueueOperation::Put(value),
            };
            open.push(calls.len());
            calls.push(Call { operation, invoked: position, completed: None });
        } else {
            let call = open.swap_remove(random.below(open.len() as u64) as usize);
            // A few never complete, and their outcome stays unknown.
            if random.percent(80) {
                calls[call].completed = Some(position);
            }
        }
    }
    calls
}

#[test]
fn a_queue_agrees_with_brute_force() {
    let (mut valid, mut invalid) = (0, 0);
    for seed in 0..some(20_000) {
        let calls = random_calls(&mut Random(seed));
        let steps: Vec<Step<QueueOperation>> = calls
            .iter()
            .map(|call| Step {
                op: call.operation.clone(),
                invoked: call.invoked as usize,
                completed: call.completed.map(|position| position as usize),
            })
            .collect();
        let after = |state: &VecDeque<u8>, op: &QueueOperation| Queue.step(state, op);
        let expected = has_order(&steps, VecDeque::new(), &after);
        let mut limit = WorkLimit { states_max: STATES_MAX, stop: &mut || false };
        match decide(&Queue, &calls, &mut limit).0 {
            Decision::Linearizable => {
                valid += 1;
                assert!(expected, "seed {seed}: {calls:?}");
            }
            Decision::Impossible(stuck) => {
                invalid += 1;
                assert!(!expected, "seed {seed}: {calls:?}");
                let end = calls[stuck.call].completed;
                assert!(end.is_some(), "only what completed can be impossible");
            }
            Decision::Unknown(why) => panic!("seed {seed}: {why:?}"),
        }
    }
    assert!(valid > some(2_000) && invalid > some(2_000), "{valid} valid, {invalid} invalid");
}
