//! The command line: Maelstrom's `test` with its flags and defaults, and what eddy has beyond it.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{Arg, ArgAction, ArgMatches, Args, Parser, Subcommand};

use crate::check_node::CheckNodeArgs;
use crate::command_line::{
    BIN, Call, Given, RUN_FLAGS, SEED, SIMULATE, STORE, STORE_DEFAULT, Target, VIRTUAL_TIME,
    WORKLOAD, count, seconds,
};
use crate::expect::Expectation;
use crate::options::{Options, WorkloadName};
use crate::simulated::SimulatedNode;
use crate::sweep::SweepArgs;
use crate::sweep::merge::MergeArgs;
use crate::tasks::TasksArgs;
use crate::virtual_time::doctor;
use crate::workload::{Flag, registry};
use crate::{check, compare, explain, figures_command, manual, new, programs, report, serve};

/// A test bench for Maelstrom nodes in any language: real processes, or our own nodes in virtual
/// time, under faults, with checkers, and with every run repeatable from its seed.
#[derive(Debug, Parser)]
#[command(
    name = "eddy",
    version,
    max_term_width = 100,
    arg_required_else_help = true,
    after_help = TO_BEGIN_WITH
)]
pub struct Cli {
    #[command(subcommand)]
    /// What to do.
    pub command: Command,
}

impl Cli {
    /// Reads a command line, the program's name included.
    ///
    /// # Errors
    /// As clap has them: wrong usage, or a request for help.
    pub fn read(
        words: impl IntoIterator<Item = impl Into<OsString> + Clone>,
    ) -> Result<Self, clap::Error> {
        let matches = Self::command_line().try_get_matches_from(words)?;
        let mut cli = <Self as clap::FromArgMatches>::from_arg_matches(&matches)?;
        let Some((_, matches)) = matches.subcommand() else { return Ok(cli) };
        match &mut cli.command {
            Command::Test(args) => args.run.take(matches),
            Command::Sweep(args) => args.run_mut().take(matches),
            Command::Check(args) => {
                for flag in args.workload.kind().flags {
                    if let Some(value) = matches.get_one::<String>(flag.name)
                        && let Err(right) = args.settings.set(flag, value)
                    {
                        let text = format!("--{} {right}, not `{value}`\n", flag.name);
                        return Err(clap::Error::raw(ErrorKind::ValueValidation, text));
                    }
                }
            }
            _ => {}
        }
        Ok(cli)
    }

    /// The whole command line, with the flags that are told elsewhere: those of runs, and those of the
    /// registry's workloads.
    pub fn command_line() -> clap::Command {
        let of_workloads = |command: clap::Command| command.args(workload_flags());
        let of_runs = |command: clap::Command| of_workloads(command.args(run_flags()));
        <Self as clap::CommandFactory>::command()
            .mut_subcommand("test", of_runs)
            .mut_subcommand("sweep", of_runs)
            .mut_subcommand("check", of_workloads)
    }
}

/// The flags of a run.
fn run_flags() -> impl Iterator<Item = Arg> {
    RUN_FLAGS.iter().map(|flag| {
        let arg = flag_arg(flag.name, flag.value_name, flag.help, flag.default());
        let arg = if let Some(short) = flag.short { arg.short(short) } else { arg };
        let arg = if flag.repeats { arg.action(ArgAction::Append) } else { arg };
        arg.help_heading("Options of the run")
            .value_parser(|value: &str| flag.check(value).map(|()| value.to_owned()))
    })
}

/// The flags of all workloads, each once, with help that says whose they are.
fn workload_flags() -> impl Iterator<Item = Arg> {
    let mut flags: Vec<(Flag, Vec<&str>)> = Vec::new();
    for kind in registry::all() {
        for flag in kind.flags {
            match flags.iter_mut().find(|(known, _)| known.name == flag.name) {
                Some((_, kinds)) => kinds.push(kind.name),
                None => flags.push((*flag, vec![kind.name])),
            }
        }
    }
    flags.into_iter().map(|(flag, kinds)| {
        let help = format!("{}: {}", kinds.join(", "), flag.help);
        let default = (!flag.default.is_empty()).then(|| flag.default.to_owned());
        flag_arg(flag.name, flag.value_name, &help, default)
            .help_heading("Options of workloads")
            .value_parser(move |value: &str| (flag.check)(value).map(|()| value.to_owned()))
    })
}

fn flag_arg(
    name: &'static str,
    value_name: &'static str,
    help: &str,
    default: Option<String>,
) -> Arg {
    let default = default.map_or_else(String::new, |default| format!(" [default: {default}]"));
    let arg = Arg::new(name).long(name).allow_negative_numbers(true);
    let arg = match value_name {
        // A switch; `--flag=false` is for scripts.
        "" => arg.num_args(0..=1).require_equals(true).default_missing_value("true"),
        name => arg.value_name(name),
    };
    arg.help(format!("{help}{default}"))
}

impl RunArgs {
    /// Takes what was parsed of the flags that are told elsewhere. One that the workload of the run
    /// does not have means nothing here.
    fn take(&mut self, matches: &ArgMatches) {
        let of_workload = self.workload.kind().flags.iter().map(|flag| flag.name);
        for name in RUN_FLAGS.iter().map(|flag| flag.name).chain(of_workload) {
            for value in matches.get_many::<String>(name).into_iter().flatten() {
                self.given.push(name, value);
            }
        }
    }
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
    /// Tell a run as a story: who did what, what was lost, where it went wrong
    Explain(explain::ExplainArgs),
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
    #[arg(long = BIN, value_name = "FILE", required_unless_present = "simulate")]
    pub bin: Option<PathBuf>,

    /// Run a node of identifier, gossiper or consensus in virtual time instead of a program
    #[arg(long = SIMULATE, value_name = "NODE", conflicts_with = "bin", value_parser = programs::find)]
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
    #[arg(long = STORE, value_name = "DIR", default_value = STORE_DEFAULT)]
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
    #[arg(short, long = WORKLOAD, value_name = "NAME", default_value = registry::DEFAULT)]
    pub workload: WorkloadName,

    /// Flags of the run and of its workload, filled in from what was parsed.
    #[arg(skip)]
    pub given: Given,

    /// Run the program in virtual time: nothing is waited for, and the same seed gives the same run
    #[arg(long = VIRTUAL_TIME, requires = "bin")]
    pub virtual_time: bool,

    /// Where all chance comes from (default: drawn at random and printed)
    #[arg(long = SEED, value_name = "N", value_parser = count)]
    pub seed: Option<u64>,
}

/// What somebody does who has just installed it.
const TO_BEGIN_WITH: &str = "\
To begin with:
  eddy new my-node --lang python
  eddy test -w echo --bin my-node/node.py --time-limit 3
  eddy test -w lin-kv --simulate consensus --nemesis partition,pause --latency 10 --seed 7

The first writes a node, the second runs five of it, the third puts a store by Raft through a minute of
faults in virtual time. Each run leaves a report to look at.";

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

impl TestArgs {
    /// The run with this seed.
    ///
    /// # Errors
    /// Says what is wrong.
    pub fn call(&self, seed: u64) -> Result<Call, String> {
        let target = Target::new(self.simulate, self.bin.as_deref(), self.run.virtual_time)?;
        let (options, expect) = self.run.options(seed)?;
        Ok(Call { target, options, expect, args: self.args.clone() })
    }
}

impl RunArgs {
    /// The options of a run with this seed, and the limits that are part of its verdict.
    ///
    /// # Errors
    /// Says what is wrong.
    pub fn options(&self, seed: u64) -> Result<(Options, Vec<Expectation>), String> {
        self.given.options(self.workload, seed)
    }
}

fn at_least_one(text: &str) -> Result<u64, String> {
    match text.parse() {
        Ok(number) if number > 0 => Ok(number),
        _ => Err("has to be a whole number, 1 or more".to_owned()),
    }
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
            Command::Test(args) => args.run.options(0).map(|(options, _)| options),
            other => panic!("{other:?}"),
        }
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
            ("--node-count", "a whole number from 1 to 65535"),
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
            "eddy test -w echo --bin a --virtual-time --preempt deep --boot-seed 3 --seed 7",
            "eddy test -w echo --bin a --virtual-time --preempt 0 --nemesis lose-unsynced --seed 7",
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
