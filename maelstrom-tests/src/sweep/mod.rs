//! `eddy sweep`: one run with many seeds on all cores, and for a seed that fails the command that
//! repeats it and the smallest run like it.

mod attempt;
pub mod merge;
mod progress;
pub mod shard_file;
mod trial;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write as _};
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;

use clap::Args;

use self::attempt::{Attempt, Runner};
use self::progress::{Counts, SweepProgress};
use self::shard_file::{Header, ShardFile};
pub use self::trial::Trial;
use crate::cli::{RunArgs, program};
use crate::command_line::{Call, Target};
use crate::outcome::{Failure, Outcome};
use crate::programs;
use crate::shrink::shrink;
use crate::simulated::SimulatedNode;
use crate::test_command::{self, TestError};
use bench::sweep::search::search;
use bench::sweep::seeds::{SeedRange, Seeds, Shard};

/// Failing runs that are kept in the store. There can be as many as seeds.
const RUNS_KEPT_MAX: usize = 10;
/// Runs that shrinking may take, in virtual time.
const SHRINK_RUNS_SIMULATED: usize = 300;
/// Runs that shrinking may take with real processes, where each lasts as long as it says.
const SHRINK_RUNS_REAL: usize = 10;

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
    #[arg(long, value_name = "NODE", conflicts_with = "bin", value_parser = programs::find)]
    simulate: Option<SimulatedNode>,

    /// Run this program as a node: one seed after the other, or with --virtual-time as many at once as
    /// there are cores
    #[arg(long, value_name = "FILE", required_unless_present = "simulate")]
    bin: Option<PathBuf>,

    /// Go on after a failing seed
    #[arg(long)]
    keep_going: bool,

    /// Note what came of each seed in a file in DIR, go on after a failing seed, and leave out seeds
    /// that the file has; `eddy merge DIR` folds the files of all shards into one result
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// Threads in virtual time (default: one a core)
    #[arg(long, value_name = "N")]
    jobs: Option<NonZeroUsize>,

    /// Runs that may be spent on making a failing run smaller; 0 to leave it as it is (default:
    /// 300 in virtual time, 10 with real processes)
    #[arg(long, value_name = "N")]
    shrink: Option<usize>,

    /// Where failing runs are kept
    #[arg(long, value_name = "DIR", default_value = "store")]
    store: PathBuf,

    /// What each run is.
    #[command(flatten)]
    run: RunArgs,

    /// Arguments for the node
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
    let tried = Sweep::new(args).and_then(|sweep| sweep.run(&mut io::stdout()));
    match tried {
        Ok(Counts { invalid: 0, unknown: 0, .. }) => ExitCode::SUCCESS,
        Ok(Counts { invalid: 0, .. }) => ExitCode::from(2),
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(io::stderr(), "eddy: {error}");
            ExitCode::from(2)
        }
    }
}

struct Sweep<'a> {
    args: &'a SweepArgs,
    seeds: Seeds,
    threads: NonZeroUsize,
    shrink_runs: usize,
    /// The run with the first seed.
    call: Call,
    runner: Runner<'a>,
}

/// The seeds tried so far.
#[derive(Default)]
struct Tally {
    counts: Counts,
    /// The lowest failing seeds.
    failures: BTreeMap<u64, (Failure, Attempt)>,
    error: Option<TestError>,
}

impl<'a> Sweep<'a> {
    fn new(args: &'a SweepArgs) -> Result<Self, TestError> {
        if args.run.seed.is_some() {
            return Err(TestError::usage("a sweep takes its seeds from --seeds A..B, not --seed"));
        }
        let options = args.run.options(args.seeds.start).map_err(TestError::usage)?;
        let target = Target::new(args.simulate, args.bin.as_deref(), args.run.virtual_time)
            .map_err(TestError::usage)?;
        let (threads, shrink_runs) = match target {
            Target::Simulated(_) | Target::Virtual(_) => {
                let threads = args.jobs.or_else(|| thread::available_parallelism().ok());
                (threads, SHRINK_RUNS_SIMULATED)
            }
            Target::Program(_) => (None, SHRINK_RUNS_REAL),
        };
        let expect = args.run.expect.clone();
        let call = Call { target, options, expect, args: args.args.clone() };
        test_command::check(&call)?;
        Ok(Self {
            args,
            seeds: Seeds::new(args.seeds, args.shard),
            threads: threads.unwrap_or(NonZeroUsize::MIN),
            shrink_runs: args.shrink.unwrap_or(shrink_runs),
            call,
            runner: Runner { store: &args.store },
        })
    }

    fn run(&self, out: &mut (impl io::Write + Send)) -> Result<Counts, TestError> {
        let mut tally = Tally::default();
        let (mut file, before) = self.open()?;
        before.values().for_each(|outcome| tally.counts.add(outcome));
        if !before.is_empty() {
            let (count, all) = (before.len(), self.seeds.len());
            writeln!(out, "{count} of {all} seeds were tried before and are not tried again")?;
        }
        let mut progress = SweepProgress::new(self.seeds.len(), tally.counts.tried());
        let attempt = |seed| {
            (!before.contains_key(&seed)).then(|| self.runner.attempt(&self.call.with_seed(seed)))
        };
        search(self.seeds, self.threads, attempt, |seed, attempted| {
            let Some(attempted) = attempted else { return ControlFlow::Continue(()) };
            let taken = attempted.and_then(|attempt| {
                if let Some(file) = &mut file {
                    file.append(seed, &attempt.outcome).map_err(TestError::unknown)?;
                }
                self.take(seed, attempt, &mut tally, &progress, out)
            });
            progress.tell(tally.counts);
            taken.unwrap_or_else(|error| {
                tally.error.get_or_insert(error);
                ControlFlow::Break(())
            })
        });
        progress.clear();
        let Tally { counts, failures, error } = tally;
        if let Some(error) = error {
            return Err(error);
        }
        let lowest = if self.keeps_going() { RUNS_KEPT_MAX } else { 1 };
        let mut kinds = BTreeSet::new();
        for (place, (seed, (failure, attempt))) in failures.into_iter().enumerate() {
            if place < lowest {
                let call = self.call.with_seed(seed);
                self.report(&call, &failure, attempt, kinds.insert(failure.kind), out)?;
            } else {
                attempt.discard();
            }
        }
        writeln!(
            out,
            "{} of {} seeds tried: {} valid, {} invalid, {} unknown",
            counts.tried(),
            self.seeds.len(),
            counts.valid,
            counts.invalid,
            counts.unknown,
        )?;
        Ok(counts)
    }

    fn keeps_going(&self) -> bool {
        self.args.keep_going || self.args.out.is_some()
    }

    /// The file of this shard, if one is wanted, and what it has already.
    fn open(&self) -> Result<(Option<ShardFile>, BTreeMap<u64, Outcome>), TestError> {
        let Some(directory) = &self.args.out else { return Ok((None, BTreeMap::new())) };
        let header = Header::new(self.args.seeds, &self.call);
        ShardFile::open(directory, self.args.shard, &header)
            .map(|(file, tried)| (Some(file), tried))
            .map_err(TestError::unknown)
    }

    /// Counts what came of a seed, and says whether to go on.
    fn take(
        &self,
        seed: u64,
        attempt: Attempt,
        tally: &mut Tally,
        progress: &SweepProgress,
        out: &mut impl io::Write,
    ) -> Result<ControlFlow<()>, TestError> {
        tally.counts.add(&attempt.outcome);
        match &attempt.outcome {
            Outcome::Valid => {
                attempt.discard();
                Ok(ControlFlow::Continue(()))
            }
            Outcome::Unknown(cause) => {
                progress.clear();
                writeln!(out, "seed {seed} is unknown: {cause}")?;
                attempt.discard();
                Ok(ControlFlow::Continue(()))
            }
            Outcome::Invalid(failure) => {
                let failure = failure.clone();
                if self.keeps_going() {
                    progress.clear();
                    writeln!(out, "seed {seed} is invalid ({}): {}", failure.kind, failure.cause)?;
                }
                tally.failures.insert(seed, (failure, attempt));
                if tally.failures.len() > RUNS_KEPT_MAX
                    && let Some((_, (_, highest))) = tally.failures.pop_last()
                {
                    highest.discard();
                }
                match self.keeps_going() {
                    true => Ok(ControlFlow::Continue(())),
                    false => Ok(ControlFlow::Break(())),
                }
            }
        }
    }

    /// Keeps a failing run and says how to repeat it; and the same for a smaller one like it.
    fn report(
        &self,
        call: &Call,
        failure: &Failure,
        attempt: Attempt,
        make_smaller: bool,
        out: &mut impl io::Write,
    ) -> Result<(), TestError> {
        let Failure { kind, cause } = failure;
        writeln!(out, "seed {} is invalid ({kind}): {cause}", call.options.seed)?;
        writeln!(out, "  repeat:  {}", call.as_started(&program(), &self.args.store))?;
        if let Some(difference) = self.runner.verify(call, &attempt)? {
            writeln!(out, "  but this program cannot be replayed from its seed: {difference}")?;
            return self.keep(call, attempt, out);
        }
        self.keep(call, attempt, out)?;
        if !make_smaller || self.shrink_runs == 0 {
            return Ok(());
        }
        let mut smallest = None;
        let mut error = None;
        let shrunk = shrink(&call.options, self.shrink_runs, |options| {
            let smaller = Call { options: options.clone(), ..call.clone() };
            match self.runner.attempt(&smaller) {
                Ok(attempt) if attempt.outcome.failure().is_some_and(|it| it.is_like(failure)) => {
                    if let Some((_, attempt)) = smallest.replace((smaller, attempt)) {
                        Attempt::discard(attempt);
                    }
                    true
                }
                Ok(attempt) => {
                    attempt.discard();
                    false
                }
                Err(failed) => {
                    error.get_or_insert(failed);
                    false
                }
            }
        });
        if let Some(error) = error {
            return Err(error);
        }
        let runs = shrunk.runs;
        let Some((smaller, attempt)) = smallest else {
            writeln!(out, "  no smaller run like it was found in {runs} runs")?;
            return Ok(());
        };
        let command = smaller.as_started(&program(), &self.args.store);
        writeln!(out, "  smaller (after {runs} runs): {command}")?;
        self.keep(&smaller, attempt, out)
    }

    fn keep(
        &self,
        call: &Call,
        attempt: Attempt,
        out: &mut impl io::Write,
    ) -> Result<(), TestError> {
        if let Some(directory) = self.runner.keep(call, attempt)? {
            writeln!(out, "  kept in: {}", directory.path().display())?;
        }
        Ok(())
    }
}
