//! The nemesis: which fault comes when. It draws everything from the seed and carries nothing out.

use std::time::Duration;

use proto::{NodeId, Time};
use serde_json::{Value, json};
use simulator::{NetworkOptions, Random};

use crate::fault::{FaultKind, Scene, Start};
use crate::options::{Numbers, Options, Source};
use crate::world::Fault;

/// Brings faults and takes them back. Each kind of fault begins and ends in turn, after gaps that
/// are uniform in [0, 2 × interval), as with Maelstrom; the first kind begins at once, the others
/// after a gap of their own. The harness has the first kill wait until there is something to lose.
#[derive(Debug)]
pub(crate) struct Nemesis {
    kinds: Vec<Schedule>,
    nodes: Vec<NodeId>,
    interval: Duration,
    faults_left: u64,
    /// How many faults were drawn.
    drawn: u64,
    omitted: Numbers,
    has_killed: bool,
    network: NetworkOptions,
    liars: Vec<usize>,
    random: Random,
}

/// One kind of fault.
#[derive(Debug)]
struct Schedule {
    kind: FaultKind,
    state: State,
    /// When it begins or ends next.
    next: Time,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Off,
    On,
    /// It would be on, had it not been left out.
    Omitted,
}

/// A step: what breaks or is mended, and how the history tells it.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) kind: FaultKind,
    /// Whether the fault begins, or ends.
    pub(crate) begins: bool,
    pub(crate) fault: Fault,
    /// What the nemesis sets out to do.
    pub(crate) begun: Told,
    /// What it did.
    pub(crate) done: Told,
}

/// A name and whom it hits, as the history has them.
pub(crate) type Told = (String, Value);

impl Nemesis {
    /// A nemesis whose first step is due at `start`.
    pub(crate) fn new(options: &Options, start: Time) -> Self {
        let spared = options.chance.spared(Source::Nemesis);
        let mut random = Random::new(options.seed, "nemesis").sparing(spared);
        let interval = options.nemesis_interval;
        let kinds = options.nemesis.iter().enumerate().map(|(place, kind)| {
            let next = if place == 0 { start } else { start + random.uniform(interval) };
            Schedule { kind: *kind, state: State::Off, next }
        });
        Self {
            kinds: kinds.collect(),
            nodes: options.nodes.clone(),
            interval,
            faults_left: options.max_faults.unwrap_or(u64::MAX),
            drawn: 0,
            omitted: options.omit_faults.clone(),
            has_killed: false,
            network: options.network(),
            liars: options.liars(),
            random,
        }
    }

    /// Draws from another seed from now on.
    pub(crate) fn reseed(&mut self, seed: u64) {
        self.random.reseed(seed, "nemesis");
    }

    /// When the next step is due.
    pub(crate) fn next_due(&self) -> Option<Time> {
        self.kinds.iter().map(|schedule| schedule.next).min()
    }

    /// Whether the step that is due first is the first kill of the run.
    pub(crate) fn is_first_kill_next(&self) -> bool {
        let next = self.kinds.iter().min_by_key(|schedule| schedule.next);
        !self.has_killed && next.is_some_and(|schedule| schedule.kind.kills())
    }

    /// Puts the step that is due first off until then.
    pub(crate) fn postpone(&mut self, until: Time) {
        if let Some(schedule) = self.kinds.iter_mut().min_by_key(|schedule| schedule.next) {
            schedule.next = until;
        }
    }

    /// Takes the step that is due first. `primary` is the node that leads, where that is known.
    pub(crate) fn step(&mut self, now: Time, primary: Option<usize>) -> Option<Step> {
        let gap = self.random.uniform(self.interval);
        let schedule = self.kinds.iter_mut().min_by_key(|schedule| schedule.next)?;
        schedule.next = now + gap;
        let kind = schedule.kind;
        let state = std::mem::replace(&mut schedule.state, State::Off);
        if state != State::Off {
            return (state == State::On).then(|| self.stop(kind, primary));
        }
        if self.faults_left == 0 {
            return None;
        }
        let is_omitted = self.omitted.contains(self.drawn);
        schedule.state = if is_omitted { State::Omitted } else { State::On };
        self.faults_left -= 1;
        self.drawn += 1;
        self.has_killed |= kind.kills();
        // Whom it would have hit is drawn in any case.
        let step = self.start(kind, primary);
        (!is_omitted).then_some(step)
    }

    /// Whether something is on, or would be if it had not been left out.
    pub(crate) fn is_at_work(&self) -> bool {
        self.kinds.iter().any(|schedule| schedule.state != State::Off)
    }

    /// Ends everything that is on; there are no more steps afterwards.
    pub(crate) fn stop_all(&mut self) -> Vec<Step> {
        let kinds = std::mem::take(&mut self.kinds);
        let on = kinds.into_iter().filter(|schedule| schedule.state == State::On);
        on.map(|schedule| self.stop(schedule.kind, None)).collect()
    }

    fn start(&mut self, kind: FaultKind, primary: Option<usize>) -> Step {
        let Start { fault, begun, done } = kind.start(&mut self.scene(primary));
        step("start", kind, fault, begun, done)
    }

    fn stop(&mut self, kind: FaultKind, primary: Option<usize>) -> Step {
        let (fault, told) = kind.stop(&self.scene(primary));
        step("stop", kind, fault, Value::Null, json!(told))
    }

    fn scene(&mut self, primary: Option<usize>) -> Scene<'_> {
        let Self { nodes, network, liars, random, .. } = self;
        Scene { nodes, network, liars, primary, random }
    }
}

fn step(verb: &str, kind: FaultKind, fault: Fault, begun: Value, done: Value) -> Step {
    let f = format!("{verb}-{}", kind.as_str());
    let begins = verb == "start";
    Step { kind, begins, fault, begun: (f.clone(), begun), done: (f, done) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::registry::named;

    fn nemesis(kinds: &[FaultKind], seed: u64) -> Nemesis {
        let mut options = Options::new(named("echo"));
        options.nemesis = kinds.to_vec();
        options.seed = seed;
        Nemesis::new(&options, Time::ZERO)
    }

    fn names(nemesis: &mut Nemesis, steps: usize) -> Vec<String> {
        (0..steps)
            .filter_map(|_| nemesis.step(nemesis.next_due()?, None))
            .map(|step| step.begun.0)
            .collect()
    }

    #[test]
    fn one_kind_starts_and_stops_in_turn_beginning_at_once() {
        let mut nemesis = nemesis(&[FaultKind::Partition], 1);
        assert_eq!(nemesis.next_due(), Some(Time::ZERO));
        let [start, stop] = ["start-partition", "stop-partition"];
        assert_eq!(names(&mut nemesis, 4), [start, stop, start, stop]);
    }

    #[test]
    fn gaps_have_the_mean_of_the_interval() {
        let mut nemesis = nemesis(&[FaultKind::Partition], 1);
        names(&mut nemesis, 10_000);
        let mean = nemesis.next_due().unwrap().as_nanos() as f64 / 10_000.0 / 1e9;
        assert!((mean - 10.0).abs() < 0.3, "{mean} s");
    }

    #[test]
    fn everything_that_is_on_is_mended_at_the_end() {
        let kinds = FaultKind::ALL;
        for seed in 0..50 {
            let mut nemesis = nemesis(kinds, seed);
            let mut on = std::collections::BTreeSet::new();
            for name in names(&mut nemesis, 31) {
                match name.strip_prefix("start-") {
                    Some(kind) => assert!(on.insert(kind.to_owned())),
                    None => assert!(on.remove(name.strip_prefix("stop-").unwrap())),
                }
            }
            let stopped: std::collections::BTreeSet<_> = nemesis
                .stop_all()
                .iter()
                .map(|step| step.begun.0.strip_prefix("stop-").unwrap().to_owned())
                .collect();
            assert_eq!(stopped, on);
            assert_eq!(nemesis.next_due(), None);
        }
    }

    #[test]
    fn the_same_few_nodes_lie_each_time() {
        for seed in 0..50 {
            let mut options = Options::new(named("echo")).with_nodes(7);
            options.nemesis = vec![FaultKind::Byzantine];
            options.seed = seed;
            let mut nemesis = Nemesis::new(&options, Time::ZERO);
            let mut step = || nemesis.step(Time::ZERO, None).unwrap().fault;
            let (first, honest, second) = (step(), step(), step());
            assert!(matches!(&first, Fault::Lie(liars) if liars.len() == 2), "{first:?}");
            assert_eq!((honest, second), (Fault::Lie(Vec::new()), first));
        }
    }

    #[test]
    fn a_fault_that_is_left_out_does_not_come_and_the_others_are_as_before() {
        for seed in 0..50 {
            let steps = |omitted: &str| -> Vec<Option<String>> {
                let mut nemesis = nemesis(FaultKind::ALL, seed);
                nemesis.omitted = omitted.parse().unwrap_or_default();
                let mut step = || {
                    let due = nemesis.next_due()?;
                    nemesis.step(due, None).map(|step| format!("{due:?} {step:?}"))
                };
                let mut steps: Vec<_> = (0..60).map(|_| step()).collect();
                // What is left out does not end at the end either.
                steps.extend(nemesis.stop_all().into_iter().map(|step| Some(step.begun.0)));
                steps
            };
            let begins = |step: &&Option<String>| {
                step.as_ref().is_some_and(|step| step.contains("begins: true"))
            };
            let (all, fewer) = (steps(""), steps("0,2-4"));
            let begun: Vec<_> = all.iter().filter(begins).collect();
            let left: Vec<_> = fewer.iter().filter(begins).collect();
            assert_eq!(left, [&begun[1..2], &begun[5..]].concat(), "seed {seed}");
            // Each that is left ends, and nothing else does.
            let ends = |steps: &[Option<String>]| {
                steps.iter().flatten().filter(|step| step.contains("stop-")).count()
            };
            assert_eq!((ends(&all), ends(&fewer)), (begun.len(), left.len()), "seed {seed}");
            assert!(fewer[..60].iter().zip(&all).all(|(one, other)| one.is_none() || one == other));
        }
    }

    #[test]
    fn partitions_always_cut_something_and_faults_can_be_limited() {
        for seed in 0..200 {
            let mut nemesis = nemesis(&[FaultKind::Partition], seed);
            nemesis.nodes.truncate(3);
            nemesis.faults_left = 1;
            let step = nemesis.step(Time::ZERO, None).unwrap();
            assert!(matches!(&step.fault, Fault::Partition(cut) if !cut.is_none()));
            names(&mut nemesis, 1);
            assert_eq!(names(&mut nemesis, 5), [""; 0], "the one fault was used up");
        }
    }
}
