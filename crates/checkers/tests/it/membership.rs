//! Sets that are decided without a search, against the search and against brute force.

use std::collections::BTreeSet;

use checkers::linearizable::{
    Call, Decision, Membership, MembershipOperation, Model, STATES_MAX, SetDecision, SetOperation,
    Stuck, WorkLimit, decide_set, search,
};

use crate::brute_force::{Step, has_order};
use crate::generator::{Random, some};
use MembershipOperation::{Add, Contains, Remove};

type Calls<O> = Vec<Call<O>>;

/// Calls with events in random order; each operation is what `operation` says.
fn random_calls<O>(
    random: &mut Random,
    largest: u64,
    mut operation: impl FnMut(&mut Random) -> O,
) -> Calls<O> {
    let mut calls: Calls<O> = Vec::new();
    let mut open: Vec<usize> = Vec::new();
    let (wanted, clients) = (1 + random.below(largest) as usize, 1 + random.below(5) as usize);
    let mut position = 0;
    while calls.len() < wanted || !open.is_empty() {
        let may_begin = calls.len() < wanted && open.len() < clients;
        if may_begin && (open.is_empty() || random.percent(50)) {
            open.push(calls.len());
            calls.push(Call { operation: operation(random), invoked: position, completed: None });
        } else {
            let call = open.swap_remove(random.below(open.len() as u64) as usize);
            // A few never complete, and their outcome stays unknown.
            if random.percent(85) {
                calls[call].completed = Some(position);
            }
        }
        position += 1;
    }
    calls
}

/// An operation on one element, which is added at most once.
fn on_an_element(random: &mut Random, was_added: &mut bool) -> MembershipOperation {
    let result = [None, Some(true)][random.below(2) as usize];
    match random.below(8) {
        0 | 1 if !std::mem::replace(was_added, true) => Add(result),
        0..=2 => Contains(true),
        3 => Add(Some(false)),
        4 => Remove(result),
        5 => Remove(Some(false)),
        _ => Contains(false),
    }
}

fn steps<O: Clone>(calls: &Calls<O>) -> Vec<Step<O>> {
    let step = |call: &Call<O>| Step {
        op: call.operation.clone(),
        invoked: call.invoked as usize,
        completed: call.completed.map(|position| position as usize),
    };
    calls.iter().map(step).collect()
}

/// The order must respect time, explain every result, hold all that was over, and end in a state
/// that is listed.
fn check_stuck(calls: &Calls<MembershipOperation>, stuck: &Stuck<bool>, context: &str) {
    let end = calls[stuck.call].completed.unwrap();
    let (mut state, mut latest) = (false, 0);
    for (place, &call) in stuck.order.iter().enumerate() {
        let Call { operation, invoked, completed } = &calls[call];
        assert!(*invoked < end && !stuck.order[..place].contains(&call), "{context}");
        latest = latest.max(*invoked);
        assert!(completed.is_none_or(|completed| completed > latest), "{context}");
        state = Membership.step(&state, operation).expect(context);
    }
    assert!(stuck.states.contains(&state), "{context}");
    for (index, call) in calls.iter().enumerate() {
        let is_over = call.completed.is_some_and(|completed| completed < end);
        assert!(!is_over || stuck.order.contains(&index), "{context}");
    }
    // A state is possible if, and only if, somebody could have seen it then.
    for state in [false, true] {
        let mut seen: Calls<MembershipOperation> =
            calls.iter().filter(|call| call.invoked < end).cloned().collect();
        for call in &mut seen {
            call.completed = call.completed.filter(|&completed| completed < end);
        }
        seen.push(Call { operation: Contains(state), invoked: end, completed: Some(end + 1) });
        let is_possible = has_order(&steps(&seen), false, &|state, op| Membership.step(state, op));
        assert_eq!(stuck.states.contains(&state), is_possible, "{state} {context}");
    }
}

#[test]
fn an_element_that_was_added_once_is_decided_as_by_the_search_and_by_brute_force() {
    let (mut valid, mut invalid) = (0, 0);
    for seed in 0..some(60_000) {
        let mut was_added = false;
        let calls =
            random_calls(&mut Random(seed), 8, |random| on_an_element(random, &mut was_added));
        let context = format!("seed {seed}: {calls:?}");
        let answer = Membership.decide_directly(&calls).expect(&context);
        let mut limit = WorkLimit { states_max: STATES_MAX, stop: &mut || false };
        let expected = search(&Membership, &calls, &mut limit).0;
        let has_order = has_order(&steps(&calls), false, &|state, op| Membership.step(state, op));
        assert_eq!(expected == Decision::Linearizable, has_order, "{context}");
        match (answer, expected) {
            (Decision::Linearizable, Decision::Linearizable) => valid += 1,
            (Decision::Impossible(stuck), Decision::Impossible(expected)) => {
                invalid += 1;
                assert_eq!(stuck.call, expected.call, "{context}");
                check_stuck(&calls, &stuck, &context);
            }
            (answer, expected) => panic!("{answer:?} is not {expected:?}, {context}"),
        }
    }
    assert!(valid > some(10_000) && invalid > some(10_000), "{valid} valid, {invalid} invalid");
}

#[test]
fn an_element_that_may_have_been_added_twice_is_searched() {
    let add = |invoked, completed| Call { operation: Add(None), invoked, completed };
    let twice = [add(0, Some(1)), add(2, None)];
    assert_eq!(Membership.decide_directly(&twice), None);
}

/// A set as a whole, for brute force.
fn after(
    state: &BTreeSet<u64>,
    SetOperation { element, operation }: &SetOperation<u64>,
) -> Option<BTreeSet<u64>> {
    let is_there = Membership.step(&state.contains(element), operation)?;
    let mut next = state.clone();
    if is_there {
        next.insert(*element)
    } else {
        next.remove(element)
    };
    Some(next)
}

#[test]
fn a_set_is_linearizable_when_each_of_its_elements_is() {
    let (mut valid, mut invalid) = (0, 0);
    for seed in 0..some(20_000) {
        let mut random = Random(seed);
        let elements = 1 + random.below(3);
        let calls = random_calls(&mut random, 7, |random| {
            // Sometimes an element is added again, and it takes a search.
            let mut was_added = random.percent(50);
            let element = random.below(elements);
            SetOperation { element, operation: on_an_element(random, &mut was_added) }
        });
        let context = format!("seed {seed}: {calls:?}");
        let expected = has_order(&steps(&calls), BTreeSet::new(), &after);
        let mut limit = WorkLimit { states_max: STATES_MAX, stop: &mut || false };
        match decide_set(&calls, &mut limit).0 {
            SetDecision::Linearizable => {
                valid += 1;
                assert!(expected, "{context}");
            }
            SetDecision::Impossible { element, stuck } => {
                invalid += 1;
                assert!(!expected, "{context}");
                // The completion that is named ends the shortest prefix that has no order.
                let end = calls[stuck.call].completed.unwrap();
                let prefix = |end: u64| {
                    let mut calls: Calls<SetOperation<u64>> =
                        calls.iter().filter(|call| call.invoked < end).cloned().collect();
                    for call in &mut calls {
                        call.completed = call.completed.filter(|&completed| completed < end);
                    }
                    has_order(&steps(&calls), BTreeSet::new(), &after)
                };
                assert!(prefix(end) && !prefix(end + 1), "{context}");
                assert_eq!(calls[stuck.call].operation.element, element, "{context}");
                let of_element = |&call: &usize| calls[call].operation.element == element;
                assert!(stuck.order.iter().all(of_element), "{context}");
            }
            SetDecision::Unknown { .. } => panic!("{context}"),
        }
    }
    assert!(valid > some(3_000) && invalid > some(3_000), "{valid} valid, {invalid} invalid");
}

#[test]
fn a_set_of_a_hundred_thousand_elements_needs_no_search() {
    let call = |at, element, operation| Call {
        operation: SetOperation { element, operation },
        invoked: at,
        completed: Some(at + 3),
    };
    let mut calls: Calls<SetOperation<u64>> = Vec::new();
    for element in 0..100_000 {
        let at = 10 * element;
        calls.push(call(at, element, Add(Some(true))));
        calls.push(call(at + 1, element, Contains(true)));
        calls.push(call(at + 6, element, Remove(None)));
    }
    let mut limit = WorkLimit { states_max: STATES_MAX, stop: &mut || false };
    assert_eq!(decide_set(&calls, &mut limit), (SetDecision::Linearizable, 0));
    calls.push(call(2_000_000, 77_777, Contains(true)));
    match decide_set(&calls, &mut limit).0 {
        SetDecision::Impossible { element, stuck } => {
            assert_eq!((element, stuck.call, stuck.states), (77_777, 300_000, vec![false]));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_work_on_all_elements_is_said_together() {
    // Added twice, or no search would be needed.
    let of = |elements: std::ops::Range<u64>| {
        let operation = |element, operation| SetOperation { element, operation };
        let calls: Vec<_> = elements
            .flat_map(|element| {
                let add = operation(element, MembershipOperation::Add(None));
                [add, add, operation(element, MembershipOperation::Contains(true))]
            })
            .zip(0..)
            .map(|(operation, place)| {
                let (invoked, completed) = (2 * place, Some(2 * place + 1));
                Call { operation, invoked, completed }
            })
            .collect();
        let mut limit = WorkLimit { states_max: STATES_MAX, stop: &mut || false };
        let (decision, visited) = decide_set(&calls, &mut limit);
        assert_eq!(decision, SetDecision::Linearizable);
        visited
    };
    let one = of(0..1);
    assert!(one > 0);
    assert_eq!(of(0..5), 5 * one);
}
