//! Against `adya`, an independent port of Elle.
//!
//! Where the two differ, and why:
//!
//! - With real time, `adya` (like Elle) does not look for what process order alone refutes; such a
//!   cycle is one of real time there.
//! - A read of what the transaction itself had written is no read of another's version here, so it
//!   makes no lost update.
//! - What nobody wrote is an anomaly here (garbage read), and so is a list that shows the appends of
//!   a transaction the other way round.
//! - `adya` may say that a cycle exists that forbids some model (`...-cycle-exists`); here every cycle
//!   has its kind.
//! - Where a failed append stands between two others, the later still depends on the earlier here.
//! - Of contradictory lists of the same length, either may count as the order.
//! - A transaction of unknown outcome whose write to a register was read did commit; `adya` (like
//!   Elle) leaves it out of the graph.
//! - A transaction that reads a register's value before it writes it is a future read here.
//! - Readers of a register's initial state depend on the writers of its first versions only, since
//!   the others follow from these. Two anti-dependencies in a row may so become one, with write
//!   dependencies behind it: a worse kind, or another kind of the same cycle.
//!
//! So lists must agree on every kind but for these, and registers on what is ruled out.

use std::collections::BTreeSet;
use std::fmt::Write;

use adya::{History, Opts, Report, Workload};
use checkers::transactions::rw_register::{self, VersionOrder};
use checkers::transactions::{Analysis, Call, Kind, Model, Options, Order, Outcome, list_append};

use super::histories::{Lists, Registers, Shape, Store, lists, registers};
use crate::generator::{Random, some};

fn shape(random: &mut Random) -> Shape {
    Shape {
        transactions: 2 + random.below(40) as usize,
        clients: 2 + random.below(5) as usize,
        keys: 1 + random.below(3),
        ops_max: 4,
        failed_percent: 3,
        unknown_percent: 0,
        store: if random.percent(90) { Store::Careless } else { Store::Serial },
        reads_first: random.percent(30),
    }
}

/// A history in Jepsen's form, one event a line.
fn text(calls: &[Call], invoked: &[String], completed: &[String]) -> String {
    let mut events: Vec<(u64, String)> = Vec::new();
    for (place, call) in calls.iter().enumerate() {
        let mut event = |moment, kind: &str, value: &str| {
            let line =
                format!(r#"{{"type":"{kind}","process":{},"value":[{value}]}}"#, call.process);
            events.push((moment, line));
        };
        event(call.invoked, "invoke", &invoked[place]);
        let kind = match call.outcome {
            Outcome::Ok => "ok",
            Outcome::Fail => "fail",
            Outcome::Info => "info",
        };
        event(call.completed, kind, &completed[place]);
    }
    events.sort();
    events.into_iter().fold(String::new(), |mut text, (_, line)| {
        let _ = writeln!(text, "{line}");
        text
    })
}

fn list_op(op: &list_append::Op<u32, u32>, is_known: bool) -> String {
    match op {
        list_append::Op::Append { key, element } => format!(r#"["append",{key},{element}]"#),
        list_append::Op::Read { key, elements: Some(list) } if is_known => {
            format!(r#"["r",{key},{list:?}]"#)
        }
        list_append::Op::Read { key, .. } => format!(r#"["r",{key},null]"#),
    }
}

fn register_op(op: &rw_register::Op<u32, u32>, is_known: bool) -> String {
    match op {
        rw_register::Op::Write { key, value } => format!(r#"["w",{key},{value}]"#),
        rw_register::Op::Read { key, value: Some(value) } if is_known => {
            format!(r#"["r",{key},{value}]"#)
        }
        rw_register::Op::Read { key, .. } => format!(r#"["r",{key},null]"#),
    }
}

fn adya_lists(history: &Lists, model: &str) -> Report {
    let calls: Vec<Call> = history.iter().map(|transaction| transaction.call).collect();
    let ops = |is_known| {
        let join =
            |ops: &Vec<_>| ops.iter().map(|op| list_op(op, is_known)).collect::<Vec<_>>().join(",");
        history.iter().map(|transaction| join(&transaction.ops)).collect::<Vec<_>>()
    };
    adya(&text(&calls, &ops(false), &ops(true)), Workload::ListAppend, model)
}

fn adya_registers(history: &Registers, model: &str) -> Report {
    let calls: Vec<Call> = history.iter().map(|transaction| transaction.call).collect();
    let ops = |is_known| {
        let join = |ops: &Vec<_>| {
            ops.iter().map(|op| register_op(op, is_known)).collect::<Vec<_>>().join(",")
        };
        history.iter().map(|transaction| join(&transaction.ops)).collect::<Vec<_>>()
    };
    adya(&text(&calls, &ops(false), &ops(true)), Workload::RwRegister, model)
}

fn adya(text: &str, workload: Workload, model: &str) -> Report {
    let history = History::from_json(text).unwrap();
    let models = vec![model.to_owned()];
    adya::check(&history, workload, &Opts { models, wfr_keys: true, ..Opts::default() })
}

fn kinds(analysis: &Analysis) -> BTreeSet<String> {
    analysis.anomalies.keys().map(ToString::to_string).collect()
}

const MODELS: [&str; 6] = [
    "strict-serializable",
    "strong-session-serializable",
    "serializable",
    "snapshot-isolation",
    "read-committed",
    "read-uncommitted",
];

#[test]
fn lists_have_the_anomalies_that_adya_finds() {
    let mut seen = BTreeSet::new();
    for seed in 0..some(6_000) {
        let random = &mut Random(seed);
        let shape = shape(random);
        let history = lists(random, shape);
        let name = MODELS[seed as usize % MODELS.len()];
        let model: Model = name.parse().unwrap();
        let ours = list_append::check(&history, &Options { models: vec![model] }).unwrap();
        let theirs = adya_lists(&history, name);
        let is_valid = theirs.valid == adya::Valid::True;
        let has = |kind| ours.anomalies.contains_key(&kind);
        let is_order_open = has(Kind::IncompatibleOrder);
        if has(Kind::EmptyTransactionGraph) || is_order_open && name == "read-uncommitted" {
            continue;
        }
        assert_eq!(
            ours.verdict == checkers::Verdict::Valid,
            is_valid,
            "{name}, seed {seed}: {:?} {:?}\n{history:#?}",
            kinds(&ours),
            theirs.anomaly_types
        );
        if is_valid || is_order_open {
            continue;
        }
        let known: BTreeSet<String> = theirs.anomaly_types.iter().cloned().collect();
        let found = kinds(&ours);
        for kind in known.difference(&found) {
            let is_explained = kind == "lost-update"
                || kind.ends_with("-cycle-exists")
                || kind.ends_with("-realtime")
                    && found.contains(&kind.replace("-realtime", "-process"));
            assert!(is_explained, "{name}, seed {seed}: {kind} not in {found:?}\n{history:#?}");
        }
        let mut forbidden = ours.anomalies.keys().filter(|&&kind| model.forbids(kind));
        let unknown = forbidden.find(|kind| !known.contains(kind.name()));
        let is_explained = unknown.is_none_or(|kind| {
            let is_process = matches!(kind, Kind::Cycle(Order::Process, _));
            *kind == Kind::GarbageRead || is_process || has(Kind::AbortedRead)
        });
        assert!(is_explained, "{name}, seed {seed}: {unknown:?} not in {known:?}\n{history:#?}");
        seen.extend(known);
    }
    let kinds_min = if some(100) == 100 { 15 } else { 8 };
    assert!(seen.len() > kinds_min, "{seen:?}");
}

#[test]
fn registers_have_the_anomalies_that_adya_finds() {
    for seed in 0..some(6_000) {
        let random = &mut Random(seed);
        let shape = shape(random);
        let history = registers(&lists(random, shape));
        let name = MODELS[seed as usize % MODELS.len()];
        let model: Model = name.parse().unwrap();
        let options = Options { models: vec![model] };
        let ours = rw_register::check(&history, &options, VersionOrder::default()).unwrap();
        let theirs = adya_registers(&history, name);
        let is_valid = theirs.valid == adya::Valid::True;
        let has = |kind| ours.anomalies.contains_key(&kind);
        if has(Kind::FutureRead) || has(Kind::EmptyTransactionGraph) {
            continue;
        }
        assert_eq!(
            ours.verdict == checkers::Verdict::Valid,
            is_valid,
            "{name}, seed {seed}: {:?} {:?}\n{history:#?}",
            kinds(&ours),
            theirs.anomaly_types
        );
    }
}
