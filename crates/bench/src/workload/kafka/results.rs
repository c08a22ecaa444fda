//! What may be said of a history of workload kafka, in the words of Jepsen's checker.

use std::collections::HashMap;

use checkers::history::{Event, OpError};
use checkers::log::{self, FindingKind, LogOperation, LogResult, Outcome, Step};
use checkers::{Kind, Operation, Process};
use proto::Json;
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use super::exhibits;
use super::op::{KafkaOp, Messages, Offsets, Part, PartOf, Polled};
use crate::workload::Checked;

/// What comes of a check.
struct Results<'a> {
    log: LogResult<&'a String, &'a Json>,
    send_count: usize,
    acknowledged_count: usize,
    worst_lag: Option<Lag>,
    info_causes: Vec<OpError>,
}

/// How long a poll was behind what somebody knew by then.
#[derive(Clone, PartialEq, Debug, Serialize)]
struct Lag {
    /// When the poll began, in seconds since the run started.
    time: f64,
    /// Who polled.
    process: Process,
    /// Which key was behind.
    key: String,
    /// For how many seconds somebody had known a message that it did not bring.
    lag: f64,
}

pub(super) fn check(history: &[Event<KafkaOp>]) -> Checked {
    let operations = match checkers::operations(history) {
        Ok(operations) => operations,
        Err(error) => return Checked::malformed(&error),
    };
    let mut places = Vec::new();
    let mut logged = Vec::new();
    for operation in &operations {
        if let Some(of_log) = of_log(operation) {
            places.push(operation.invocation.index as usize);
            logged.push(of_log);
        }
    }
    let mut log = log::check(&logged);
    drop(logged);
    for findings in log.findings.values_mut() {
        let operations = findings.samples.iter_mut().flat_map(|finding| &mut finding.operations);
        operations.for_each(|operation| *operation = places[*operation]);
    }
    let sends = || operations.iter().filter(|it| it.asked.sends());
    let results = Results {
        send_count: sends().count(),
        acknowledged_count: sends().filter(|it| it.outcome() == Kind::Ok).count(),
        worst_lag: worst_lag(&operations),
        info_causes: info_causes(history),
        log,
    };
    let mut checked = Checked::new(results.log.verdict, &results, || complaint(&results.log));
    for findings in results.log.forbidden().map(|(_, findings)| findings) {
        checked.causes.extend(findings.samples.first().map(|first| first.explanation.clone()));
    }
    checked.lead = exhibits::lead(&results.log, &operations);
    checked.exhibits.extend(exhibits::exhibit(&results.log, &operations));
    checked
}

/// Why nobody knows what became of sends and polls: each reason once, in the order of the history.
fn info_causes(history: &[Event<KafkaOp>]) -> Vec<OpError> {
    let mut causes: Vec<OpError> = Vec::new();
    for event in history.iter().filter(|event| event.kind == Kind::Info) {
        if event.op().is_none_or(|op| op.parts().next().is_none()) {
            continue;
        }
        if let Some(error) = event.error.as_deref().filter(|&error| !causes.contains(error)) {
            causes.push(error.clone());
        }
    }
    causes
}

/// An operation as the checker of logs has it, if it is one. Keys and messages stay where they are: a history
/// may have many.
fn of_log<'a>(operation: &'a Operation<'_, KafkaOp>) -> Option<LogOperation<&'a String, &'a Json>> {
    let Process::Client(process) = operation.invocation.process else { return None };
    let action = match operation.op() {
        op @ (KafkaOp::Send { .. } | KafkaOp::Poll { .. } | KafkaOp::Several { .. }) => {
            let of_key = |(key, messages): &'a (String, Messages)| {
                (key, messages.iter().map(|(offset, message)| (*offset, message)).collect())
            };
            let step = |part: PartOf<'a>| match part {
                Part::Send { key, message, offset } => Step::Send { key, value: message, offset },
                Part::Poll { polled } => {
                    Step::Poll(polled.into_iter().flatten().map(of_key).collect())
                }
            };
            log::Action::Messages(op.parts().map(step).collect())
        }
        KafkaOp::Subscribe { keys } => log::Action::Subscribe(keys.iter().collect()),
        KafkaOp::Assign { crash: false, keys, .. } => log::Action::Assign(keys.iter().collect()),
        KafkaOp::Assign { crash: true, .. } => log::Action::Crash,
        KafkaOp::Commit { .. } | KafkaOp::Debug => return None,
    };
    Some(LogOperation {
        process,
        invoked: operation.invoked_at as u64,
        completed: operation.completed_at.map(|at| at as u64),
        outcome: match operation.outcome() {
            Kind::Ok => Outcome::Ok,
            Kind::Fail => Outcome::Fail,
            Kind::Info | Kind::Invoke => Outcome::Unknown,
        },
        action,
    })
}

fn complaint(log: &LogResult<&String, &Json>) -> String {
    let counts =
        log.forbidden().map(|(kind, findings)| format!("{} {}", findings.count, name(kind)));
    format!("the logs have anomalies: {}", counts.collect::<Vec<_>>().join(", "))
}

/// Jepsen's name of a kind.
fn name(kind: FindingKind) -> String {
    match serde_json::to_value(kind) {
        Ok(serde_json::Value::String(name)) => name,
        _ => format!("{kind:?}"),
    }
}

/// As Jepsen gives them: `error-types`, `bad-error-types`, `info-txn-causes`, and each type with `count` and `errs`.
impl Serialize for Results<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let kinds: Vec<_> = self.log.findings.keys().collect();
        let bad: Vec<_> = self.log.forbidden().map(|(kind, _)| kind).collect();
        let places = || self.log.keys.iter().flat_map(|key| &key.places);
        let polled = places().filter(|place| place.was_polled).count();
        let unseen: usize = self.log.keys.iter().map(|key| key.unseen.len()).sum();
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("valid?", &self.log.verdict)?;
        map.serialize_entry("send-count", &self.send_count)?;
        map.serialize_entry("acknowledged-count", &self.acknowledged_count)?;
        map.serialize_entry("polled-count", &polled)?;
        map.serialize_entry("unseen-count", &unseen)?;
        map.serialize_entry("worst-realtime-lag", &self.worst_lag)?;
        map.serialize_entry("bad-error-types", &bad)?;
        map.serialize_entry("error-types", &kinds)?;
        map.serialize_entry("info-txn-causes", &self.info_causes)?;
        for (kind, findings) in &self.log.findings {
            let errors = Errors { count: findings.count, errs: &findings.samples };
            map.serialize_entry(kind, &errors)?;
        }
        map.end()
    }
}

#[derive(Serialize)]
struct Errors<'a> {
    count: usize,
    errs: &'a [log::Finding<&'a String, &'a Json>],
}

/// When somebody first knew of a message at an offset or behind it, by key.
struct Knowledge(HashMap<String, Vec<(u64, u64)>>);

impl Knowledge {
    fn new(operations: &[Operation<'_, KafkaOp>]) -> Self {
        let mut known: HashMap<String, Vec<(u64, u64)>> = HashMap::new();
        for operation in operations {
            let Some(done) = operation.completion.filter(|it| it.kind == Kind::Ok) else {
                continue;
            };
            let mut learn = |key: &String, offset| match known.get_mut(key) {
                Some(of_key) => of_key.push((offset, done.time)),
                None => drop(known.insert(key.clone(), vec![(offset, done.time)])),
            };
            for part in operation.op().parts() {
                match part {
                    Part::Send { key, offset, .. } => {
                        offset.into_iter().for_each(|at| learn(key, at))
                    }
                    Part::Poll { polled } => {
                        for (key, messages) in polled.into_iter().flatten() {
                            messages.iter().for_each(|(offset, _)| learn(key, *offset));
                        }
                    }
                }
            }
        }
        for of_key in known.values_mut() {
            of_key.sort_unstable();
            let mut earliest = u64::MAX;
            for (_, time) in of_key.iter_mut().rev() {
                earliest = earliest.min(*time);
                *time = earliest;
            }
        }
        Self(known)
    }

    fn since(&self, key: &str, offset: u64) -> Option<u64> {
        let of_key = self.0.get(key)?;
        of_key.get(of_key.partition_point(|(other, _)| *other < offset)).map(|(_, time)| *time)
    }
}

/// The poll that was furthest behind, among those of the main phase. Where each client was follows
/// from the operations before, as the client itself finds it out.
fn worst_lag(operations: &[Operation<'_, KafkaOp>]) -> Option<Lag> {
    let known = Knowledge::new(operations);
    let mut positions: HashMap<Process, Offsets> = HashMap::new();
    let mut worst: Option<(u64, u64, Process, String)> = None;
    for operation in operations.iter().filter(|it| !it.invocation.is_final) {
        let process = operation.invocation.process;
        let mine = positions.entry(process).or_default();
        match operation.op() {
            KafkaOp::Assign { crash, keys, committed } => {
                if *crash {
                    mine.clear();
                }
                let Some(committed) = committed else { continue };
                let start = |key: &String| mine.get(key).or_else(|| committed.get(key)).copied();
                *mine = keys.iter().map(|key| (key.clone(), start(key).unwrap_or(0))).collect();
            }
            KafkaOp::Commit { .. } | KafkaOp::Subscribe { .. } | KafkaOp::Debug => {}
            op if operation.outcome() == Kind::Ok => {
                let polled: Vec<&Polled> = op.parts().filter_map(Part::polled).collect();
                if polled.is_empty() {
                    continue;
                }
                for (key, messages) in polled.into_iter().flatten() {
                    if let Some(highest) = messages.iter().map(|(offset, _)| *offset).max() {
                        mine.insert(key.clone(), highest.saturating_add(1));
                    }
                }
                let began = operation.invocation.time;
                for (key, position) in &*mine {
                    let Some(since) = known.since(key, *position) else { continue };
                    let lag = began.saturating_sub(since);
                    if worst.as_ref().is_none_or(|(most, ..)| lag > *most) {
                        worst = Some((lag, began, process, key.clone()));
                    }
                }
            }
            _ => {}
        }
    }
    let seconds = |ns: u64| ns as f64 / 1e9;
    worst.map(|(lag, time, process, key)| Lag {
        time: seconds(time),
        process,
        key,
        lag: seconds(lag),
    })
}
