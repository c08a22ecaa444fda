//! Linearizability of small histories, against brute force.

use checkers::linearizable::RegisterOp;
use checkers::linearizable::{Counterexample, Linearizability, STATES_MAX, WorkLimit, check};
use checkers::{Event, Kind, Op as _, Verdict, operations};

use crate::brute_force;
use crate::generator::{Random, Shape, some, valid_history};
use crate::mutation::mutate;

fn checked(events: &[Event<RegisterOp<u64>>]) -> Linearizability<u64> {
    let mut limit = WorkLimit { states_max: STATES_MAX, stop: &mut || false };
    check(events, &mut limit).unwrap()
}

/// Why the first key is invalid, if it is.
fn counterexample(events: &[Event<RegisterOp<u64>>]) -> Option<Counterexample<u64>> {
    checked(events).results.into_iter().next()?.counterexample
}

pub(crate) fn verdict(events: &[Event<RegisterOp<u64>>]) -> Verdict {
    checked(events).verdict
}

pub(crate) fn show(events: &[Event<RegisterOp<u64>>]) -> String {
    events.iter().map(|event| serde_json::to_string(event).unwrap() + "\n").collect()
}

#[test]
fn small_random_histories_agree_with_brute_force() {
    let (mut valid, mut invalid) = (0, 0);
    for seed in 0..some(30_000) {
        let mut random = Random(seed);
        let shape = Shape {
            operations: 1 + random.below(8) as usize,
            clients: 1 + random.below(4),
            keys: 1,
            values: 1 + random.below(3),
            unknown_percent: [0, 20, 60][random.below(3) as usize],
        };
        let mut events = valid_history(&mut random, shape);
        for _ in 0..random.below(4) {
            mutate(&mut random, &mut events, shape.values);
        }
        let expected = Verdict::from_rule(brute_force::is_linearizable(&events, 0));
        match expected {
            Verdict::Valid => valid += 1,
            _ => invalid += 1,
        }
        assert_eq!(verdict(&events), expected, "seed {seed}\n{}", show(&events));
    }
    // Both answers must come often, or the test shows nothing.
    assert!(valid > some(5_000) && invalid > some(5_000), "{valid} valid, {invalid} invalid");
}

/// The events of one key without failed operations, as far as `end` (an index, included).
fn prefix(events: &[Event<RegisterOp<u64>>], key: u64, end: u64) -> Vec<Event<RegisterOp<u64>>> {
    let operations = operations(events).unwrap();
    let mut kept: Vec<Event<RegisterOp<u64>>> = operations
        .iter()
        .filter(|operation| operation.outcome() != Kind::Fail)
        .flat_map(|operation| [Some(operation.invocation), operation.completion])
        .flatten()
        .filter(|event| event.op().unwrap().key() == &key && event.index <= end)
        .cloned()
        .collect();
    kept.sort_by_key(|event| event.index);
    kept
}

#[test]
fn a_counterexample_is_the_smallest_prefix_with_the_states_that_were_possible() {
    let mut found = 0;
    for seed in 0..some(20_000) {
        let mut random = Random(seed);
        let shape = Shape {
            operations: 2 + random.below(7) as usize,
            clients: 1 + random.below(4),
            keys: 1,
            values: 1 + random.below(3),
            unknown_percent: [0, 30][random.below(2) as usize],
        };
        let mut events = valid_history(&mut random, shape);
        mutate(&mut random, &mut events, shape.values);
        let Some(example) = counterexample(&events) else { continue };
        found += 1;
        let context = || format!("seed {seed}: {example:#?}\n{}", show(&events));
        let end = example.prefix_end;
        assert_eq!(verdict(&prefix(&events, 0, end)), Verdict::Invalid, "{}", context());
        assert_eq!(verdict(&prefix(&events, 0, end - 1)), Verdict::Valid, "{}", context());
        assert_eq!(example.operation.end.unwrap().0, end, "{}", context());

        let possible = brute_force::states_before(&events, 0, end as usize);
        let states = example.states.iter().copied().collect();
        assert_eq!(possible, states, "{}", context());
        let needed = match example.operation.op {
            RegisterOp::Read { value, .. } => value.unwrap(),
            RegisterOp::Cas { from, .. } => Some(from),
            _ => panic!("a write is always possible: {}", context()),
        };
        assert!(!possible.contains(&needed), "{}", context());
        check_order(&events, &example.linearization, end, &example.states, &context);
    }
    assert!(found > some(5_000), "{found} counterexamples");
}

/// Where the search has to step back often before it comes as far as it can.
#[test]
fn the_order_of_a_longer_history_explains_it_as_well() {
    let mut found = 0;
    for seed in 0..some(2_000) {
        let mut random = Random(seed);
        let shape = Shape {
            operations: 60,
            clients: 4 + random.below(6),
            keys: 1,
            values: 2 + random.below(3),
            unknown_percent: [0, 20][random.below(2) as usize],
        };
        let mut events = valid_history(&mut random, shape);
        for _ in 0..1 + random.below(3) {
            mutate(&mut random, &mut events, shape.values);
        }
        let Some(example) = counterexample(&events) else { continue };
        found += 1;
        let context = || format!("seed {seed}: {example:#?}\n{}", show(&events));
        check_order(&events, &example.linearization, example.prefix_end, &example.states, &context);
    }
    assert!(found > some(500), "{found} counterexamples");
}

/// The longest order must respect time, explain every result, and hold all that was completed.
fn check_order(
    events: &[Event<RegisterOp<u64>>],
    order: &[u64],
    end: u64,
    states: &[Option<u64>],
    context: &impl Fn() -> String,
) {
    let operations = operations(events).unwrap();
    let of = |index: u64| operations.iter().find(|op| op.invocation.index == index).unwrap();
    let mut state = None;
    for (place, &index) in order.iter().enumerate() {
        let operation = of(index);
        assert_ne!(operation.outcome(), Kind::Fail);
        assert!(operation.invocation.index < end);
        assert!(!order[..place].contains(&index));
        // Nothing later in the order completed before this one began.
        for &later in &order[place + 1..] {
            let over = of(later).completion.filter(|_| of(later).outcome() == Kind::Ok);
            assert!(over.is_none_or(|over| over.index > index), "{}", context());
        }
        match *operation.op() {
            RegisterOp::Read { value, .. } => assert_eq!(Some(state), value, "{}", context()),
            RegisterOp::Write { value, .. } => state = Some(value),
            RegisterOp::Cas { from, to, .. } => {
                assert_eq!(state, Some(from), "{}", context());
                state = Some(to);
            }
        }
    }
    assert!(states.contains(&state), "{}", context());
    for operation in &operations {
        let is_over = operation.completion.is_some_and(|event| event.index < end);
        if is_over && operation.outcome() == Kind::Ok {
            assert!(order.contains(&operation.invocation.index), "{}", context());
        }
    }
}

/// Herlihy and Wing's locality: each key is judged as if there were no other.
#[test]
fn of_a_key_is_said_what_its_own_operations_say() {
    let (mut valid, mut invalid) = (0, 0);
    for seed in 0..some(1_000) {
        let mut random = Random(seed);
        let keys = 1 + random.below(4);
        let shape = Shape { operations: 40, clients: 6, keys, values: 3, unknown_percent: 10 };
        let mut events = valid_history(&mut random, shape);
        for _ in 0..random.below(4) {
            mutate(&mut random, &mut events, shape.values);
        }
        let together = checked(&events);
        for result in together.results {
            let own: Vec<_> = events
                .iter()
                .filter(|event| event.op().is_some_and(|op| op.key() == &result.key))
                .cloned()
                .collect();
            match result.verdict {
                Verdict::Valid => valid += 1,
                _ => invalid += 1,
            }
            assert_eq!(checked(&own).results, [result], "seed {seed}");
        }
    }
    assert!(valid > some(1_000) && invalid > some(200), "{valid} valid, {invalid} invalid");
}

#[test]
fn results_name_the_keys_that_failed() {
    let read = |key, value| RegisterOp::Read { key, value };
    let events: Vec<_> = (0..3)
        .flat_map(|key| {
            let seen = Some((key == 1).then_some(7));
            [(Kind::Invoke, read(key, None)), (Kind::Ok, read(key, seen))]
        })
        .zip(0..)
        .map(|((kind, op), index)| Event::of_client(index, index, 0, kind, op))
        .collect();
    let results = serde_json::to_value(checked(&events)).unwrap();
    assert_eq!((&results["valid?"], &results["failures"]), (&false.into(), &vec![1].into()));
    assert_eq!(results["results"].as_object().unwrap().len(), 3);
    assert_eq!(results["results"]["2"]["valid?"], true);
}

#[test]
fn operations_have_maelstrom_s_names_and_complete_as_what_they_began() {
    let (write, read) = (
        |key, value| RegisterOp::Write { key, value },
        |key, value| RegisterOp::Read { key, value },
    );
    let cas = |key, from, to| RegisterOp::Cas { key, from, to };
    let names =
        [read(0, None), write(0, 1), cas(0, 1, 2)].map(|op: RegisterOp<u64>| op.f().to_owned());
    assert_eq!(names, ["read", "write", "cas"]);
    for (op, value) in [(read(7, Some(Some(5))), "5"), (write(7, 1), "1"), (cas(7, 1, 2), "[1,2]")]
    {
        let line = serde_json::to_value(Event::of_client(0, 0, 0, Kind::Ok, op)).unwrap();
        assert_eq!(
            (line["key"].to_string(), line["value"].to_string()),
            ("7".into(), value.into())
        );
    }
    for (asked, done, fits) in [
        (write(0, 1), write(0, 1), true),
        (write(0, 1), write(0, 2), false),
        (write(0, 1), write(1, 1), false),
        (cas(0, 1, 2), cas(0, 1, 2), true),
        (cas(0, 1, 2), cas(0, 1, 3), false),
        (read(0, None), read(0, Some(Some(5))), true),
        (read(0, None), read(1, Some(None)), false),
        (read(0, None), write(0, 1), false),
    ] {
        let events = [(Kind::Invoke, &asked), (Kind::Ok, &done)];
        let events: Vec<_> = (0..)
            .zip(events)
            .map(|(index, (kind, op))| Event::of_client(index, index, 0, kind, op.clone()))
            .collect();
        let mut limit = WorkLimit { states_max: STATES_MAX, stop: &mut || false };
        assert_eq!(check(&events, &mut limit).is_ok(), fits, "{asked:?} {done:?}");
    }
}
