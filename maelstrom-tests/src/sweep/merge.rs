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
use bench::sweep::shard_file::{Contents, Header};

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
    tried: BTreeMap<u64, Outcome>,
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
            let Some((header, tried)) = contents.sweep else { continue };
            match &mut sweep {
                None => sweep = Some(Sweep { header, first: file, tried }),
                Some(sweep) => sweep.join(&file, &header, tried)?,
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
    fn join(
        &mut self,
        file: &Path,
        header: &Header,
        tried: BTreeMap<u64, Outcome>,
    ) -> Result<(), String> {
        let (first, file) = (self.first.display(), file.display());
        if let Some(difference) = self.header.difference(header) {
            return Err(format!("{first} and {file} are different sweeps, {difference}"));
        }
        for (seed, outcome) in tried {
            let known = self.tried.entry(seed).or_insert_with(|| outcome.clone());
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
        for (&seed, outcome) in &self.tried {
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
            missing: self.missing(),
        }
    }

    /// The stretches of seeds that were not tried, in rising order.
    fn missing(&self) -> Vec<SeedRange> {
        let SeedRange { start, end } = self.header.seeds();
        let mut missing = Vec::new();
        let mut next = start;
        for &seed in self.tried.keys() {
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
mod tests {
    use super::*;
    use crate::command_line::{Call, Target};
    use crate::options::Options;
    use crate::programs::IDENTIFIER;
    use crate::workload::registry::named;
    use bench::sweep::Strategy;

    fn sweep(seeds: &str, tried: impl IntoIterator<Item = (u64, Outcome)>) -> Sweep {
        let options = Options::new(named("echo")).with_nodes(1);
        let target = Target::Simulated(IDENTIFIER);
        let call = Call { target, options, expect: Vec::new(), args: vec!["echo".to_owned()] };
        let header = Header::new(seeds.parse().unwrap(), Strategy::Independent, &call);
        Sweep { header, first: PathBuf::from("first"), tried: tried.into_iter().collect() }
    }

    fn invalid(kind: FailureKind, cause: &str) -> Outcome {
        Outcome::invalid(kind, cause)
    }

    fn unknown(cause: &str) -> Outcome {
        Outcome::Unknown(cause.to_owned())
    }

    #[test]
    fn bugs_are_grouped_by_kind_and_by_cause_but_for_its_numbers() {
        use FailureKind::{Stats, Workload};
        let merged = sweep(
            "0..8",
            [
                (0, unknown("no answer after 5 s")),
                (1, invalid(Stats, "nothing of 3")),
                (2, invalid(Workload, "12 elements lost")),
                (3, Outcome::Valid),
                (4, invalid(Workload, "an element came twice")),
                (5, invalid(Workload, "7 elements lost")),
                (6, invalid(Stats, "7 elements lost")),
                (7, unknown("no answer after 17 s")),
            ],
        )
        .result();
        let command = "eddy test --workload echo --simulate identifier --node-count 1 \
                       --time-limit 60 --rate 5 --seed";
        assert_eq!(
            merged.to_string(),
            format!(
                "seeds 0..8 of {command} 0 -- echo
8 of 8 seeds tried: 1 valid, 5 invalid, 2 unknown

2 seeds are invalid (workload), the lowest is 2: 12 elements lost
  repeat:  {command} 2 -- echo

1 seed is invalid (workload), the lowest is 4: an element came twice
  repeat:  {command} 4 -- echo

1 seed is invalid (stats), the lowest is 1: nothing of 3
  repeat:  {command} 1 -- echo

1 seed is invalid (stats), the lowest is 6: 7 elements lost
  repeat:  {command} 6 -- echo

2 seeds are unknown, the lowest is 0: no answer after 5 s
  repeat:  {command} 0 -- echo
"
            )
        );
        assert_eq!(merged.status(), 1);
    }

    #[test]
    fn missing_seeds_are_named_and_make_the_result_unknown() {
        let missing = |seeds: &str, tried: &[u64]| {
            let tried = tried.iter().map(|seed| (*seed, Outcome::Valid));
            let merged = sweep(seeds, tried).result();
            let text = merged.to_string();
            let missing = text.lines().last().unwrap_or_default().to_owned();
            (merged.status(), missing)
        };
        assert_eq!(
            missing("5..20", &[6, 7, 9, 13, 18]),
            (2, "10 seeds are missing: 5, 8, 10..13, 14..18, 19".to_owned())
        );
        assert_eq!(missing("5..7", &[5]), (2, "1 seed is missing: 6".to_owned()));
        let all = "2 of 2 seeds tried: 2 valid, 0 invalid, 0 unknown";
        assert_eq!(missing("5..7", &[5, 6]), (0, all.to_owned()));
        // A whole shard of two is many stretches.
        let even: Vec<u64> = (0..100).map(|half| half * 2).collect();
        let (_, odd) = missing("0..200", &even);
        assert!(odd.starts_with("100 seeds are missing: 1, 3, 5, "), "{odd}");
        assert!(odd.ends_with("37, 39, and 80 more stretches"), "{odd}");
        // The largest range there is.
        let (_, most) = missing("0..18446744073709551615", &[18_446_744_073_709_551_614]);
        assert!(most.ends_with(" missing: 0..18446744073709551614"), "{most}");
    }

    #[test]
    fn files_join_in_any_order_and_have_to_agree() {
        let lost = || invalid(FailureKind::Workload, "1 lost");
        let part = |seeds: &[u64]| sweep("0..4", seeds.iter().map(|seed| (*seed, lost())));
        let text = |order: &[&[u64]]| {
            let mut whole = part(order[0]);
            for more in &order[1..] {
                let more = part(more);
                whole.join(Path::new("more"), &more.header, more.tried).unwrap();
            }
            whole.result().to_string()
        };
        let whole = text(&[&[0, 1, 2, 3]]);
        for order in [[&[0, 2][..], &[1, 3]], [&[1, 3], &[0, 2]], [&[3, 1, 2], &[0, 1]]] {
            assert_eq!(text(&order), whole, "{order:?}");
        }
        let mut whole = part(&[0, 1]);
        let other = sweep("0..4", [(1, Outcome::Valid)]);
        let refusal = whole.join(Path::new("more"), &other.header, other.tried).unwrap_err();
        assert!(refusal.starts_with("more and a file before it disagree on seed 1"), "{refusal}");
        let other = sweep("0..5", []);
        let refusal = whole.join(Path::new("more"), &other.header, other.tried).unwrap_err();
        assert_eq!(refusal, "first and more are different sweeps, over seeds 0..4 and over 0..5");
    }
}
