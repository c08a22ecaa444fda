//! Every step of every cycle that is reported holds, by the history alone.

use checkers::transactions::list_append::Op;
use checkers::transactions::{
    Analysis, Dependency, Kind, Options, Order, Outcome, Step, list_append,
};

use super::histories::{Lists, Shape, Store, lists};
use crate::generator::Random;

fn shape(random: &mut Random) -> Shape {
    Shape {
        transactions: 4 + random.below(60) as usize,
        clients: 2 + random.below(5) as usize,
        keys: 1 + random.below(4),
        ops_max: 4,
        failed_percent: 5,
        unknown_percent: 5,
        store: Store::Careless,
        reads_first: false,
    }
}

fn appends(history: &Lists, id: usize, key: &str, element: &Option<String>) -> bool {
    let is_it = |op: &Op<u32, u32>| {
        matches!(op, Op::Append { key: k, element: e }
            if k.to_string() == key && Some(e.to_string()) == *element)
    };
    history[id].ops.iter().any(is_it)
}

/// Whether a transaction read a list that ends in an element, or is empty, and has not `missing`.
fn reads(
    history: &Lists,
    id: usize,
    key: &str,
    last: &Option<String>,
    missing: Option<&Option<String>>,
) -> bool {
    history[id].call.outcome == Outcome::Ok
        && history[id].ops.iter().any(|op| {
            let Op::Read { key: k, elements } = op else { return false };
            let list: Vec<String> = elements.iter().flatten().map(ToString::to_string).collect();
            k.to_string() == key
                && list.last() == last.as_ref()
                && missing.is_none_or(|missing| missing.as_ref().is_none_or(|m| !list.contains(m)))
        })
}

fn is_true(history: &Lists, step: &Step) -> bool {
    let Step { from, to, .. } = *step;
    let key = step.key.as_deref().unwrap_or_default();
    let (a, b) = (&history[from].call, &history[to].call);
    match step.dependency {
        Dependency::WriteWrite => {
            appends(history, from, key, &step.before) && appends(history, to, key, &step.after)
        }
        Dependency::WriteRead => {
            appends(history, from, key, &step.before) && reads(history, to, key, &step.before, None)
        }
        Dependency::ReadWrite => {
            reads(history, from, key, &step.before, Some(&step.after))
                && appends(history, to, key, &step.after)
        }
        Dependency::Process => a.process == b.process && a.completed < b.invoked,
        Dependency::Realtime => a.outcome == Outcome::Ok && a.completed < b.invoked,
    }
}

fn check_cycles(history: &Lists, analysis: &Analysis) -> usize {
    let mut count = 0;
    for (kind, found) in &analysis.anomalies {
        let Kind::Cycle(order, _) = kind else { continue };
        for anomaly in &found.examples {
            count += 1;
            let steps = &anomaly.steps;
            assert!(steps.len() > 1);
            for (step, next) in steps.iter().zip(steps.iter().cycle().skip(1)) {
                assert_eq!(step.to, next.from, "{anomaly:#?}");
                assert!(is_true(history, step), "{step:#?} {history:#?}");
            }
            let has = |dependency| steps.iter().any(|step| step.dependency == dependency);
            assert_eq!(has(Dependency::Realtime), *order == Order::Realtime);
            assert!(has(Dependency::Process) || *order != Order::Process);
            let mut members = anomaly.transactions.clone();
            members.sort_unstable();
            members.dedup();
            assert_eq!(members.len(), steps.len(), "a transaction twice: {anomaly:#?}");
        }
    }
    count
}

#[test]
fn every_step_of_a_cycle_holds() {
    let mut count = 0;
    for seed in 0..3_000 {
        let random = &mut Random(seed);
        let shape = shape(random);
        let history = lists(random, shape);
        let analysis = list_append::check(&history, &Options::default()).unwrap();
        // Contradictory reads leave open which order counts.
        if !analysis.anomalies.contains_key(&Kind::IncompatibleOrder) {
            count += check_cycles(&history, &analysis);
        }
    }
    assert!(count > 500, "{count}");
}

#[test]
fn a_serial_store_shows_no_anomaly_and_one_change_of_a_read_is_found() {
    use super::histories::tamper;
    let (mut tampered, mut found) = (0, 0);
    for seed in 0..500 {
        let random = &mut Random(seed);
        let shape = Shape { store: Store::Serial, transactions: 200, ..shape(random) };
        let mut history = lists(random, shape);
        let analysis = list_append::check(&history, &Options::default()).unwrap();
        assert!(analysis.anomalies.is_empty(), "seed {seed}: {analysis:#?}");
        if tamper(random, &mut history) {
            tampered += 1;
            let analysis = list_append::check(&history, &Options::default()).unwrap();
            found += u32::from(!analysis.anomalies.is_empty());
        }
    }
    // A transaction can be older than it was, if nothing began and returned in between.
    assert!(tampered > 300 && found * 100 >= tampered * 90, "{found} of {tampered}");
}
