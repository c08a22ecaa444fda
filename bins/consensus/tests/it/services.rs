//! The services on Raft beside the store, in virtual time on the bench: logs and transactions hold
//! what they promise under every fault, at what it may cost.

use std::time::Duration;

use bench::analysis::{Subject, analyse};
use bench::options::{FaultKind, Options};
use bench::outcome::Outcome;
use bench::progress::Silent;
use bench::results::Results;
use bench::simulated::{SimulatedNode, simulate};
use bench::workload::registry::named;

use FaultKind::{Duplicate, Kill, Loss, OneWay, Partition, Pause};

use crate::faults::seeds;

const NETWORK: [FaultKind; 5] = [Partition, OneWay, Loss, Duplicate, Pause];
const STOPS: [FaultKind; 3] = [Kill, Pause, Partition];

/// Clusters of one of the nodes.
struct Trial {
    args: &'static str,
    options: Options,
}

impl Trial {
    fn new(workload: &str, args: &'static str) -> Self {
        let mut options = Options::new(named(workload)).with_nodes(3);
        options.concurrency = 6;
        options.rate = 60.0;
        options.time_limit = Duration::from_secs(8);
        options.latency = Duration::from_millis(5);
        options.nemesis_interval = Duration::from_secs(1);
        Self { args, options }
    }

    /// Faults, and a while after them in which every node has to answer.
    fn under(mut self, nemesis: &[FaultKind]) -> Self {
        self.options.nemesis = nemesis.to_vec();
        self.options.settle = Duration::from_secs(5);
        self
    }

    fn run(&self, seed: u64) -> Results {
        let options = Options { seed, ..self.options.clone() };
        let node = SimulatedNode::new("consensus", consensus::program);
        let args: Vec<String> = self.args.split(' ').map(str::to_owned).collect();
        let record = simulate(node, &args, &options, None, &mut Silent).expect("runs");
        analyse(&options, &Subject::default(), &record, &[], &mut || false)
    }

    fn is_valid(&self) {
        for seed in seeds(6) {
            let results = self.run(seed);
            let outcome = Outcome::of(&results);
            let failure = outcome.failure().map(|failure| &failure.cause);
            assert_eq!(failure, None, "{:?}, seed {seed}", self.args);
        }
    }
}

#[test]
fn logs_hold_under_faults_on_the_network() {
    Trial::new("kafka", "kafka").under(&NETWORK).is_valid();
    Trial::new("kafka", "kafka --batch 0 --compact-after 5").under(&NETWORK).is_valid();
}

#[test]
fn logs_hold_though_nodes_are_killed() {
    Trial::new("kafka", "kafka --state-dir x --compact-after 20").under(&STOPS).is_valid();
}

#[test]
fn transactions_on_lists_are_strict_serializable() {
    // That is the model which the workload asks for where nothing else is said.
    Trial::new("txn-list-append", "txn-list-append").under(&NETWORK).is_valid();
    let args = "txn-list-append --state-dir x --compact-after 20";
    Trial::new("txn-list-append", args).under(&STOPS).is_valid();
}

#[test]
fn transactions_on_registers_are_strict_serializable() {
    Trial::new("txn-rw-register", "txn-rw-register").under(&NETWORK).is_valid();
    let args = "txn-rw-register --state-dir x --compact-after 20";
    Trial::new("txn-rw-register", args).under(&STOPS).is_valid();
}
