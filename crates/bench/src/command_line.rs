//! From options back to the command that means them, so that a run can be repeated by hand.

use std::path::{Path, PathBuf};

use checkers::stats::Requirement;
use simulator::LatencyDistribution;

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
    pub fn words_without_seed(&self) -> Vec<String> {
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
    pub fn as_started(&self, program: &str, store: &Path) -> String {
        let mut words = self.words();
        words[0] = program.to_owned();
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
pub fn push_seed(words: &mut Vec<String>, seed: u64, args: &[String]) {
    words.extend(["--seed".to_owned(), seed.to_string()]);
    if !args.is_empty() {
        words.push("--".to_owned());
        words.extend(args.iter().cloned());
    }
}

/// Words as a shell reads them back.
pub fn for_shell(words: &[String]) -> String {
    words.iter().map(|word| quote(word)).collect::<Vec<_>>().join(" ")
}

/// A word as a POSIX shell reads it back.
pub fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./,:=@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// Where runs are kept unless it is said otherwise.
const STORE: &str = "store";
