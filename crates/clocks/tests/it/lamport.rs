//! Lamport's clock: the clock condition, and that its converse does not hold.

use clocks::lamport::{Lamport, Overflow, Stamp};

use crate::history::{Event, pairs, random_run, stamps};

fn times(events: &[Event]) -> Vec<Stamp<usize>> {
    stamps(events, |clock: &mut Lamport, event, received: Option<&Stamp<usize>>| {
        let time = match received {
            Some(stamp) => clock.receive(stamp.time).unwrap(),
            None => clock.tick(),
        };
        Stamp { time, node: event.node }
    })
}

#[test]
fn a_cause_has_a_lower_time_than_its_effect() {
    for seed in 0..300 {
        let events = random_run(seed);
        let times = times(&events);
        for (a, b, before) in pairs(&events) {
            assert!(!before || times[a].time < times[b].time, "seed {seed}: {a} before {b}");
            assert_ne!(times[a], times[b], "seed {seed}: with the node a time is unique");
        }
    }
}

#[test]
fn a_lower_time_may_be_no_cause() {
    let is_misleading = |seed| {
        let events = random_run(seed);
        let times = times(&events);
        pairs(&events).any(|(a, b, before)| times[a].time < times[b].time && !before)
    };
    assert!((0..300).filter(|seed| is_misleading(*seed)).count() > 200);
}

#[test]
fn a_received_time_that_nothing_can_follow_is_refused_and_changes_nothing() {
    let mut clock = Lamport::default();
    clock.tick();
    assert_eq!(clock.receive(u64::MAX), Err(Overflow(u64::MAX)));
    assert_eq!(clock.time(), 1);
    assert_eq!(clock.receive(u64::MAX / 2), Ok(u64::MAX / 2 + 1));
    assert_eq!(clock.tick(), u64::MAX / 2 + 2);
    assert_eq!(clock.time(), u64::MAX / 2 + 2);
}
