//! Vector clocks: exactly happened-before; comparison against the definition for all small
//! vectors; the laws of merge.

use clocks::lamport::Overflow;
use clocks::vector::{Relation, VectorClock};

use crate::history::{pairs, random_run, stamps};

#[test]
fn vectors_are_ordered_exactly_as_events_happened() {
    for seed in 0..300 {
        let events = random_run(seed);
        let vectors = stamps(&events, |clock: &mut VectorClock<usize>, event, received| {
            match received {
                Some(received) => clock.receive(event.node, received).unwrap(),
                None => clock.tick(event.node),
            };
            clock.clone()
        });
        for (a, b, before) in pairs(&events) {
            assert_eq!(vectors[a] < vectors[b], before, "seed {seed}: {a} before {b}");
            assert_ne!(vectors[a], vectors[b], "seed {seed}: {a}, {b}");
        }
    }
}

/// All vectors of three nodes with counters up to 2, and their counters.
fn small_vectors() -> Vec<([u64; 3], VectorClock<char>)> {
    let mut vectors = Vec::new();
    for number in 0..27 {
        let counters = [number % 3, number / 3 % 3, number / 9];
        vectors.push((counters, ['a', 'b', 'c'].into_iter().zip(counters).collect()));
    }
    vectors
}

#[test]
fn comparison_is_slot_by_slot_for_all_small_vectors() {
    let vectors = small_vectors();
    for (left, a) in &vectors {
        for (right, b) in &vectors {
            let slots = || left.iter().zip(right);
            let expected = match (slots().all(|(l, r)| l <= r), slots().all(|(l, r)| l >= r)) {
                (true, true) => Relation::Equal,
                (true, false) => Relation::Before,
                (false, true) => Relation::After,
                (false, false) => Relation::Concurrent,
            };
            assert_eq!(a.relation(b), expected, "{left:?} {right:?}");
            assert_eq!(a == b, expected == Relation::Equal);
        }
    }
}

#[test]
fn merging_is_the_least_upper_bound_for_all_small_vectors() {
    let vectors = small_vectors();
    for (_, a) in &vectors {
        assert_eq!(a.merged(a), *a, "idempotent");
        for (_, b) in &vectors {
            let merged = a.merged(b);
            assert_eq!(merged, b.merged(a), "commutative");
            assert!(merged >= *a && merged >= *b, "an upper bound");
            for (_, c) in &vectors {
                assert_eq!(merged.merged(c), a.merged(&b.merged(c)), "associative");
                assert!(!(c >= a && c >= b) || merged <= *c, "the least one");
            }
        }
    }
}

#[test]
fn a_received_counter_that_the_node_cannot_have_counted_to_is_refused_and_changes_nothing() {
    let mut clock = VectorClock::from([("n1", 1)]);
    let received = VectorClock::from([("n1", u64::MAX), ("n2", 7)]);
    assert_eq!(clock.receive("n1", &received), Err(Overflow(u64::MAX)));
    assert_eq!(clock, VectorClock::from([("n1", 1)]));
    assert_eq!(clock.receive("n1", &VectorClock::from([("n2", u64::MAX)])), Ok(2));
    assert_eq!(clock.get(&"n2"), u64::MAX, "what others claim to have counted is theirs");
}
