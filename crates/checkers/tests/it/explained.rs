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
         the register holds {held}. {origin}",
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
            "2",
            format!("1 was last written by the write of process 0 (event 0), and {gone}"),
        ),
        (
            vec![write(1), cas(1, 2), write(3), read(Some(2))],
            "read 2",
            "3",
            format!("2 was last written by the cas of process 0 (event 20), and {gone}"),
        ),
        (vec![write(1), read(None)], "read null", "1", "It had been written before.".into()),
        (vec![read(Some(7))], "read 7", "null", "Nobody had tried to write 7.".into()),
        (
            vec![write(1), write(2), cas(1, 3)],
            "changed 1 to 3",
            "2",
            format!("1 was last written by the write of process 0 (event 0), and {gone}"),
        ),
        // Its own value is not what it found.
        (vec![write(1), cas(5, 5)], "changed 5 to 5", "1", "Nobody had tried to write 5.".into()),
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
    let expected = sentence("read 7", (40, 50), "null", origin);
    assert_eq!(history.counterexample().explanation, expected);
}

#[test]
fn who_wrote_it_later_is_not_the_origin() {
    let mut history = History::of(&[read(Some(7))]);
    history.begin(1, write(7));
    history.event(1, Kind::Ok, write(7));
    let expected = sentence("read 7", (0, 10), "null", "Nobody had tried to write 7.");
    assert_eq!(history.counterexample().explanation, expected);
}

#[test]
fn all_that_the_register_can_have_held_is_named() {
    for (writers, held) in [(2, "1 or 2"), (3, "1, 2 or 3")] {
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

#[test]
fn what_an_operation_of_unknown_outcome_can_have_left_is_named_if_somebody_could_see_it() {
    for (seen_later, states) in [(Some(2), vec![Some(1), Some(2)]), (Some(1), vec![Some(1)])] {
        // Written twice and seen, or no search would be needed.
        let mut history = History::of(&[write(1), write(1), read(Some(1))]);
        history.begin(1, write(2));
        for seen in [Some(3), seen_later] {
            history.begin(0, read(None));
            history.event(0, Kind::Ok, read(seen));
        }
        assert_eq!(history.counterexample().states, states);
    }
}
