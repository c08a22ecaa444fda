//! The search ends, whatever it is given.

use checkers::linearizable::{STATES_MAX, Undecided, WorkLimit, check};
use checkers::{Event, Kind, Op, Process, Verdict};

use crate::generator::{Random, Shape, valid_history};
use crate::mutation::mutate;

fn event(index: u64, process: u64, kind: Kind, op: Op<u64>) -> Event<u64> {
    let process = Process::Client(process);
    Event { index, time: index, process, kind, op, error: None, is_final: false }
}

/// So many writes at once that their orders cannot be tried, and a read of what nobody wrote. One
/// value is written twice and read, or no search would be needed.
fn hopeless(writes: u64) -> Vec<Event<u64>> {
    let write = |value| Op::Write { key: 0, value };
    let read = |value| Op::Read { key: 0, value };
    let again = |kind, op| event(0, 0, kind, op);
    let mut events = vec![
        again(Kind::Invoke, write(0)),
        again(Kind::Ok, write(0)),
        again(Kind::Invoke, read(None)),
        again(Kind::Ok, read(Some(Some(0)))),
    ];
    for process in 0..writes {
        events.push(event(0, process, Kind::Invoke, write(process)));
    }
    for process in 0..writes {
        events.push(event(0, process, Kind::Ok, write(process)));
    }
    events.push(again(Kind::Invoke, read(None)));
    events.push(again(Kind::Ok, read(Some(Some(writes)))));
    for (event, index) in events.iter_mut().zip(0..) {
        event.index = index;
    }
    events
}

#[test]
fn a_search_that_exceeds_its_bound_is_undecided() {
    let events = hopeless(20);
    let mut limit = WorkLimit { states_max: 10_000, stop: &mut || false };
    let result = check(&events, &mut limit).unwrap();
    assert_eq!(result.verdict, Verdict::Unknown);
    assert_eq!(result.results[0].undecided, Some(Undecided::StatesMax));
    assert_eq!(result.results[0].states, 10_000);
    let text = serde_json::to_value(&result).unwrap();
    assert_eq!(text["results"]["0"]["undecided"], "states-max");

    // With few enough of them the answer is known.
    let mut limit = WorkLimit { states_max: STATES_MAX, stop: &mut || false };
    assert_eq!(check(&hopeless(8), &mut limit).unwrap().verdict, Verdict::Invalid);
}

#[test]
fn the_memory_of_a_search_is_bounded_as_well() {
    // A hundred clients and many unknown outcomes: every configuration remembers which of them it
    // has used, and these sets are most of what the search takes.
    let shape = Shape { operations: 1_000, clients: 100, keys: 1, values: 30, unknown_percent: 30 };
    let mut random = Random(2);
    let mut events = valid_history(&mut random, shape);
    for _ in 0..5 {
        mutate(&mut random, &mut events, shape.values);
    }
    let mut limit = WorkLimit { states_max: 100_000, stop: &mut || false };
    let result = &check(&events, &mut limit).unwrap().results[0];
    assert_eq!(result.undecided, Some(Undecided::MemoryMax));
    assert!((20_000..80_000).contains(&result.states), "{} states", result.states);
    let text = serde_json::to_value(result).unwrap();
    assert_eq!(text["undecided"], "memory-max");
}

#[test]
fn the_work_of_a_search_is_bounded_as_well() {
    // Every move looks at two hundred open reads, whether they match what it leaves.
    let mut events = hopeless(20);
    for process in 100..300 {
        let read = |kind, value| event(0, process, kind, Op::Read { key: 0, value });
        events.insert(4, read(Kind::Invoke, None));
        events.push(read(Kind::Ok, Some(Some(999))));
    }
    for (event, index) in events.iter_mut().zip(0..) {
        event.index = index;
    }
    let mut limit = WorkLimit { states_max: 100_000, stop: &mut || false };
    let result = &check(&events, &mut limit).unwrap().results[0];
    assert_eq!(result.undecided, Some(Undecided::WorkMax));
    assert!((10_000..100_000).contains(&result.states), "{} states", result.states);
}

#[test]
fn the_caller_may_stop_the_search() {
    let mut asked = 0;
    let mut stop = || {
        asked += 1;
        asked == 3
    };
    let mut limit = WorkLimit { states_max: STATES_MAX, stop: &mut stop };
    let result = check(&hopeless(20), &mut limit).unwrap();
    assert_eq!(result.results[0].undecided, Some(Undecided::Stopped));
    assert_eq!(asked, 3);
}

#[test]
fn hundreds_of_open_operations_have_their_slots_and_thousands_are_undecided() {
    for (open, verdict) in [(65, Verdict::Valid), (300, Verdict::Valid), (5_000, Verdict::Unknown)]
    {
        let read = |value| Op::Read { key: 0, value };
        let write = Op::Write { key: 0, value: 1 };
        // Written twice, or no search would be needed.
        let mut events = vec![event(0, 0, Kind::Invoke, write.clone())];
        events.push(event(1, 1, Kind::Invoke, write.clone()));
        for process in 2..open {
            events.push(event(process, process, Kind::Invoke, read(None)));
        }
        events.push(event(open, 0, Kind::Ok, write.clone()));
        events.push(event(open + 1, 1, Kind::Ok, write));
        for process in 2..open {
            let seen = Some((process % 2 == 0).then_some(1));
            events.push(event(open + process, process, Kind::Ok, read(seen)));
        }
        let mut limit = WorkLimit { states_max: STATES_MAX, stop: &mut || false };
        let result = check(&events, &mut limit).unwrap();
        assert_eq!(result.verdict, verdict, "{open} operations open at once");
    }
}

#[test]
fn many_operations_of_unknown_outcome_are_no_burden() {
    // 400 writes and compare-and-sets that timed out would be 2^400 cases; a few groups are not.
    let shape = Shape { operations: 2_000, clients: 5, keys: 1, values: 5, unknown_percent: 20 };
    for seed in 0..3 {
        let mut events = valid_history(&mut Random(seed), shape);
        let mut limit = WorkLimit { states_max: 20_000, stop: &mut || false };
        assert_eq!(check(&events, &mut limit).unwrap().verdict, Verdict::Valid, "seed {seed}");
        // A value that nobody can have written is still found.
        let read = events
            .iter()
            .rposition(|event| event.kind == Kind::Ok && matches!(event.op, Op::Read { .. }));
        events[read.unwrap()].op = Op::Read { key: 0, value: Some(Some(99)) };
        let result = check(&events, &mut limit).unwrap();
        assert_ne!(result.verdict, Verdict::Valid, "seed {seed}");
    }
}

#[test]
fn garbage_is_an_error_or_a_verdict_and_never_a_panic() {
    let (mut malformed, mut judged) = (0, 0);
    for seed in 0..20_000 {
        let mut random = Random(seed);
        let mut events = Vec::new();
        for index in 0..random.below(12) {
            let kind = [Kind::Invoke, Kind::Invoke, Kind::Ok, Kind::Fail, Kind::Info]
                [random.below(5) as usize];
            let (key, value) = (random.below(2), random.below(2));
            let op = match random.below(6) {
                0 => Op::Write { key, value },
                1 => Op::Cas { key, from: value, to: random.below(2) },
                2 => Op::Read { key, value: None },
                3 => Op::Read { key, value: Some(Some(value)) },
                4 => Op::ReadSet { elements: Some([value, value].into()) },
                _ => Op::Add { element: value },
            };
            events.push(event(index, random.below(3), kind, op));
        }
        let mut limit = WorkLimit { states_max: STATES_MAX, stop: &mut || false };
        match check(&events, &mut limit) {
            Ok(_) => judged += 1,
            Err(_) => malformed += 1,
        }
        // The other checkers see the same garbage.
        assert_eq!(checkers::set::check(&events).is_ok(), checkers::operations(&events).is_ok());
        let counter = checkers::counter::check(&events, |&value| Some(i128::from(value)));
        assert_eq!(counter.is_ok(), checkers::operations(&events).is_ok());
    }
    assert!(malformed > 1_000 && judged > 1_000, "{malformed} malformed, {judged} judged");
}
