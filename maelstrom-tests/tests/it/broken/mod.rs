//! Deliberately broken nodes. For each fault that eddy brings there is a node that goes wrong under
//! it, which a sweep finds within a stated number of seeds, which goes wrong again with the seed
//! that was found, and which is right without the fault: so both the fault and the checker work.

mod amnesiac_ids;
mod clock_ids;
mod deaf_to_gaps;
mod fire_and_forget;
mod kafka;
mod lease_by_timer;
mod lock;
mod lost_updates;
mod one_way_trust;
mod stale_copies;
mod textbook_raft;
mod transactions;
mod twice_told;

use std::num::NonZeroUsize;
use std::ops::{ControlFlow, Range};
use std::time::Duration;

use bench::sweep::search::search;
use bench::sweep::seeds::{SeedRange, Seeds, Shard};
use eddy::analysis::{Subject, analyse};
use eddy::options::{FaultKind, Options, WorkloadName};
use eddy::outcome::{FailureKind, Outcome};
use eddy::progress::Silent;
use eddy::results::Results;
use eddy::simulated::{SimulatedWorld, run_world};
use proto::{AnyNode, Invariant, Node};

/// How a broken node is put to the test.
struct Bug<N> {
    /// The runs, with the fault under which the node goes wrong.
    options: Options,
    /// Whether nodes have a state directory.
    durable: bool,
    /// The number of seeds within which a sweep finds it.
    within: u64,
    make: fn() -> N,
    /// What must hold of a cluster of such nodes.
    invariant: Option<fn() -> Box<dyn Invariant>>,
}

/// Runs of five nodes, 30 seconds long, with a few steps of the nemesis in them.
fn runs(workload: WorkloadName, nemesis: &[FaultKind]) -> Options {
    let mut options = Options::new(workload);
    options.rate = 30.0;
    options.time_limit = Duration::from_secs(30);
    options.nemesis = nemesis.to_vec();
    options.nemesis_interval = Duration::from_secs(3);
    options.latency = Duration::from_millis(10);
    options
}

impl<N: Node + 'static> Bug<N> {
    /// The history, a line an event, and the results of one run.
    fn run(&self, options: &Options, seed: u64) -> (String, Results) {
        let mut options = options.clone();
        options.seed = seed;
        let make = self.make;
        let invariant = self.invariant.map(|make| make());
        let mut world = SimulatedWorld::new(&options, self.durable, move |_| AnyNode::new(make()))
            .watched_by(invariant);
        let record = run_world(&mut world, &options, &mut Silent);
        let mut history = Vec::new();
        for event in record.history.events() {
            event.write(&mut history).expect("JSON");
            history.push(b'\n');
        }
        let history = String::from_utf8(history).expect("UTF-8");
        let subject = Subject::default();
        let results = analyse(&options, &subject, &record, &[], &mut || false);
        (history, results)
    }

    /// The lowest seed with which these runs show something wrong, and what. That little or nothing
    /// succeeded under a fault is not wrong.
    fn first_failure(&self, options: &Options) -> Option<(u64, FailureKind, String)> {
        let seeds = Seeds::new(SeedRange { start: 0, end: self.within }, Shard::default(), 1);
        let mut first = None;
        let run = |seeds: Range<u64>| (seeds.start, Outcome::of(&self.run(options, seeds.start).1));
        search(seeds, NonZeroUsize::MIN, run, |(seed, outcome)| match outcome.failure() {
            Some(failure) if failure.kind <= FailureKind::Workload => {
                first = Some((seed, failure.kind, failure.cause.clone()));
                ControlFlow::Break(())
            }
            _ => ControlFlow::Continue(()),
        });
        first
    }

    /// Finds it by what clients saw, repeats it by its seed, and finds nothing without the fault.
    fn is_found(&self) {
        self.is_found_as(FailureKind::Workload);
    }

    /// The same for a failure of this kind.
    fn is_found_as(&self, expected: FailureKind) {
        let (seed, kind, cause) = self.first_failure(&self.options).expect("a seed fails");
        assert_eq!(kind, expected, "seed {seed}: {cause}");
        let (once, again) = (self.run(&self.options, seed), self.run(&self.options, seed));
        assert_eq!(Outcome::of(&once.1).failure().map(|it| &it.cause), Some(&cause));
        assert!(once == again, "seed {seed} gives the same history and results each time");
        if self.options.nemesis.is_empty() {
            return;
        }
        self.is_right_under(&[]);
    }

    /// Finds nothing under other faults.
    fn is_right_under(&self, nemesis: &[FaultKind]) {
        let options = Options { nemesis: nemesis.to_vec(), ..self.options.clone() };
        assert_eq!(self.first_failure(&options), None, "under {nemesis:?}");
    }
}
