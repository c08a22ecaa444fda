//! The command line: Maelstrom's `test` with its flags and defaults, and what eddy has beyond it.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use checkers::stats::Requirement;
use clap::{Args, Parser, Subcommand};
use proto::NodeId;
use simulator::LatencyDistribution;

use crate::check_node::CheckNodeArgs;
use crate::command_line::{Call, Target};
use crate::expect::Expectation;
use crate::options::{FaultKind, Options, WorkloadName, numbered_nodes};
use crate::simulated::SimulatedNode;
use crate::sweep::SweepArgs;
use crate::sweep::merge::MergeArgs;
use crate::tasks::TasksArgs;
use crate::virtual_time::doctor;
use crate::workload::{Flag, Settings, registry};
use crate::{check, compare, figures_command, manual, new, programs, report, serve};

/// A test bench for Maelstrom nodes in any language: real processes, or our own nodes in virtual
/// time, under faults, with checkers, and with every run repeatable from its seed.
#[derive(Debug, Parser)]
#[command(name = "eddy", version, max_term_width = 100, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    /// What to do.
    pub command: Command,
}

impl Cli {
    /// The whole command line, with the flags of the registry's workloads.
    pub fn command_line() -> clap::Command {
        let flags = workload_flags();
        let with_flags = |command: clap::Command| {
            let arg = |flag: &(Flag, String)| {
                let (flag, help) = flag;
                let arg = clap::Arg::new(flag.name).long(flag.name).value_name(flag.value_name);
                let arg = arg.help(help.clone()).allow_negative_numbers(true);
                let check = flag.check;
                arg.value_parser(move |value: &str| check(value).map(|()| value.to_owned()))
            };
            command.args(flags.iter().map(arg))
        };
        <Self as clap::CommandFactory>::command()
            .mut_subcommand("test", with_flags)
            .mut_subcommand("sweep", with_flags)
            .mut_subcommand("check", with_flags)
    }

    /// Reads a command line, the program's name included. Flags of workloads are those of the
    /// registry; one that the workload of the run does not have means nothing there.
    ///
    /// # Errors
    /// As clap has them: wrong usage, or a request for help.
    pub fn read(
        words: impl IntoIterator<Item = impl Into<OsString> + Clone>,
    ) -> Result<Self, clap::Error> {
        let matches = Self::command_line().try_get_matches_from(words)?;
        let mut cli = <Self as clap::FromArgMatches>::from_arg_matches(&matches)?;
        if let (Some((workload, settings)), Some((_, matches))) =
            (cli.settings_mut(), matches.subcommand())
        {
            for flag in workload.kind().flags {
                if let Some(value) = matches.get_one::<String>(flag.name)
                    && let Err(right) = settings.set(flag, value)
                {
                    let text = format!("--{} {right}, not `{value}`\n", flag.name);
                    return Err(clap::Error::raw(clap::error::ErrorKind::ValueValidation, text));
                }
            }
        }
        Ok(cli)
    }

    /// The workload and what its flags are set to, for commands that have such flags.
    fn settings_mut(&mut self) -> Option<(WorkloadName, &mut Settings)> {
        let run = match &mut self.command {
            Command::Test(args) => &mut args.run,
            Command::Sweep(args) => args.run_mut(),
            Command::Check(args) => return Some((args.workload, &mut args.settings)),
            _ => return None,
        };
        Some((run.workload, &mut run.settings))
    }
}

/// The flags of all workloads, each once, with help that says whose they are.
fn workload_flags() -> Vec<(Flag, String)> {
    let mut flags: Vec<(Flag, Vec<&str>)> = Vec::new();
    for kind in registry::all() {
        for flag in kind.flags {
            match flags.iter_mut().find(|(known, _)| known.name == flag.name) {
                Some((_, kinds)) => kinds.push(kind.name),
                None => flags.push((*flag, vec![kind.name])),
            }
        }
    }
    let help = |(flag, kinds): (Flag, Vec<&str>)| {
        let default = match flag.default {
            "" => String::new(),
            default => format!(" [default: {default}]"),
        };
        (flag, format!("{}: {}{default}", kinds.join(", "), flag.help))
    };
    flags.into_iter().map(help).collect()
}

/// What eddy can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a workload against nodes and check what their clients saw
    Test(Box<TestArgs>),
    /// Run the sample cases of tasks against the built binaries
    Tasks(TasksArgs),
    /// Show the runs of a store in a browser
    Serve(serve::Args),
    /// Make the reports of earlier runs again
    Report(report::command::Args),
    /// Hold two runs against each other
    Compare(compare::Args),
    /// Ask a node one of each message and explain its mistakes
    CheckNode(CheckNodeArgs),
    /// Run many seeds on all cores; repeat and shrink what fails
    Sweep(Box<SweepArgs>),
    /// Fold what the shards of a sweep found into one result
    Merge(MergeArgs),
    /// Check a stored history: of a run, of Jepsen or of Elle
    Check(check::Args),
    /// Tell what this machine allows of what virtual time needs
    Doctor(doctor::Args),
    /// List the figures of a workload that `--expect` can limit
    Figures(figures_command::Args),
    /// Write a small node to begin with, in a language of your choice
    New(new::Args),
    /// Print completions for a shell
    Completions(manual::CompletionsArgs),
    /// Print the manual page of a command, or write all of them
    Man(manual::ManArgs),
}

/// Arguments of `eddy test`.
#[derive(Clone, Debug, Args)]
#[command(after_help = TEST_EXAMPLES, allow_negative_numbers = true)]
pub struct TestArgs {
    /// The program to run as a node
    #[arg(long, value_name = "FILE", required_unless_present = "simulate")]
    pub bin: Option<PathBuf>,

    /// Run a node of identifier, gossiper or consensus in virtual time instead of a program
    #[arg(long, value_name = "NODE", conflicts_with = "bin", value_parser = programs::find)]
    pub simulate: Option<SimulatedNode>,

    /// Run twice and say whether both runs were the same, call by call (virtual time only)
    #[arg(long, requires = "virtual_time")]
    pub verify: bool,

    /// The options of the run.
    #[command(flatten)]
    pub run: RunArgs,

    /// Run so many times, with rising seeds; stop at the first run that is not valid
    #[arg(long, value_name = "N", default_value = "1", value_parser = at_least_one)]
    pub test_count: u64,

    /// Copy what nodes say on stderr to the console
    #[arg(long)]
    pub log_stderr: bool,

    /// Copy every message to the console as it enters the network
    #[arg(long)]
    pub log_net_send: bool,

    /// Copy every message to the console as it leaves the network
    #[arg(long)]
    pub log_net_recv: bool,

    /// Where runs are kept
    #[arg(long, value_name = "DIR", default_value = "store")]
    pub store: PathBuf,

    /// Seconds that nodes get to end by themselves, after their stdin is closed, before SIGKILL
    #[arg(long, value_name = "S", default_value = "0", value_parser = seconds)]
    pub grace: Duration,

    /// Print the verdict only
    #[arg(long, short)]
    pub quiet: bool,

    /// Print the results as JSON on stdout, and nothing else
    #[arg(long)]
    pub json: bool,

    /// Flags of Maelstrom without meaning here.
    #[command(flatten)]
    pub without_meaning: WithoutMeaning,

    /// Arguments for the node; `{run}` becomes a fresh directory of this run
    #[arg(last = true, value_name = "ARGS")]
    pub args: Vec<String>,
}

/// Flags that Maelstrom takes from Jepsen, for the machines of a cluster that eddy does not have.
/// They are taken, so that a command line can stay as it is, and passed over.
#[derive(Clone, Debug, Default, Args)]
pub struct WithoutMeaning {
    #[arg(long, hide = true)]
    leave_db_running: bool,
    #[arg(long, hide = true)]
    logging_json: bool,
    #[arg(long, hide = true)]
    no_ssh: bool,
    #[arg(long, hide = true)]
    strict_host_key_checking: bool,
    #[arg(long, hide = true, value_name = "USER")]
    username: Option<String>,
    #[arg(long, hide = true, value_name = "PASS")]
    password: Option<String>,
    #[arg(long, hide = true, value_name = "FILE")]
    ssh_private_key: Option<PathBuf>,
}

impl WithoutMeaning {
    /// Those that were given.
    pub fn given(&self) -> Vec<&'static str> {
        let flags = [
            ("--leave-db-running", self.leave_db_running),
            ("--logging-json", self.logging_json),
            ("--no-ssh", self.no_ssh),
            ("--strict-host-key-checking", self.strict_host_key_checking),
            ("--username", self.username.is_some()),
            ("--password", self.password.is_some()),
            ("--ssh-private-key", self.ssh_private_key.is_some()),
        ];
        flags.into_iter().filter(|(_, given)| *given).map(|(flag, _)| flag).collect()
    }
}

/// What determines a run, for `test` and `sweep` alike.
#[derive(Clone, Debug, Args)]
pub struct RunArgs {
    /// What clients do and what is checked
    #[arg(short, long, value_name = "NAME", default_value = "lin-kv")]
    pub workload: WorkloadName,

    /// How many nodes, named n0, n1, ... (default: five, named n1 to n5)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub node_count: Option<u16>,

    /// The names of the nodes
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub nodes: Vec<String>,

    /// The name of one node; can be repeated
    #[arg(short, long, value_name = "ID")]
    pub node: Vec<String>,

    /// A file with the name of a node on each line
    #[arg(long, value_name = "FILE")]
    pub nodes_file: Option<PathBuf>,

    /// Client workers: a number, or a number and `n` for so many a node (default: 1n; lin-kv: 2n)
    #[arg(long, value_name = "X")]
    pub concurrency: Option<Concurrency>,

    /// Length of the main phase in seconds, from the first operation on
    #[arg(long, value_name = "S", default_value = "60", value_parser = positive_seconds)]
    pub time_limit: Duration,

    /// Mean client operations a second over the whole cluster; 0 for none
    #[arg(long, value_name = "R", default_value = "5", value_parser = rate)]
    pub rate: f64,

    /// Mean latency of a message between servers, in milliseconds
    #[arg(long, value_name = "MS", default_value = "0", value_parser = milliseconds)]
    pub latency: Duration,

    /// Distribution of latencies: constant, uniform or exponential
    #[arg(long, value_name = "D", default_value = "constant", value_parser = distribution)]
    pub latency_dist: LatencyDistribution,

    /// Faults that come and go: partition, one-way, kill, pause, loss, duplicate, clock
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub nemesis: Vec<FaultKind>,

    /// Mean seconds between steps of the nemesis
    #[arg(long, value_name = "S", default_value = "10", value_parser = positive_seconds)]
    pub nemesis_interval: Duration,

    /// Part of the operations that has to succeed: `total`, or a number from 0 to 1
    #[arg(long, value_name = "A", value_parser = availability)]
    pub availability: Option<Requirement>,

    /// Probability that a message between servers is lost
    #[arg(long, value_name = "P", default_value = "0", value_parser = probability)]
    pub loss: f64,

    /// Probability that a message between servers arrives twice
    #[arg(long, value_name = "P", default_value = "0", value_parser = probability)]
    pub duplicate: f64,

    /// Probability that a message to or from a client is lost
    #[arg(long, value_name = "P", default_value = "0", value_parser = probability)]
    pub loss_clients: f64,

    /// After the time limit heal everything and go on for S seconds, in which every node has to
    /// complete an operation
    #[arg(long, value_name = "S", default_value = "0", value_parser = seconds)]
    pub settle: Duration,

    /// Pause between healing and the final reads, in seconds
    #[arg(long, value_name = "S", default_value = "10", value_parser = seconds)]
    pub recovery_time: Duration,

    /// Most operations of the main phase
    #[arg(long, value_name = "N", value_parser = count)]
    pub max_operations: Option<u64>,

    /// Most faults that the nemesis brings
    #[arg(long, value_name = "N", value_parser = count)]
    pub max_faults: Option<u64>,

    /// A limit on a figure that becomes part of the verdict, such as 'msgs-per-op<30' or
    /// 'p50<400ms'; can be repeated. `eddy figures` lists the figures
    #[arg(long, value_name = "FIGURE<LIMIT")]
    pub expect: Vec<Expectation>,

    /// Flags of the workload, filled in from what was parsed.
    #[arg(skip)]
    pub settings: Settings,

    /// Run the program in virtual time: nothing is waited for, and the same seed gives the same run
    #[arg(long, requires = "bin")]
    pub virtual_time: bool,

    /// Where all chance comes from (default: drawn at random and printed)
    #[arg(long, value_name = "N", value_parser = count)]
    pub seed: Option<u64>,
}

const TEST_EXAMPLES: &str = "\
Examples:
  eddy test -w unique-ids --bin target/release/identifier --node-count 3 --time-limit 20 \\
      --rate 1000 --nemesis partition --availability total
  eddy test -w broadcast --bin ./my-node.py --node-count 25 --topology tree4 --rate 100 \\
      --latency 100 --expect 'msgs-per-op<30' --expect 'p50<400ms' --expect 'max<600ms'
  eddy test -w broadcast --bin ./my-node.py --virtual-time --nemesis partition,kill --seed 7
  eddy test -w unique-ids --simulate identifier --nemesis partition,kill --seed 7 \\
      -- --state-dir '{run}'

A run can outlast its time limit: up to 10 s for `init` and 5 s for `topology` before it; after it one
client time-out for the last replies (5 s; lin-kv: ten latencies, at least 1 s), with --settle its
seconds and a time-out, --recovery-time and a time-out where there are final reads, 10 s and a time-out
where killed nodes are asked once more, --grace and 5 s to end the nodes. Then come the checker and the
report, which are bounded by work.

Exit status: 0 valid, 1 invalid, 2 unknown or wrong usage.";

/// `--concurrency`: a number of workers, or so many a node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Concurrency {
    /// So many.
    Workers(usize),
    /// So many times the number of nodes.
    PerNode(usize),
}

impl std::str::FromStr for Concurrency {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (number, per_node) = match text.strip_suffix('n') {
            Some(number) => (number, true),
            None => (text, false),
        };
        match number.parse() {
            Ok(count) if count > 0 && per_node => Ok(Self::PerNode(count)),
            Ok(count) if count > 0 => Ok(Self::Workers(count)),
            _ => Err("has to be a number above 0, such as `10`, or one with an n, such as `4n`"
                .to_owned()),
        }
    }
}

impl TestArgs {
    /// The run with this seed.
    ///
    /// # Errors
    /// Says what is wrong.
    pub fn call(&self, seed: u64) -> Result<Call, String> {
        let target = Target::new(self.simulate, self.bin.as_deref(), self.run.virtual_time)?;
        let options = self.run.options(seed)?;
        Ok(Call { target, options, expect: self.run.expect.clone(), args: self.args.clone() })
    }
}

impl RunArgs {
    /// The options of a run with this seed.
    ///
    /// # Errors
    /// Says what is wrong with the names of the nodes.
    pub fn options(&self, seed: u64) -> Result<Options, String> {
        let nodes = self.node_ids()?;
        let concurrency = match self.concurrency {
            None => self.workload.default_concurrency(nodes.len()),
            Some(Concurrency::Workers(count)) => count,
            Some(Concurrency::PerNode(count)) => count * nodes.len(),
        };
        let mut nemesis = self.nemesis.clone();
        nemesis.sort_unstable();
        nemesis.dedup();
        Ok(Options {
            workload: self.workload,
            nodes,
            concurrency,
            rate: self.rate,
            time_limit: self.time_limit,
            latency: self.latency,
            latency_dist: self.latency_dist,
            loss: self.loss,
            duplicate: self.duplicate,
            loss_clients: self.loss_clients,
            nemesis,
            nemesis_interval: self.nemesis_interval,
            availability: self.availability,
            settle: self.settle,
            recovery_time: self.recovery_time,
            max_operations: self.max_operations,
            max_faults: self.max_faults,
            settings: self.settings.clone(),
            seed,
        })
    }

    fn node_ids(&self) -> Result<Vec<NodeId>, String> {
        let mut names = Vec::new();
        if let Some(file) = &self.nodes_file {
            let text = std::fs::read_to_string(file)
                .map_err(|error| format!("cannot read {}: {error}", file.display()))?;
            names.extend(
                text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned),
            );
        }
        names.extend(self.nodes.iter().map(|name| name.trim().to_owned()));
        names.extend(self.node.iter().cloned());
        if let Some(count) = self.node_count {
            if names.is_empty() {
                return Ok(numbered_nodes(count.into()));
            }
            if names.len() != usize::from(count) {
                return Err(format!(
                    "--node-count {count} contradicts the names of the nodes, which are {}: {}; \
                     leave one of the two out",
                    names.len(),
                    names.join(", ")
                ));
            }
        }
        if names.is_empty() {
            names = (1..=5).map(|number| format!("n{number}")).collect();
        }
        let nodes: Vec<NodeId> = names.iter().map(|name| NodeId::new(name)).collect();
        for (index, node) in nodes.iter().enumerate() {
            if nodes[..index].contains(node) {
                return Err(format!("there are two nodes named `{node}`"));
            }
            if node.as_str().is_empty() {
                return Err("the name of a node is empty".to_owned());
            }
            if node.is_client() {
                return Err(format!(
                    "`{node}` cannot be the name of a node: names that begin with c are clients', \
                     c0, c1, and so on; call it `n{node}`, say, or let --node-count {} name all",
                    nodes.len()
                ));
            }
            if proto::service::is_service(node.as_str()) {
                return Err(format!("`{node}` cannot be the name of a node: it is a service's"));
            }
        }
        Ok(nodes)
    }
}

fn number(text: &str, what: &str, holds: impl Fn(f64) -> bool) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() && holds(number) => Ok(number),
        _ => Err(format!("has to be {what}")),
    }
}

/// The longest time that an option can give: a year.
const SECONDS_MAX: f64 = 31_536_000.0;

fn positive_seconds(text: &str) -> Result<Duration, String> {
    number(text, "a number of seconds above 0", |s| s > 0.0 && s < SECONDS_MAX)
        .map(Duration::from_secs_f64)
}

fn seconds(text: &str) -> Result<Duration, String> {
    number(text, "a number of seconds", |s| (0.0..SECONDS_MAX).contains(&s))
        .map(Duration::from_secs_f64)
}

fn milliseconds(text: &str) -> Result<Duration, String> {
    number(text, "a number of milliseconds", |ms| (0.0..SECONDS_MAX).contains(&ms))
        .map(|ms| Duration::from_secs_f64(ms / 1e3))
}

fn rate(text: &str) -> Result<f64, String> {
    number(text, "a number of operations a second, 0 or more", |rate| (0.0..1e9).contains(&rate))
}

fn count(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| "has to be a whole number, 0 or more".to_owned())
}

fn at_least_one(text: &str) -> Result<u64, String> {
    match text.parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err("has to be a whole number, 1 or more".to_owned()),
    }
}

fn probability(text: &str) -> Result<f64, String> {
    number(text, "a probability from 0 to 1", |p| (0.0..=1.0).contains(&p))
}

fn distribution(text: &str) -> Result<LatencyDistribution, String> {
    match text {
        "constant" => Ok(LatencyDistribution::Constant),
        "uniform" => Ok(LatencyDistribution::Uniform),
        "exponential" => Ok(LatencyDistribution::Exponential),
        _ => Err("has to be constant, uniform or exponential".to_owned()),
    }
}

fn availability(text: &str) -> Result<Requirement, String> {
    if text == "total" {
        return Ok(Requirement::Total);
    }
    number(text, "`total` or a number from 0 to 1", |part| (0.0..=1.0).contains(&part))
        .map(Requirement::Fraction)
}

/// This program as whoever started it named it.
pub(crate) fn program() -> String {
    std::env::args().next().unwrap_or_else(|| "eddy".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(flags: &[&str]) -> Result<Options, String> {
        let words = ["eddy", "test", "--bin", "x"].iter().chain(flags);
        match Cli::read(words).map_err(|error| error.to_string())?.command {
            Command::Test(args) => args.run.options(0),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn names_of_nodes_and_their_count_do_not_contradict_each_other() {
        let named = options(&["--nodes", "a,b", "--node-count", "2"]).unwrap();
        assert_eq!(named.nodes, ["a", "b"].map(NodeId::new));
        let refusal = options(&["--nodes", "a,b", "--node-count", "3"]).unwrap_err();
        assert!(refusal.starts_with("--node-count 3 contradicts"), "{refusal}");
        let refusal = options(&["--nodes", "a,b,c"]).unwrap_err();
        assert!(refusal.contains("names that begin with c") && refusal.contains("`nc`"));
    }

    #[test]
    fn a_negative_number_is_refused_for_what_it_is() {
        for (flag, what) in [
            ("--rate", "0 or more"),
            ("--latency", "a number of milliseconds"),
            ("--time-limit", "above 0"),
            ("--seed", "a whole number, 0 or more"),
            ("--max-operations", "a whole number, 0 or more"),
            ("--key-limit", "above 0"),
            ("--node-count", "is not in 1..=65535"),
            ("--loss", "a probability"),
        ] {
            let refusal = options(&[flag, "-5"]).unwrap_err();
            assert!(refusal.contains(what) && !refusal.contains("-- -5"), "{flag}: {refusal}");
        }
    }
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
