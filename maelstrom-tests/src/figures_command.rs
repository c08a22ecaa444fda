//! `eddy figures`: which figures the results of a workload have.

use std::io::{self, Write as _};
use std::process::ExitCode;

use crate::expect::figures::table;
use crate::options::WorkloadName;
use crate::workload::registry;

/// Arguments of `eddy figures`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Whose figures to list
    #[arg(short, long, value_name = "NAME", default_value = registry::DEFAULT)]
    workload: WorkloadName,
}

/// Prints the list.
pub fn run(args: &Args) -> ExitCode {
    // Whoever reads our output may have read enough.
    let _ = writeln!(io::stdout(), "{}", table(args.workload));
    ExitCode::SUCCESS
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value};

    use crate::analysis::{Subject, analyse};
    use crate::expect::figures::{fits, is_known, listed, path};
    use crate::expect::look_up;
    use crate::options::Options;
    use crate::programs::{CONSENSUS, GOSSIPER, IDENTIFIER};
    use crate::progress::Silent;
    use crate::simulated::simulate;
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
            let mut results = analyse(&options, &subject, &record, &[], &mut || false).json();
            let mut found = Vec::new();
            paths(&results, "", &mut found);
            // What ids came twice is no figure, and operations of a key are none.
            found.retain(|path| !path.starts_with("workload.results."));
            for path in &found {
                assert!(is_known(name, path), "{name:?}: {path}");
            }
            results.remove("options");
            for (pattern, _) in listed(name) {
                // Some are there only where something was lost, or a flag asks for them.
                let is_rare = ["lost-latencies", "messages.pairs-across-nodes", "sometimes."]
                    .iter()
                    .any(|rare| pattern.contains(rare));
                let there = found.iter().any(|path| fits(pattern, path));
                assert!(there || is_rare, "{name:?}: {pattern}");
            }
            for short in ["msgs-per-op", "p50", "max"] {
                assert!(look_up(&results, path(name, short)).is_some(), "{name:?}: {short}");
            }
        }
    }
}
