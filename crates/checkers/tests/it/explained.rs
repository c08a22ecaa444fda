//! What a counterexample of a register says.

use checkers::linearizable::{Counterexample, RegisterOp, STATES_MAX, WorkLimit, check};
use checkers::{Event, Kind};

const KEY: u64 = 9;

fn write(value: u64) -> RegisterOp<u64> {
    RegisterOp::Write { key: KEY, value }
}

fn read(value: Option<u64>) -> RegisterOp<u64> {
    RegisterOp::Read { key: KEY, value: Some(value) }
}

fn cas(from: u64, to: u64) -> RegisterOp<u64> {
    RegisterOp::Cas { key: KEY, from, to }
}

/// A history of one register whose every event counts as the next of ten, so that no index is a
/// position by chance.
#[derive(Default)]
struct History(Vec<Event<RegisterOp<u64>>>);

impl History {
    fn event(&mut self, process: u64, kind: Kind, op: RegisterOp<u64>) {
        let index = 10 * self.0.len() as u64;
        self.0.push(Event::of_client(index, index, process, kind, op));
    }

    fn begin(&mut self, process: u64, op: RegisterOp<u64>) {
        let asked = match op {
            RegisterOp::Read { key, .. } => RegisterOp::Read { key, value: None },
            op => op,
        };
        self.event(process, Kind::Invoke, asked);
    }

    /// Whole operations of process 0, one after another.
    fn of(operations: &[RegisterOp<u64>]) -> Self {
        let mut history = Self::default();
        for op in operations {
            history.begin(0, op.clone());
            history.event(0, Kind::Ok, op.clone());
        }
        history
    }

    fn counterexample(&self) -> Counterexample<u64> {
        let mut limit = WorkLimit { states_max: STATES_MAX, stop: &mut || false };
        let mut result = check(&self.0, &mut limit).unwrap();
        result.results.remove(0).counterexample.unwrap()
    }
}

fn sentence(did: &str, events: (u64, u64), held: &str, origin: &str) -> String {
    format!(
        "process 0 {did} from key 9 (event {} to {}), but in every order of the operations before, \
         the register {held}. {origin}",
        events.0, events.1
    )
}

#[test]
fn what_was_seen_and_where_it_came_from_is_explained() {
    let gone = "cannot still have been there.";
    for (operations, did, held, origin) in [
        (
            vec![write(1), write(2), read(Some(1))],
            "read 1",
            "holds 2",
            format!("1 was last written by the write of process 0 (event 0), and {gone}"),
        ),
        (
            vec![write(1), cas(1, 2), write(3), read(Some(2))],
            "read 2",
            "holds 3",
            format!("2 was last written by the cas of process 0 (event 20), and {gone}"),
        ),
        (vec![write(1), read(None)], "read null", "holds 1", "It had been written before.".into()),
        (vec![read(Some(7))], "read 7", "is empty", "Nobody had tried to write 7.".into()),
        (
            vec![write(1), write(2), cas(1, 3)],
            "changed 1 to 3",
            "holds 2",
            format!("1 was last written by the write of process 0 (event 0), and {gone}"),
        ),
        // Its own value is not what it found.
        (
            vec![write(1), cas(5, 5)],
            "changed 5 to 5",
            "holds 1",
            "Nobody had tried to write 5.".into(),
        ),
    ] {
        let end = 20 * operations.len() as u64 - 10;
        let example = History::of(&operations).counterexample();
        assert_eq!(example.explanation, sentence(did, (end - 10, end), held, &origin));
        assert_eq!(example.prefix_end, end);
    }
}

#[test]
fn a_value_of_an_operation_that_failed_is_said_to_be_one() {
    let mut history = History::default();
    for kind in [Kind::Fail, Kind::Fail] {
        history.begin(4, write(7));
        history.event(4, kind, write(7));
    }
    history.begin(0, read(None));
    history.event(0, Kind::Ok, read(Some(7)));
    let origin = "Only operations that failed would have written 7, the write of process 4 (event \
                  20) for one.";
    let expected = sentence("read 7", (40, 50), "is empty", origin);
    assert_eq!(history.counterexample().explanation, expected);
}

#[test]
fn who_wrote_it_later_is_not_the_origin() {
    let mut history = History::of(&[read(Some(7))]);
    history.begin(1, write(7));
    history.event(1, Kind::Ok, write(7));
    let expected = sentence("read 7", (0, 10), "is empty", "Nobody had tried to write 7.");
    assert_eq!(history.counterexample().explanation, expected);
}

#[test]
fn all_that_the_register_can_have_held_is_named() {
    for (writers, held) in [
        (2, "holds 1 or 2"),
        (3, "holds 1, 2 or 3"),
        (9, "holds 1, 2, 3, 4, 5, 6, 7, 8 or one of 1 more values"),
    ] {
        let mut history = History::default();
        (1..=writers).for_each(|value| history.begin(value, write(value)));
        (1..=writers).for_each(|value| history.event(value, Kind::Ok, write(value)));
        let begins = 20 * writers;
        history.begin(0, read(None));
        history.event(0, Kind::Ok, read(None));
        let example = history.counterexample();
        let origin = "It had been written before.";
        assert_eq!(example.explanation, sentence("read null", (begins, begins + 10), held, origin));
        assert_eq!(example.states, (1..=writers).map(Some).collect::<Vec<_>>());
    }
}

#[test]
fn what_was_open_at_the_same_time_is_concurrent() {
    let mut history = History::of(&[write(1)]);
    // Open throughout, over in the middle, begun in the middle; then one that comes after it all.
    history.begin(1, write(2));
    history.begin(2, read(None));
    history.begin(0, read(None));
    history.event(2, Kind::Ok, read(Some(1)));
    history.begin(3, read(None));
    history.event(0, Kind::Ok, read(Some(5)));
    history.event(3, Kind::Ok, read(Some(1)));
    history.begin(2, write(4));
    history.event(2, Kind::Ok, write(4));
    let example = history.counterexample();
    let starts: Vec<u64> = example.concurrent.iter().map(|record| record.start.0).collect();
    assert_eq!((example.operation.start.0, starts), (40, vec![20, 30, 60]));
    assert_eq!(example.linearization, [0, 30]);
}

#[test]
fn the_end_of_the_order_is_its_last_sixteen_operations() {
    for (writes, shown) in [(3, 3), (16, 16), (40, 16)] {
        let mut operations: Vec<_> = (0..writes).map(write).collect();
        operations.push(read(Some(99)));
        let example = History::of(&operations).counterexample();
        let all: Vec<u64> = (0..writes).map(|place| 20 * place).collect();
        let end: Vec<u64> = example.linearization_end.iter().map(|record| record.start.0).collect();
        assert_eq!((end.len(), &end[..]), (shown, &all[all.len() - shown..]));
        assert_eq!(example.linearization, all);
    }
}

/// The search has no use for a value that nobody reads later, but the register can hold it.
#[test]
fn what_an_operation_of_unknown_outcome_can_have_left_is_named_whether_somebody_could_see_it() {
    // A value that is written twice and seen makes a search necessary.
    for before in [vec![write(1), read(Some(1))], vec![write(1), write(1), read(Some(1))]] {
        for seen_later in [Some(1), Some(2)] {
            let mut history = History::of(&before);
            history.begin(1, write(2));
            history.begin(2, cas(2, 4));
            // This one cannot have found what it needs.
            history.begin(3, cas(7, 5));
            for seen in [Some(3), seen_later] {
                history.begin(0, read(None));
                history.event(0, Kind::Ok, read(seen));
            }
            let example = history.counterexample();
            assert_eq!(example.states, [Some(1), Some(2), Some(4)], "{before:?}");
            assert!(example.explanation.contains("the register holds 1, 2 or 4."));
        }
    }
}

#[test]
fn what_an_operation_of_unknown_outcome_wrote_and_is_surely_gone_is_not_named() {
    let mut history = History::of(&[write(1)]);
    history.begin(1, write(2));
    for op in [read(Some(2)), write(1), read(Some(1)), read(Some(3))] {
        history
            .begin(0, if matches!(op, RegisterOp::Read { .. }) { read(None) } else { op.clone() });
        history.event(0, Kind::Ok, op);
    }
    assert_eq!(history.counterexample().states, [Some(1)]);
}

/// Values of which the one that is named so reads as if the register were empty.
mod null {
    use checkers::linearizable::{RegisterOp, STATES_MAX, WorkLimit, check_with_null};
    use checkers::{Event, Kind, Verdict};

    type Op = RegisterOp<&'static str>;

    fn write(value: &'static str) -> Op {
        RegisterOp::Write { key: "null", value }
    }

    fn read(value: Option<&'static str>) -> Op {
        RegisterOp::Read { key: "null", value: Some(value) }
    }

    /// What is said of whole operations of process 0, one after another, the first of which has this
    /// outcome.
    fn checked(first: Kind, operations: &[Op]) -> (Verdict, String) {
        let mut events = Vec::new();
        for (op, place) in operations.iter().zip(0..) {
            let kind = if place == 0 { first } else { Kind::Ok };
            let process = u64::from(place > 0);
            for (kind, index) in [(Kind::Invoke, 2 * place), (kind, 2 * place + 1)] {
                events.push(Event::of_client(index, index, process, kind, op.clone()));
            }
        }
        let mut limit = WorkLimit { states_max: STATES_MAX, stop: &mut || false };
        let result = check_with_null(&events, |value| *value == "null", &mut limit).unwrap();
        let example = result.results.into_iter().find_map(|key| key.counterexample);
        (result.verdict, example.map_or_else(String::new, |example| example.explanation))
    }

    #[test]
    fn a_null_that_was_written_is_read_as_one() {
        for (first, operations) in [
            (Kind::Ok, vec![write("null"), read(None)]),
            (Kind::Info, vec![write("null"), read(None)]),
            (Kind::Info, vec![write("null"), write("1"), read(None), write("2"), read(Some("2"))]),
            (Kind::Ok, vec![read(None), write("1"), write("null"), read(None)]),
            (Kind::Ok, vec![write("null"), RegisterOp::Cas { key: "null", from: "null", to: "1" }]),
        ] {
            assert_eq!(checked(first, &operations).0, Verdict::Valid, "{operations:?}");
        }
        for (first, operations) in [
            (Kind::Fail, vec![write("null"), write("1"), read(None)]),
            (Kind::Ok, vec![write("null"), write("1"), read(None)]),
            (Kind::Ok, vec![write("null"), read(Some("1"))]),
            // Nothing is not null where nobody wrote null.
            (Kind::Ok, vec![RegisterOp::Cas { key: "null", from: "null", to: "1" }]),
        ] {
            assert_eq!(checked(first, &operations).0, Verdict::Invalid, "{operations:?}");
        }
    }

    #[test]
    fn an_empty_register_and_one_that_holds_null_are_told_apart() {
        let told = |operations: &[Op]| checked(Kind::Ok, operations).1;
        let before = "but in every order of the operations before, the register";
        assert_eq!(
            told(&[read(Some("1"))]),
            format!(
                "process 0 read \"1\" (event 0 to 1), {before} is empty. Nobody had tried to write \"1\"."
            )
        );
        assert_eq!(
            told(&[write("null"), read(Some("1"))]),
            format!(
                "process 1 read \"1\" (event 2 to 3), {before} holds \"null\". Nobody had tried to \
                 write \"1\"."
            )
        );
        assert_eq!(
            told(&[write("null"), write("1"), read(None)]),
            format!(
                "process 1 read null (event 4 to 5), {before} holds \"1\". \"null\" was last written \
                 by the write of process 0 (event 0), and cannot still have been there."
            )
        );
    }
}
