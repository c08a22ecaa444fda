//! How soon a strategy finds a bug.

use std::ops::Range;
use std::time::Duration;

use bench::command_line::{Call, Target};
use bench::outcome::{Failure, Outcome};
use bench::run::TestError;
use bench::shrink::shrink;
use bench::sweep::{Attempt, Explorer, Strategy, attempt_simulated};
use serde::{Deserialize, Serialize};

use crate::{Bug, shows};

/// The seeds of different trials are far apart.
const TRIAL_SEEDS: u64 = 1_000_000;
/// What a trial is: one strategy on one bug, from a seed on.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Trial {
    /// The bug.
    pub bug: String,
    /// The strategy.
    pub strategy: String,
    /// Which trial of these two, from 0.
    pub number: u64,
    /// Most seeds that are tried.
    pub seeds_max: u64,
}

/// What came of a trial.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Found {
    /// How many seeds were tried, the last of which showed the bug; nothing if none did.
    pub seeds: Option<u64>,
    /// Seconds of a processor that they took.
    pub seconds: f64,
    /// The cause that the last one was invalid for.
    pub cause: Option<String>,
    /// Operations and faults of the smallest run like it.
    pub size: Option<(u64, u64)>,
}

/// Tries one seed after the other until one shows the bug, and spends so many runs on making that run
/// smaller. `clock` says how long something took.
///
/// # Errors
/// If the runs cannot be made.
pub fn run(
    bug: &Bug,
    strategy: Strategy,
    trial: &Trial,
    shrink_runs: usize,
    clock: &impl Fn() -> Duration,
) -> Result<Found, TestError> {
    let first = trial.number * TRIAL_SEEDS;
    let base = bug.call(first).map_err(TestError::usage)?;
    let began = clock();
    let shown = look(&base, strategy, first..first + trial.seeds_max)?;
    let seconds = (clock() - began).as_secs_f64();
    let Some((seed, call, failure)) = shown else {
        return Ok(Found { seeds: None, seconds, cause: None, size: None });
    };
    let size = match shrink_runs {
        0 => None,
        most => smallest(&call, &failure, most)?,
    };
    Ok(Found { seeds: Some(seed - first + 1), seconds, cause: Some(failure.cause), size })
}

/// Spends so many runs on making the run smaller that a trial found before.
///
/// # Errors
/// If the runs cannot be made.
pub fn shrink_found(
    bug: &Bug,
    strategy: Strategy,
    trial: &Trial,
    found: &Found,
    shrink_runs: usize,
) -> Result<Found, TestError> {
    let first = trial.number * TRIAL_SEEDS;
    let base = bug.call(first).map_err(TestError::usage)?;
    let seed = first + found.seeds.unwrap_or(1) - 1;
    let together = Explorer::together(strategy);
    let size = match look(&base, strategy, seed / together * together..seed + 1)? {
        Some((_, call, failure)) => smallest(&call, &failure, shrink_runs)?,
        None => None,
    };
    Ok(Found { size, ..found.clone() })
}

/// The first of these seeds that shows the bug, its run and what that shows.
fn look(
    base: &Call,
    strategy: Strategy,
    mut seeds: Range<u64>,
) -> Result<Option<(u64, Call, Failure)>, TestError> {
    let mut explorer = Explorer::new(strategy, base);
    let mut try_seed = |seed| {
        let call = explorer.call(seed);
        let attempt = attempt(&call)?;
        explorer.learn(&call, &attempt.reached);
        Ok(shown(attempt).map(|failure| (seed, call, failure)))
    };
    seeds.find_map(|seed| try_seed(seed).transpose()).transpose()
}

/// What a run shows, if it shows a bug.
///
/// # Errors
/// If it cannot be made.
pub fn failure(call: &Call) -> Result<Option<Failure>, TestError> {
    attempt(call).map(shown)
}

fn attempt(call: &Call) -> Result<Attempt, TestError> {
    let Target::Simulated(node) = call.target else {
        return Err(TestError::usage("the corpus runs in virtual time"));
    };
    attempt_simulated(node, call)
}

fn shown(attempt: Attempt) -> Option<Failure> {
    match attempt.outcome {
        Outcome::Invalid(failure) if shows(failure.kind) => Some(failure),
        _ => None,
    }
}

/// Operations and faults of the smallest run that fails likewise; nothing if none smaller does.
fn smallest(
    call: &Call,
    failure_found: &Failure,
    shrink_runs: usize,
) -> Result<Option<(u64, u64)>, TestError> {
    let shrunk = shrink(&call.options, shrink_runs, |options| {
        let smaller = Call { options: options.clone(), ..call.clone() };
        Ok::<_, TestError>(failure(&smaller)?.is_some_and(|found| found.is_like(failure_found)))
    })?;
    let (operations, faults) = shrunk.options.size();
    Ok(operations.zip(faults))
}
