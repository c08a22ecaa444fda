//! The table of the corpus: `CORPUS bug strategy found|missed seeds seconds size`, a line each, medians of
//! several trials; and at the end how many seeds each strategy needs where independent seeds need many.
//! Trials run on all cores and are noted as they end, so that a long measurement can go on.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::num::NonZeroUsize;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use bench::sweep::Strategy;
use proto::{Arguments, UsageError};
use serde::{Deserialize, Serialize};

use crate::measure::{self, Found, Trial};
use crate::{ALL, Bug, RIGHT};

/// Below so many seeds of the first strategy a bug says nothing about the others.
const SEEDS_COMPARED: f64 = 20.0;

/// What is measured.
struct Settings {
    trials: u64,
    seeds_max: u64,
    jobs: usize,
    /// Runs that may be spent on making the run smaller that showed a bug.
    shrink_runs: usize,
    /// The file in which each trial is noted, and from which it goes on.
    out: Option<String>,
    strategies: Vec<Strategy>,
    /// Bugs whose name has this in it.
    bugs: String,
    /// Whether nodes without a bug are measured instead, which all have to be missed.
    right: bool,
}

/// A trial that is to be made.
struct Job<'a> {
    bug: &'a Bug,
    strategy: Strategy,
    trial: Trial,
    /// What came of it before, where that was not made smaller.
    known: Option<Found>,
}

/// A line of the file.
#[derive(Serialize, Deserialize)]
struct Line {
    #[serde(flatten)]
    trial: Trial,
    #[serde(flatten)]
    found: Found,
}

/// Measures what the command line says, and prints the table.
///
/// # Errors
/// If the command line is wrong, runs cannot be made, or something cannot be written.
pub fn run(arguments: Arguments, out: &mut impl io::Write) -> Result<(), String> {
    let settings = Settings::read(arguments)?;
    let bugs: Vec<&Bug> = if settings.right { RIGHT } else { ALL }
        .iter()
        .filter(|bug| bug.name.contains(&settings.bugs))
        .collect();
    let mut done = settings.before()?;
    let mut jobs = Vec::new();
    for number in 0..settings.trials {
        for bug in &bugs {
            for strategy in &settings.strategies {
                let trial = settings.trial(bug, *strategy, number);
                let known = done.get(&trial).cloned();
                let is_whole = |found: &Found| {
                    found.seeds.is_none() || found.size.is_some() || settings.shrink_runs == 0
                };
                if !known.as_ref().is_some_and(is_whole) {
                    jobs.push(Job { bug, strategy: *strategy, trial, known });
                }
            }
        }
    }
    done.extend(settings.measure(&jobs)?);
    let rows = settings.rows(&bugs, &done);
    let written: io::Result<()> = rows.iter().try_for_each(|row| writeln!(out, "{row}"));
    written.and_then(|()| settings.write_ratios(&rows, out)).map_err(|error| error.to_string())
}

impl Settings {
    fn read(mut arguments: Arguments) -> Result<Self, String> {
        let cores = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let mut settings = Self {
            trials: 3,
            seeds_max: 2_000,
            jobs: cores,
            shrink_runs: 600,
            out: None,
            strategies: vec![
                Strategy::Independent,
                Strategy::Swarm,
                Strategy::Priorities(3),
                Strategy::Mixed,
                Strategy::Guided,
            ],
            bugs: String::new(),
            right: false,
        };
        let mut read = || -> Result<(), UsageError> {
            while let Some(flag) = arguments.next_flag()? {
                match &*flag {
                    "--trials" => settings.trials = arguments.value("a number")?,
                    "--seeds" => settings.seeds_max = arguments.value("a number")?,
                    "--jobs" => settings.jobs = arguments.value("a number")?,
                    "--shrink" => settings.shrink_runs = arguments.value("a number")?,
                    "--out" => settings.out = Some(arguments.value("a file")?),
                    "--right" => settings.right = true,
                    "--bugs" => settings.bugs = arguments.value("a part of a name")?,
                    "--strategies" => {
                        let names: String = arguments.value("names with commas")?;
                        let parsed: Result<Vec<Strategy>, _> =
                            names.split(',').map(str::parse).collect();
                        settings.strategies = parsed.map_err(UsageError::Wrong)?;
                    }
                    _ => return Err(arguments.unknown(&flag)),
                }
            }
            Ok(())
        };
        read().map_err(|error| error.to_string())?;
        Ok(settings)
    }

    fn trial(&self, bug: &Bug, strategy: Strategy, number: u64) -> Trial {
        let (bug, strategy) = (bug.name.to_owned(), strategy.to_string());
        Trial { bug, strategy, number, seeds_max: self.seeds_max }
    }

    /// The trials that the file has.
    fn before(&self) -> Result<BTreeMap<Trial, Found>, String> {
        let Some(path) = &self.out else { return Ok(BTreeMap::new()) };
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
            Err(error) => return Err(format!("{path}: {error}")),
        };
        let mut done = BTreeMap::new();
        for line in BufReader::new(file).lines() {
            let line = line.map_err(|error| format!("{path}: {error}"))?;
            // The last line may be one whose writer was stopped: its trial is made again.
            if let Ok(Line { trial, found }) = serde_json::from_str(&line) {
                done.insert(trial, found);
            }
        }
        Ok(done)
    }

    /// Makes these trials.
    fn measure(&self, jobs: &[Job<'_>]) -> Result<Vec<(Trial, Found)>, String> {
        let next = AtomicUsize::new(0);
        let done = Mutex::new((Vec::new(), None::<String>));
        let mut file = match &self.out {
            None => None,
            Some(path) => {
                let opened = OpenOptions::new().append(true).create(true).open(path);
                Some(opened.map_err(|error| format!("{path}: {error}"))?)
            }
        };
        // A line that was torn ends here.
        if let Some(file) = &mut file {
            writeln!(file).map_err(|error| error.to_string())?;
        }
        let file = Mutex::new(file);
        let work = || {
            while let Some(job) = jobs.get(next.fetch_add(1, Ordering::SeqCst)) {
                let Job { bug, strategy, trial, known } = job;
                let measured = match known {
                    None => measure::run(bug, *strategy, trial, self.shrink_runs, &clock),
                    Some(found) => {
                        measure::shrink_found(bug, *strategy, trial, found, self.shrink_runs)
                    }
                };
                let noted =
                    measured.map_err(|error| format!("{}: {error}", bug.name)).and_then(|found| {
                        let line = Line { trial: trial.clone(), found };
                        self.note(&file, &line)?;
                        Ok(line)
                    });
                let mut done = done.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                match noted {
                    Ok(Line { trial, found }) => done.0.push((trial, found)),
                    Err(error) => drop(done.1.get_or_insert(error)),
                }
            }
        };
        thread::scope(|scope| {
            for _ in 0..self.jobs.max(1) {
                scope.spawn(work);
            }
        });
        match done.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner) {
            (_, Some(error)) => Err(error),
            (done, None) => Ok(done),
        }
    }

    fn note(&self, file: &Mutex<Option<File>>, line: &Line) -> Result<(), String> {
        let mut file = file.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let Some(file) = &mut *file else { return Ok(()) };
        let text = serde_json::to_string(line).map_err(|error| error.to_string())?;
        file.write_all(format!("{text}\n").as_bytes()).map_err(|error| error.to_string())
    }

    fn rows(&self, bugs: &[&Bug], done: &BTreeMap<Trial, Found>) -> Vec<Row> {
        let mut rows = Vec::new();
        for bug in bugs {
            for strategy in &self.strategies {
                let trials: Vec<&Found> = (0..self.trials)
                    .filter_map(|number| done.get(&self.trial(bug, *strategy, number)))
                    .collect();
                rows.push(Row::new(bug.name, *strategy, &trials, self.seeds_max));
            }
        }
        rows
    }

    /// How many seeds each strategy needs for one of the first, where that needs many: the geometric
    /// mean. What was missed counts as if the last seed had shown it, which flatters whoever missed.
    fn write_ratios(&self, rows: &[Row], out: &mut impl io::Write) -> io::Result<()> {
        let per_bug = rows.chunks(self.strategies.len());
        let hard: Vec<&[Row]> = per_bug.filter(|rows| rows[0].seeds >= SEEDS_COMPARED).collect();
        for (place, strategy) in self.strategies.iter().enumerate().skip(1) {
            let logs = hard.iter().map(|rows| (rows[place].seeds / rows[0].seeds).ln());
            let mean = (logs.sum::<f64>() / hard.len().max(1) as f64).exp();
            let lost = rows.chunks(self.strategies.len());
            let lost = lost.filter(|rows| rows[0].is_found && !rows[place].is_found).count();
            writeln!(
                out,
                "RATIO {strategy} needs {mean:.2} of the seeds of {} (geometric mean over {} bugs for which that \
                 needs {SEEDS_COMPARED} or more), and misses {lost} that it finds",
                self.strategies[0],
                hard.len(),
            )?;
        }
        Ok(())
    }
}

/// A line of the table.
struct Row {
    bug: &'static str,
    strategy: Strategy,
    is_found: bool,
    seeds: f64,
    seconds: f64,
    size: Option<(u64, u64)>,
}

impl Row {
    fn new(bug: &'static str, strategy: Strategy, trials: &[&Found], seeds_max: u64) -> Self {
        let mut by_seeds: Vec<&Found> = trials.to_vec();
        by_seeds.sort_by_key(|found| found.seeds.unwrap_or(u64::MAX));
        let median = by_seeds.get(by_seeds.len() / 2);
        let seeds = median.and_then(|found| found.seeds);
        Self {
            bug,
            strategy,
            is_found: seeds.is_some(),
            seeds: seeds.unwrap_or(seeds_max) as f64,
            seconds: median.map_or(0.0, |found| found.seconds),
            size: median.and_then(|found| found.size),
        }
    }
}

impl std::fmt::Display for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { bug, strategy, is_found, seeds, seconds, size } = self;
        let found = if *is_found { "found" } else { "missed" };
        write!(f, "CORPUS {bug} {strategy} {found} {seeds} {seconds:.1} ")?;
        match size {
            Some((operations, faults)) => write!(f, "{operations}+{faults}"),
            None => f.write_str("-"),
        }
    }
}

/// The time, to measure by.
#[expect(clippy::disallowed_methods, reason = "how long it takes is a figure of the table")]
fn clock() -> Duration {
    static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    START.get_or_init(Instant::now).elapsed()
}
