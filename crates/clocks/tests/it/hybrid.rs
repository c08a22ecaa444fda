//! The hybrid clock: the rules as the paper has them, the clock condition, and the bound on its
//! distance from the clocks of the nodes.

use clocks::hybrid::{BeyondAllClocks, Hybrid, Stamp};
use clocks::wall::READING_MAX_MS;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};

use crate::history::{Event, pairs, random_run, stamps};

fn hybrid_stamps(events: &[Event]) -> Vec<Stamp> {
    stamps(events, |clock: &mut Hybrid, event, received: Option<&Stamp>| match received {
        Some(received) => clock.receive(*received, event.clock_ms).unwrap(),
        None => clock.tick(event.clock_ms),
    })
}

#[test]
fn a_cause_has_a_lower_stamp_than_its_effect() {
    for seed in 0..300 {
        let events = random_run(seed);
        let stamps = hybrid_stamps(&events);
        for (a, b, before) in pairs(&events) {
            assert!(!before || stamps[a] < stamps[b], "seed {seed}: {a} before {b}");
        }
    }
}

/// Theorem 2 of the paper and its corollary: the physical part is a reading that some node's clock
/// showed at or before the event, namely the highest one that the event can know of.
#[test]
fn the_physical_part_is_the_highest_clock_that_was_heard_of() {
    for seed in 0..300 {
        let events = random_run(seed);
        for (event, stamp) in events.iter().zip(hybrid_stamps(&events)) {
            let heard = event.past.iter().map(|cause| events[*cause].clock_ms);
            let highest = heard.chain([event.clock_ms]).max().unwrap();
            assert_eq!(stamp.physical_ms, highest, "seed {seed}");
            assert!(stamp.logical <= event.past.len() as u64, "seed {seed}: theorem 3");
        }
    }
}

/// Figure 5 of the paper, word for word.
fn paper(l: Stamp, m: Option<Stamp>, now: u64) -> Stamp {
    let physical_ms = l.physical_ms.max(m.map_or(0, |m| m.physical_ms)).max(now);
    let at_own = physical_ms == l.physical_ms;
    let logical = match m {
        Some(m) if at_own && physical_ms == m.physical_ms => l.logical.max(m.logical) + 1,
        _ if at_own => l.logical + 1,
        Some(m) if physical_ms == m.physical_ms => m.logical + 1,
        _ => 0,
    };
    Stamp { physical_ms, logical }
}

#[test]
fn every_step_is_the_one_of_the_paper() {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(1);
    let mut clock = Hybrid::default();
    for _ in 0..100_000 {
        let near = clock.stamp().physical_ms;
        // Close together, so that every case of the rule comes often.
        let mut close = || near.saturating_add_signed(random.random_range(-2..3));
        let (now, physical_ms) = (close(), close());
        let received = Stamp { physical_ms, logical: random.random_range(0..4) };
        let received = random.random_bool(0.7).then_some(received);
        let expected = paper(clock.stamp(), received, now);
        let stamp = match received {
            Some(received) => clock.receive(received, now).unwrap(),
            None => clock.tick(now),
        };
        assert_eq!(stamp, expected, "received {received:?} at {now}");
    }
}

#[test]
fn a_stamp_that_was_heard_of_is_the_clocks_own_until_the_next_event() {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(1);
    let mut clock = Hybrid::default();
    for _ in 0..10_000 {
        let before = clock.stamp();
        let physical_ms = before.physical_ms.saturating_add_signed(random.random_range(-2..3));
        let stamp = Stamp { physical_ms, logical: random.random_range(0..4) };
        clock.hear(stamp).unwrap();
        assert_eq!(clock.stamp(), before.max(stamp), "{stamp:?} after {before:?}");
        let next = clock.tick(physical_ms.saturating_add_signed(random.random_range(-2..3)));
        assert!(next > before.max(stamp), "{next:?} after {stamp:?} and {before:?}");
    }
}

#[test]
fn a_counter_at_its_end_moves_the_physical_part_on() {
    let mut clock = Hybrid::default();
    let last = Stamp { physical_ms: 9_000, logical: u64::MAX };
    assert_eq!(clock.receive(last, 5), Ok(Stamp { physical_ms: 9_001, logical: 0 }));
    assert_eq!(clock.tick(5), Stamp { physical_ms: 9_001, logical: 1 });
}

#[test]
fn a_stamp_beyond_all_clocks_is_refused_and_changes_nothing() {
    let mut clock = Hybrid::default();
    let before = clock.tick(7);
    let physical_ms = READING_MAX_MS + 1;
    let received = Stamp { physical_ms, logical: 0 };
    assert_eq!(clock.receive(received, 8), Err(BeyondAllClocks(physical_ms)));
    assert_eq!(clock.hear(received), Err(BeyondAllClocks(physical_ms)));
    assert_eq!(clock.stamp(), before);
    assert_eq!(clock.tick(u64::MAX).physical_ms, READING_MAX_MS);
    // The last millisecond of all clocks is one.
    let last = Stamp { physical_ms: READING_MAX_MS, logical: 0 };
    let mut clock = Hybrid::default();
    assert_eq!(clock.receive(last, 8), Ok(Stamp { logical: 1, ..last }));
    let mut clock = Hybrid::default();
    clock.hear(last).unwrap();
    assert_eq!(clock.stamp(), last);
}

#[test]
fn a_later_life_begins_above_everything_below_its_first_millisecond() {
    let mut clock = Hybrid::starting_at(500);
    assert!(clock.tick(3) > Stamp { physical_ms: 499, logical: u64::MAX });
    assert_eq!(clock.ahead_of(300), 200);
    assert_eq!(clock.ahead_of(600), 0);
}
