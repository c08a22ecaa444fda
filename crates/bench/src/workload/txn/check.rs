//! From a history to anomalies, with Elle's names, and to sentences.

use std::collections::BTreeMap;

use checkers::transactions::rw_register::VersionOrder;
use checkers::transactions::{
    Analysis, Anomaly, Call, Kind, Model, Outcome, RepeatedWrite, list_append, rw_register,
};
use checkers::{Event, Kind as EventKind, Operation, Verdict, operations};
use proto::Json;
use serde::Serialize;
use serde_json::{Value, json};

use super::cycles;
use super::micro::{Micro, Txn, elements};
use super::models::Models;
use super::{Checked, Objects};
use crate::wire::quote;

/// How many kinds of anomalies are told among the causes.
const KINDS_TOLD: usize = 4;

/// What may be said of a history.
pub(super) fn check(objects: Objects, models: &Models, history: &[Event<Txn>]) -> Checked {
    let operations = match operations(history) {
        Ok(operations) => operations,
        Err(error) => return Checked::malformed(&error),
    };
    let (mut analysis, assumption) = match analyse(objects, models, &operations) {
        Ok(analysis) => analysis,
        Err(error) => {
            let results = json!({"valid?": "unknown", "error": error.to_string()});
            return Checked::unknown(results, format!("the history cannot be checked: {error}"));
        }
    };
    let unexamined: Vec<_> = models.unexamined().map(Model::name).collect();
    let is_examined = unexamined.len() < models.iter().count();
    if !is_examined {
        analysis.verdict = Verdict::Unknown;
    }
    let results = Findings::new(&analysis, assumption, &operations);
    let nothing_said = || {
        format!(
            "no anomaly that is looked for rules out {}: nothing is said of it",
            unexamined.join(" or ")
        )
    };
    let mut checked = Checked::new(analysis.verdict, &results, || match is_examined {
        true => summary(&analysis, models),
        false => nothing_said(),
    });
    if is_examined && !unexamined.is_empty() {
        checked.notes.push(nothing_said());
    }
    if analysis.verdict == Verdict::Invalid {
        checked.causes.extend(causes(&analysis, assumption, models, &operations));
        checked.lead = cycles::lead(examples(&analysis, models), &operations);
        checked.exhibits = cycles::exhibits(examples(&analysis, models), &operations);
    }
    checked
}

/// What is taken for granted of single registers, because a model that was asked for implies it.
type Assumption = Option<&'static str>;

fn analyse(
    objects: Objects,
    models: &Models,
    operations: &[Operation<'_, Txn>],
) -> Result<(Analysis, Assumption), RepeatedWrite> {
    let options = models.options();
    if objects == Objects::Lists {
        let mut history = list_append::History::new();
        for operation in operations {
            let ops: Vec<_> = operation.op().micros().iter().map(list_op).collect();
            history.push(call(operation), &ops);
        }
        return Ok((history.check(&options)?, None));
    }
    let mut history = rw_register::History::new();
    for operation in operations {
        let ops: Vec<_> = operation.op().micros().iter().map(register_op).collect();
        history.push(call(operation), &ops);
    }
    let plain = history.clone().check(&options, VersionOrder::default())?;
    let (assumption, order) = if models.make_keys_linearizable() {
        let order = VersionOrder { linearizable_keys: true, ..VersionOrder::default() };
        ("linearizable", order)
    } else if models.make_keys_sequential() {
        let order = VersionOrder { sequential_keys: true, ..VersionOrder::default() };
        ("sequentially consistent", order)
    } else {
        return Ok((plain, None));
    };
    // What shows without the assumption needs no further proof.
    if plain.verdict == Verdict::Invalid {
        return Ok((plain, None));
    }
    let mut assuming = history.check(&options, order)?;
    if assuming.verdict != Verdict::Invalid {
        return Ok((plain, None));
    }
    // The assumption follows from the models that were asked for, and from no weaker one: so it is
    // they that are ruled out, beside what is without it.
    (assuming.not, assuming.also_not) = (plain.not, plain.also_not);
    for model in models.iter() {
        let has_keys = assuming.anomalies.keys().any(|&kind| model.forbids(kind));
        if has_keys && !assuming.rules_out(model) {
            assuming.not.push(model);
        }
    }
    Ok((assuming, Some(assumption)))
}

/// Moments are places in the history: what stands before something else has happened before it.
fn call(operation: &Operation<'_, Txn>) -> Call {
    let process = match operation.invocation.process {
        checkers::Process::Client(process) => process,
        checkers::Process::Nemesis => u64::MAX,
    };
    Call {
        process,
        invoked: operation.invoked_at as u64,
        completed: operation.completed_at.map_or(u64::MAX, |at| at as u64),
        outcome: match operation.outcome() {
            EventKind::Ok => Outcome::Ok,
            EventKind::Fail => Outcome::Fail,
            EventKind::Info | EventKind::Invoke => Outcome::Info,
        },
    }
}

/// The indices of the events that began and ended it; nothing if the history does not tell when it began.
fn when(operation: &Operation<'_, Txn>) -> Option<(u64, Option<u64>)> {
    let begun = operation.invocation.index;
    let ended = operation.completion.map(|event| event.index);
    (ended != Some(begun)).then_some((begun, ended))
}

fn list_op(micro: &Micro) -> list_append::Op<Json, Json> {
    let (key, value) = (micro.key.clone(), micro.value.clone());
    match micro.is_read() {
        true => list_append::Op::Read { key, elements: elements(&value).unwrap_or_default() },
        false => list_append::Op::Append { key, element: value },
    }
}

fn register_op(micro: &Micro) -> rw_register::Op<Json, Json> {
    let (key, value) = (micro.key.clone(), micro.value.clone());
    match micro.is_read() {
        true => rw_register::Op::Read { key, value: (!value.is_null()).then_some(value) },
        false => rw_register::Op::Write { key, value },
    }
}

/// The results, as Elle names them.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Findings {
    #[serde(rename = "valid?")]
    valid: Verdict,
    transaction_count: usize,
    committed_count: usize,
    /// Everything that was found, also what the models asked for allow.
    anomaly_types: Vec<&'static str>,
    anomaly_counts: BTreeMap<&'static str, usize>,
    anomalies: BTreeMap<&'static str, Vec<Value>>,
    not: Vec<&'static str>,
    also_not: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    assuming_keys_are: Assumption,
}

impl Findings {
    fn new(analysis: &Analysis, assumption: Assumption, operations: &[Operation<'_, Txn>]) -> Self {
        let committed = operations.iter().filter(|it| it.outcome() == EventKind::Ok);
        let found = || analysis.anomalies.iter().map(|(kind, found)| (kind.name(), found));
        let examples = |examples: &[Anomaly]| {
            examples.iter().map(|anomaly| anomaly_json(anomaly, operations)).collect()
        };
        Self {
            valid: analysis.verdict,
            transaction_count: operations.len(),
            committed_count: committed.count(),
            anomaly_types: found().map(|(name, _)| name).collect(),
            anomaly_counts: found().map(|(name, found)| (name, found.count)).collect(),
            anomalies: found().map(|(name, found)| (name, examples(&found.examples))).collect(),
            not: analysis.not.iter().map(|model| model.name()).collect(),
            also_not: analysis.also_not.iter().map(|model| model.name()).collect(),
            assuming_keys_are: assumption,
        }
    }
}

fn anomaly_json(anomaly: &Anomaly, operations: &[Operation<'_, Txn>]) -> Value {
    let transactions = anomaly.transactions.iter().map(|&number| {
        let operation = &operations[number];
        json!({
            "transaction": number,
            "process": operation.invocation.process,
            "invoked": operation.invocation.index,
            "completed": operation.completion.map(|event| event.index),
            "value": operation.op(),
        })
    });
    let steps = anomaly.steps.iter().map(|step| {
        json!({
            "from": step.from,
            "to": step.to,
            "type": step.dependency.name(),
            "key": step.key,
            "before": step.before,
            "after": step.after,
            "explanation": step.explanation,
        })
    });
    json!({
        "key": anomaly.key,
        "transactions": transactions.collect::<Vec<_>>(),
        "steps": steps.collect::<Vec<_>>(),
        "explanation": anomaly.explanation,
    })
}

/// What it comes to, in one line.
fn summary(analysis: &Analysis, models: &Models) -> String {
    if analysis.verdict == Verdict::Unknown {
        return "no transaction depends on another, so nothing can be said".to_owned();
    }
    let out = models.iter().filter(|&model| analysis.rules_out(model));
    let out: Vec<_> = out.map(|model| model.name()).collect();
    let found = forbidden(analysis, models).map(|kind| {
        let count = analysis.anomalies[&kind].count;
        format!("{} ({count})", kind.name())
    });
    format!("not {}: {}", out.join(" or "), found.collect::<Vec<_>>().join(", "))
}

/// The kinds that were found and that the models asked for exclude, worst first.
fn forbidden<'a>(analysis: &'a Analysis, models: &'a Models) -> impl Iterator<Item = Kind> + 'a {
    analysis.anomalies.keys().copied().filter(|&kind| models.forbid(kind))
}

/// The first anomaly of each of those kinds.
fn examples<'a>(
    analysis: &'a Analysis,
    models: &'a Models,
) -> impl Iterator<Item = (Kind, &'a Anomaly)> + 'a {
    forbidden(analysis, models)
        .filter_map(|kind| Some((kind, analysis.anomalies[&kind].examples.first()?)))
}

/// The first anomaly of each kind, and its transactions.
fn causes(
    analysis: &Analysis,
    assumption: Assumption,
    models: &Models,
    operations: &[Operation<'_, Txn>],
) -> Vec<String> {
    let told = examples(analysis, models).take(KINDS_TOLD).map(|(kind, anomaly)| {
        let mut text = match anomaly.steps.is_empty() {
            true => format!("{}: {}", kind.name(), anomaly.explanation),
            false => anomaly.explanation.clone(),
        };
        let mut transactions = anomaly.transactions.clone();
        transactions.sort_unstable();
        transactions.dedup();
        for number in transactions {
            text.push(' ');
            text.push_str(&describe(number, &operations[number]));
        }
        text
    });
    let granted = assumption.map(|keys| {
        format!("the models asked for imply that each key by itself is {keys}, from which follows:")
    });
    granted.into_iter().chain(told).collect()
}

/// Which transaction a number stands for.
fn describe(number: usize, operation: &Operation<'_, Txn>) -> String {
    let text = quote(operation.op().to_string().as_bytes());
    let Some((begun, ended)) = when(operation) else {
        return format!("T{number} is {text}, event {}.", operation.invocation.index);
    };
    let process = operation.invocation.process;
    match ended {
        Some(ended) => format!("T{number} is {text} of {process}, events {begun} to {ended}."),
        None => format!("T{number} is {text} of {process}, event {begun}, which never ended."),
    }
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
