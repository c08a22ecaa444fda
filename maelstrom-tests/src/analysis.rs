//! From the record of a run to its results: what Maelstrom calls `results`, as JSON with its names.

use checkers::{Process, Verdict};
use serde_json::{Map, Value, json};

use crate::expect::Expectation;
use crate::harness::Record;
use crate::options::{Options, WorkloadName};
use crate::workload::{AnyEvent, AnyHistory, Checked};
use crate::world::{Problem, ProblemKind};

/// What is to be said of a run.
#[derive(Clone, PartialEq, Debug)]
pub struct Results {
    /// The verdict on everything together.
    pub verdict: Verdict,
    /// The contents of `results.json`.
    pub json: Map<String, Value>,
}

/// What a run was, besides its options, for `results.json`.
#[derive(Clone, Debug, Default)]
pub struct Subject {
    /// More entries for `options`: the binary or the simulated node, and its arguments.
    pub options: Map<String, Value>,
    /// The command that repeats the run.
    pub command: String,
}

/// Checks a run and gathers its figures. `stop` is asked now and then whether a checker should
/// give up; one that does answers unknown.
pub fn analyse(
    options: &Options,
    subject: &Subject,
    record: &Record,
    expectations: &[Expectation],
    stop: &mut dyn FnMut() -> bool,
) -> Results {
    let mut verdicts = Vec::new();
    let mut causes = Vec::new();
    let mut json = Map::new();

    let stats = record.history.stats();
    verdicts.push(stats.all.verdict);
    for (f, outcomes) in &stats.by_f {
        if outcomes.verdict != Verdict::Valid {
            causes.push(format!("not one {f} succeeded ({} tried)", outcomes.count));
        }
    }
    let availability = record.history.availability(options.availability);
    verdicts.push(availability.verdict);
    if availability.verdict != Verdict::Valid {
        causes.push(format!("only {:.4} of the operations succeeded", availability.ok_fraction));
    }
    if !has_succeeded(&*record.history) {
        verdicts.push(Verdict::Unknown);
        causes.push(nothing_succeeded(options.workload, &*record.history));
    }
    let checked = record.history.check(stop);
    verdicts.push(checked.verdict);
    causes.splice(0..0, checked.causes.clone());
    judge_nodes(record, &mut verdicts, &mut causes);

    json.insert("stats".to_owned(), to_value(&stats));
    json.insert("availability".to_owned(), to_value(&availability));
    json.insert("net".to_owned(), net(record));
    json.insert("latencies".to_owned(), latencies(&*record.history));
    json.insert("fault-phases".to_owned(), fault_phases(&*record.history));
    json.insert("workload".to_owned(), with_verdict(&checked));
    // Problems and messages are in the time of the world; for readers who put them together.
    json.insert("time-zero".to_owned(), json!(record.time_zero.as_nanos()));
    json.insert("problems".to_owned(), to_value(&record.problems));
    json.insert("unsettled".to_owned(), json!(record.unsettled));
    json.insert("unexamined".to_owned(), json!(record.unexamined));
    json.insert("notes".to_owned(), json!(notes(options, record)));

    let outcomes: Vec<Value> = expectations
        .iter()
        .map(|expectation| {
            let outcome = expectation.judge(&json, options.workload);
            verdicts.push(Verdict::from_rule(outcome.holds));
            if !outcome.holds {
                causes.push(outcome.text.clone());
            }
            to_value(&outcome)
        })
        .collect();
    json.insert("expect".to_owned(), Value::Array(outcomes));

    let verdict = Verdict::all(verdicts);
    let mut all = Map::new();
    all.insert("valid?".to_owned(), to_value(&verdict));
    all.insert("verdict".to_owned(), json!({ "text": say(verdict), "causes": causes }));
    all.insert("options".to_owned(), all_options(options, subject));
    all.append(&mut json);
    Results { verdict, json: all }
}

/// Whether an operation before the final ones did. Without one nothing was put to the test.
fn has_succeeded(history: &dyn AnyHistory) -> bool {
    history.events().any(|event| event.kind() == checkers::Kind::Ok && !event.is_final())
}

fn nothing_succeeded(workload: WorkloadName, history: &dyn AnyHistory) -> String {
    let name = workload.as_str();
    match history.events().any(|event| event.process() != Process::Nemesis && !event.is_final()) {
        true => format!(
            "not one operation succeeded: is this a {name} node? `eddy check-node -w {name}` asks \
             it one of each message and explains its answers"
        ),
        false => "no operation was asked for, so nothing was put to the test".to_owned(),
    }
}

/// The verdict in a sentence.
pub fn say(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Valid => "Everything looks good: what the clients saw is right.",
        Verdict::Invalid => "Invalid: something is wrong.",
        Verdict::Unknown => "Unknown: too little was seen, or the analysis gave up.",
    }
}

/// A problem for people.
fn describe(problem: &Problem) -> String {
    let times =
        if problem.count > 1 { format!(" ({} times)", problem.count) } else { String::new() };
    format!("{}: {}{times}", problem.node, problem.text)
}

fn judge_nodes(record: &Record, verdicts: &mut Vec<Verdict>, causes: &mut Vec<String>) {
    for problem in record.problems.iter().filter(|problem| problem.kind.is_fatal()) {
        verdicts.push(Verdict::Invalid);
        let cause = describe(problem);
        // What must never be is the first thing to look at.
        let first = matches!(problem.kind, ProblemKind::Invariant | ProblemKind::NotStarted);
        let place = if first { 0 } else { causes.len() };
        causes.insert(place, cause);
    }
    for node in &record.unsettled {
        verdicts.push(Verdict::Invalid);
        causes.push(format!("{node} completed no operation after everything was healed"));
    }
    for node in &record.unexamined {
        verdicts.push(Verdict::Unknown);
        causes.push(format!(
            "{node} completed no operation after its last restart: what it still knew then was not \
             examined"
        ));
    }
    if record.interrupted {
        verdicts.push(Verdict::Unknown);
        causes.push("the run was ended before its time".to_owned());
    }
}

fn to_value(value: &impl serde::Serialize) -> Value {
    serde_json::to_value(value).unwrap_or(Value::Null)
}

/// What `options` in the results has.
pub(crate) fn all_options(options: &Options, subject: &Subject) -> Value {
    let mut all = match to_value(options) {
        Value::Object(options) => options,
        _ => Map::new(),
    };
    for flag in options.workload.kind().flags {
        all.insert(flag.name.to_owned(), options.settings.json(flag));
    }
    all.insert("node-count".to_owned(), json!(options.nodes.len()));
    all.extend(subject.options.clone());
    all.insert("command".to_owned(), json!(subject.command));
    Value::Object(all)
}

/// The network's counts, with messages per client operation where Maelstrom has them.
fn net(record: &Record) -> Value {
    let is_invocation = |event: &&dyn AnyEvent| {
        event.process() != Process::Nemesis && event.kind() == checkers::Kind::Invoke
    };
    let invocations = record.history.events().filter(is_invocation).count();
    let mut net = to_value(&record.statistics);
    for (group, messages) in [
        ("all", record.statistics.all.send_count),
        ("servers", record.statistics.servers.send_count),
    ] {
        if invocations > 0 {
            net[group]["msgs-per-op"] = json!(messages as f64 / invocations as f64);
        }
    }
    net["valid?"] = json!(true);
    net
}

fn latencies(history: &dyn AnyHistory) -> Value {
    let Ok((all, by_f)) = history.latencies() else { return Value::Null };
    let mut latencies = all.map_or_else(|| json!({}), |all| to_value(&all));
    latencies["by-f"] = to_value(&by_f);
    latencies
}

fn fault_phases(history: &dyn AnyHistory) -> Value {
    history.fault_phases().map_or(Value::Null, |phases| to_value(&phases))
}

fn with_verdict(checked: &Checked) -> Value {
    let mut results = checked.results.clone();
    if let Some(results) = results.as_object_mut() {
        results.insert("valid?".to_owned(), to_value(&checked.verdict));
    }
    results
}

/// What a reader should know before believing the verdict.
fn notes(options: &Options, record: &Record) -> Vec<String> {
    let mut notes = record.notes.clone();
    if let Ok(phases) = record.history.fault_phases() {
        for phase in phases.iter().filter(|phase| phase.is_vacuous()) {
            notes.push(format!(
                "while `{}` was on (from {:.1} s to {:.1} s) only {} of {} operations succeeded: \
                 the run says little about this fault",
                phase.fault,
                phase.start_time as f64 / 1e9,
                phase.end_time as f64 / 1e9,
                phase.ok,
                phase.invoked,
            ));
        }
    }
    for problem in record.problems.iter().filter(|problem| !problem.kind.is_fatal()) {
        notes.push(describe(problem));
    }
    let stricter = options.workload.kind().stricter;
    notes.push(format!("stricter than Maelstrom: {stricter}"));
    notes
}
