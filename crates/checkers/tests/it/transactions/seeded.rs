//! One history for each anomaly, small enough to see it.

use checkers::Verdict;
use checkers::transactions::rw_register::VersionOrder;
use checkers::transactions::{
    Analysis, Call, Model, Options, Outcome, Transaction, list_append, rw_register,
};

type Lists = Vec<Transaction<list_append::Op<&'static str, u32>>>;
type Registers = Vec<Transaction<rw_register::Op<&'static str, u32>>>;

/// Reads a history: a line a transaction, `process invoked..completed outcome: op, op`, where an
/// operation is `x+1` (append), `x=[1 2]` (read of a list), `x:=1` (write) or `x=1` (read; `x=`
/// reads the initial state). Without moments all transactions overlap; the head may be left out.
fn calls(text: &'static str) -> Vec<(Call, Vec<&'static str>)> {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .enumerate()
        .map(|(place, line)| {
            let (head, ops) = line.split_once(": ").unwrap_or(("", line));
            let mut call =
                Call { process: place as u64, invoked: 0, completed: 9, outcome: Outcome::Ok };
            for word in head.split_whitespace() {
                if let Some((from, to)) = word.split_once("..") {
                    (call.invoked, call.completed) = (from.parse().unwrap(), to.parse().unwrap());
                } else if let Ok(process) = word.parse() {
                    call.process = process;
                } else if word == "fail" {
                    call.outcome = Outcome::Fail;
                } else if word == "info" {
                    call.outcome = Outcome::Info;
                }
            }
            (call, ops.split(", ").collect())
        })
        .collect()
}

fn lists(text: &'static str) -> Lists {
    let op = |text: &'static str| match text.split_once('+') {
        Some((key, element)) => list_append::Op::Append { key, element: element.parse().unwrap() },
        None => {
            let (key, list) = text.split_once('=').unwrap();
            let list = list.trim_matches(['[', ']']).split_whitespace();
            let elements: Vec<u32> = list.map(|element| element.parse().unwrap()).collect();
            list_append::Op::Read { key, elements: Some(elements) }
        }
    };
    let make = |(call, ops): (Call, Vec<&'static str>)| Transaction {
        call,
        ops: ops.into_iter().map(op).collect(),
    };
    calls(text).into_iter().map(make).collect()
}

fn registers(text: &'static str) -> Registers {
    let op = |text: &'static str| match text.split_once(":=") {
        Some((key, value)) => rw_register::Op::Write { key, value: value.parse().unwrap() },
        None => {
            let (key, value) = text.split_once('=').unwrap();
            rw_register::Op::Read { key, value: value.parse().ok() }
        }
    };
    let make = |(call, ops): (Call, Vec<&'static str>)| Transaction {
        call,
        ops: ops.into_iter().map(op).collect(),
    };
    calls(text).into_iter().map(make).collect()
}

fn names(analysis: &Analysis) -> Vec<&'static str> {
    analysis.anomalies.keys().map(|kind| kind.name()).collect()
}

fn models(models: &[Model]) -> Vec<&'static str> {
    models.iter().map(|model| model.name()).collect()
}

/// What is found, and the weakest models that it rules out.
#[track_caller]
fn check_lists(text: &'static str, anomalies: &[&str], not: &[&str]) -> Analysis {
    let analysis = list_append::check(&lists(text), &Options::default()).unwrap();
    assert_eq!(names(&analysis), anomalies, "{analysis:#?}");
    assert_eq!(models(&analysis.not), not);
    analysis
}

#[track_caller]
fn check_registers(
    text: &'static str,
    order: VersionOrder,
    anomalies: &[&str],
    not: &[&str],
) -> Analysis {
    let analysis = rw_register::check(&registers(text), &Options::default(), order).unwrap();
    assert_eq!(names(&analysis), anomalies, "{analysis:#?}");
    assert_eq!(models(&analysis.not), not);
    analysis
}

#[test]
fn what_is_valid_has_no_anomaly() {
    let analysis = check_lists("x+1, x=[1]\n x=[1], x+2\n y=[], x=[1 2]", &[], &[]);
    assert_eq!(analysis.verdict, Verdict::Valid);
}

#[test]
fn where_nothing_depends_on_anything_nothing_is_known() {
    let analysis = check_lists("x+1\n y+1", &["empty-transaction-graph"], &[]);
    assert_eq!(analysis.verdict, Verdict::Unknown);
    assert_eq!(
        analysis.anomalies.values().next().unwrap().examples[0].explanation,
        "No transaction depends on another, so nothing can be said."
    );
}

#[test]
fn g0() {
    let text = "x+1, y+1\n x+2, y+2\n x=[1 2]\n y=[2 1]";
    let analysis = check_lists(text, &["G0"], &["read-uncommitted"]);
    let explanation = &analysis.anomalies.values().next().unwrap().examples[0].explanation;
    assert_eq!(
        explanation,
        "G0: transactions overwrote each other in a circle. T0 comes before T1: T1 appended 2 to key x after T0 had appended 1. T1 comes before T0: T0 appended 1 to key y after T1 had appended 2. So T0 would have to come before itself."
    );
}

#[test]
fn g1c() {
    check_lists("x+1, y=[1]\n y+1, x=[1]", &["G1c"], &["read-committed"]);
}

#[test]
fn g_single() {
    check_lists(
        "x+1, y+1\n x=[1], y=[]",
        &["G-single-item"],
        &["consistent-view", "repeatable-read"],
    );
}

#[test]
fn g_nonadjacent_is_long_fork() {
    let text = "x+1\n y+1\n x=[1], y=[]\n x=[], y=[1]";
    check_lists(text, &["G-nonadjacent-item"], &["repeatable-read", "snapshot-isolation"]);
}

#[test]
fn g2_is_write_skew() {
    let text = "x=[], y=[], x+1\n x=[], y=[], y+1";
    check_lists(text, &["G2-item"], &["repeatable-read"]);
}

#[test]
fn g0_process() {
    let text = "7 1..2: x+1\n 7 3..4: x+2\n 5..6: x=[2 1]";
    check_lists(text, &["G0-process"], &["strong-session-read-uncommitted"]);
}

#[test]
fn g1c_process() {
    let text = "7 1..2: x=[1]\n 7 3..4: x+1";
    check_lists(text, &["G1c-process"], &["strong-session-read-committed"]);
}

#[test]
fn g_single_process() {
    let text = "7 1..2: x+1\n 7 3..4: x=[]";
    check_lists(text, &["G-single-item-process"], &["strong-session-snapshot-isolation"]);
}

/// Of two processes that do two transactions each, one is always early enough for a shorter cycle
/// in real time.
#[test]
fn g_nonadjacent_process() {
    let text = "1 1..2: x+1\n 1 3..4: y=[]\n 2 1..2: y+1\n 2 3..4: x=[]";
    let kinds = ["G-nonadjacent-item-process", "G-single-item-realtime"];
    check_lists(text, &kinds, &["strong-session-snapshot-isolation"]);
}

#[test]
fn g2_process() {
    let text = "7 1..2: y+1\n 7 3..4: x=[]\n 1..9: x+1, y=[]";
    check_lists(text, &["G2-item-process"], &["strong-session-serializable"]);
}

#[test]
fn g0_realtime() {
    let text = "1..2: x+1\n 3..4: x+2\n 5..6: x=[2 1]";
    check_lists(text, &["G0-realtime"], &["strong-read-uncommitted"]);
}

#[test]
fn g1c_realtime() {
    check_lists("1..2: x=[1]\n 3..4: x+1", &["G1c-realtime"], &["strong-read-committed"]);
}

#[test]
fn g_single_realtime() {
    check_lists(
        "1..2: x+1\n 3..4: x=[]",
        &["G-single-item-realtime"],
        &["strong-snapshot-isolation"],
    );
}

#[test]
fn g_nonadjacent_realtime() {
    let text = "1..2: x+1\n 3..4: y=[]\n 1..9: y+1\n 1..9: x=[], y=[1]";
    check_lists(text, &["G-nonadjacent-item-realtime"], &["strong-snapshot-isolation"]);
}

#[test]
fn g2_realtime() {
    let text = "1..2: y+1\n 3..4: x=[]\n 1..9: x+1, y=[]";
    check_lists(text, &["G2-item-realtime"], &["strict-serializable"]);
}

#[test]
fn g1a() {
    check_lists("fail: x+1\n x=[1]\n y+1\n y=[1]", &["G1a"], &["read-committed"]);
}

#[test]
fn g1b() {
    let analysis = list_append::check(&lists("x+1, x+2\n x=[1]"), &Options::default()).unwrap();
    assert_eq!(names(&analysis), ["G1b", "G-single-item"]);
    assert!(analysis.rules_out(Model::READ_COMMITTED));
}

#[test]
fn internal() {
    let text = "x+1, x=[1 2]\n x+2";
    let analysis = list_append::check(&lists(text), &Options::default()).unwrap();
    assert!(names(&analysis).contains(&"internal"));
    check_lists("x+1, x=[]\n y+1\n y=[1]", &["internal"], &["read-atomic"]);
}

#[test]
fn future_read() {
    check_lists("x=[1], x+1\n y+1\n y=[1]", &["future-read"], &["read-committed"]);
}

#[test]
fn lost_update() {
    let text = "x=[], x+1\n x=[], x+2";
    check_lists(text, &["lost-update", "G2-item"], &["cursor-stability", "update-atomic"]);
}

#[test]
fn dirty_update() {
    let text = "fail: x+1\n x+2\n x=[1 2]";
    check_lists(text, &["G1a", "dirty-update"], &["read-committed"]);
}

#[test]
fn duplicate_elements() {
    let text = "x+1\n x+2\n x=[1 2 1]";
    let analysis = list_append::check(&lists(text), &Options::default()).unwrap();
    assert!(names(&analysis).contains(&"duplicate-elements"));
    assert_eq!(models(&analysis.not), ["read-uncommitted"]);
}

#[test]
fn incompatible_order() {
    let text = "x+1\n x+2\n x=[1 2]\n x=[2 1]";
    let analysis = list_append::check(&lists(text), &Options::default()).unwrap();
    assert!(names(&analysis).contains(&"incompatible-order"));
    assert!(analysis.rules_out(Model::READ_COMMITTED));
}

#[test]
fn the_appends_of_a_transaction_the_other_way_round() {
    let text = "x+1, x+2\n x+3, x=[2 1 3]";
    check_lists(text, &["incompatible-order"], &["read-committed"]);
}

#[test]
fn garbage_read() {
    check_lists("x=[7]\n y+1\n y=[1]", &["garbage-read"], &["read-uncommitted"]);
    let order = VersionOrder::default();
    check_registers("x=7\n y:=1\n y=1", order, &["garbage-read"], &["read-uncommitted"]);
}

/// What many languages have in the place of nothing is the most likely reason for it.
#[test]
fn a_read_of_zero_where_nothing_was_written() {
    let said = |text| {
        let order = VersionOrder::default();
        let found = check_registers(text, order, &["garbage-read"], &["read-uncommitted"]);
        found.anomalies.values().next().unwrap().examples[0].explanation.clone()
    };
    assert_eq!(
        said("x=0\n y:=1\n y=1"),
        "T0 read 0 from key x, which nobody ever wrote. A register to which nothing was written is read as null."
    );
    assert_eq!(said("x=7\n y:=1\n y=1"), "T0 read 7 from key x, which nobody ever wrote.");
}

#[test]
fn cyclic_versions() {
    let text = "x=1, x:=2\n x=2, x:=1";
    let order = VersionOrder::default();
    let analysis = check_registers(text, order, &["cyclic-versions", "G1c"], &["read-uncommitted"]);
    assert_eq!(
        analysis.anomalies.values().next().unwrap().examples[0].explanation,
        "Key x: if writes follow reads, its versions follow each other in a circle: 1, then 2, then 1."
    );
}

#[test]
fn a_process_that_reads_backwards_contradicts_sequential_keys() {
    let text = "7 1..2: x=1\n 7 3..4: x=\n 1..9: x:=1";
    let order = VersionOrder { sequential_keys: true, ..VersionOrder::default() };
    let analysis = rw_register::check(&registers(text), &Options::default(), order).unwrap();
    assert!(names(&analysis).contains(&"cyclic-versions"), "{analysis:#?}");
}

/// Two transactions write x and y at the same time, and later one key has the value of one and the
/// other that of the other. That was missed upstream (jepsen-io/maelstrom#56).
#[test]
fn a_write_cycle_of_registers() {
    let text = "1..2: x:=1, y:=1\n 1..2: x:=2, y:=2\n 3..4: x=1, y=2";
    let order = VersionOrder { linearizable_keys: true, ..VersionOrder::default() };
    let analysis = rw_register::check(&registers(text), &Options::default(), order).unwrap();
    assert!(names(&analysis).contains(&"G0"), "{analysis:#?}");
    assert!(analysis.rules_out(Model::READ_UNCOMMITTED));
    check_registers(text, VersionOrder::default(), &[], &[]);
}

#[test]
fn registers_have_the_same_anomalies_as_far_as_their_order_is_known() {
    let order = VersionOrder::default();
    let check =
        |text, anomalies: &[&str], not: &[&str]| check_registers(text, order, anomalies, not);
    check("x:=1, y=1\n y:=1, x=1", &["G1c"], &["read-committed"]);
    check("x:=1, y:=1\n x=1, y=", &["G-single-item"], &["consistent-view", "repeatable-read"]);
    let fork = "x:=1\n y:=1\n x=1, y=\n x=, y=1";
    check(fork, &["G-nonadjacent-item"], &["repeatable-read", "snapshot-isolation"]);
    check("x=, y=, x:=1\n x=, y=, y:=1", &["G2-item"], &["repeatable-read"]);
    check("fail: x:=1\n x=1\n y:=1\n y=1", &["G1a"], &["read-committed"]);
    check("x:=1, x:=2\n x=1\n y:=1\n y=1", &["G1b"], &["read-committed"]);
    check("x:=1, x=\n y:=1\n y=1", &["internal"], &["read-atomic"]);
    check("x=1, x:=1\n y:=1\n y=1", &["future-read"], &["read-committed"]);
    let lost = "x=, x:=1\n x=, x:=2";
    check(lost, &["lost-update", "G2-item"], &["cursor-stability", "update-atomic"]);
    check("1..2: x:=1\n 3..4: x=", &["G-single-item-realtime"], &["strong-snapshot-isolation"]);
    check("7 1..2: x=1\n 7 3..4: x:=1", &["G1c-process"], &["strong-session-read-committed"]);
}

#[test]
fn a_transaction_of_unknown_outcome_happened_if_it_was_seen() {
    check_lists(
        "info: x+1, y+1\n x=[1], y=[]",
        &["G-single-item"],
        &["consistent-view", "repeatable-read"],
    );
    let order = VersionOrder::default();
    let text = "info: x:=1, y:=1\n x=1, y=";
    check_registers(text, order, &["G-single-item"], &["consistent-view", "repeatable-read"]);
    // And else it need not have.
    check_lists("1..2 info: x+1\n 3..4: x=[]\n 5..6: x=[]", &[], &[]);
}

#[test]
fn values_must_be_unique() {
    let error = list_append::check(&lists("x+1\n x+1"), &Options::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "value 1 was written to key x twice, by T0 and by T1; written values must be unique for each key"
    );
}

#[test]
fn the_shortest_of_several_cycles_is_shown() {
    // Three in a circle, of which the first and the last also form one alone.
    let text = "x+1, y=[1], w=[1]\n x=[1], z+1\n z=[1], y+1, w+1, x=[1]";
    let analysis = list_append::check(&lists(text), &Options::default()).unwrap();
    let found = analysis.anomalies.values().next().unwrap();
    assert_eq!(found.examples[0].transactions.len(), 2, "{found:#?}");
}

#[test]
fn what_begins_at_the_very_moment_of_a_return_is_not_later() {
    check_lists("7 1..2: x+1\n 7 2..3: x=[]\n 4..5: x=[1]", &[], &[]);
}
