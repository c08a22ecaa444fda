//! From options back to the command that means them, so that a run can be repeated by hand.

use std::path::{Path, PathBuf};

use checkers::stats::Requirement;
use simulator::LatencyDistribution;

use crate::cli::quote;
use crate::expect::Expectation;
use crate::options::{Options, numbered_nodes};
use crate::simulated::SimulatedNode;

/// What a run is put to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Target {
    /// One of our own nodes in virtual time.
    Simulated(SimulatedNode),
    /// A program.
    Program(PathBuf),
    /// A program in virtual time.
    Virtual(PathBuf),
}

impl Target {
    /// What `--simulate` and `--bin` name, of which exactly one is given; `virtual_time` says how a
    /// program is run.
    ///
    /// # Errors
    /// If neither is.
    pub fn new(
        simulate: Option<SimulatedNode>,
        bin: Option<&Path>,
        virtual_time: bool,
    ) -> Result<Self, String> {
        match (simulate, bin) {
            (Some(node), _) => Ok(Self::Simulated(node)),
            (None, Some(bin)) if virtual_time => Ok(Self::Virtual(bin.to_owned())),
            (None, Some(bin)) => Ok(Self::Program(bin.to_owned())),
            (None, None) => Err("say what to test with --bin FILE or --simulate NODE".to_owned()),
        }
    }
}

/// A run in full: what, how, what is expected, and the node's arguments.
#[derive(Clone, Debug)]
pub struct Call {
    /// What is run.
    pub target: Target,
    /// How.
    pub options: Options,
    /// Limits that are part of the verdict.
    pub expect: Vec<Expectation>,
    /// The node's arguments.
    pub args: Vec<String>,
}

impl Call {
    /// The same with another seed.
    #[must_use]
    pub fn with_seed(&self, seed: u64) -> Self {
        let mut call = self.clone();
        call.options.seed = seed;
        call
    }

    /// The words of the `eddy test` command that means this run. What is left to its default is
    /// left out.
    pub fn words(&self) -> Vec<String> {
        let mut words = self.words_without_seed();
        push_seed(&mut words, self.options.seed, &self.args);
        words
    }

    /// The words before the seed and the node's arguments: what all runs of a sweep share.
    pub(crate) fn words_without_seed(&self) -> Vec<String> {
        let options = &self.options;
        let default = Options::new(options.workload);
        let mut words = vec!["eddy".to_owned(), "test".to_owned()];
        let mut flag = |name: &str, value: String| {
            words.push(format!("--{name}"));
            words.push(value);
        };
        flag("workload", options.workload.as_str().to_owned());
        match &self.target {
            Target::Simulated(node) => flag("simulate", node.as_str().to_owned()),
            Target::Program(path) | Target::Virtual(path) => {
                flag("bin", path.display().to_string());
            }
        }
        let count = options.nodes.len();
        if options.nodes == numbered_nodes(count) {
            flag("node-count", count.to_string());
        } else {
            let names: Vec<_> = options.nodes.iter().map(ToString::to_string).collect();
            flag("nodes", names.join(","));
        }
        if options.concurrency != options.workload.default_concurrency(count) {
            flag("concurrency", options.concurrency.to_string());
        }
        flag("time-limit", options.time_limit.as_secs_f64().to_string());
        flag("rate", options.rate.to_string());
        let mut differing = |name: &str, value: f64, default: f64| {
            if value != default {
                flag(name, value.to_string());
            }
        };
        let milliseconds = options.latency.as_nanos() as f64 / 1e6;
        differing("latency", milliseconds, 0.0);
        differing("loss", options.loss, default.loss);
        differing("duplicate", options.duplicate, default.duplicate);
        differing("loss-clients", options.loss_clients, default.loss_clients);
        differing("settle", options.settle.as_secs_f64(), default.settle.as_secs_f64());
        let recovery_time = options.recovery_time.as_secs_f64();
        differing("recovery-time", recovery_time, default.recovery_time.as_secs_f64());
        match options.latency_dist {
            LatencyDistribution::Constant => {}
            LatencyDistribution::Uniform => flag("latency-dist", "uniform".to_owned()),
            LatencyDistribution::Exponential => flag("latency-dist", "exponential".to_owned()),
        }
        if !options.nemesis.is_empty() {
            let kinds: Vec<_> = options.nemesis.iter().map(|kind| kind.as_str()).collect();
            flag("nemesis", kinds.join(","));
            flag("nemesis-interval", options.nemesis_interval.as_secs_f64().to_string());
        }
        match options.availability {
            None => {}
            Some(Requirement::Total) => flag("availability", "total".to_owned()),
            Some(Requirement::Fraction(part)) => flag("availability", part.to_string()),
        }
        let limits =
            [("max-operations", options.max_operations), ("max-faults", options.max_faults)];
        for (name, limit) in limits {
            if let Some(limit) = limit {
                flag(name, limit.to_string());
            }
        }
        for (name, value) in options.settings.iter() {
            flag(name, value.to_owned());
        }
        for expectation in &self.expect {
            flag("expect", expectation.to_string());
        }
        if matches!(self.target, Target::Virtual(_)) {
            words.push("--virtual-time".to_owned());
        }
        words
    }

    /// The command for this very place: the program as it was started, and where runs are kept.
    pub fn as_started(&self, store: &Path) -> String {
        let mut words = self.words();
        words[0] = program();
        if store != Path::new(STORE) {
            words.splice(2..2, ["--store".to_owned(), store.display().to_string()]);
        }
        for_shell(&words)
    }

    /// The same as a shell reads it.
    pub fn command(&self) -> String {
        for_shell(&self.words())
    }
}

/// Adds the seed and the node's arguments to the words before them.
pub(crate) fn push_seed(words: &mut Vec<String>, seed: u64, args: &[String]) {
    words.extend(["--seed".to_owned(), seed.to_string()]);
    if !args.is_empty() {
        words.push("--".to_owned());
        words.extend(args.iter().cloned());
    }
}

/// Words as a shell reads them back.
pub(crate) fn for_shell(words: &[String]) -> String {
    words.iter().map(|word| quote(word)).collect::<Vec<_>>().join(" ")
}

/// This program as whoever started it named it.
pub(crate) fn program() -> String {
    std::env::args().next().unwrap_or_else(|| "eddy".to_owned())
}

/// Where runs are kept unless it is said otherwise.
const STORE: &str = "store";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Command, TestArgs};

    fn parse(words: impl IntoIterator<Item = String>) -> TestArgs {
        match Cli::read(words).unwrap().command {
            Command::Test(args) => *args,
            other => panic!("{other:?}"),
        }
    }

    fn call(command: &str) -> Call {
        let args = parse(command.split(' ').map(str::to_owned));
        args.call(args.run.seed.unwrap()).unwrap()
    }

    #[test]
    fn the_command_of_a_run_means_that_run() {
        for command in [
            "eddy test -w unique-ids --simulate identifier --seed 7",
            "eddy test -w echo --bin ./node.py --virtual-time --seed 7 -- --flag",
            "eddy test --bin ./node.py --seed 18446744073709551615 --nodes a,b --concurrency 9n \
             --time-limit 0.1 --rate 33.3 --latency 0.7 --latency-dist exponential \
             --nemesis kill,partition --nemesis-interval 0.25 --availability 0.99 --loss 0.01 \
             --duplicate 1 --loss-clients 0.5 --settle 3 --recovery-time 0 --max-operations 5 \
             --max-faults 0 --key-limit 9 --max-states 1000 --expect p50<=4ms -- --flag {run}",
            "eddy test -w broadcast --bin x --topology tree4 --node-count 25 --availability total \
             --seed 0 -- -w lin-kv",
        ] {
            let before = call(&command.split_whitespace().collect::<Vec<_>>().join(" "));
            let after = call(&before.words().join(" "));
            assert_eq!(format!("{before:?}"), format!("{after:?}"), "{command}");
        }
    }

    #[test]
    fn words_are_quoted_for_the_shell_and_defaults_left_out() {
        let mut call = call("eddy test -w echo --bin a --node-count 3 --time-limit 5 --seed 1");
        call.args = vec!["it's".to_owned()];
        assert_eq!(
            call.command(),
            "eddy test --workload echo --bin a --node-count 3 --time-limit 5 --rate 5 --seed 1 \
             -- 'it'\\''s'"
        );
    }
}
