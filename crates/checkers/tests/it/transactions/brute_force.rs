//! The checkers against the meaning of each model, on tens of thousands of small histories.

use checkers::Verdict;
use checkers::transactions::list_append::Op;
use checkers::transactions::rw_register::{self, VersionOrder};
use checkers::transactions::{Analysis, Kind, Model, Options, Order, Outcome, list_append};

use super::histories::{Lists, Shape, Store, lists, registers, tamper};
use super::truth::{Level, Truth};
use crate::generator::{Random, some};

/// How many histories each test makes.
fn rounds() -> u64 {
    some(20_000)
}

fn model(name: &str) -> Model {
    name.parse().unwrap()
}

fn small(random: &mut Random) -> Shape {
    Shape {
        transactions: 2 + random.below(3) as usize,
        clients: 3,
        keys: 2,
        ops_max: 3,
        failed_percent: 7,
        unknown_percent: 10,
        store: Store::Careless,
        reads_first: false,
    }
}

/// What is compared: how often a model was ruled out, and how often it does not hold.
#[derive(Default, Debug)]
struct Tally {
    ruled_out: u64,
    false_: u64,
}

impl Tally {
    fn add(&mut self, analysis: &Analysis, model: Model, holds: bool) {
        self.ruled_out += u64::from(analysis.rules_out(model));
        self.false_ += u64::from(!holds);
    }
}

/// Whether some committed transaction read each element that may have been appended.
fn are_all_seen(history: &Lists) -> bool {
    let seen = |element: &u32| {
        let mut ops = history.iter().filter(|t| t.call.outcome == Outcome::Ok).flat_map(|t| &t.ops);
        ops.any(|op| matches!(op, Op::Read { elements: Some(list), .. } if list.contains(element)))
    };
    let mut ops = history.iter().filter(|t| t.call.outcome != Outcome::Fail).flat_map(|t| &t.ops);
    ops.all(|op| !matches!(op, Op::Append { element, .. } if !seen(element)))
}

fn serializable_models() -> [(Model, Order); 3] {
    [
        (model("serializable"), Order::Data),
        (model("strong-session-serializable"), Order::Process),
        (model("strict-serializable"), Order::Realtime),
    ]
}

fn snapshot_models() -> [(Model, Order); 3] {
    [
        (model("snapshot-isolation"), Order::Data),
        (model("strong-session-snapshot-isolation"), Order::Process),
        (model("strong-snapshot-isolation"), Order::Realtime),
    ]
}

#[test]
fn lists_are_serializable_exactly_if_some_serial_order_explains_them() {
    let mut tallies: [Tally; 3] = Default::default();
    for seed in 0..rounds() {
        let random = &mut Random(seed);
        let shape = small(random);
        let mut history = lists(random, shape);
        if seed % 3 == 0 {
            tamper(random, &mut history);
        }
        let analysis = list_append::check(&history, &Options::default()).unwrap();
        let truth = Truth::of_lists(&history);
        for ((model, order), tally) in serializable_models().into_iter().zip(&mut tallies) {
            let holds = truth.is_serializable(order);
            tally.add(&analysis, model, holds);
            assert_eq!(
                analysis.rules_out(model),
                !holds,
                "{model}, seed {seed}: {history:#?} {analysis:#?}"
            );
        }
        let is_strict = truth.is_serializable(Order::Realtime);
        assert_eq!(analysis.verdict != Verdict::Invalid, is_strict, "seed {seed}");
    }
    for tally in &tallies {
        assert!(
            tally.ruled_out > rounds() / 20 && tally.ruled_out < rounds() * 9 / 10,
            "{tallies:?}"
        );
    }
}

#[test]
fn lists_are_snapshot_isolated_exactly_if_some_snapshots_explain_them_where_all_was_seen() {
    let mut tallies: [Tally; 3] = Default::default();
    let mut decided = 0;
    for seed in 0..rounds() / 2 {
        let random = &mut Random(seed);
        let shape = small(random);
        let mut history = lists(random, shape);
        if seed % 5 == 0 {
            tamper(random, &mut history);
        }
        let analysis = list_append::check(&history, &Options::default()).unwrap();
        let truth = Truth::of_lists(&history);
        let are_all_seen = are_all_seen(&history);
        for ((model, order), tally) in snapshot_models().into_iter().zip(&mut tallies) {
            let holds = truth.is_snapshot_isolated(order);
            tally.add(&analysis, model, holds);
            let is_missed = !analysis.rules_out(model) && !are_all_seen;
            assert!(
                analysis.rules_out(model) != holds || is_missed,
                "{model}, seed {seed}: {history:#?} {analysis:#?}"
            );
            decided += u64::from(are_all_seen && !holds);
        }
    }
    for tally in &tallies {
        assert!(tally.ruled_out * 100 >= tally.false_ * 98, "{tallies:?}");
    }
    assert!(decided > some(500), "{decided}");
}

#[test]
fn lists_satisfy_adyas_levels_exactly_if_some_version_order_says_so() {
    let models = [
        ("read-uncommitted", Level::ReadUncommitted, Order::Data),
        ("strong-session-read-uncommitted", Level::ReadUncommitted, Order::Process),
        ("strong-read-uncommitted", Level::ReadUncommitted, Order::Realtime),
        ("read-committed", Level::ReadCommitted, Order::Data),
        ("strong-session-read-committed", Level::ReadCommitted, Order::Process),
        ("strong-read-committed", Level::ReadCommitted, Order::Realtime),
        ("consistent-view", Level::ConsistentView, Order::Data),
    ];
    let mut tallies: [Tally; 7] = Default::default();
    for seed in 0..rounds() / 2 {
        let random = &mut Random(seed);
        let shape = small(random);
        let history = lists(random, shape);
        let analysis = list_append::check(&history, &Options::default()).unwrap();
        let has = |kind| analysis.anomalies.contains_key(&kind);
        if has(Kind::Internal) || has(Kind::FutureRead) {
            continue;
        }
        let truth = Truth::of_lists(&history);
        for ((name, level, order), tally) in models.into_iter().zip(&mut tallies) {
            if level == Level::ReadUncommitted && has(Kind::IncompatibleOrder) {
                continue;
            }
            let holds = truth.satisfies(level, order);
            tally.add(&analysis, model(name), holds);
            let is_ruled_out = analysis.rules_out(model(name));
            // In an order of appends that nobody saw there may be more cycles of this kind.
            let is_missed = level == Level::ConsistentView && !is_ruled_out;
            assert!(
                is_ruled_out != holds || is_missed,
                "{name}, seed {seed}: {history:#?} {analysis:#?}"
            );
        }
    }
    for tally in tallies {
        assert!(
            tally.ruled_out > some(20) && tally.ruled_out * 100 >= tally.false_ * 95,
            "{tally:?}"
        );
    }
}

#[test]
fn registers_are_never_wrongly_denied_a_model() {
    let mut tallies: [Tally; 6] = Default::default();
    for seed in 0..rounds() {
        let random = &mut Random(seed);
        let shape = small(random);
        let history = registers(&lists(random, shape));
        let analysis =
            rw_register::check(&history, &Options::default(), VersionOrder::default()).unwrap();
        let truth = Truth::of_registers(&history);
        let serial =
            serializable_models().map(|(model, order)| (model, truth.is_serializable(order)));
        let snapshots =
            snapshot_models().map(|(model, order)| (model, truth.is_snapshot_isolated(order)));
        for ((model, holds), tally) in serial.into_iter().chain(snapshots).zip(&mut tallies) {
            tally.add(&analysis, model, holds);
            assert!(
                !(holds && analysis.rules_out(model)),
                "{model}, seed {seed}: {history:#?} {analysis:#?}"
            );
        }
    }
    assert!(tallies.iter().all(|tally| tally.ruled_out * 2 > tally.false_), "{tallies:?}");
}

#[test]
fn registers_that_are_read_before_they_are_written_are_decided_exactly() {
    let mut tallies: [Tally; 3] = Default::default();
    for seed in 0..rounds() {
        let random = &mut Random(seed);
        let shape = Shape { reads_first: true, unknown_percent: 0, ..small(random) };
        let history = registers(&lists(random, shape));
        let analysis =
            rw_register::check(&history, &Options::default(), VersionOrder::default()).unwrap();
        let truth = Truth::of_registers(&history);
        for ((model, order), tally) in serializable_models().into_iter().zip(&mut tallies) {
            let holds = truth.is_serializable(order);
            tally.add(&analysis, model, holds);
            assert_eq!(
                analysis.rules_out(model),
                !holds,
                "{model}, seed {seed}: {history:#?} {analysis:#?}"
            );
        }
    }
    assert!(tallies.iter().all(|tally| tally.ruled_out > rounds() / 20), "{tallies:?}");
}

/// A strictly serializable history has linearizable keys, so the assumption leads nowhere wrong.
#[test]
fn assumptions_about_keys_are_right_for_strictly_serializable_registers() {
    let order =
        VersionOrder { writes_follow_reads: true, sequential_keys: true, linearizable_keys: true };
    let mut found = [0, 0];
    for seed in 0..rounds() {
        let random = &mut Random(seed);
        let shape = small(random);
        let history = registers(&lists(random, shape));
        let analysis = rw_register::check(&history, &Options::default(), order).unwrap();
        let holds = Truth::of_registers(&history).is_serializable(Order::Realtime);
        let is_ruled_out = analysis.rules_out(Model::STRICT_SERIALIZABLE);
        assert!(!(holds && is_ruled_out), "seed {seed}: {history:#?} {analysis:#?}");
        found[0] += u64::from(is_ruled_out);
        found[1] += u64::from(!holds);
    }
    assert!(found[0] * 10 > found[1] * 9, "{found:?}");
}
