//! From the record of a run to its results.

use checkers::{Process, Verdict};
use serde_json::{Map, Value, json};

use crate::account::Bite;
use crate::expect::Expectation;
use crate::harness::Record;
use crate::options::{Options, WorkloadName};
use crate::results::{Judgement, LatencyFigures, Net, Results};
use crate::workload::{AnyEvent, AnyHistory, Checked};
use crate::world::{Problem, ProblemKind};

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
    // What ended the run does not end the checking of it; whoever means both says so twice.
    let stop = if record.interrupted { &mut || false } else { stop };
    let Judged { mut verdicts, mut causes, in_vain, mut results } =
        judge(options, &*record.history, record.interrupted, stop);
    // What a run that was cut short could not show says less than why it ended.
    let undecided = match verdicts[..] {
        [Verdict::Unknown] if record.interrupted => std::mem::take(&mut causes),
        _ => Vec::new(),
    };
    let shortfall = if record.interrupted { Verdict::Unknown } else { Verdict::Invalid };
    let of_workload = causes.len();
    if !in_vain.is_empty() {
        verdicts.push(shortfall);
        causes.extend(in_vain);
    }
    if let Some(availability) = &results.availability
        && availability.verdict != Verdict::Valid
    {
        verdicts.push(shortfall);
        causes.push(format!("only {:.4} of the operations succeeded", availability.ok_fraction));
    }
    if !has_succeeded(&*record.history) {
        verdicts.push(Verdict::Unknown);
        causes.push(nothing_succeeded(options.workload, &*record.history));
    }
    if !causes.is_empty() {
        // Answers that cannot be read, or answer nothing, are why not one of them was a success.
        let unread = record.problems.iter().filter(|problem| {
            matches!(problem.kind, ProblemKind::MalformedReply | ProblemKind::StrayReply)
        });
        causes.splice(of_workload..of_workload, unread.map(describe));
    }
    if record.problems.iter().any(|problem| problem.kind == ProblemKind::NotStarted) {
        // Of a run that did not begin there is nothing else to say.
        causes.clear();
    }
    judge_nodes(record, &mut verdicts, &mut causes);
    if let Some(watched) = &record.watched {
        verdicts.push(watched.verdict);
        causes.extend(watched.causes.iter().cloned());
    }

    results.options = all_options(options, subject);
    results.net = Some(net(record));
    // Problems and messages are in the time of the world; for readers who put them together.
    results.time_zero = Some(record.time_zero.as_nanos());
    results.problems.clone_from(&record.problems);
    results.unsettled.clone_from(&record.unsettled);
    results.unexamined.clone_from(&record.unexamined);
    results.notes.extend(notes(options, record, &causes));
    results.messages = record.watched.as_ref().map(workload_results);
    results.faults.clone_from(&record.bites);
    results.sometimes.clone_from(&record.conditions);
    if !expectations.is_empty() {
        let figures = results.json();
        let outcome = |expectation: &Expectation| expectation.judge(&figures, options.workload);
        results.expect = expectations.iter().map(outcome).collect();
    }
    for outcome in &results.expect {
        verdicts.push(if outcome.holds { Verdict::Valid } else { shortfall });
        if !outcome.holds {
            causes.push(outcome.text.clone());
        }
    }
    if record.interrupted {
        say_cut_short(&mut verdicts, &mut causes);
        causes.extend(undecided);
    }
    results.cut_short = record.interrupted;
    with_verdict(results, verdicts, causes)
}

/// Checks a stored history, of which nothing else is known than what its clients saw. That no operation of
/// some kind succeeded is a note: it says how little a test was worth, and not that clients saw what is wrong.
/// What is missing at the end of a run that was cut short is not lost.
pub fn analyse_history(
    options: &Options,
    subject: &Subject,
    history: &dyn AnyHistory,
    is_cut_short: bool,
    stop: &mut dyn FnMut() -> bool,
) -> Results {
    let Judged { mut verdicts, mut causes, in_vain, mut results } =
        judge(options, history, is_cut_short, stop);
    if has_succeeded(history) {
        results.notes.extend(in_vain);
    } else {
        verdicts.push(Verdict::Unknown);
        causes.push(nothing_succeeded_in(history));
    }
    if is_cut_short {
        say_cut_short(&mut verdicts, &mut causes);
    }
    results.cut_short = is_cut_short;
    results.options = workload_options(options, subject);
    with_verdict(results, verdicts, causes)
}

fn with_verdict(results: Results, verdicts: Vec<Verdict>, causes: Vec<String>) -> Results {
    let verdict = Verdict::all(verdicts);
    let text = match verdict {
        Verdict::Unknown if results.cut_short => "Unknown: the run did not come to its end.",
        _ => say(verdict),
    };
    let judgement = Judgement { text: text.to_owned(), causes };
    Results { valid: Some(verdict), judgement, ..results }
}

/// Adds that the run was cut short. Where nothing is wrong all else follows from it.
fn say_cut_short(verdicts: &mut Vec<Verdict>, causes: &mut Vec<String>) {
    let place = if verdicts.contains(&Verdict::Invalid) { causes.len() } else { 0 };
    verdicts.push(Verdict::Unknown);
    causes.insert(place, CUT_SHORT.to_owned());
}

/// Why nothing more is known of a run than what clients saw so far.
const CUT_SHORT: &str = "the run was ended before its time";

/// What the events of a history alone say.
struct Judged {
    verdicts: Vec<Verdict>,
    causes: Vec<String>,
    /// The functions of which not one operation succeeded, in words.
    in_vain: Vec<String>,
    results: Results,
}

fn judge(
    options: &Options,
    history: &dyn AnyHistory,
    is_cut_short: bool,
    stop: &mut dyn FnMut() -> bool,
) -> Judged {
    let stats = history.stats();
    let availability = history.availability(options.availability);
    let checked = if is_cut_short { history.check_cut_short(stop) } else { history.check(stop) };
    let useless = stats.by_f.iter().filter(|(_, outcomes)| outcomes.verdict != Verdict::Valid);
    let in_vain = useless
        .map(|(f, outcomes)| format!("not one {f} succeeded ({} tried)", outcomes.count))
        .collect();
    let results = Results {
        stats: Some(stats),
        availability: Some(availability),
        latencies: history.latencies().ok().map(|(all, by_f)| LatencyFigures { all, by_f }),
        fault_phases: history.fault_phases().unwrap_or_default(),
        workload: workload_results(&checked),
        notes: checked.notes,
        highlights: checked.highlights,
        lead: checked.lead,
        exhibits: checked.exhibits,
        ..Results::default()
    };
    Judged { verdicts: vec![checked.verdict], causes: checked.causes, in_vain, results }
}

/// What a checker says, with its verdict as Maelstrom has it.
fn workload_results(checked: &Checked) -> Value {
    let mut all = checked.results.clone();
    if let Some(results) = all.as_object_mut() {
        results.insert("valid?".to_owned(), to_value(&checked.verdict));
    }
    all
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

/// Of a stored history there is nobody to ask.
fn nothing_succeeded_in(history: &dyn AnyHistory) -> String {
    let of_kind = |kind| {
        let is_such = move |event: &&dyn AnyEvent| {
            event.process() != Process::Nemesis && event.kind() == kind
        };
        history.events().filter(is_such).count()
    };
    match (of_kind(checkers::Kind::Invoke), of_kind(checkers::Kind::Ok)) {
        (0, _) => "the history has no operations, so nothing can be said".to_owned(),
        (1, 0) => "the only operation of the history did not succeed".to_owned(),
        (asked, 0) => format!("none of the {asked} operations of the history succeeded"),
        _ => "no operation of the history succeeded before the final ones".to_owned(),
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
        // An answer that cannot be read stands already where it is the reason of something else.
        if !causes.contains(&cause) {
            causes.insert(place, cause);
        }
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
}

fn to_value(value: &impl serde::Serialize) -> Value {
    serde_json::to_value(value).unwrap_or(Value::Null)
}

/// What `options` in the results has.
pub fn all_options(options: &Options, subject: &Subject) -> Map<String, Value> {
    let mut all = match to_value(options) {
        Value::Object(options) => options,
        _ => Map::new(),
    };
    all.extend(settings(options));
    all.insert("node-count".to_owned(), json!(options.nodes.len()));
    all.extend(subject.options.clone());
    all.insert("command".to_owned(), json!(subject.command));
    all
}

/// What `options` in the results of a stored history has: what matters to a checker.
fn workload_options(options: &Options, subject: &Subject) -> Map<String, Value> {
    let mut all = Map::new();
    all.insert("workload".to_owned(), to_value(&options.workload));
    all.extend(settings(options));
    all.extend(subject.options.clone());
    all.insert("command".to_owned(), json!(subject.command));
    all
}

/// What the flags of the workload are set to.
fn settings(options: &Options) -> impl Iterator<Item = (String, Value)> {
    let flags = options.workload.kind().flags.iter();
    flags.map(|flag| (flag.name.to_owned(), options.settings.json(flag)))
}

/// The network's counts, with messages per client operation where Maelstrom has them.
fn net(record: &Record) -> Net {
    let is_invocation = |event: &&dyn AnyEvent| {
        event.process() != Process::Nemesis && event.kind() == checkers::Kind::Invoke
    };
    Net::new(&record.statistics, record.history.events().filter(is_invocation).count())
}

/// What a reader should know before believing the verdict. What is a cause is told there.
fn notes(options: &Options, record: &Record, causes: &[String]) -> Vec<String> {
    let mut notes: Vec<String> = record.bites.iter().filter_map(Bite::warning).collect();
    notes.extend(record.notes.iter().cloned());
    if let Ok(phases) = record.history.fault_phases() {
        for phase in phases.iter().filter(|phase| phase.is_vacuous()) {
            let what = match phase.invoked {
                0 => "no operation began".to_owned(),
                invoked => format!("only {} of {invoked} operations succeeded", phase.ok),
            };
            notes.push(format!(
                "while `{}` was on (from {:.1} s to {:.1} s) {what}: the run says little about this fault",
                phase.fault,
                phase.start_time as f64 / 1e9,
                phase.end_time as f64 / 1e9,
            ));
        }
    }
    let harmless = record.problems.iter().filter(|problem| !problem.kind.is_fatal());
    notes.extend(harmless.map(describe).filter(|note| !causes.contains(note)));
    let stricter = options.workload.kind().stricter;
    notes.push(format!("stricter than Maelstrom: {stricter}"));
    if record.problems.iter().any(|problem| problem.kind == ProblemKind::MalformedReply) {
        notes.push("stricter than Maelstrom: a malformed answer makes the run invalid".to_owned());
    }
    notes
}

#[cfg(test)]
mod tests;
