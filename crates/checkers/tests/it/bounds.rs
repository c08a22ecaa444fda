//! The search ends, whatever it is given.

use checkers::counter::CounterOp;
use checkers::linearizable::{
    Call, Decision, Register, RegisterOp, RegisterOperation, STATES_MAX, Undecided, WorkLimit,
    check, search,
};
use checkers::set::SetOp;
use checkers::{Event, Kind, Verdict};

use crate::generator::{Random, Shape, some, valid_history};
use crate::mutation::mutate;

fn event(index: u64, process: u64, kind: Kind, op: RegisterOp<u64>) -> Event<RegisterOp<u64>> {
    Event::of_client(index, index, process, kind, op)
}

/// So many writes at once that their orders cannot be tried, and a read of what nobody wrote. One
/// value is written twice and read, or no search would be needed.
fn hopeless(writes: u64) -> Vec<Event<RegisterOp<u64>>> {
    let write = |value| RegisterOp::Write { key: 0, value };
    let read = |value| RegisterOp::Read { key: 0, value };
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
        let read = |kind, value| event(0, process, kind, RegisterOp::Read { key: 0, value });
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

/// What a search visits and where it gives up is counted, so that both are the same on every
/// machine. Of six seeds each: how many configurations, with `!` invalid, with `?` given up.
#[test]
fn what_a_search_visits_is_a_matter_of_the_history_alone() {
    let visits = |shape: Shape, spoilt: usize, states_max: u64| {
        let visits = (0..6).map(|seed| {
            let mut random = Random(seed);
            let mut events = valid_history(&mut random, shape);
            (0..spoilt).for_each(|_| mutate(&mut random, &mut events, shape.values));
            let mut limit = WorkLimit { states_max, stop: &mut || false };
            let result = &check(&events, &mut limit).unwrap().results[0];
            let mark = match result.verdict {
                Verdict::Valid => "",
                Verdict::Invalid => "!",
                Verdict::Unknown => "?",
            };
            format!("{}{mark}", result.states)
        });
        visits.collect::<Vec<_>>().join(" ")
    };
    let shape = Shape { operations: 60, clients: 5, keys: 1, values: 3, unknown_percent: 0 };
    let long = Shape { operations: 400, values: 5, ..shape };
    let unknown = Shape { unknown_percent: 30, ..shape };
    let both = Shape { unknown_percent: 20, ..long };
    let many = Shape { clients: 100, values: 30, unknown_percent: 30, operations: 1_000, keys: 1 };
    for (shape, spoilt, states_max, expected) in [
        (shape, 0, STATES_MAX, "30 26 24 39 32 24"),
        (shape, 2, STATES_MAX, "39! 56! 23! 32! 53 14!"),
        (long, 1, STATES_MAX, "208 198 185 98! 202 191"),
        (long, 3, STATES_MAX, "173! 263! 183 98! 200 138!"),
        (unknown, 0, STATES_MAX, "42 21 17 22 24 22"),
        (unknown, 6, STATES_MAX, "65! 1! 1! 24 37! 1!"),
        (both, 0, STATES_MAX, "193 158 152 182 160 166"),
        (both, 2, 20_000, "200 159 153 18595? 158 172"),
        (many, 4, 10_000, "296 875? 6855? 2421? 285 1280?"),
    ] {
        let visits = visits(shape, spoilt, states_max);
        assert_eq!(visits, expected, "{shape:?}, {spoilt} spoilt");
    }
}

#[test]
fn no_search_has_to_do_with_less_than_a_megabyte() {
    // So many clients that a frame of the stack, of which there is room for up to twice as many as
    // there are, takes about a hundred bytes.
    let shape = Shape { operations: 2_700, clients: 70, keys: 1, values: 5, unknown_percent: 10 };
    let events = valid_history(&mut Random(1), shape);
    let visited = |states_max| {
        let mut limit = WorkLimit { states_max, stop: &mut || false };
        let result = check(&events, &mut limit).unwrap();
        assert_eq!(result.verdict, Verdict::Valid);
        result.results[0].states
    };
    let states = visited(STATES_MAX);
    assert!((1_025..1_300).contains(&states), "{states}");
    assert_eq!(visited(states + 1), states);
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
        let read = |value| RegisterOp::Read { key: 0, value };
        let write = RegisterOp::Write { key: 0, value: 1 };
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
        let read = events.iter().rposition(|event| {
            event.kind == Kind::Ok && matches!(event.op(), Some(RegisterOp::Read { .. }))
        });
        *events[read.unwrap()].op_mut().unwrap() =
            RegisterOp::Read { key: 0, value: Some(Some(99)) };
        let result = check(&events, &mut limit).unwrap();
        assert_ne!(result.verdict, Verdict::Valid, "seed {seed}");
    }
}

#[test]
fn a_long_history_is_no_reason_to_give_up_nor_is_the_end_of_all_time() {
    let shape = Shape { operations: 30_000, clients: 5, keys: 1, values: 5, unknown_percent: 0 };
    let events = valid_history(&mut Random(1), shape);
    let mut limit = WorkLimit { states_max: STATES_MAX, stop: &mut || false };
    assert_eq!(check(&events, &mut limit).unwrap().verdict, Verdict::Valid);

    let last = Some(u64::MAX);
    for operation in [RegisterOperation::Read(0), RegisterOperation::Write(1)] {
        let call = Call { operation, invoked: 0, completed: last };
        let (decision, _) = search(&Register, &[call], &mut limit);
        assert_eq!(decision, Decision::Linearizable);
    }
}

/// Random events of random operations, which no clients need to have made.
fn garbage<O: Clone>(random: &mut Random, op: impl Fn(&mut Random) -> O) -> Vec<Event<O>> {
    (0..random.below(12))
        .map(|index| {
            let kinds = [Kind::Invoke, Kind::Invoke, Kind::Ok, Kind::Fail, Kind::Info];
            let kind = kinds[random.below(5) as usize];
            let op = op(random);
            Event::of_client(index, index, random.below(3), kind, op)
        })
        .collect()
}

#[test]
fn garbage_is_an_error_or_a_verdict_and_never_a_panic() {
    let (mut malformed, mut judged) = (0, 0);
    for seed in 0..some(20_000) {
        let mut random = Random(seed);
        let events = garbage(&mut random, |random| {
            let (key, value) = (random.below(2), random.below(2));
            match random.below(4) {
                0 => RegisterOp::Write { key, value },
                1 => RegisterOp::Cas { key, from: value, to: random.below(2) },
                2 => RegisterOp::Read { key, value: None },
                _ => RegisterOp::Read { key, value: Some(Some(value)) },
            }
        });
        let mut limit = WorkLimit { states_max: STATES_MAX, stop: &mut || false };
        match check(&events, &mut limit) {
            Ok(_) => judged += 1,
            Err(_) => malformed += 1,
        }
        // The other checkers see garbage of their own.
        let events = garbage(&mut random, |random| match random.below(3) {
            0 => SetOp::Read { elements: Some(vec![random.below(2), random.below(2)].into()) },
            1 => SetOp::Read { elements: None },
            _ => SetOp::Add { element: random.below(2) },
        });
        assert_eq!(checkers::set::check(&events).is_ok(), checkers::operations(&events).is_ok());
        let events = garbage(&mut random, |random| match random.below(2) {
            0 => CounterOp::Add { delta: random.below(3) as i64 },
            _ => CounterOp::Read { value: Some(random.below(5)) },
        });
        let counter = checkers::counter::check(&events, |&value| Some(i128::from(value)));
        assert_eq!(counter.is_ok(), checkers::operations(&events).is_ok());
    }
    assert!(
        malformed > some(1_000) && judged > some(1_000),
        "{malformed} malformed, {judged} judged"
    );
}
