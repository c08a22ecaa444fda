//! Which figures the results of a workload have, so that a limit on one that does not exist is
//! refused before the run. `eddy figures` lists them.

use std::io::{self, Write as _};
use std::process::ExitCode;

use crate::options::WorkloadName;
use crate::workload::{Figure, Headline};

/// Arguments of `eddy figures`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Whose figures to list
    #[arg(short, long, value_name = "NAME", default_value = "lin-kv")]
    workload: WorkloadName,
}

/// Prints the list.
pub fn run(args: &Args) -> ExitCode {
    // Whoever reads our output may have read enough.
    let _ = writeln!(io::stdout(), "{}", table(args.workload));
    ExitCode::SUCCESS
}

/// What every run has.
const COMMON: [Figure; 18] = [
    ("stats.count", "operations that ended"),
    ("stats.ok-count", "those that succeeded"),
    ("stats.fail-count", "those that certainly did not happen"),
    ("stats.info-count", "those of unknown outcome"),
    ("stats.by-f.*.count", "the same four by function, such as `stats.by-f.read.count`"),
    ("stats.by-f.*.ok-count", ""),
    ("stats.by-f.*.fail-count", ""),
    ("stats.by-f.*.info-count", ""),
    ("availability.ok-fraction", "part of the operations that succeeded, from 0 to 1"),
    ("net.*.send-count", "messages sent; * is all, clients or servers"),
    ("net.*.recv-count", "messages received"),
    ("net.*.msg-count", "different messages"),
    ("net.*.msgs-per-op", "messages an operation; * is all or servers"),
    ("latencies.p50", "latency of operations that succeeded, in ms: median"),
    ("latencies.p95", "the same: 95th percentile"),
    ("latencies.p99", "the same: 99th percentile"),
    ("latencies.max", "the same: the longest"),
    ("latencies.by-f.*", "the same four by function, such as `latencies.by-f.read.p99`"),
];

/// The path of a figure in the results, which has a short name if it is wanted often.
pub(super) fn path(workload: WorkloadName, figure: &str) -> &str {
    let stable = workload.kind().headline == Headline::StableLatencies;
    match (figure, stable) {
        ("msgs-per-op", _) => "net.servers.msgs-per-op",
        ("p50", true) => "workload.stable-latencies.0.5",
        ("p95", true) => "workload.stable-latencies.0.95",
        ("p99", true) => "workload.stable-latencies.0.99",
        ("max", true) => "workload.stable-latencies.1",
        ("p50", false) => "latencies.p50",
        ("p95", false) => "latencies.p95",
        ("p99", false) => "latencies.p99",
        ("max", false) => "latencies.max",
        (path, _) => path,
    }
}

/// Whether runs of this workload can have this figure. Verdicts of parts (`valid?`, 1 or 0) and
/// options are figures too, though seldom of use.
pub(super) fn is_known(workload: WorkloadName, figure: &str) -> bool {
    let path = path(workload, figure);
    let listed = COMMON.iter().chain(workload.kind().figures);
    listed.map(|(pattern, _)| *pattern).any(|pattern| fits(pattern, path))
        || path.ends_with("valid?")
        || path.ends_with("exact?")
        || path.starts_with("options.")
        || path == "time-zero"
}

fn fits(pattern: &str, path: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == path,
        Some((before, after)) => path
            .strip_prefix(before)
            .and_then(|rest| rest.strip_suffix(after))
            .is_some_and(|middle| !middle.is_empty()),
    }
}

/// The figures of a workload, one a line.
pub(super) fn table(workload: WorkloadName) -> String {
    let short = ["msgs-per-op", "p50", "p95", "p99", "max"];
    let short = short.map(|name| format!("  {name:<28}  short for {}", path(workload, name)));
    let listed = COMMON.iter().chain(workload.kind().figures);
    let listed = listed.map(|(path, what)| format!("  {path:<28}  {what}").trim_end().to_owned());
    short.into_iter().chain(listed).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value};

    use super::super::look_up;
    use super::*;
    use crate::analysis::{Subject, analyse};
    use crate::options::Options;
    use crate::progress::Silent;
    use crate::simulated::{CONSENSUS, GOSSIPER, IDENTIFIER, simulate};
    use crate::workload::registry::named;

    /// The paths of all numbers in nested maps.
    fn paths(results: &Map<String, Value>, above: &str, found: &mut Vec<String>) {
        for (name, value) in results {
            let path = format!("{above}{name}");
            match value {
                Value::Object(map) => paths(map, &format!("{path}."), found),
                Value::Number(_) => found.push(path),
                _ => {}
            }
        }
    }

    #[test]
    fn every_figure_of_a_run_is_known_and_every_listed_one_is_there() {
        for (node, name) in [
            (IDENTIFIER, named("unique-ids")),
            (GOSSIPER, named("broadcast")),
            (CONSENSUS, named("lin-kv")),
        ] {
            let mut options = Options::new(name).with_nodes(3);
            options.time_limit = std::time::Duration::from_secs(20);
            let record = simulate(node, &[], &options, None, &mut Silent).unwrap();
            let subject = Subject::default();
            let mut results = analyse(&options, &subject, &record, &[], &mut || false).json;
            let mut found = Vec::new();
            paths(&results, "", &mut found);
            // What ids came twice is no figure, and operations of a key are none.
            found.retain(|path| !path.starts_with("workload.results."));
            for path in &found {
                assert!(is_known(name, path), "{name:?}: {path}");
            }
            results.remove("options");
            for (pattern, _) in COMMON.iter().chain(name.kind().figures) {
                let is_rare = pattern.contains("lost-latencies");
                let there = found.iter().any(|path| fits(pattern, path));
                assert!(there || is_rare, "{name:?}: {pattern}");
            }
            for short in ["msgs-per-op", "p50", "max"] {
                assert!(look_up(&results, path(name, short)).is_some(), "{name:?}: {short}");
            }
        }
    }

    #[test]
    fn an_unknown_figure_is_refused_with_those_there_are() {
        let check = |text: &str, workload| {
            text.parse::<super::super::Expectation>().unwrap().check(workload)
        };
        let refusal = check("foo<400", named("broadcast")).unwrap_err();
        assert!(refusal.starts_with("there is no figure `foo` in a broadcast run; there are:\n"));
        assert!(refusal.contains("  workload.lost-count ") && refusal.contains("  msgs-per-op "));
        assert!(check("workload.lost-count=0", named("lin-kv")).is_err());
        for known in [
            "p50<3",
            "workload.lost-count=0",
            "workload.stable-latencies.0.5<4",
            "stats.by-f.read.ok-count>0",
        ] {
            assert_eq!(check(known, named("broadcast")), Ok(()), "{known}");
        }
    }
}
