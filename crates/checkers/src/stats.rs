//! What may be counted in every workload: outcomes, availability, latencies, and how much went on
//! while a fault was on.

use std::collections::{BTreeMap, BTreeSet};

use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::history::{Action, Event, Kind, Op, Process};
use crate::operation::{Malformed, operations};
use crate::quantiles::quantiles;
use crate::verdict::Verdict;

/// How many operations completed, and how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Outcomes {
    /// Valid when at least one is `ok`.
    #[serde(rename = "valid?")]
    pub verdict: Verdict,
    /// All completions.
    pub count: usize,
    /// Those that happened.
    pub ok_count: usize,
    /// Those that certainly did not.
    pub fail_count: usize,
    /// Those of which nobody knows.
    pub info_count: usize,
}

impl Outcomes {
    fn count(&mut self, kind: Kind) {
        self.count += 1;
        match kind {
            Kind::Ok => self.ok_count += 1,
            Kind::Fail => self.fail_count += 1,
            Kind::Info | Kind::Invoke => self.info_count += 1,
        }
        self.verdict = Verdict::from_rule(self.ok_count > 0);
    }
}

/// Completions of clients, together and by function.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Stats {
    /// All functions. Valid when each of them is: a run in which no compare-and-set ever
    /// succeeded, say, has not tested it.
    #[serde(flatten)]
    pub all: Outcomes,
    /// Each function by itself. One that need not succeed ([`Op::need_not_succeed`]) is always valid.
    pub by_f: BTreeMap<String, Outcomes>,
}

/// Counts the completions of all clients.
pub fn stats<O: Op>(history: &[Event<O>]) -> Stats {
    let mut stats = Stats::default();
    let mut exempt: BTreeSet<String> = BTreeSet::new();
    for event in history {
        let Some(op) = event.op().filter(|_| event.kind != Kind::Invoke) else { continue };
        if op.need_not_succeed() {
            exempt.insert(op.f().to_owned());
        }
        stats.all.count(event.kind);
        match stats.by_f.get_mut(event.f()) {
            Some(outcomes) => outcomes.count(event.kind),
            None => {
                let mut outcomes = Outcomes::default();
                outcomes.count(event.kind);
                stats.by_f.insert(event.f().to_owned(), outcomes);
            }
        }
    }
    for (_, outcomes) in stats.by_f.iter_mut().filter(|(f, _)| exempt.contains(*f)) {
        outcomes.verdict = Verdict::Valid;
    }
    stats.all.verdict = Verdict::all(stats.by_f.values().map(|outcomes| outcomes.verdict));
    stats
}

/// How much of what was asked has to succeed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Requirement {
    /// Everything.
    Total,
    /// At least this fraction.
    Fraction(f64),
}

/// What [`availability`] found.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Availability {
    /// Valid when the requirement is met, or when there is none.
    #[serde(rename = "valid?")]
    pub verdict: Verdict,
    /// `ok` operations by invocations; 1 when nothing was invoked. Every failure counts against
    /// it, also one that is right, such as that of a compare-and-set.
    pub ok_fraction: f64,
}

/// The fraction of the clients' operations that succeeded.
pub fn availability<O>(history: &[Event<O>], requirement: Option<Requirement>) -> Availability {
    let of_clients = |kind| {
        let is_client = |event: &&Event<O>| event.process != Process::Nemesis && event.kind == kind;
        history.iter().filter(is_client).count()
    };
    let (ok, invoked) = (of_clients(Kind::Ok), of_clients(Kind::Invoke));
    let ok_fraction = if invoked == 0 { 1.0 } else { ok as f64 / invoked as f64 };
    let is_met = match requirement {
        None => true,
        Some(Requirement::Total) => ok == invoked,
        Some(Requirement::Fraction(fraction)) => ok_fraction >= fraction,
    };
    Availability { verdict: Verdict::from_rule(is_met), ok_fraction }
}

/// Latencies of operations in nanoseconds. Serialises in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Latencies {
    /// The median.
    pub p50: u64,
    /// 95 of 100 take no longer.
    pub p95: u64,
    /// 99 of 100 take no longer.
    pub p99: u64,
    /// The longest.
    pub max: u64,
}

impl Serialize for Latencies {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(4))?;
        for (name, nanoseconds) in
            [("p50", self.p50), ("p95", self.p95), ("p99", self.p99), ("max", self.max)]
        {
            map.serialize_entry(name, &(nanoseconds as f64 / 1e6))?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Latencies {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Milliseconds {
            p50: f64,
            p95: f64,
            p99: f64,
            max: f64,
        }
        let read = Milliseconds::deserialize(deserializer)?;
        let nanoseconds = |ms: f64| (ms * 1e6).round() as u64;
        let [p50, p95, p99, max] = [read.p50, read.p95, read.p99, read.max].map(nanoseconds);
        Ok(Self { p50, p95, p99, max })
    }
}

/// Latencies of the operations that succeeded, together and by function; `None` if there are none.
///
/// # Errors
///
/// When no clients can have produced the history.
pub fn latencies<O: Op>(
    history: &[Event<O>],
) -> Result<(Option<Latencies>, BTreeMap<String, Latencies>), Malformed> {
    let mut by_f: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    let operations = operations(history)?;
    for operation in &operations {
        if let (Kind::Ok, Some(latency)) = (operation.outcome(), operation.latency()) {
            by_f.entry(operation.asked.f()).or_default().push(latency);
        }
    }
    let of = |values| {
        quantiles(values).map(|points| {
            let [_, p50, p95, p99, max] = points.0;
            Latencies { p50, p95, p99, max }
        })
    };
    let all = of(by_f.values().flatten().copied().collect());
    let by_f =
        by_f.into_iter().filter_map(|(f, values)| Some((f.to_owned(), of(values)?))).collect();
    Ok((all, by_f))
}

/// A time in which a fault was on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct FaultPhase {
    /// What came after `start-` in the name of the nemesis' operation.
    pub fault: String,
    /// When it began, in nanoseconds since the run started.
    pub start_time: u64,
    /// When it ended; the time of the last event if it never did.
    pub end_time: u64,
    /// Operations that clients began in it.
    pub invoked: usize,
    /// How many of these succeeded before it ended.
    pub ok: usize,
}

impl FaultPhase {
    /// Below this fraction of successes a phase has tested little.
    pub const VACUOUS_BELOW: f64 = 0.05;

    /// Whether next to nothing succeeded, so that the run says little about this fault. A phase
    /// in which nobody asked for anything says nothing at all.
    pub fn is_vacuous(&self) -> bool {
        (self.ok as f64) <= self.invoked as f64 * Self::VACUOUS_BELOW
    }
}

/// The fault phases of a run: from each `start-F` of the nemesis to the next `stop-F`. Both are in
/// the history twice, when they begin and when they are done; a phase lasts from the first `start-F`
/// to the first `stop-F`. Phases of different faults may overlap.
///
/// # Errors
///
/// When no clients can have produced the history.
pub fn fault_phases<O: Op>(history: &[Event<O>]) -> Result<Vec<FaultPhase>, Malformed> {
    // With each phase the positions of its first event and of the one that ends it.
    let mut phases: Vec<(FaultPhase, usize, usize)> = Vec::new();
    let mut open: BTreeMap<&str, usize> = BTreeMap::new();
    let end_time = history.last().map_or(0, |event| event.time);
    for (position, event) in history.iter().enumerate() {
        let Action::Nemesis { f, .. } = &event.action else { continue };
        if let Some(fault) = f.strip_prefix("start-") {
            open.entry(fault).or_insert_with(|| {
                let (fault, start_time) = (fault.to_owned(), event.time);
                let phase = FaultPhase { fault, start_time, end_time, invoked: 0, ok: 0 };
                phases.push((phase, position, history.len()));
                phases.len() - 1
            });
        } else if let Some(place) = f.strip_prefix("stop-").and_then(|fault| open.remove(fault)) {
            phases[place].0.end_time = event.time;
            phases[place].2 = position;
        }
    }
    let operations = operations(history)?;
    for (phase, start, end) in &mut phases {
        let first = operations.partition_point(|operation| operation.invoked_at < *start);
        let invoked =
            operations[first..].iter().take_while(|operation| operation.invoked_at < *end);
        for operation in invoked {
            phase.invoked += 1;
            let in_time = operation.completed_at.is_some_and(|position| position < *end);
            phase.ok += usize::from(in_time && operation.outcome() == Kind::Ok);
        }
    }
    Ok(phases.into_iter().map(|(phase, ..)| phase).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linearizable::RegisterOp;
    use crate::testing::{History, STEP};

    fn write(value: u64) -> RegisterOp<u64> {
        RegisterOp::Write { key: 0, value }
    }

    fn cas(from: u64, to: u64) -> RegisterOp<u64> {
        RegisterOp::Cas { key: 0, from, to }
    }

    /// Two writes that succeed, one of unknown outcome, a failed compare-and-set.
    fn mixed() -> History<RegisterOp<u64>> {
        let mut history = History::default();
        history.done(write(1), write(1));
        history.nemesis("start-partition");
        history.invoke(1, write(2));
        history.invoke(2, cas(5, 6));
        history.fail(2, cas(5, 6));
        history.info(1, write(2));
        history.nemesis("stop-partition");
        history.nemesis("stop-partition");
        history.done(write(3), write(3));
        history
    }

    #[test]
    fn a_function_without_success_is_invalid() {
        let stats = stats(&mixed().events);
        assert_eq!(stats.all.verdict, Verdict::Invalid);
        assert_eq!((stats.all.count, stats.all.ok_count), (4, 2));
        assert_eq!(stats.by_f["write"].verdict, Verdict::Valid);
        assert_eq!((stats.by_f["write"].ok_count, stats.by_f["write"].info_count), (2, 1));
        assert_eq!(stats.by_f["cas"].verdict, Verdict::Invalid);
        assert_eq!(stats.by_f["cas"].fail_count, 1);
        let text = serde_json::to_value(&stats).unwrap();
        assert_eq!(text["valid?"], false);
        assert_eq!(text["by-f"]["write"]["ok-count"], 2);
    }

    #[test]
    fn nothing_at_all_is_valid_and_available() {
        assert_eq!(stats::<RegisterOp<u64>>(&[]).all.verdict, Verdict::Valid);
        let total = availability::<RegisterOp<u64>>(&[], Some(Requirement::Total));
        assert_eq!(total, Availability { verdict: Verdict::Valid, ok_fraction: 1.0 });
    }

    #[test]
    fn availability_counts_what_did_not_succeed_against_it() {
        let history = mixed().events;
        let verdict = |requirement| availability(&history, requirement).verdict;
        assert_eq!(availability(&history, None).ok_fraction, 0.5);
        assert_eq!(verdict(None), Verdict::Valid);
        assert_eq!(verdict(Some(Requirement::Total)), Verdict::Invalid);
        assert_eq!(verdict(Some(Requirement::Fraction(0.5))), Verdict::Valid);
        assert_eq!(verdict(Some(Requirement::Fraction(0.51))), Verdict::Invalid);
    }

    #[test]
    fn latencies_are_those_of_successes() {
        let (all, by_f) = latencies(&mixed().events).unwrap();
        let expected = Latencies { p50: STEP, p95: STEP, p99: STEP, max: STEP };
        assert_eq!(all, Some(expected));
        assert_eq!(by_f.keys().collect::<Vec<_>>(), ["write"]);
        assert_eq!(serde_json::to_value(expected).unwrap()["max"], 1.0);
    }

    #[test]
    fn a_phase_in_which_nothing_succeeds_is_vacuous() {
        let phases = fault_phases(&mixed().events).unwrap();
        assert_eq!(phases.len(), 1);
        assert_eq!((phases[0].start_time, phases[0].end_time), (2 * STEP, 7 * STEP));
        assert_eq!((phases[0].invoked, phases[0].ok), (2, 0));
        assert!(phases[0].is_vacuous());

        let mut history = History::default();
        history.nemesis("start-kill");
        history.done(write(1), write(1));
        let phases = fault_phases(&history.events).unwrap();
        assert_eq!((phases[0].fault.as_str(), phases[0].invoked, phases[0].ok), ("kill", 1, 1));
        assert!(!phases[0].is_vacuous());
    }
}
