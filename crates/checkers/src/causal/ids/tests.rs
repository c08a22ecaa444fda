use std::collections::BTreeSet;

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};

use super::*;
use Event::{Answer, Ask, Issue, Receive, Restart, Send};

#[test]
fn without_a_pair_across_nodes_nothing_is_known() {
    assert_eq!(check::<u64>(&[]).verdict, Verdict::Unknown);
    let alone = [Issue { node: 0, id: 1 }, Issue { node: 0, id: 2 }, Issue { node: 1, id: 1 }];
    let result = check(&alone);
    assert_eq!((result.verdict, result.pairs_within_nodes), (Verdict::Unknown, 1));
}

#[test]
fn an_id_that_does_not_rise_on_its_node_is_invalid_by_itself() {
    let result = check(&[Issue { node: 0, id: 2 }, Issue { node: 0, id: 2 }]);
    assert_eq!((result.verdict, result.violation_count), (Verdict::Invalid, 1));
}

#[test]
fn causes_travel_through_others_and_only_with_messages_that_were_sent_after_them() {
    let events = [
        Send { node: 0, message: 1 },
        Issue { node: 0, id: 50 },
        Send { node: 0, message: 2 },
        Receive { node: 1, message: 1 },
        Issue { node: 1, id: 10 },
        Receive { node: 1, message: 2 },
        Issue { node: 1, id: 60 },
        Send { node: 1, message: 3 },
        Receive { node: 2, message: 3 },
        Issue { node: 2, id: 40 },
    ];
    let result = check(&events);
    let violation =
        Violation { earlier: Issued { node: 1, id: 60 }, later: Issued { node: 2, id: 40 } };
    assert_eq!(result.violations, [violation]);
    assert_eq!(result.pairs_across_nodes, 4, "50 before 60; 50, 10 and 60 before 40");
}

#[test]
fn a_message_may_have_waited_while_another_came_in_but_not_behind_a_later_answer() {
    let told_on = |more: &[Event<u64>]| {
        let mut events = vec![
            Issue { node: 0, id: 50 },
            Send { node: 0, message: 1 },
            Ask { node: 1, request: 1 },
            Receive { node: 1, message: 1 },
        ];
        events.extend(more);
        let last = [
            Send { node: 1, message: 2 },
            Receive { node: 2, message: 2 },
            Issue { node: 2, id: 40 },
        ];
        events.extend(last);
        check(&events).violation_count
    };
    assert_eq!(told_on(&[]), 0);
    // It was asked for before the message came: it may have been made then, and what follows too.
    assert_eq!(told_on(&[Answer { node: 1, request: 1, id: 10 }]), 0);
    assert_eq!(told_on(&[Ask { node: 1, request: 2 }]), 0);
    let asked_later = [Ask { node: 1, request: 2 }, Answer { node: 1, request: 2, id: 60 }];
    assert_eq!(told_on(&asked_later), 1);
}

#[test]
fn a_message_that_nobody_sent_is_counted_and_passed_over() {
    let events =
        [Issue { node: 0, id: 9 }, Receive { node: 1, message: 7 }, Issue { node: 1, id: 1 }];
    let result = check(&events);
    assert_eq!((result.unsent_count, result.verdict), (1, Verdict::Unknown));
}

#[test]
fn an_id_has_to_be_above_what_was_heard_before_it_was_asked_for_and_no_more() {
    let heard_too_late = [
        Issue { node: 0, id: 50 },
        Send { node: 0, message: 1 },
        Ask { node: 1, request: 7 },
        Receive { node: 1, message: 1 },
        Answer { node: 1, request: 7, id: 10 },
        // From now on the node has heard of it.
        Ask { node: 1, request: 8 },
        Answer { node: 1, request: 8, id: 60 },
    ];
    let result = check(&heard_too_late);
    assert_eq!((result.verdict, result.pairs_across_nodes), (Verdict::Valid, 1));
    let mut heard_before = heard_too_late;
    heard_before.swap(2, 3);
    assert_eq!(check(&heard_before).violation_count, 1);
    // What a node says before its answer does not carry the id on.
    let said_before = |answer_first: bool| {
        let mut events = vec![
            Ask { node: 0, request: 1 },
            Send { node: 0, message: 1 },
            Answer { node: 0, request: 1, id: 50 },
            Receive { node: 1, message: 1 },
            Issue { node: 1, id: 10 },
        ];
        if answer_first {
            events.swap(1, 2);
        }
        check(&events).verdict
    };
    assert_eq!(said_before(false), Verdict::Unknown);
    assert_eq!(said_before(true), Verdict::Invalid);
    // An answer to nothing is passed over.
    assert_eq!(check(&[Answer { node: 0, request: 1, id: 1 }]).unsent_count, 1);
}

#[test]
fn who_is_killed_may_forget_what_it_heard_before_no_answer_and_nothing_else() {
    let killed_after = |more: &[Event<u64>]| {
        let mut events = vec![
            Issue { node: 0, id: 50 },
            Send { node: 0, message: 1 },
            Receive { node: 1, message: 1 },
        ];
        events.extend(more);
        events.extend([Restart { node: 1 }, Issue { node: 1, id: 10 }]);
        check(&events).violation_count
    };
    assert_eq!(killed_after(&[]), 0);
    assert_eq!(killed_after(&[Send { node: 1, message: 2 }]), 0);
    assert_eq!(killed_after(&[Issue { node: 1, id: 60 }]), 1);
    // Another's restart takes nothing from it.
    assert_eq!(killed_after(&[Issue { node: 1, id: 60 }, Restart { node: 0 }]), 1);
}

/// Against sets of all ids in the past of each event.
#[test]
fn it_agrees_with_explicit_pasts() {
    let mut verdicts = BTreeSet::new();
    for seed in 0..500 {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let mut events = Vec::new();
        let (mut sent, mut next_id) = (0, 0_u64);
        for _ in 0..random.random_range(1..60) {
            let node = random.random_range(0..3);
            events.push(match random.random_range(0..10) {
                0..3 => {
                    // Mostly rising in the order of time, which contradicts no cause.
                    next_id += 1;
                    let back = if random.random_ratio(1, 20) { 3 } else { 0 };
                    Issue { node, id: next_id.saturating_sub(back) }
                }
                3..6 => {
                    sent += 1;
                    Send { node, message: sent }
                }
                6..9 => Receive { node, message: random.random_range(0..=sent) },
                _ => Restart { node },
            });
        }
        let result = check(&events);
        let (across, violations) = explicit(&events);
        assert_eq!(result.pairs_across_nodes, across, "seed {seed}");
        assert_eq!(result.violation_count, violations, "seed {seed}");
        verdicts.insert(result.verdict);
    }
    assert_eq!(verdicts.len(), 3, "every verdict comes");
}

/// How many pairs across nodes are ordered, and how many ids are not above their past.
fn explicit(events: &[Event<u64>]) -> (u64, u64) {
    // The past of a node: the places of all issues before.
    let mut pasts = vec![BTreeSet::new(); 3];
    let mut said = pasts.clone();
    let mut carried = BTreeMap::new();
    let issue = |place: usize| match events[place] {
        Issue { node, id } => (node, id),
        _ => unreachable!("only issues are in a past"),
    };
    let (mut across, mut violations) = (0, 0);
    for (place, event) in events.iter().enumerate() {
        match event {
            Issue { node, id } => {
                let past = || pasts[*node].iter().map(|place| issue(*place));
                across += past().filter(|(origin, _)| origin != node).count() as u64;
                violations += u64::from(past().any(|(_, earlier)| earlier >= *id));
                pasts[*node].insert(place);
                said[*node] = pasts[*node].clone();
            }
            Send { node, message } => {
                carried.insert(*message, said[*node].clone());
            }
            Receive { node, message } => {
                let sent = carried.get(message).cloned().unwrap_or_default();
                pasts[*node].extend(sent);
            }
            Restart { node } => pasts[*node] = said[*node].clone(),
            Ask { .. } | Answer { .. } => unreachable!("none is made here"),
        }
    }
    (across, violations)
}
