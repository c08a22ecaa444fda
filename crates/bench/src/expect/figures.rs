//! Which figures the results of a workload have, so that a limit on one that does not exist is
//! refused before the run.

use crate::options::WorkloadName;
use crate::workload::{Figure, Headline};

/// What every run has.
static COMMON: [Figure; 21] = [
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
    ("net.lost.*", "messages that did not arrive: at-random, cut, receiver-down, no-receiver"),
    ("net.doubled", "messages that arrived twice"),
    ("latencies.p50", "latency of operations that succeeded, in ms: median"),
    ("latencies.p95", "the same: 95th percentile"),
    ("latencies.p99", "the same: 99th percentile"),
    ("latencies.max", "the same: the longest"),
    ("latencies.by-f.*", "the same four by function, such as `latencies.by-f.read.p99`"),
    ("sometimes.*", "how often something happened that nodes say should happen sometimes"),
];

/// The path of a figure in the results, which has a short name if it is wanted often.
pub fn path(workload: WorkloadName, figure: &str) -> &str {
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
pub fn is_known(workload: WorkloadName, figure: &str) -> bool {
    let path = path(workload, figure);
    listed(workload).map(|(pattern, _)| *pattern).any(|pattern| fits(pattern, path))
        || path.ends_with("valid?")
        || path.ends_with("exact?")
        || path.starts_with("options.")
        || path == "time-zero"
}

/// Whether a path is one of those that a pattern stands for.
pub fn fits(pattern: &str, path: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == path,
        Some((before, after)) => path
            .strip_prefix(before)
            .and_then(|rest| rest.strip_suffix(after))
            .is_some_and(|middle| !middle.is_empty()),
    }
}

/// The figures that runs of this workload have, as patterns of paths, and what they are.
pub fn listed(workload: WorkloadName) -> impl Iterator<Item = &'static Figure> {
    COMMON.iter().chain(workload.kind().figures)
}

/// The figures of a workload, one a line.
pub fn table(workload: WorkloadName) -> String {
    let short = ["msgs-per-op", "p50", "p95", "p99", "max"];
    let short = short.map(|name| format!("  {name:<28}  short for {}", path(workload, name)));
    let listed =
        listed(workload).map(|(path, what)| format!("  {path:<28}  {what}").trim_end().to_owned());
    short.into_iter().chain(listed).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use crate::workload::registry::named;

    #[test]
    fn an_unknown_figure_is_refused_with_those_there_are() {
        let check = |text: &str, workload| {
            text.parse::<super::super::Expectation>().unwrap().check(workload)
        };
        let refusal = check("foo<400", named("broadcast")).unwrap_err();
        assert!(
            refusal.starts_with("there is no figure `foo` in a run of broadcast; there are:\n")
        );
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
