//! How fast virtual time goes on one core, simulation and checker together, without files:
//! `just bench-simulator`, or `cargo bench -p maelstrom-tests --bench simulator [FILTER]`.
//!
//! Time is that of the processor, so that what else runs on the machine changes little. Simulated
//! seconds are those of the main phase. Recovery and final reads take their time but do
//! not count.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::time::Duration;

use checkers::Verdict;
use eddy::analysis::{Subject, analyse};
use eddy::options::{FaultKind, Options, WorkloadName};
use eddy::programs::{CONSENSUS, GOSSIPER, IDENTIFIER};
use eddy::progress::Silent;
use eddy::simulated::{SimulatedNode, simulate};
use eddy::workload::registry::named;

/// A measurement takes at least so long.
const MEASURED: Duration = Duration::from_secs(2);

struct Scenario {
    name: &'static str,
    node: SimulatedNode,
    args: &'static [&'static str],
    options: Options,
}

fn options(workload: WorkloadName, nodes: usize, seconds: u64) -> Options {
    let mut options = Options::new(workload).with_nodes(nodes);
    options.time_limit = Duration::from_secs(seconds);
    options.rate = 100.0;
    options
}

fn scenarios() -> Vec<Scenario> {
    let mut ids = options(named("unique-ids"), 3, 60);
    ids.rate = 1000.0;
    let lin_kv = options(named("lin-kv"), 5, 60);
    let mut faulty = lin_kv.clone();
    faulty.nemesis = vec![FaultKind::Partition];
    let mut broadcast = options(named("broadcast"), 25, 20);
    broadcast.latency = Duration::from_millis(100);
    let scenario = |name, node, args, options: &Options| Scenario {
        name,
        node,
        args,
        options: options.clone(),
    };
    vec![
        scenario("60 s of unique-ids, 3 nodes, rate 1000", IDENTIFIER, &[], &ids),
        scenario("60 s of lin-kv, 5 nodes, rate 100", CONSENSUS, &[], &lin_kv),
        scenario("60 s of lin-kv, 5 nodes, rate 100, partitions", CONSENSUS, &[], &faulty),
        scenario("20 s of broadcast, 25 nodes, 100 ms, tree", GOSSIPER, &[], &broadcast),
        scenario(
            "20 s of broadcast, 25 nodes, 100 ms, flood",
            GOSSIPER,
            &["--strategy", "flood"],
            &broadcast,
        ),
        scenario(
            "20 s of broadcast, 25 nodes, 100 ms, batched",
            GOSSIPER,
            &["--strategy", "batched"],
            &broadcast,
        ),
        scenario(
            "20 s of broadcast, 25 nodes, 100 ms, star",
            GOSSIPER,
            &["--strategy", "star"],
            &broadcast,
        ),
    ]
}

/// One run; returns the simulated seconds of its main phase and how many operations it had.
fn run(scenario: &Scenario, seed: u64) -> (f64, usize) {
    let mut options = scenario.options.clone();
    options.seed = seed;
    let args: Vec<String> = scenario.args.iter().map(|&arg| arg.to_owned()).collect();
    let record = simulate(scenario.node, &args, &options, None, &mut Silent)
        .unwrap_or_else(|error| panic!("{}: {error}", scenario.name));
    let subject = Subject::default();
    let results = analyse(&options, &subject, &record, &[], &mut || false);
    assert_ne!(results.verdict(), Verdict::Invalid, "{} with seed {seed}", scenario.name);
    (options.time_limit.as_secs_f64(), record.history.events().count() / 2)
}

/// The processor time that this process has used.
fn used() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

fn main() {
    let filter = std::env::args().skip(1).find(|arg| !arg.starts_with('-'));
    for scenario in scenarios() {
        if filter.as_ref().is_some_and(|filter| !scenario.name.contains(filter.as_str())) {
            continue;
        }
        // The first run warms up.
        run(&scenario, 0);
        let start = used();
        let (mut simulated, mut operations, mut runs) = (0.0, 0, 0);
        while used() - start < MEASURED {
            runs += 1;
            let (seconds, count) = run(&scenario, runs);
            simulated += seconds;
            operations += count;
        }
        let taken = (used() - start).as_secs_f64();
        println!(
            "{:<48} {:>7.0} x real time  ({runs} runs, {:.1} us an operation)",
            scenario.name,
            simulated / taken,
            taken * 1e6 / operations as f64,
        );
    }
}
