//! The nemesis: which fault comes when. It draws everything from the seed and carries nothing out.

use std::time::Duration;

use proto::{NodeId, Time};
use serde_json::{Value, json};
use simulator::{Cut, CutKind, Random};

use crate::options::{FaultKind, Options};
use crate::world::Fault;

/// How far a clock fault moves a wall clock at most, in milliseconds either way.
const CLOCK_JUMP_MS_MAX: u64 = 60_000;
/// Chance of a message to be lost, or to arrive twice, while that fault is on.
const LINK_FAULT_CHANCE: f64 = 0.3;
/// How often a cut that cuts nothing is drawn again.
const DRAWS_MAX: usize = 20;

/// Brings faults and takes them back. Each kind of fault begins and ends in turn, after gaps that
/// are uniform in [0, 2 × interval), as with Maelstrom; the first kind begins at once, the others
/// after a gap of their own. The harness has the first kill wait until there is something to lose.
#[derive(Debug)]
pub(crate) struct Nemesis {
    kinds: Vec<Schedule>,
    nodes: Vec<NodeId>,
    interval: Duration,
    faults_left: u64,
    has_killed: bool,
    /// What the options say, which is in force while the fault is not.
    loss: f64,
    duplicate: f64,
    liars: Vec<usize>,
    random: Random,
}

/// One kind of fault.
#[derive(Debug)]
struct Schedule {
    kind: FaultKind,
    is_on: bool,
    /// When it begins or ends next.
    next: Time,
}

/// A step: what breaks or is mended, and how the history tells it.
#[derive(Debug)]
pub(crate) struct Step {
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
        let mut random = Random::new(options.seed, "nemesis");
        let interval = options.nemesis_interval;
        let kinds = options.nemesis.iter().enumerate().map(|(place, kind)| {
            let next = if place == 0 { start } else { start + random.uniform(interval) };
            Schedule { kind: *kind, is_on: false, next }
        });
        Self {
            kinds: kinds.collect(),
            nodes: options.nodes.clone(),
            interval,
            faults_left: options.max_faults.unwrap_or(u64::MAX),
            has_killed: false,
            loss: options.loss,
            duplicate: options.duplicate,
            liars: options.liars(),
            random,
        }
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
        if schedule.is_on {
            schedule.is_on = false;
            return Some(self.stop(kind));
        }
        if self.faults_left == 0 {
            return None;
        }
        self.faults_left -= 1;
        schedule.is_on = true;
        self.has_killed |= kind.kills();
        Some(self.start(kind, primary))
    }

    /// Ends everything that is on; there are no more steps afterwards.
    pub(crate) fn stop_all(&mut self) -> Vec<Step> {
        let kinds = std::mem::take(&mut self.kinds);
        let on = kinds.into_iter().filter(|schedule| schedule.is_on);
        on.map(|schedule| self.stop(schedule.kind)).collect()
    }

    fn stop(&self, kind: FaultKind) -> Step {
        let nodes = self.nodes.len();
        let (fault, told) = match kind {
            // There is one cut at a time: the end of either kind of partition heals the other as well.
            FaultKind::Partition | FaultKind::OneWay => {
                (Fault::Partition(Cut::none(nodes)), "network-healed")
            }
            FaultKind::Kill | FaultKind::LoseUnsynced => (Fault::Restart, "all nodes restarted"),
            FaultKind::Pause => (Fault::Resume, "all nodes resumed"),
            FaultKind::Loss => (Fault::Loss(self.loss), "no more loss"),
            FaultKind::Duplicate => (Fault::Duplicate(self.duplicate), "no more duplicates"),
            FaultKind::Clock => (Fault::Clocks(vec![0; nodes]), "clocks set right"),
            FaultKind::Byzantine => (Fault::Lie(Vec::new()), "all nodes honest"),
        };
        step("stop", kind, fault, Value::Null, json!(told))
    }

    fn start(&mut self, kind: FaultKind, primary: Option<usize>) -> Step {
        match kind {
            FaultKind::Partition => {
                let (cut_kind, cut) = self.draw_partition(primary);
                let told = self.tell_cut(&cut);
                step("start", kind, Fault::Partition(cut), json!(cut_kind), told)
            }
            FaultKind::OneWay => {
                let cut = CutKind::OneWay.draw(self.nodes.len(), primary, &mut self.random);
                let told = self.tell_cut(&cut);
                step("start", kind, Fault::Partition(cut), json!(CutKind::OneWay), told)
            }
            FaultKind::Kill | FaultKind::Pause | FaultKind::LoseUnsynced => {
                let targets = self.draw_targets();
                let told = self.tell_nodes(&targets);
                let fault = match kind {
                    FaultKind::Kill => Fault::Kill(targets),
                    FaultKind::LoseUnsynced => Fault::PowerCut(targets),
                    _ => Fault::Pause(targets),
                };
                step("start", kind, fault, Value::Null, told)
            }
            FaultKind::Loss => {
                let p = LINK_FAULT_CHANCE;
                step("start", kind, Fault::Loss(p), Value::Null, json!(p))
            }
            FaultKind::Duplicate => {
                let p = LINK_FAULT_CHANCE;
                step("start", kind, Fault::Duplicate(p), Value::Null, json!(p))
            }
            FaultKind::Byzantine => {
                let told = self.tell_nodes(&self.liars);
                step("start", kind, Fault::Lie(self.liars.clone()), Value::Null, told)
            }
            FaultKind::Clock => {
                let offsets: Vec<i64> = (0..self.nodes.len())
                    .map(|_| {
                        let jump = self.random.below(2 * CLOCK_JUMP_MS_MAX + 1) as i64;
                        jump - CLOCK_JUMP_MS_MAX as i64
                    })
                    .collect();
                let told = json!(offsets);
                step("start", kind, Fault::Clocks(offsets), Value::Null, told)
            }
        }
    }

    /// One of Maelstrom's kinds, or the primary alone where one is known; not one that happens to
    /// cut nothing, as some do in clusters of up to three.
    fn draw_partition(&mut self, primary: Option<usize>) -> (CutKind, Cut) {
        let mut kinds = CutKind::MAELSTROM.to_vec();
        if primary.is_some() {
            kinds.push(CutKind::Primary);
        }
        let mut drawn = (CutKind::One, Cut::none(self.nodes.len()));
        for _ in 0..DRAWS_MAX {
            let kind = *self.random.pick(&kinds).unwrap_or(&CutKind::One);
            drawn = (kind, kind.draw(self.nodes.len(), primary, &mut self.random));
            if !drawn.1.is_none() {
                break;
            }
        }
        drawn
    }

    /// One node, a minority, a majority, or all of them.
    fn draw_targets(&mut self) -> Vec<usize> {
        let nodes = self.nodes.len();
        let count = match self.random.below(4) {
            0 => 1,
            1 => nodes.saturating_sub(1) / 2,
            2 => nodes / 2 + 1,
            _ => nodes,
        };
        let mut targets: Vec<usize> = (0..nodes).collect();
        self.random.shuffle(&mut targets);
        targets.truncate(count.max(1));
        targets.sort_unstable();
        targets
    }

    fn tell_nodes(&self, nodes: &[usize]) -> Value {
        nodes.iter().map(|node| json!(self.nodes[*node])).collect()
    }

    /// `["isolated", {receiver: [refused senders]}]`, as in Jepsen's histories.
    fn tell_cut(&self, cut: &Cut) -> Value {
        let refused: serde_json::Map<String, Value> = cut
            .isolated()
            .map(|(receiver, senders)| {
                (self.nodes[receiver].to_string(), self.tell_nodes(&senders))
            })
            .collect();
        json!(["isolated", refused])
    }
}

fn step(verb: &str, kind: FaultKind, fault: Fault, begun: Value, done: Value) -> Step {
    let f = format!("{verb}-{}", kind.as_str());
    Step { fault, begun: (f.clone(), begun), done: (f, done) }
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
            let mut nemesis = nemesis(&kinds, seed);
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
