//! Our nodes that serve the workloads of transactions, in virtual time: each holds what it promises
//! under every fault, and breaks what it does not promise.

use std::time::Duration;

use checkers::stats::Requirement;
use eddy::analysis::{Subject, analyse};
use eddy::options::{FaultKind, Options};
use eddy::outcome::Outcome;
use eddy::programs::GOSSIPER;
use eddy::progress::Silent;
use eddy::simulated::{SimulatedNode, simulate};
use eddy::workload::registry::named;
use simulator::LatencyDistribution;

use FaultKind::{Duplicate, Kill, Loss, OneWay, Partition, Pause};

/// Clusters of one of our nodes, and what is asked of them.
struct Trial {
    node: SimulatedNode,
    args: Vec<String>,
    options: Options,
}

impl Trial {
    fn of(node: SimulatedNode, args: &str, workload: &str, models: &str) -> Self {
        let mut options = Options::new(named(workload)).with_nodes(3);
        options.concurrency = 6;
        options.rate = 100.0;
        options.time_limit = Duration::from_secs(10);
        options.latency = Duration::from_millis(10);
        options.nemesis_interval = Duration::from_secs(1);
        let flags = options.workload.kind().flags;
        let flag = flags.iter().find(|flag| flag.name == "consistency-models").expect("a flag");
        options.settings.set(flag, models).expect("models");
        Self { node, args: args.split(' ').map(str::to_owned).collect(), options }
    }

    fn gossiper(args: &str, models: &str) -> Self {
        Self::of(GOSSIPER, args, "txn-rw-register", models)
    }

    fn under(mut self, nemesis: &[FaultKind]) -> Self {
        self.options.nemesis = nemesis.to_vec();
        self
    }

    /// Every operation has to succeed.
    fn available(mut self) -> Self {
        self.options.availability = Some(Requirement::Total);
        self
    }

    /// Why the run with this seed is not valid, if it is not.
    fn failure(&self, seed: u64) -> Option<String> {
        let options = Options { seed, ..self.options.clone() };
        let record = simulate(self.node, &self.args, &options, None, &mut Silent).expect("runs");
        let results = analyse(&options, &Subject::default(), &record, &[], &mut || false);
        Outcome::of(&results).failure().map(|failure| failure.cause.clone())
    }

    fn is_valid(&self) {
        for seed in 0..8 {
            let failure = self.failure(seed);
            assert_eq!(failure, None, "{:?}, seed {seed}", self.args);
        }
    }

    /// A few seeds are enough to show that these models do not hold.
    fn breaks(&self, cause: &str) {
        let causes: Vec<_> = (0..3).filter_map(|seed| self.failure(seed)).collect();
        assert!(causes.iter().any(|found| found.contains(cause)), "{:?}: {causes:?}", self.args);
    }
}

const NETWORK: [FaultKind; 4] = [Partition, OneWay, Loss, Duplicate];
const STOPS: [FaultKind; 3] = [Kill, Pause, Partition];

#[test]
fn one_node_is_strict_serializable_even_if_it_is_killed() {
    let mut trial = Trial::gossiper("txn-single --state-dir x", "strict-serializable");
    trial.options = trial.options.with_nodes(1);
    trial.available().is_valid();
    let mut trial = Trial::gossiper("txn-single --state-dir x", "strict-serializable");
    trial.options = trial.options.with_nodes(1);
    trial.under(&STOPS).is_valid();
}

#[test]
fn one_node_that_forgets_what_it_had_is_found() {
    let mut trial = Trial::gossiper("txn-single", "strict-serializable");
    trial.options = trial.options.with_nodes(1);
    trial.under(&[Kill]).breaks("not strict-serializable");
}

#[test]
fn read_uncommitted_holds_and_is_always_available() {
    let trial = || Trial::gossiper("txn-read-uncommitted", "read-uncommitted");
    trial().under(&NETWORK).available().is_valid();
    trial().under(&STOPS).is_valid();
    Trial::gossiper("txn-read-uncommitted --state-dir x", "read-uncommitted")
        .under(&STOPS)
        .is_valid();
}

#[test]
fn read_uncommitted_is_not_read_committed() {
    // Messages that are sent at once arrive one after the other only if latencies differ.
    let mut trial = Trial::gossiper("txn-read-uncommitted", "read-committed");
    trial.options.latency_dist = LatencyDistribution::Exponential;
    trial.breaks("G1b");
}

#[test]
fn read_committed_holds_and_is_always_available() {
    let trial = || Trial::gossiper("txn-read-committed", "read-committed");
    trial().under(&NETWORK).available().is_valid();
    trial().under(&STOPS).is_valid();
    Trial::gossiper("txn-read-committed --state-dir x", "read-committed").under(&STOPS).is_valid();
}

#[test]
fn read_committed_is_no_snapshot_isolation() {
    Trial::gossiper("txn-read-committed", "snapshot-isolation").breaks("lost-update");
}
