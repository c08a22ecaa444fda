//! `eddy merge`: what the shards of a sweep found, folded into one result. It says nothing that
//! depends on how many shards there were, where they ran or how often they were stopped.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use crate::outcome::{FailureKind, Outcome, shape};
use bench::sweep::Counts;
use bench::sweep::seeds::SeedRange;
use bench::sweep::shard_file::{Contents, Header, Known};

/// Stretches of missing seeds that are written out for people.
const MISSING_SHOWN: usize = 20;

/// Arguments of `eddy merge`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Examples:
  eddy merge parts
  eddy merge machine-1/parts machine-2/parts --json

Exit status: 0 if every run is valid, 1 if one is invalid, 2 if one is unknown or missing, or wrong \
usage.")]
pub struct MergeArgs {
    /// Directories that shards of one sweep were told with --out
    #[arg(value_name = "DIR", required = true)]
    directories: Vec<PathBuf>,

    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// Prints the result of all shards.
pub fn run(args: &MergeArgs) -> ExitCode {
    let merged = match read_all(&args.directories).map(|sweep| sweep.result()) {
        Ok(merged) => merged,
        Err(error) => {
            let _ = writeln!(io::stderr(), "eddy: {error}");
            return ExitCode::from(2);
        }
    };
    let mut out = io::stdout();
    let _ = match args.json {
        true => serde_json::to_writer_pretty(&mut out, &merged)
            .map_err(io::Error::from)
            .and_then(|()| writeln!(out)),
        false => write!(out, "{merged}"),
    };
    ExitCode::from(merged.status())
}

/// A sweep, or as much of it as there is.
#[derive(Debug)]
struct Sweep {
    header: Header,
    /// The first file, to be named when another contradicts it.
    first: PathBuf,
    known: Known,
}

/// Everything that a sweep found.
#[derive(Debug, Serialize)]
struct Merged {
    /// The command of the run with the first seed.
    command: String,
    seeds: SeedRange,
    tried: u64,
    valid: u64,
    invalid: u64,
    unknown: u64,
    /// The gravest first, and of those the one with the lowest seed.
    bugs: Vec<Group>,
    /// Why nobody can say, by the lowest seed.
    unknowns: Vec<Group>,
    /// What nodes said should hold sometimes and held in no run.
    never_held: Vec<String>,
    /// Seeds that no file has.
    missing: Vec<SeedRange>,
}

/// Runs that came to the same, but for numbers in their cause.
#[derive(PartialEq, Eq, Debug, Serialize)]
struct Group {
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<FailureKind>,
    /// The cause of the lowest seed.
    cause: String,
    seeds: u64,
    lowest: u64,
    /// The command that repeats the run with the lowest seed.
    repeat: String,
}

/// Reads the files of all directories.
fn read_all(directories: &[PathBuf]) -> Result<Sweep, String> {
    let mut sweep: Option<Sweep> = None;
    for directory in directories {
        let files = shard_files(directory)
            .map_err(|error| format!("cannot read {}: {error}", directory.display()))?;
        if files.is_empty() {
            return Err(format!(
                "there is no file of a sweep in {}: `eddy sweep --out {}` leaves one",
                directory.display(),
                directory.display()
            ));
        }
        for file in files {
            let read = fs::read(&file).map_err(|error| error.to_string());
            let contents = read
                .and_then(|bytes| Contents::parse(&bytes))
                .map_err(|error| format!("{}: {error}", file.display()))?;
            // A shard that was stopped before its first line is one whose seeds are missing.
            let Some((header, known)) = contents.sweep else { continue };
            match &mut sweep {
                None => sweep = Some(Sweep { header, first: file, known }),
                Some(sweep) => sweep.join(&file, &header, known)?,
            }
        }
    }
    sweep.ok_or_else(|| "no shard has begun yet".to_owned())
}

/// The files of a directory that shards left, in the order of their names.
fn shard_files(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("shard-") && name.ends_with(".jsonl") {
            files.push(entry.path());
        }
    }
    files.sort();
    Ok(files)
}

impl Sweep {
    /// Takes in what another file has. Shards that overlap have to agree.
    fn join(&mut self, file: &Path, header: &Header, other: Known) -> Result<(), String> {
        let (first, file) = (self.first.display(), file.display());
        if let Some(difference) = self.header.difference(header) {
            return Err(format!("{first} and {file} are different sweeps, {difference}"));
        }
        self.known.conditions.join(other.conditions);
        for (seed, outcome) in other.tried {
            let known = self.known.tried.entry(seed).or_insert_with(|| outcome.clone());
            if *known != outcome {
                return Err(format!(
                    "{file} and a file before it disagree on seed {seed}: they are of different \
                     builds, or of nodes that a seed does not determine"
                ));
            }
        }
        Ok(())
    }

    fn result(&self) -> Merged {
        let mut counts = Counts::default();
        let mut groups: BTreeMap<(Option<FailureKind>, String), Group> = BTreeMap::new();
        // In rising order, so the first of a group is its lowest.
        for (&seed, outcome) in &self.known.tried {
            counts.add(outcome);
            let (sort, cause) = match outcome {
                Outcome::Valid => continue,
                Outcome::Unknown(cause) => ((None, shape(cause)), cause),
                Outcome::Invalid(failure) => {
                    let (kind, shape) = failure.sort();
                    ((Some(kind), shape), &failure.cause)
                }
            };
            let kind = sort.0;
            let new = || Group {
                kind,
                cause: cause.clone(),
                seeds: 0,
                lowest: seed,
                repeat: self.header.command(seed),
            };
            groups.entry(sort).or_insert_with(new).seeds += 1;
        }
        let (mut bugs, mut unknowns): (Vec<_>, Vec<_>) =
            groups.into_values().partition(|group| group.kind.is_some());
        bugs.sort_by_key(|group| (group.kind, group.lowest));
        unknowns.sort_by_key(|group| group.lowest);
        let seeds = self.header.seeds();
        Merged {
            command: self.header.command(seeds.start),
            seeds,
            tried: counts.tried(),
            valid: counts.valid,
            invalid: counts.invalid,
            unknown: counts.unknown,
            bugs,
            unknowns,
            never_held: self.known.conditions.never().map(str::to_owned).collect(),
            missing: self.missing(),
        }
    }

    /// The stretches of seeds that were not tried, in rising order.
    fn missing(&self) -> Vec<SeedRange> {
        let SeedRange { start, end } = self.header.seeds();
        let mut missing = Vec::new();
        let mut next = start;
        for &seed in self.known.tried.keys() {
            if next < seed {
                missing.push(SeedRange { start: next, end: seed });
            }
            // Seeds end before the largest number.
            next = seed + 1;
        }
        if next < end {
            missing.push(SeedRange { start: next, end });
        }
        missing
    }
}

impl Merged {
    fn status(&self) -> u8 {
        match self {
            Self { invalid: 1.., .. } => 1,
            Self { unknown: 0, missing, .. } if missing.is_empty() => 0,
            _ => 2,
        }
    }
}

impl fmt::Display for Merged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { command, seeds, tried, valid, invalid, unknown, .. } = self;
        let all = seeds.end - seeds.start;
        writeln!(f, "seeds {seeds} of {command}")?;
        writeln!(
            f,
            "{tried} of {all} seeds tried: {valid} valid, {invalid} invalid, {unknown} unknown"
        )?;
        for Group { kind, cause, seeds, lowest, repeat } in self.bugs.iter().chain(&self.unknowns) {
            let verdict =
                kind.map_or_else(|| "unknown".to_owned(), |kind| format!("invalid ({kind})"));
            let seeds = counted(*seeds);
            writeln!(f, "\n{seeds} {verdict}, the lowest is {lowest}: {cause}")?;
            writeln!(f, "  repeat:  {repeat}")?;
        }
        for condition in &self.never_held {
            writeln!(f, "\nsometimes: `{condition}` never held in {tried} seeds")?;
        }
        if self.missing.is_empty() {
            return Ok(());
        }
        let shown = &self.missing[..self.missing.len().min(MISSING_SHOWN)];
        let shown: Vec<String> = shown
            .iter()
            .map(|range| match range.end - range.start {
                1 => range.start.to_string(),
                _ => range.to_string(),
            })
            .collect();
        write!(f, "\n{} missing: {}", counted(all - tried), shown.join(", "))?;
        match self.missing.len() - shown.len() {
            0 => writeln!(f),
            more => writeln!(f, ", and {more} more stretches"),
        }
    }
}

fn counted(seeds: u64) -> String {
    match seeds {
        1 => "1 seed is".to_owned(),
        more => format!("{more} seeds are"),
    }
}

#[cfg(test)]
mod tests;
