//! The search with objects other than registers, which give it no hints, against brute force.

use std::collections::VecDeque;
use std::fmt::Debug;

use checkers::linearizable::{Call, Decision, Model, Need, STATES_MAX, WorkLimit, decide};

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

impl QueueOperation {
    fn random(random: &mut Random) -> Self {
        let value = random.below(2) as u8;
        match random.below(5) {
            0 => Self::Take(None),
            1 | 2 => Self::Take(Some(value)),
            _ => Self::Put(value),
        }
    }
}

/// A number from 0 to 3 that says of its operations what it can: of most what they need and leave,
/// but not which states a look at the lowest bit asks for, nor a change to something larger.
struct Bits;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum BitsOperation {
    Set(u8),
    Change(u8, u8),
    Raise(u8),
    LooksOdd(bool),
}

impl Model for Bits {
    type State = u8;
    type Operation = BitsOperation;

    fn initial(&self) -> u8 {
        0
    }

    fn step(&self, &state: &u8, operation: &BitsOperation) -> Option<u8> {
        match *operation {
            BitsOperation::Set(value) => Some(value),
            BitsOperation::Change(from, to) => (state == from).then_some(to),
            BitsOperation::Raise(value) => (state < value).then_some(value),
            BitsOperation::LooksOdd(odd) => ((state % 2 == 1) == odd).then_some(state),
        }
    }

    fn is_read(&self, operation: &BitsOperation) -> bool {
        matches!(operation, BitsOperation::LooksOdd(_))
    }

    fn need(&self, operation: &BitsOperation) -> Need<u8> {
        match *operation {
            BitsOperation::Set(_) => Need::Nothing,
            BitsOperation::Change(from, _) => Need::State(from),
            BitsOperation::Raise(_) | BitsOperation::LooksOdd(_) => Need::Unspecified,
        }
    }

    fn result(&self, operation: &BitsOperation) -> Option<u8> {
        match *operation {
            BitsOperation::Set(value)
            | BitsOperation::Change(_, value)
            | BitsOperation::Raise(value) => Some(value),
            BitsOperation::LooksOdd(_) => None,
        }
    }
}

impl BitsOperation {
    fn random(random: &mut Random) -> Self {
        let mut value = || random.below(4) as u8;
        let (value, other) = (value(), value());
        match random.below(4) {
            0 => Self::Set(value),
            1 => Self::Change(other, value),
            2 => Self::Raise(value),
            _ => Self::LooksOdd(value % 2 == 1),
        }
    }
}

/// Operations that may or may not have happened like this, with events in random order.
fn random_calls<O>(
    random: &mut Random,
    operation: fn(&mut Random) -> O,
    completed_percent: u64,
) -> Vec<Call<O>> {
    let mut calls: Vec<Call<O>> = Vec::new();
    let mut open: Vec<usize> = Vec::new();
    for position in 0..4 + random.below(9) {
        if open.is_empty() || (open.len() < 3 && calls.len() < 6 && random.percent(60)) {
            let operation = operation(random);
            open.push(calls.len());
            calls.push(Call { operation, invoked: position, completed: None });
        } else {
            let call = open.swap_remove(random.below(open.len() as u64) as usize);
            // Some never complete, and their outcome stays unknown.
            if random.percent(completed_percent) {
                calls[call].completed = Some(position);
            }
        }
    }
    calls
}

fn agrees_with_brute_force<M: Model>(
    model: &M,
    operation: fn(&mut Random) -> M::Operation,
    completed_percent: u64,
) where
    M::Operation: Debug,
{
    let (mut valid, mut invalid) = (0, 0);
    for seed in 0..some(20_000) {
        let calls = random_calls(&mut Random(seed), operation, completed_percent);
        let steps: Vec<Step<M::Operation>> = calls
            .iter()
            .map(|call| Step {
                op: call.operation.clone(),
                invoked: call.invoked as usize,
                completed: call.completed.map(|position| position as usize),
            })
            .collect();
        let after = |state: &M::State, op: &M::Operation| model.step(state, op);
        let expected = has_order(&steps, model.initial(), &after);
        let mut limit = WorkLimit { states_max: STATES_MAX, stop: &mut || false };
        match decide(model, &calls, &mut limit).0 {
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

#[test]
fn a_queue_agrees_with_brute_force() {
    agrees_with_brute_force(&Queue, QueueOperation::random, 80);
}

#[test]
fn what_says_only_part_of_what_it_needs_agrees_with_brute_force() {
    agrees_with_brute_force(&Bits, BitsOperation::random, 50);
}
