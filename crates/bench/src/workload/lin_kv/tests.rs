use checkers::{OpError, Verdict};

use super::*;
use crate::exhibit::Highlight;
use crate::options::Options;
use crate::workload::registry::named;

#[test]
fn operations_are_mixed_as_with_maelstrom_where_that_is_asked_for() {
    let shares = |compat| {
        let mut options = Options::new(named("lin-kv")).with_nodes(5);
        (options.concurrency, options.compat) = (20, compat);
        let mut workload = LinKv::new(&options.conditions());
        let mut random = Random::new(1, "generator");
        let idle: Vec<usize> = (0..20).rev().collect();
        let mut counts = [0; 3];
        let mut of_first_writer = 0;
        for _ in 0..4000 {
            let place = workload.choose(&idle, &mut random);
            let index = idle[place.unwrap_or_else(|| random.index(20))];
            of_first_writer += u32::from(index == 5);
            let worker = Worker { index, process: index as u64 };
            counts[match workload.operation(worker, &mut random) {
                RegisterOp::Read { .. } => 0,
                RegisterOp::Write { .. } => 1,
                RegisterOp::Cas { .. } => 2,
            }] += 1;
        }
        (counts.map(|count: u32| count / 40), of_first_writer / 40)
    };
    // Measured with Maelstrom at 4n: 25 % reads, 25 % writes, 50 % compare-and-sets.
    let ([reads, writes, swaps], of_first) = shares(Some(Compat::Maelstrom));
    assert!((23..=27).contains(&reads) && (23..=27).contains(&writes), "{reads} {writes}");
    assert!((48..=52).contains(&swaps) && (23..=27).contains(&of_first), "{swaps} {of_first}");
    let ([reads, ..], of_first) = shares(None);
    assert!((48..=52).contains(&reads) && of_first < 8, "{reads} {of_first}");
}

#[test]
fn distinct_values_are_written_once_and_compared_with_what_is_there() {
    let mut options = Options::new(named("lin-kv")).with_nodes(1);
    options.concurrency = 2;
    options.settings.set(&DISTINCT_VALUES, "true").unwrap();
    let mut workload = LinKv::new(&options.conditions());
    let mut random = Random::new(1, "generator");
    let worker = Worker { index: 1, process: 1 };
    let mut register = None;
    let mut written = std::collections::BTreeSet::new();
    let mut swapped = 0;
    for _ in 0..1000 {
        let op = workload.operation(worker, &mut random);
        let (matches, value) = match &op {
            RegisterOp::Write { value, .. } => (true, value.clone()),
            RegisterOp::Cas { from, to, .. } => (register.as_ref() == Some(from), to.clone()),
            RegisterOp::Read { .. } => panic!("the second half of a group writes"),
        };
        assert!(written.insert(value.clone()), "{op:?}");
        if matches {
            swapped += u32::from(matches!(op, RegisterOp::Cas { .. }));
            register = Some(value);
        }
        workload.ended(worker, if matches { EventKind::Ok } else { EventKind::Fail }, &op);
    }
    assert!((200..500).contains(&swapped), "{swapped}");
}

#[test]
fn what_a_liar_made_up_is_read_as_what_a_client_would_have_asked() {
    let lin_kv = LinKv::new(&Options::new(named("lin-kv")).conditions());
    let key = || Json::from(3);
    for (body, expected) in [
        (
            r#"{"type":"write","key":3,"value":4,"msg_id":9}"#,
            Some(RegisterOp::Write { key: key(), value: Json::from(4) }),
        ),
        (
            r#"{"type":"cas","key":3,"from":1,"to":2}"#,
            Some(RegisterOp::Cas { key: key(), from: Json::from(1), to: Json::from(2) }),
        ),
        (r#"{"type":"read","key":3}"#, None),
        ("nonsense", None),
    ] {
        assert_eq!(lin_kv.invented(body), expected, "{body}");
    }
}

#[test]
fn the_default_of_max_states_is_that_of_the_checker() {
    assert_eq!(super::STATES_MAX_TEXT, checkers::linearizable::STATES_MAX.to_string());
}

/// On key 1 so many writes at once that their orders cannot be tried, and a read of what nobody wrote;
/// on key 2 a read of what nobody wrote, which is plain; on key 3 nothing that is wrong.
fn hard_and_wrong_and_right() -> Vec<Event<RegisterOp<Json>>> {
    use EventKind::{Invoke, Ok};
    let write = |key: i64, value: i64| RegisterOp::Write { key: key.into(), value: value.into() };
    let read = |key: i64, value: i64| RegisterOp::Read {
        key: key.into(),
        value: Some(Some(value.into())),
    };
    let mut steps = vec![(0, Invoke, write(1, 0)), (0, Ok, write(1, 0))];
    let writers = 1..20;
    // One value is written twice and read, or no search would be needed.
    steps.extend([(0, Invoke, read(1, 0)), (0, Ok, read(1, 0))]);
    steps.extend(writers.clone().map(|process| (process, Invoke, write(1, process as i64 - 1))));
    steps.extend(writers.map(|process| (process, Ok, write(1, process as i64 - 1))));
    for (key, seen) in [(1, 99), (2, 7), (3, 5)] {
        if key == 3 {
            steps.extend([(0, Invoke, write(3, 5)), (0, Ok, write(3, 5))]);
        }
        steps.extend([(0, Invoke, read(key, seen)), (0, Ok, read(key, seen))]);
    }
    let events = (0..).zip(steps);
    events.map(|(at, (process, kind, op))| Event::of_client(at, at, process, kind, op)).collect()
}

#[test]
fn a_key_that_could_not_be_decided_is_not_called_wrong() {
    let mut options = Options::new(named("lin-kv")).with_nodes(1);
    options.settings.set(&MAX_STATES, "1000").unwrap();
    let check = |history: &[Event<RegisterOp<Json>>]| {
        LinKv::new(&options.conditions()).check(history, &mut || false)
    };
    let all = hard_and_wrong_and_right();
    let checked_all = check(&all);
    assert_eq!(checked_all.verdict, Verdict::Invalid);
    assert_eq!(checked_all.causes[0], "1 of 3 keys are not linearizable, 1 could not be decided");
    assert!(
        checked_all.causes[1].starts_with("key 2: process 0 read 7"),
        "{:?}",
        checked_all.causes
    );
    let results = &checked_all.results;
    assert_eq!((&results["failures"], &results["undecided"]), (&vec![2].into(), &vec![1].into()));
    assert_eq!((&results["failure-count"], &results["undecided-count"]), (&1.into(), &1.into()));

    let hard: Vec<_> = all
        .into_iter()
        .filter(|event| event.op().is_some_and(|op| *op.key() != Json::from(2)))
        .collect();
    let checked = check(&hard);
    assert_eq!(checked.verdict, Verdict::Unknown);
    assert_eq!(
        checked.causes,
        [
            "1 of 2 keys could not be decided",
            "key 1 could not be decided: the search for an order visited as many states as it may; \
             more with --max-states",
        ]
    );
    let Highlight::Count { of_these, .. } = &checked.highlights[0] else { panic!() };
    assert_eq!(of_these[..], [(0, "not linearizable".into()), (1, "undecided".into())]);
}

fn stored(f: &str, text: &str, kind: EventKind) -> Stored {
    Stored { f: f.to_owned(), key: None, text: text.to_owned(), kind }
}

#[test]
fn a_single_register_has_no_key_and_is_told_without_one() {
    let lin_kv = LinKv::new(&Options::new(named("lin-kv")).conditions());
    let mut history = Vec::new();
    for (f, asked, came) in [("write", "[0]", "[0]"), ("read", "null", "[1,2]")] {
        let invoke = lin_kv.restore(&stored(f, asked, EventKind::Invoke), None).unwrap();
        let ok = lin_kv.restore(&stored(f, came, EventKind::Ok), Some(&invoke)).unwrap();
        for (kind, op) in [(EventKind::Invoke, invoke), (EventKind::Ok, ok)] {
            let index = history.len() as u64;
            history.push(Event::of_client(index, index, 0, kind, op));
        }
    }
    let checked = lin_kv.check(&history, &mut || false);
    assert_eq!(checked.verdict, Verdict::Invalid);
    assert_eq!(
        checked.causes[1],
        "process 0 read [1,2] (event 2 to 3), but in every order of the operations before, the \
         register holds [0]. Nobody had tried to write [1,2]."
    );
    assert_eq!(checked.lead.unwrap().operations[0].what, "read → [1,2]");
}

#[test]
fn a_null_that_was_written_may_be_read() {
    let lin_kv = LinKv::new(&Options::new(named("lin-kv")).conditions());
    let key = || Json::from(1);
    let write = RegisterOp::Write { key: key(), value: Json::null() };
    let asked = RegisterOp::Read { key: key(), value: None };
    let read = RegisterOp::Read { key: key(), value: Some(None) };
    use EventKind::{Invoke, Ok};
    let steps = [(Invoke, write.clone()), (Ok, write), (Invoke, asked), (Ok, read)];
    let history: Vec<_> = (0..)
        .zip(steps)
        .map(|(index, (kind, op))| Event::of_client(index, index, 0, kind, op))
        .collect();
    assert_eq!(lin_kv.check(&history, &mut || false).verdict, Verdict::Valid);
}

/// A write of 4 to key 1, and a read that is answered with this error.
fn written_and_then_answered_with(code: ErrorCode) -> Vec<Event<RegisterOp<Json>>> {
    use EventKind::{Fail, Invoke, Ok};
    let write = RegisterOp::Write { key: Json::from(1), value: Json::from(4) };
    let read = RegisterOp::Read { key: Json::from(1), value: None };
    let steps = [(Invoke, write.clone()), (Ok, write), (Invoke, read.clone()), (Fail, read)];
    let mut history: Vec<_> = (0..)
        .zip(steps)
        .map(|(index, (kind, op))| Event::of_client(index, index, 0, kind, op))
        .collect();
    let error = OpError::Reply { name: code.name().to_owned(), text: String::new() };
    history[3].error = Some(Box::new(error));
    history
}

#[test]
fn a_key_that_was_written_cannot_be_said_not_to_exist() {
    let lin_kv = LinKv::new(&Options::new(named("lin-kv")).conditions());
    let lost = written_and_then_answered_with(ErrorCode::KeyDoesNotExist);
    let checked = lin_kv.check(&lost, &mut || false);
    assert_eq!(checked.verdict, Verdict::Invalid);
    assert_eq!(
        checked.causes[1],
        "key 1: process 0 read null from key 1 (event 2 to 3), but in every order of the operations \
         before, the register holds 4. It had been written before. It was not answered with null, but \
         with the error `key-does-not-exist`, which says the same."
    );
    // Before it was written that is what has to be said; another error says nothing of the register.
    assert_eq!(lin_kv.check(&lost[2..], &mut || false).verdict, Verdict::Valid);
    let refused = written_and_then_answered_with(ErrorCode::TemporarilyUnavailable);
    assert_eq!(lin_kv.check(&refused, &mut || false).verdict, Verdict::Valid);
}
