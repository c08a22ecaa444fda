//! Logs: each anomaly by hand, and random histories against the rules taken literally.

mod anomalies;
mod naive;
mod simulated;

use std::collections::BTreeMap;

use checkers::Verdict;
use checkers::log::{Action, FindingKind, LogOperation, Step, check};

use crate::generator::Random;
use simulated::{Operation, simulate};

/// How many findings there are of each kind.
fn counts(history: &[Operation]) -> BTreeMap<FindingKind, usize> {
    check(history).findings.iter().map(|(&kind, findings)| (kind, findings.count)).collect()
}

#[test]
fn what_a_correct_log_shows_is_valid() {
    for seed in 0..3_000 {
        let mut random = Random(seed);
        let operations = 1 + random.below(40) as usize;
        let history = simulate(&mut random, operations);
        let result = check(&history);
        assert_eq!(result.verdict, Verdict::Valid, "seed {seed}: {result:#?}\n{history:#?}");
    }
}

/// Changes what was seen, where it was put, or what became of an operation.
fn mutate(random: &mut Random, history: &mut Vec<Operation>) {
    use checkers::log::Outcome::{Fail, Ok, Unknown};
    let place = random.below(history.len() as u64) as usize;
    let (value, offset) = (random.below(30), random.below(200));
    let LogOperation { outcome, action, .. } = &mut history[place];
    let Action::Messages(steps) = action else {
        history.remove(place);
        if history.is_empty() {
            *history = simulate(random, 3);
        }
        return;
    };
    let number = random.below(steps.len() as u64) as usize;
    match (random.below(6), &mut steps[number]) {
        (0, _) => *outcome = [Ok, Fail, Unknown][random.below(3) as usize],
        (1, Step::Send { offset: place, .. }) => *place = random.percent(70).then_some(offset),
        (_, Step::Send { value: sent, .. }) => *sent = value,
        (_, Step::Poll(keys)) if keys.is_empty() => keys.push((0, vec![(offset, value)])),
        (kind, Step::Poll(keys)) => {
            let key = random.below(keys.len() as u64) as usize;
            let messages = &mut keys[key].1;
            let Some(last) = messages.len().checked_sub(1) else { return };
            let at = random.below(messages.len() as u64) as usize;
            match kind {
                1 => _ = messages.remove(at),
                2 => messages.swap(at, last),
                3 => messages.push(messages[at]),
                4 => messages[at].0 = offset,
                _ => messages[at].1 = value,
            }
        }
    }
}

#[test]
fn mutated_histories_agree_with_the_rules_taken_literally() {
    let mut seen: BTreeMap<FindingKind, usize> = BTreeMap::new();
    for seed in 0..30_000 {
        let mut random = Random(seed);
        let operations = 1 + random.below(12) as usize;
        let mut history = simulate(&mut random, operations);
        for _ in 0..random.below(5) {
            mutate(&mut random, &mut history);
        }
        let found = counts(&history);
        naive::compare(&history, &found, seed);
        found.keys().for_each(|&kind| *seen.entry(kind).or_default() += 1);
    }
    // Every kind must come often, or the test shows nothing.
    assert_eq!(seen.len(), 16, "{seen:?}");
    assert!(seen.values().all(|&times| times > 5), "{seen:?}");
}

#[test]
fn a_hundred_thousand_operations_with_offsets_up_to_the_last_one_are_nothing() {
    let mut history = simulate(&mut Random(1), 100_000);
    // Offsets as far apart as they can be; their order stays.
    for operation in &mut history {
        let Action::Messages(steps) = &mut operation.action else { continue };
        for step in steps {
            match step {
                Step::Send { offset, .. } => {
                    *offset = offset.map(|offset| u64::MAX - 1_000_000_000 + offset * 100);
                }
                Step::Poll(keys) => {
                    for (offset, _) in keys.iter_mut().flat_map(|(_, messages)| messages) {
                        *offset = u64::MAX - 1_000_000_000 + *offset * 100;
                    }
                }
            }
        }
    }
    assert_eq!(check(&history).verdict, Verdict::Valid);
}
