//! The histories that are compared on, always the same.

use checkers::linearizable::RegisterOp;
use checkers::linearizable::{STATES_MAX, WorkLimit, check};
use checkers::{Event, Kind, Verdict};

use crate::generator::{Random, Shape, valid_history};

/// A history to check.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    shape: Shape,
    pub(crate) is_valid: bool,
}

const fn shape(operations: usize, clients: u64, keys: u64, unknown_percent: u64) -> Shape {
    Shape { operations, clients, keys, values: 5, unknown_percent }
}

/// With so many values to draw from, none is written twice.
const DISTINCT: u64 = 1 << 60;

pub(crate) const CASES: [Case; 8] = [
    Case { name: "10,000 operations, 5 clients", shape: shape(10_000, 5, 1, 0), is_valid: true },
    Case {
        name: "100 keys x 1,000 operations, 500 clients",
        shape: shape(100_000, 500, 100, 0),
        is_valid: true,
    },
    Case {
        name: "1,000 operations, 10 clients, one bad read",
        shape: shape(1_000, 10, 1, 0),
        is_valid: false,
    },
    Case {
        name: "10,000 operations, 5 clients, one bad read",
        shape: shape(10_000, 5, 1, 0),
        is_valid: false,
    },
    Case {
        name: "1,000 operations, 5 clients, 20% unknown",
        shape: shape(1_000, 5, 1, 20),
        is_valid: true,
    },
    Case {
        name: "10,000 operations, 5 clients, 20% unknown",
        shape: shape(10_000, 5, 1, 20),
        is_valid: true,
    },
    Case {
        name: "150 operations, 20% unknown, one bad read",
        shape: shape(150, 5, 1, 20),
        is_valid: false,
    },
    Case {
        name: "1,000,000 operations, 50 clients, distinct",
        shape: Shape { values: DISTINCT, ..shape(1_000_000, 50, 1, 0) },
        is_valid: true,
    },
];

impl Case {
    pub(crate) fn history(&self) -> Vec<Event<RegisterOp<u64>>> {
        let mut events = valid_history(&mut Random(1), self.shape);
        if !self.is_valid {
            spoil(&mut events, self.shape.values);
        }
        events
    }
}

/// Changes what one of the last reads saw, so that the history is not linearizable any more.
fn spoil(events: &mut [Event<RegisterOp<u64>>], values: u64) {
    let mut limit = WorkLimit { states_max: STATES_MAX, stop: &mut || false };
    for place in (0..events.len()).rev() {
        let Some(&RegisterOp::Read { value: Some(seen), .. }) = events[place].op() else { continue };
        if events[place].kind != Kind::Ok {
            continue;
        }
        for other in 0..values {
            set_read(&mut events[place], Some(other));
            let result = check(events, &mut limit);
            if result.is_ok_and(|result| result.verdict == Verdict::Invalid) {
                return;
            }
        }
        set_read(&mut events[place], seen);
    }
}

fn set_read(event: &mut Event<RegisterOp<u64>>, seen: Option<u64>) {
    if let Some(RegisterOp::Read { value, .. }) = event.op_mut() {
        *value = Some(seen);
    }
}
