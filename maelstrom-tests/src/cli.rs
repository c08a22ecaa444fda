//! The command line: what eddy can do. The arguments of each command are told where it is.

use std::ffi::OsString;

use clap::error::ErrorKind;
use clap::{Parser, Subcommand};

use crate::check_node::CheckNodeArgs;
use crate::options::WorkloadName;
use crate::run_args::{run_flags, workload_flags};
use crate::sweep::SweepArgs;
use crate::sweep::merge::MergeArgs;
use crate::tasks::TasksArgs;
use crate::test_command::TestArgs;
use crate::virtual_time::doctor;
use crate::workload::registry;
use crate::{check, compare, explain, figures_command, manual, new, report, serve};

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
                refuse_flags_of_others(args.workload, matches)?;
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

/// Whoever checks a history with a flag believes that it matters. (A run takes the flags of all workloads,
/// as Maelstrom does: scripts have one line for all.)
fn refuse_flags_of_others(
    workload: WorkloadName,
    matches: &clap::ArgMatches,
) -> Result<(), clap::Error> {
    let own = workload.kind().flags;
    let mut kinds = registry::all();
    kinds.retain(|kind| kind.name != workload.as_str());
    let others = kinds.iter().flat_map(|kind| kind.flags);
    let given = others
        .map(|flag| flag.name)
        .find(|name| matches.contains_id(name) && !own.iter().any(|flag| flag.name == *name));
    let Some(name) = given else { return Ok(()) };
    kinds.retain(|kind| kind.flags.iter().any(|flag| flag.name == name));
    let owners: Vec<_> = kinds.iter().map(|kind| kind.name).collect();
    let text = format!(
        "--{name} is a flag of {}, and does nothing for {workload}: leave it out, or name the workload \
         that the history is of\n",
        owners.join(", ")
    );
    Err(clap::Error::raw(ErrorKind::ArgumentConflict, text))
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

/// What somebody does who has just installed it.
const TO_BEGIN_WITH: &str = "\
To begin with:
  eddy new my-node --lang python
  eddy test -w echo --bin my-node/node.py --time-limit 3
  eddy test -w lin-kv --simulate consensus --nemesis partition,pause --latency 10 --seed 7

The first writes a node, the second runs five of it, the third puts a store by Raft through a minute of
faults in virtual time. Each run leaves a report to look at.";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command_line::Call;
    use crate::options::Options;

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

    #[test]
    fn a_number_that_is_too_large_or_too_small_is_refused_for_what_it_is() {
        for (flag, value, what) in [
            ("--nemesis-interval", "1e-9", "from 0.001 to a year"),
            ("--nemesis-interval", "1e9", "from 0.001 to a year"),
            ("--time-limit", "1e9", "less than a year"),
            ("--recovery-time", "1e9", "less than a year"),
            ("--rate", "1e9", "below 1e9"),
            ("--concurrency", "99999999999n", "a number from 1 to 65535"),
            ("--concurrency", "65536", "a number from 1 to 65535"),
        ] {
            let refusal = options(&[flag, value]).unwrap_err();
            assert!(refusal.contains(what), "{flag}: {refusal}");
        }
        assert!(options(&["--concurrency", "65535"]).is_ok());
        let words = ["eddy", "sweep", "--seeds", "0..3", "--bin", "x", "--jobs", "0"];
        let refusal = Cli::read(words).map(drop).unwrap_err().to_string();
        assert!(refusal.contains("has to be a whole number above 0"), "{refusal}");
    }

    #[test]
    fn a_history_is_not_checked_with_flags_of_other_workloads() {
        let read = |flags: &[&str]| {
            let words = ["eddy", "check", "h.jsonl"].iter().chain(flags);
            Cli::read(words).map(drop).map_err(|error| error.to_string())
        };
        let refusal = read(&["-w", "echo", "--key-count", "5"]).unwrap_err();
        let wanted = "--key-count is a flag of kafka, txn-list-append, txn-rw-register, and does nothing for echo: \
                      leave it out";
        assert!(refusal.contains(wanted), "{refusal}");
        assert!(read(&["-w", "lin-kv", "--distinct-values", "--causal-ids"]).is_err());
        assert_eq!(read(&["-w", "kafka", "--key-count", "5"]), Ok(()));
        assert_eq!(read(&["-w", "lin-kv", "--max-states", "9"]), Ok(()));
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
