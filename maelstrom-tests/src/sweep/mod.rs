//! `eddy sweep`: one run with many seeds on all cores, and for a seed that fails the command that
//! repeats it and the smallest run like it.

mod attempt;
pub mod merge;
mod progress;

use std::io::{self, Write as _};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;

use bench::run::TestError;
use bench::sweep::seeds::{SeedRange, Shard};
use bench::sweep::{Counts, SHRINK_RUNS_SIMULATED, Strategy, Sweep};
use clap::Args;

use self::attempt::AnyTarget;
use self::progress::SweepProgress;
use crate::command_line::{BIN, Call, SIMULATE, STORE, STORE_DEFAULT, Target};
use crate::programs;
use crate::run_args::{RunArgs, program};
use crate::simulated::SimulatedNode;
use crate::test_command;

/// Runs that shrinking may take with real processes, where each lasts as long as it says.
const SHRINK_RUNS_REAL: usize = 10;
/// The same for programs in virtual time, whose runs take tenths of a second.
const SHRINK_RUNS_VIRTUAL: usize = 200;

/// Arguments of `eddy sweep`.
#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES, allow_negative_numbers = true)]
pub struct SweepArgs {
    /// The seeds, such as 0..10000: from 0 to 9999
    #[arg(long, value_name = "A..B")]
    seeds: SeedRange,

    /// Take only part I, from 0 to N - 1, of N parts that are disjoint and together complete
    #[arg(long, value_name = "I/N", default_value = "0/1")]
    shard: Shard,

    /// Run a node of identifier, gossiper or consensus in virtual time, as many seeds at once as there are cores
    #[arg(long = SIMULATE, value_name = "NODE", conflicts_with = "bin", value_parser = programs::find)]
    simulate: Option<SimulatedNode>,

    /// Run this program as a node: one seed after the other, or with --virtual-time as many at once as
    /// there are cores
    #[arg(long = BIN, value_name = "FILE", required_unless_present = "simulate")]
    bin: Option<PathBuf>,

    /// How the runs differ: `independent` by their seed alone; `mixed`: each seed draws besides how often
    /// faults come, and every other one which of them there are, the rate and latencies; `swarm`: further
    /// from what was asked for, also with fewer nodes; `priorities[:DEPTH]`: improbable orders of messages;
    /// `guided`: every other seed as `mixed`, the others go on from runs in which something new happened
    /// (default: mixed with --nemesis, but independent with --expect or --availability)
    #[arg(long, value_name = "NAME")]
    strategy: Option<Strategy>,

    /// Go on after a failing seed
    #[arg(long)]
    keep_going: bool,

    /// Note what came of each seed in a file in DIR, go on after a failing seed, and leave out seeds
    /// that the file has; `eddy merge DIR` folds the files of all shards into one result
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// Threads in virtual time (default: one a core)
    #[arg(long, value_name = "N", value_parser = jobs)]
    jobs: Option<NonZeroUsize>,

    /// Runs that may be spent on making a failing run smaller; 0 to leave it as it is (default:
    /// 600 with --simulate, 200 with --virtual-time, 10 with real processes)
    #[arg(long, value_name = "N")]
    shrink: Option<usize>,

    /// Where failing runs are kept
    #[arg(long = STORE, value_name = "DIR", default_value = STORE_DEFAULT)]
    store: PathBuf,

    /// What each run is.
    #[command(flatten)]
    run: RunArgs,

    /// Arguments for the node; `{run}` becomes a fresh, empty directory of each run (with --virtual-time
    /// one for each node), and a file named from here gets its full path
    #[arg(last = true, value_name = "ARGS")]
    args: Vec<String>,
}

impl SweepArgs {
    /// What determines the runs.
    pub(crate) fn run_mut(&mut self) -> &mut RunArgs {
        &mut self.run
    }
}

const EXAMPLES: &str = "\
Examples:
  eddy sweep --seeds 0..10000 --simulate gossiper -w broadcast --nemesis partition,kill
  eddy sweep --seeds 0..1000 --bin ./node.py --virtual-time -w broadcast --nemesis partition,kill
  eddy sweep --seeds 0..10000 --shard 2/8 --simulate consensus --nemesis partition --keep-going
  eddy sweep --seeds 0..10000 --shard 2/8 --simulate consensus --nemesis partition --out parts
  eddy merge parts

Exit status: 0 if every run is valid, 1 if one is invalid, 2 if one is unknown, or wrong usage.";

/// Sweeps as the arguments say.
pub fn run(args: &SweepArgs) -> ExitCode {
    match sweep(args) {
        Ok(Counts { invalid: 0, unknown: 0, .. }) => ExitCode::SUCCESS,
        Ok(Counts { invalid: 0, .. }) => ExitCode::from(2),
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(io::stderr(), "eddy: {error}");
            ExitCode::from(2)
        }
    }
}

fn jobs(text: &str) -> Result<NonZeroUsize, String> {
    text.parse().map_err(|_| "has to be a whole number above 0".to_owned())
}

/// Sweeps, and counts what came of it.
fn sweep(args: &SweepArgs) -> Result<Counts, TestError> {
    if args.run.seed.is_some() {
        return Err(TestError::usage("a sweep takes its seeds from --seeds A..B, not --seed"));
    }
    let (options, expect) = args.run.options(args.seeds.start).map_err(TestError::usage)?;
    let target = Target::new(args.simulate, args.bin.as_deref(), args.run.virtual_time)
        .map_err(TestError::usage)?;
    let all_cores = || args.jobs.or_else(|| thread::available_parallelism().ok());
    let (threads, shrink_runs) = match target {
        Target::Simulated(_) => (all_cores(), SHRINK_RUNS_SIMULATED),
        Target::Virtual(_) => (all_cores(), SHRINK_RUNS_VIRTUAL),
        Target::Program(_) => (None, SHRINK_RUNS_REAL),
    };
    let call = Call { target, options, expect, args: args.args.clone() };
    test_command::check(&call)?;
    let sweep = Sweep {
        call: &call,
        seeds: args.seeds,
        shard: args.shard,
        strategy: args.strategy.unwrap_or_else(|| Strategy::usual(&call)),
        threads: threads.unwrap_or(NonZeroUsize::MIN),
        keep_going: args.keep_going,
        out: args.out.as_deref(),
        shrink_runs: args.shrink.unwrap_or(shrink_runs),
        runner: &AnyTarget { store: &args.store },
        repeat: &|call| call.as_started(&program(), &args.store),
    };
    sweep.run(&mut io::stdout(), &mut SweepProgress::new(sweep.len()))
}
