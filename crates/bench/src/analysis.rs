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
    let Judged { mut verdicts, mut causes, parts } = judge(options, &*record.history, stop);
    if !has_succeeded(&*record.history) {
        verdicts.push(Verdict::Unknown);
        causes.push(nothing_succeeded(options.workload, &*record.history));
    }
    judge_nodes(record, &mut verdicts, &mut causes);

    let mut json = Map::new();
    let [stats, availability, latencies, fault_phases, workload] = parts;
    json.extend([
        stats,
        availability,
        entry("net", net(record)),
        latencies,
        fault_phases,
        workload,
    ]);
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

/// Checks a stored history, of which nothing else is known than what its clients saw.
pub fn analyse_history(
    options: &Options,
    subject: &Subject,
    history: &dyn AnyHistory,
    stop: &mut dyn FnMut() -> bool,
) -> Results {
    let Judged { mut verdicts, mut causes, parts } = judge(options, history, stop);
    if !has_succeeded(history) {
        verdicts.push(Verdict::Unknown);
        causes.push("not one operation of the history succeeded".to_owned());
    }
    let verdict = Verdict::all(verdicts);
    let mut json = Map::new();
    json.extend([
        entry("valid?", to_value(&verdict)),
        entry("verdict", json!({ "text": say(verdict), "causes": causes })),
        entry("options", workload_options(options, subject)),
    ]);
    json.extend(parts);
    Results { verdict, json }
}

/// What the events of a history alone say.
struct Judged {
    verdicts: Vec<Verdict>,
    causes: Vec<String>,
    /// Entries of the results: `stats`, `availability`, `latencies`, `fault-phases`, `workload`.
    parts: [(String, Value); 5],
}

fn judge(options: &Options, history: &dyn AnyHistory, stop: &mut dyn FnMut() -> bool) -> Judged {
    let stats = history.stats();
    let availability = history.availability(options.availability);
    let checked = history.check(stop);
    let verdicts = vec![stats.all.verdict, availability.verdict, checked.verdict];
    let mut causes = checked.causes.clone();
    for (f, outcomes) in &stats.by_f {
        if outcomes.verdict != Verdict::Valid {
            causes.push(format!("not one {f} succeeded ({} tried)", outcomes.count));
        }
    }
    if availability.verdict != Verdict::Valid {
        causes.push(format!("only {:.4} of the operations succeeded", availability.ok_fraction));
    }
    let parts = [
        entry("stats", to_value(&stats)),
        entry("availability", to_value(&availability)),
        entry("latencies", latencies(history)),
        entry("fault-phases", fault_phases(history)),
        entry("workload", with_verdict(&checked)),
    ];
    Judged { verdicts, causes, parts }
}

fn entry(name: &str, value: Value) -> (String, Value) {
    (name.to_owned(), value)
}

/// Whether an operation before the final ones did. Without one nothing was put to the test.
fn has_succeeded(history: &dyn AnyHistory) -> bool {
    history.events().any(|event| event.kind() == checkers::Kind::Ok && !event.is_final())
}

fn nothing_succeeded(workload: WorkloadName, history: &dyn AnyHistory) -> String {
    let name = workload.as_str();
    match history.events().any(|event| event.process() != Process::Nemesis && !event.is_final()) {
        true => format!(
            "not one operation succeeded: is this a node for {name}? `eddy check-node -w {name}` asks \
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
        let first = matches!(
            problem.kind,
            ProblemKind::Invariant | ProblemKind::Panicked | ProblemKind::NotStarted
        );
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
pub fn all_options(options: &Options, subject: &Subject) -> Value {
    let mut all = match to_value(options) {
        Value::Object(options) => options,
        _ => Map::new(),
    };
    all.extend(settings(options));
    all.insert("node-count".to_owned(), json!(options.nodes.len()));
    all.extend(subject.options.clone());
    all.insert("command".to_owned(), json!(subject.command));
    Value::Object(all)
}

/// What `options` in the results of a stored history has: what matters to a checker.
fn workload_options(options: &Options, subject: &Subject) -> Value {
    let mut all = Map::new();
    all.insert("workload".to_owned(), to_value(&options.workload));
    all.extend(settings(options));
    all.extend(subject.options.clone());
    all.insert("command".to_owned(), json!(subject.command));
    Value::Object(all)
}

/// What the flags of the workload are set to.
fn settings(options: &Options) -> impl Iterator<Item = (String, Value)> {
    let flags = options.workload.kind().flags.iter();
    flags.map(|flag| (flag.name.to_owned(), options.settings.json(flag)))
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
