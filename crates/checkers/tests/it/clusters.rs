//! Registers that are decided without a search, against the search and against brute force.

use checkers::linearizable::{
    Call, Decision, EMPTY, Model, Number, Register, RegisterOperation, STATES_MAX, Stuck,
    WorkLimit, decide, search,
};

use crate::brute_force::{Step, has_order};
use crate::generator::{Random, some};
use RegisterOperation::{Cas, Read, Write};

type Calls = Vec<Call<RegisterOperation>>;

/// What random calls look like.
#[derive(Clone, Copy)]
struct Shape {
    calls: usize,
    clients: u64,
    cas_percent: u64,
    unknown_percent: u64,
}

/// Calls of which every one takes effect at a moment while it is open; each value is written once.
fn valid_calls(random: &mut Random, shape: Shape) -> Calls {
    let mut calls: Calls = Vec::new();
    // Call, and whether it has taken effect.
    let mut open: Vec<(usize, bool)> = Vec::new();
    let mut state = EMPTY;
    let mut position = 0;
    while calls.len() < shape.calls || !open.is_empty() {
        let may_begin = calls.len() < shape.calls && (open.len() as u64) < shape.clients;
        if may_begin && (open.is_empty() || random.percent(40)) {
            let value = calls.len() as Number + 1;
            let operation = match random.below(100) {
                kind if kind < shape.cas_percent => Cas(EMPTY, value),
                kind if kind < shape.cas_percent + 40 => Read(EMPTY),
                _ => Write(value),
            };
            open.push((calls.len(), false));
            calls.push(Call { operation, invoked: position, completed: None });
            position += 1;
            continue;
        }
        let place = random.below(open.len() as u64) as usize;
        let (call, took_effect) = open[place];
        if took_effect {
            open.swap_remove(place);
            calls[call].completed = Some(position);
            position += 1;
        } else if random.percent(shape.unknown_percent) {
            open.swap_remove(place);
            // It may take effect later, which is as good as never as far as the checker knows.
            if random.percent(60) {
                take_effect(&mut calls[call].operation, &mut state);
            }
        } else {
            take_effect(&mut calls[call].operation, &mut state);
            open[place].1 = true;
        }
    }
    calls
}

fn take_effect(operation: &mut RegisterOperation, state: &mut Number) {
    match operation {
        Read(value) => *value = *state,
        Write(value) => *state = *value,
        Cas(from, to) => {
            *from = *state;
            *state = *to;
        }
    }
}

/// Changes what was seen, when something was over, or whether anybody knows.
fn mutate(random: &mut Random, calls: &mut Calls) {
    // Behind everything.
    let end = 1_000;
    let place = random.below(calls.len() as u64) as usize;
    let value = random.below(calls.len() as u64 + 2) as Number;
    match (random.below(4), calls[place].operation) {
        (0, _) => {
            calls.remove(place);
            if calls.is_empty() {
                calls.push(Call { operation: Read(EMPTY), invoked: 0, completed: Some(1) });
            }
        }
        (1, _) => calls[place].completed = None,
        (2, _) if calls[place].completed.is_none() => {
            calls[place].completed = Some(end + value as u64)
        }
        (_, Read(_)) => calls[place].operation = Read(value),
        (_, Cas(_, to)) => calls[place].operation = Cas(value, to),
        (_, Write(_)) => {
            // It is over at once.
            let invoked = calls[place].invoked;
            let later = |at: u64| if at > invoked { at + 1 } else { at };
            for call in calls.iter_mut() {
                call.invoked = later(call.invoked);
                call.completed = call.completed.map(later);
            }
            calls[place].completed = Some(invoked + 1);
        }
    }
    // Completions that were put behind the end stay apart.
    let mut ends: Vec<(u64, usize)> = (0..calls.len())
        .filter_map(|call| calls[call].completed.filter(|&at| at >= end).map(|at| (at, call)))
        .collect();
    ends.sort_unstable();
    for (order, (_, call)) in (0..).zip(ends) {
        calls[call].completed = Some(end + 2 + order);
    }
}

fn random_calls(seed: u64, largest: u64) -> Calls {
    let mut random = Random(seed);
    let shape = Shape {
        calls: 1 + random.below(largest) as usize,
        clients: 1 + random.below(6),
        cas_percent: [0, 30][random.below(2) as usize],
        unknown_percent: [0, 15, 50][random.below(3) as usize],
    };
    let mut calls = valid_calls(&mut random, shape);
    for _ in 0..random.below(4) {
        mutate(&mut random, &mut calls);
    }
    calls
}

fn limit<'a>(stop: &'a mut dyn FnMut() -> bool) -> WorkLimit<'a> {
    WorkLimit { states_max: STATES_MAX, stop }
}

/// The order must respect time, explain every result, hold all that was over, and end in a state
/// that is listed.
fn check_stuck(calls: &Calls, stuck: &Stuck<Number>, context: &str) {
    let end = calls[stuck.call].completed.unwrap();
    let mut state = EMPTY;
    let mut latest = 0;
    let mut is_taken = vec![false; calls.len()];
    for &call in &stuck.order {
        let Call { operation, invoked, completed } = &calls[call];
        assert!(*invoked < end && !std::mem::replace(&mut is_taken[call], true), "{context}");
        latest = latest.max(*invoked);
        assert!(completed.is_none_or(|completed| completed > latest), "{context}");
        state = Register.step(&state, operation).expect(context);
    }
    assert!(stuck.states.contains(&state), "{context}");
    for (call, is_taken) in calls.iter().zip(is_taken) {
        assert!(is_taken || call.completed.is_none_or(|completed| completed >= end), "{context}");
    }
}

/// The states are those that the search finds; what only calls of unknown outcome leave may be
/// listed by one of them alone, if it is possible at all.
fn check_states(calls: &Calls, stuck: &Stuck<Number>, expected: &[Number], context: &str) {
    let end = calls[stuck.call].completed.unwrap();
    for state in stuck.states.iter().filter(|state| !expected.contains(state)) {
        let is_unknown = calls.iter().any(|call| {
            call.completed.is_none()
                && matches!(call.operation, Write(value) | Cas(_, value) if value == *state)
        });
        assert!(is_unknown, "{state} {context}");
        let mut read: Calls = calls.iter().filter(|call| call.invoked < end).cloned().collect();
        for call in &mut read {
            call.completed = call.completed.filter(|&completed| completed < end);
        }
        read.push(Call { operation: Read(*state), invoked: end, completed: Some(end + 1) });
        let (decision, _) = search(&Register, &read, &mut limit(&mut || false));
        assert_eq!(decision, Decision::Linearizable, "{state} {context}");
    }
    assert!(expected.iter().all(|state| stuck.states.contains(state)), "{context}");
}

#[test]
fn the_answer_is_that_of_the_search_up_to_the_states_that_are_possible() {
    let (mut direct, mut valid, mut invalid) = (0, 0, 0);
    for seed in 0..some(60_000) {
        let calls = random_calls(seed, 14);
        let context = format!("seed {seed}: {calls:?}");
        let Some(answer) = Register.decide_directly(&calls) else { continue };
        direct += 1;
        let (expected, _) = search(&Register, &calls, &mut limit(&mut || false));
        match (&answer, &expected) {
            (Decision::Linearizable, Decision::Linearizable) => valid += 1,
            (Decision::Impossible(stuck), Decision::Impossible(expected)) => {
                invalid += 1;
                assert_eq!(stuck.call, expected.call, "{context}");
                check_states(&calls, stuck, &expected.states, &context);
                check_stuck(&calls, stuck, &context);
                check_stuck(&calls, expected, &context);
            }
            _ => panic!("{answer:?} is not {expected:?}, {context}"),
        }
        // The public face takes the short way.
        assert_eq!(decide(&Register, &calls, &mut limit(&mut || false)), (answer, 0));
    }
    assert!(direct > some(50_000), "only {direct} histories needed no search");
    assert!(valid > some(10_000) && invalid > some(10_000), "{valid} valid, {invalid} invalid");
}

#[test]
fn the_verdict_is_that_of_brute_force() {
    let (mut valid, mut invalid) = (0, 0);
    for seed in 0..some(30_000) {
        let calls = random_calls(seed, 7);
        let Some(answer) = Register.decide_directly(&calls) else { continue };
        let steps: Vec<Step<RegisterOperation>> = calls
            .iter()
            .map(|call| Step {
                op: call.operation,
                invoked: call.invoked as usize,
                completed: call.completed.map(|position| position as usize),
            })
            .collect();
        let expected =
            has_order(&steps, EMPTY, &|state, operation| Register.step(state, operation));
        assert_eq!(answer == Decision::Linearizable, expected, "seed {seed}: {calls:?}");
        *if expected { &mut valid } else { &mut invalid } += 1;
    }
    assert!(valid > some(5_000) && invalid > some(5_000), "{valid} valid, {invalid} invalid");
}

/// Calls one line each: what was done, from when to when; nothing for an unknown end.
fn calls(lines: &[(RegisterOperation, u64, Option<u64>)]) -> Calls {
    let call = |&(operation, invoked, completed)| Call { operation, invoked, completed };
    lines.iter().map(call).collect()
}

/// Whether there is an order; `None` if it takes a search to find out.
fn is_linearizable(lines: &[(RegisterOperation, u64, Option<u64>)]) -> Option<bool> {
    let answer = Register.decide_directly(&calls(lines));
    answer.map(|decision| decision == Decision::Linearizable)
}

#[test]
fn a_value_that_was_seen_must_have_one_writer() {
    let twice = [(Write(1), 0, Some(1)), (Write(1), 2, Some(3))];
    assert_eq!(is_linearizable(&twice), Some(true), "nobody saw it");
    let seen = [twice[0], twice[1], (Read(1), 4, Some(5))];
    assert_eq!(is_linearizable(&seen), None);
    let seen_by_nobody_for_certain = [twice[0], twice[1], (Read(1), 4, None)];
    assert_eq!(is_linearizable(&seen_by_nobody_for_certain), Some(true));
    // One who may have written it is one who wrote it.
    let perhaps = [(Write(1), 0, Some(1)), (Write(1), 2, None), (Read(1), 4, Some(5))];
    assert_eq!(is_linearizable(&perhaps), None);
    // A register that is emptied again looks as at the beginning.
    let emptied = [(Write(EMPTY), 0, Some(1)), (Read(EMPTY), 2, Some(3))];
    assert_eq!(is_linearizable(&emptied), None);
}

#[test]
fn what_is_needed_of_the_unknown_happened() {
    // 2 was read, so both compare-and-sets happened, and the write before them.
    let chain =
        [(Write(1), 0, None), (Cas(1, 3), 1, None), (Cas(3, 2), 2, None), (Read(2), 3, Some(4))];
    assert_eq!(is_linearizable(&chain), Some(true));
    let read_too_late = [chain[0], chain[1], chain[2], chain[3], (Read(3), 5, Some(6))];
    assert_eq!(is_linearizable(&read_too_late), Some(false));
    let with_nothing_at_its_beginning = &chain[1..];
    assert_eq!(is_linearizable(with_nothing_at_its_beginning), Some(false));
}

#[test]
fn compare_and_sets_that_saw_each_others_values_in_a_circle_cannot_be() {
    let circle = [(Cas(1, 2), 0, Some(2)), (Cas(2, 1), 1, Some(3))];
    assert_eq!(is_linearizable(&circle), Some(false));
    let with_a_beginning =
        [(Write(3), 0, Some(3)), (Cas(3, 1), 1, Some(4)), (Cas(1, 2), 2, Some(5))];
    assert_eq!(is_linearizable(&with_a_beginning), Some(true));
}

#[test]
fn huge_numbers_of_values_are_left_to_the_search() {
    assert_eq!(is_linearizable(&[(Write(u32::MAX), 0, Some(1))]), None);
}

#[test]
fn a_hundred_thousand_operations_need_no_search() {
    let shape = Shape { calls: 100_000, clients: 50, cas_percent: 20, unknown_percent: 1 };
    let mut calls = valid_calls(&mut Random(5), shape);
    assert_eq!(Register.decide_directly(&calls), Some(Decision::Linearizable));
    // The last read sees what was there when it all began.
    let last = calls
        .iter()
        .rposition(|call| call.completed.is_some() && matches!(call.operation, Read(_)));
    let last = last.unwrap();
    calls[last].operation = Read(EMPTY);
    match Register.decide_directly(&calls) {
        Some(Decision::Impossible(stuck)) => {
            assert_eq!(stuck.call, last);
            check_stuck(&calls, &stuck, "a register of 100,000 operations");
        }
        other => panic!("{other:?}"),
    }
}
