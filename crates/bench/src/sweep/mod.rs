//! Many seeds on all cores: the lowest that fails, the command that repeats it and the smallest run
//! like it. How a run is made is up to a [`Runner`]; what people see of it, to whoever writes `out` on.

mod explorer;
pub mod search;
pub mod seeds;
pub mod shard_file;
mod simulated;
mod sometimes;
mod strategy;
#[cfg(test)]
mod tests;
mod trial;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::num::NonZeroUsize;
use std::ops::{ControlFlow, Range};
use std::path::Path;
use std::time::Duration;

pub use self::explorer::Explorer;
use self::search::search;
use self::seeds::{SeedRange, Seeds, Shard};
use self::shard_file::{Header, Known, ShardFile};
pub use self::simulated::{Simulations, attempt_simulated};
pub use self::sometimes::Sometimes;
pub use self::strategy::Strategy;
pub use self::trial::Trial;
use crate::command_line::Call;
use crate::outcome::{Failure, Outcome};
use crate::run::TestError;
use crate::shrink::shrink;
use crate::store::RunDirectory;

/// Failing runs that are kept in the store. There can be as many as seeds.
const RUNS_KEPT_MAX: usize = 10;
/// Runs that shrinking may take in virtual time, unless it is said otherwise.
pub const SHRINK_RUNS_SIMULATED: usize = 600;

/// Makes the runs of a sweep.
pub trait Runner: Sync {
    /// Makes a run.
    ///
    /// # Errors
    /// If it cannot be made, with this seed or any other.
    fn attempt(&self, call: &Call) -> Result<Attempt, TestError>;

    /// Makes a run with all its files.
    ///
    /// # Errors
    /// If it cannot be made, or its files cannot be written.
    fn run_in_store(&self, call: &Call) -> Result<RunDirectory, TestError>;

    /// Says why a run cannot be replayed from its seed, where that is found out by trying.
    ///
    /// # Errors
    /// If it cannot be tried.
    fn verify(&self, call: &Call, attempt: &Attempt) -> Result<Option<String>, TestError> {
        let _ = (call, attempt);
        Ok(None)
    }
}

/// A run that was made.
#[derive(Debug)]
#[must_use]
pub struct Attempt {
    /// What it came to.
    pub outcome: Outcome,
    /// Its files. In virtual time there are none yet: it can be repeated whenever they are wanted.
    pub directory: Option<RunDirectory>,
    /// A hash of all that a program did in virtual time.
    pub digest: Option<u64>,
    /// What nodes said should hold sometimes.
    pub conditions: Sometimes,
    /// The states that nodes went through, where the options have them noted, each with the time after
    /// which it was first reached.
    pub reached: Vec<(Duration, u64)>,
}

impl Attempt {
    /// A run without files.
    pub fn of(outcome: Outcome) -> Self {
        let (conditions, reached) = (Sometimes::default(), Vec::new());
        Self { outcome, directory: None, digest: None, conditions, reached }
    }

    /// Removes the files of a run that nobody will look at.
    pub fn discard(self) {
        if let Some(directory) = self.directory {
            directory.remove();
        }
    }
}

/// What a sweep has done so far.
#[derive(Clone, Copy, Default, Debug)]
pub struct Counts {
    /// Seeds whose runs were valid.
    pub valid: u64,
    /// Those whose runs were not.
    pub invalid: u64,
    /// Those of which nobody can say.
    pub unknown: u64,
}

impl Counts {
    /// Counts what came of one more seed.
    pub fn add(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Valid => self.valid += 1,
            Outcome::Invalid(_) => self.invalid += 1,
            Outcome::Unknown(_) => self.unknown += 1,
        }
    }

    /// All of them.
    pub fn tried(self) -> u64 {
        self.valid + self.invalid + self.unknown
    }
}

/// Somebody who watches a sweep go on.
pub trait Watcher: Send {
    /// One more seed was tried.
    fn tell(&mut self, counts: Counts) {
        let _ = counts;
    }

    /// A line is about to be written.
    fn clear(&mut self) {}
}

/// Nobody.
#[derive(Clone, Copy, Debug)]
pub struct Nobody;

impl Watcher for Nobody {}

/// A sweep.
pub struct Sweep<'a> {
    /// The run with the first seed.
    pub call: &'a Call,
    /// The seeds.
    pub seeds: SeedRange,
    /// The part of them that is tried.
    pub shard: Shard,
    /// How their runs differ.
    pub strategy: Strategy,
    /// How many are tried at once.
    pub threads: NonZeroUsize,
    /// Whether it goes on after a failing seed.
    pub keep_going: bool,
    /// Where each seed is noted, which also makes it go on.
    pub out: Option<&'a Path>,
    /// Runs that may be spent on making a failing run smaller.
    pub shrink_runs: usize,
    /// Makes the runs.
    pub runner: &'a dyn Runner,
    /// The command that repeats a run.
    pub repeat: &'a (dyn Fn(&Call) -> String + Sync),
}

/// A seed, and its run.
type Attempted = (u64, Result<(Call, Attempt), TestError>);

/// The seeds tried so far.
#[derive(Default)]
struct Tally {
    counts: Counts,
    /// The lowest failing seeds.
    failures: BTreeMap<u64, (Failure, Call, Attempt)>,
    conditions: Sometimes,
    error: Option<TestError>,
}

impl Sweep<'_> {
    /// How many seeds it has.
    pub fn len(&self) -> u64 {
        self.part().len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.part().is_empty()
    }

    fn part(&self) -> Seeds {
        Seeds::new(self.seeds, self.shard, Explorer::together(self.strategy))
    }

    /// Tries the seeds, and writes down for people what fails.
    ///
    /// # Errors
    /// If the runs cannot be made, or nothing can be written.
    pub fn run(
        &self,
        out: &mut (impl io::Write + Send),
        watcher: &mut impl Watcher,
    ) -> Result<Counts, TestError> {
        let mut tally = Tally::default();
        let (mut file, Known { tried: before, conditions }) = self.open()?;
        tally.conditions = conditions;
        before.values().for_each(|outcome| tally.counts.add(outcome));
        if !before.is_empty() {
            let (count, all) = (before.len(), self.len());
            writeln!(out, "{count} of {all} seeds were tried before and are not tried again")?;
        }
        watcher.tell(tally.counts);
        let attempt = |seeds| self.attempt(seeds, &before);
        search(self.part(), self.threads, attempt, |attempted: Vec<Attempted>| {
            for (seed, attempted) in attempted {
                let taken = attempted.and_then(|(call, attempt)| {
                    let news = tally.conditions.join(attempt.conditions.clone());
                    if let Some(file) = &mut file {
                        file.append(seed, &attempt.outcome, news).map_err(TestError::unknown)?;
                    }
                    self.take(seed, call, attempt, &mut tally, watcher, out)
                });
                watcher.tell(tally.counts);
                let flow = taken.unwrap_or_else(|error| {
                    tally.error.get_or_insert(error);
                    ControlFlow::Break(())
                });
                if flow.is_break() {
                    return flow;
                }
            }
            ControlFlow::Continue(())
        });
        watcher.clear();
        let Tally { counts, failures, conditions, error } = tally;
        if let Some(error) = error {
            return Err(error);
        }
        let lowest = if self.keeps_going() { RUNS_KEPT_MAX } else { 1 };
        let mut kinds = BTreeSet::new();
        for (place, (seed, (failure, call, attempt))) in failures.into_iter().enumerate() {
            if place < lowest {
                writeln!(out, "seed {seed} is invalid ({}): {}", failure.kind, failure.cause)?;
                self.report(&call, &failure, attempt, kinds.insert(failure.kind), out)?;
            } else {
                attempt.discard();
            }
        }
        // A sweep that ended at a failure has not looked at the rest.
        let is_whole = counts.tried() == self.len();
        for condition in conditions.never().filter(|_| is_whole) {
            writeln!(out, "sometimes: `{condition}` never held in {} seeds", counts.tried())?;
        }
        writeln!(
            out,
            "{} of {} seeds tried: {} valid, {} invalid, {} unknown",
            counts.tried(),
            self.len(),
            counts.valid,
            counts.invalid,
            counts.unknown,
        )?;
        Ok(counts)
    }

    fn keeps_going(&self) -> bool {
        self.keep_going || self.out.is_some()
    }

    /// The file of this shard, if one is wanted, and what it has already.
    fn open(&self) -> Result<(Option<ShardFile>, Known), TestError> {
        let Some(directory) = self.out else { return Ok(Default::default()) };
        let header = Header::new(self.seeds, self.strategy, self.call);
        ShardFile::open(directory, self.shard, &header)
            .map(|(file, known)| (Some(file), known))
            .map_err(TestError::unknown)
    }

    /// Makes the runs of seeds that belong together, as far as they were not made before and up to the one
    /// with which the sweep ends.
    fn attempt(&self, seeds: Range<u64>, before: &BTreeMap<u64, Outcome>) -> Vec<Attempted> {
        let mut attempted = Vec::new();
        if seeds.clone().all(|seed| before.contains_key(&seed)) {
            return attempted;
        }
        let mut explorer = Explorer::new(self.strategy, self.call);
        for seed in seeds {
            let made = explorer.attempt(self.runner, seed);
            let is_last = match &made {
                Ok((_, attempt)) => !self.keeps_going() && attempt.outcome.failure().is_some(),
                Err(_) => true,
            };
            match made {
                // It was made again for the sake of those after it.
                Ok((_, attempt)) if before.contains_key(&seed) => attempt.discard(),
                made => attempted.push((seed, made)),
            }
            if is_last {
                break;
            }
        }
        attempted
    }

    /// Counts what came of a seed, and says whether to go on.
    fn take(
        &self,
        seed: u64,
        call: Call,
        attempt: Attempt,
        tally: &mut Tally,
        watcher: &mut impl Watcher,
        out: &mut impl io::Write,
    ) -> Result<ControlFlow<()>, TestError> {
        tally.counts.add(&attempt.outcome);
        match &attempt.outcome {
            Outcome::Valid => {
                attempt.discard();
                Ok(ControlFlow::Continue(()))
            }
            Outcome::Unknown(cause) => {
                watcher.clear();
                writeln!(out, "seed {seed} is unknown: {cause}")?;
                attempt.discard();
                Ok(ControlFlow::Continue(()))
            }
            Outcome::Invalid(failure) => {
                let failure = failure.clone();
                if self.keeps_going() {
                    watcher.clear();
                    writeln!(out, "seed {seed} is invalid ({}): {}", failure.kind, failure.cause)?;
                }
                tally.failures.insert(seed, (failure, call, attempt));
                if tally.failures.len() > RUNS_KEPT_MAX
                    && let Some((_, (_, _, highest))) = tally.failures.pop_last()
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
        writeln!(out, "  repeat:  {}", (self.repeat)(call))?;
        if let Some(difference) = self.runner.verify(call, &attempt)? {
            writeln!(out, "  but this program cannot be replayed from its seed: {difference}")?;
            return self.keep(call, attempt, out);
        }
        self.keep(call, attempt, out)?;
        if !make_smaller || self.shrink_runs == 0 {
            return Ok(());
        }
        let mut smallest = None;
        let shrunk = shrink(&call.options, self.shrink_runs, |options| {
            let smaller = Call { options: options.clone(), ..call.clone() };
            let attempt = self.runner.attempt(&smaller)?;
            let fails = attempt.outcome.failure().is_some_and(|it| it.is_like(failure));
            let given_up = match fails {
                true => smallest.replace((smaller, attempt)).map(|(_, attempt)| attempt),
                false => Some(attempt),
            };
            given_up.into_iter().for_each(Attempt::discard);
            Ok::<_, TestError>(fails)
        })?;
        let runs = shrunk.runs;
        let Some((smaller, attempt)) = smallest else {
            writeln!(out, "  no smaller run like it was found in {runs} runs")?;
            return Ok(());
        };
        let command = (self.repeat)(&smaller);
        writeln!(out, "  smaller (after {runs} runs): {command}")?;
        self.keep(&smaller, attempt, out)
    }

    fn keep(
        &self,
        call: &Call,
        attempt: Attempt,
        out: &mut impl io::Write,
    ) -> Result<(), TestError> {
        let directory = match attempt.directory {
            Some(directory) => directory,
            None => match self.runner.run_in_store(call) {
                Ok(directory) => directory,
                // A run that ended before it could be analysed has no files that are complete.
                Err(error) if error.is_invalid() => return Ok(()),
                Err(error) => return Err(error),
            },
        };
        writeln!(out, "  kept in: {}", directory.path().display())?;
        Ok(())
    }
}
