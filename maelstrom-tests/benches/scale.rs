//! How time, memory, messages and latencies grow with the number of nodes in virtual time:
//! `just bench-scale`, or `cargo bench -p maelstrom-tests --bench scale -- [FILTER]`.
//!
//! Each run is a process of its own, so that its memory is its own. Time is that of the processor;
//! everything counts, from the start of the nodes to the last read.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::process::{Command, ExitCode};
use std::time::Duration;

use checkers::Verdict;
use eddy::analysis::{Subject, analyse};
use eddy::options::Options;
use eddy::programs::{CONSENSUS, GOSSIPER};
use eddy::progress::Silent;
use eddy::results::Results;
use eddy::simulated::simulate;
use eddy::workload::registry;
use eddy::workload::registry::named;

/// What a child process is told to run: strategy, topology, nodes.
const CHILD: &str = "--run";
/// The strategies and the topologies that they are tried on.
const BROADCAST: [(&str, &[&str]); 6] = [
    ("tree", &["grid", "tree4"]),
    ("flood", &["grid"]),
    ("fan-out", &["grid"]),
    ("batched", &["grid", "tree4"]),
    ("direct", &["grid"]),
    ("star", &["grid"]),
];
const SIZES: [usize; 4] = [25, 100, 400, 1000];
/// Members of a cluster that agrees on every operation.
const LIN_KV_SIZES: [usize; 4] = [5, 15, 25, 45];
const SECONDS: u64 = 20;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    if let [first, strategy, topology, nodes] = &args[..]
        && first == CHILD
    {
        let Ok(nodes) = nodes.parse() else { return ExitCode::FAILURE };
        run(strategy, topology, nodes);
        return ExitCode::SUCCESS;
    }
    println!("{SECONDS} s at rate 100; broadcast at 100 ms, lin-kv at 10 ms");
    println!(
        "{:<9} {:<6} {:>5} {:>9} {:>8} {:>6} {:>8} {:>8} {:>8}",
        "", "", "nodes", "s", "x real", "MB", "msgs/op", "p50 ms", "max ms"
    );
    let broadcast = BROADCAST.iter().flat_map(|(strategy, topologies)| {
        topologies.iter().flat_map(move |topology| SIZES.map(|nodes| (*strategy, *topology, nodes)))
    });
    let lin_kv = LIN_KV_SIZES.map(|nodes| ("lin-kv", "-", nodes));
    for (strategy, topology, nodes) in broadcast.chain(lin_kv) {
        let name = format!("{strategy} {topology} {nodes}");
        if args.first().is_some_and(|filter| !name.contains(filter.as_str())) {
            continue;
        }
        let child = std::env::current_exe().and_then(|program| {
            Command::new(program).args([CHILD, strategy, topology, &nodes.to_string()]).status()
        });
        if !child.is_ok_and(|status| status.success()) {
            println!("{name} failed");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

/// One run, and its line.
fn run(strategy: &str, topology: &str, nodes: usize) {
    let is_broadcast = strategy != "lin-kv";
    let workload = named(if is_broadcast { "broadcast" } else { "lin-kv" });
    let mut options = Options::new(workload).with_nodes(nodes);
    options.rate = 100.0;
    options.time_limit = Duration::from_secs(SECONDS);
    options.latency = Duration::from_millis(if is_broadcast { 100 } else { 10 });
    let mut args = Vec::new();
    if is_broadcast {
        args.extend(["--strategy".to_owned(), strategy.to_owned()]);
        let mut flags = registry::all().into_iter().flat_map(|kind| kind.flags);
        let flag = flags.find(|flag| flag.name == "topology");
        let set = flag.map(|flag| options.settings.set(flag, topology));
        assert_eq!(set, Some(Ok(())), "{topology}");
    }
    let node = if is_broadcast { GOSSIPER } else { CONSENSUS };
    let record = simulate(node, &args, &options, None, &mut Silent)
        .unwrap_or_else(|error| panic!("{strategy}: {error}"));
    let results = analyse(&options, &Subject::default(), &record, &[], &mut || false);
    assert_ne!(results.verdict(), Verdict::Invalid, "{strategy} on {nodes} nodes");
    let operations = record.history.events().count() as f64 / 2.0;
    let taken = used().as_secs_f64();
    println!(
        "{strategy:<9} {topology:<6} {nodes:>5} {taken:>9.2} {:>8.1} {:>6} {:>8.2} {:>8} {:>8}",
        SECONDS as f64 / taken,
        memory_mb(),
        record.statistics.servers.send_count as f64 / operations,
        latency(&results, "0.5", "p50"),
        latency(&results, "1", "max"),
    );
}

/// A quantile in milliseconds: until a value is stable, or of an operation.
fn latency(results: &Results, of_values: &str, of_operations: &str) -> String {
    let json = results.json();
    let stable = json["workload"]["stable-latencies"].get(of_values);
    let latency = stable.or_else(|| json["latencies"].get(of_operations));
    latency.and_then(|ms| ms.as_f64()).map_or_else(|| "-".to_owned(), |ms| format!("{ms:.0}"))
}

/// The processor time that this process has used.
fn used() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

/// The most memory that this process has had.
fn memory_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes.unwrap_or(0) / 1024
}
