//! The file that a sweep leaves with `--out`: a line that says which sweep it is, and a line for
//! every seed that was tried. It is only ever appended to, so a shard that was stopped anywhere goes
//! on from it.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::seeds::{SeedRange, Shard};
use super::{Explorer, Sometimes, Strategy};
use crate::command_line::{Call, for_shell, push_seed};
use crate::outcome::{Failure, FailureKind, Outcome};

/// What determines a sweep, whatever its shards: files belong together that agree on it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// The version of eddy.
    eddy: String,
    /// The seeds of all shards.
    seeds: SeedRange,
    /// How the runs differ. Files of earlier versions do not say it.
    #[serde(default)]
    strategy: Strategy,
    /// The command of each run, up to its seed.
    run: Vec<String>,
    /// The node's arguments.
    args: Vec<String>,
}

impl Header {
    /// The header of the sweep of this run, whose own seed means nothing.
    pub fn new(seeds: SeedRange, strategy: Strategy, call: &Call) -> Self {
        let eddy = env!("CARGO_PKG_VERSION").to_owned();
        Self { eddy, seeds, strategy, run: call.words_without_seed(), args: call.args.clone() }
    }

    /// The seeds of all shards.
    pub fn seeds(&self) -> SeedRange {
        self.seeds
    }

    /// The command that repeats the run with this seed, as a shell reads it: a sweep of one seed where
    /// a seed decides more than `eddy test` makes of it.
    pub fn command(&self, seed: u64) -> String {
        let mut words = self.run.clone();
        if self.strategy == Strategy::Independent {
            push_seed(&mut words, seed, &self.args);
            return for_shell(&words);
        }
        let flags = words.split_off(2);
        // What comes of a seed may depend on those before it.
        let together = Explorer::together(self.strategy);
        let start = self.seeds.start.max(seed / together * together);
        let range = SeedRange { start, end: seed.saturating_add(1) };
        words[1] = "sweep".to_owned();
        words.extend(["--seeds".to_owned(), range.to_string()]);
        words.extend(["--strategy".to_owned(), self.strategy.to_string()]);
        words.extend(flags);
        if !self.args.is_empty() {
            words.push("--".to_owned());
            words.extend(self.args.iter().cloned());
        }
        for_shell(&words)
    }

    /// Why two sweeps are not the same, if they are not.
    pub fn difference(&self, other: &Self) -> Option<String> {
        if self.eddy != other.eddy {
            return Some(format!("of eddy {} and of eddy {}", self.eddy, other.eddy));
        }
        if self.seeds != other.seeds {
            return Some(format!("over seeds {} and over {}", self.seeds, other.seeds));
        }
        if self.strategy != other.strategy {
            return Some(format!("with --strategy {} and {}", self.strategy, other.strategy));
        }
        // With the same seed, what is left is what differs.
        let (one, two) = (self.command(self.seeds.start), other.command(self.seeds.start));
        (one != two).then(|| format!("of `{one}` and of `{two}`"))
    }
}

/// What came of a seed, as a line of the file.
#[derive(Debug, Serialize, Deserialize)]
struct Line {
    seed: u64,
    #[serde(flatten)]
    tried: Tried,
    /// What this run says of conditions and the lines before it do not.
    #[serde(default, skip_serializing_if = "Sometimes::is_empty")]
    sometimes: Sometimes,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "kebab-case")]
enum Tried {
    Valid,
    Unknown { cause: String },
    Invalid { kind: FailureKind, cause: String },
}

impl From<&Outcome> for Tried {
    fn from(outcome: &Outcome) -> Self {
        match outcome.clone() {
            Outcome::Valid => Self::Valid,
            Outcome::Unknown(cause) => Self::Unknown { cause },
            Outcome::Invalid(Failure { kind, cause }) => Self::Invalid { kind, cause },
        }
    }
}

impl From<Tried> for Outcome {
    fn from(tried: Tried) -> Self {
        match tried {
            Tried::Valid => Self::Valid,
            Tried::Unknown { cause } => Self::Unknown(cause),
            Tried::Invalid { kind, cause } => Self::invalid(kind, cause),
        }
    }
}

/// What is known of a sweep, or of a part of it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Known {
    /// What came of each seed.
    pub tried: BTreeMap<u64, Outcome>,
    /// What nodes said should hold sometimes.
    pub conditions: Sometimes,
}

/// What a file has in it.
#[derive(Debug)]
pub struct Contents {
    /// Which sweep it is of, and what is known of it.
    pub sweep: Option<(Header, Known)>,
    /// Bytes of whole lines. What comes after them is a line whose writer was stopped.
    whole: usize,
}

impl Contents {
    /// Reads what is in a file. A torn last line is left out; a file that has nothing else is one
    /// of no sweep yet.
    ///
    /// # Errors
    /// Says in which line there is something else than the line of a sweep.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
        let mut lines = bytes[..whole].split(|byte| *byte == b'\n').zip(1..);
        if whole == 0 {
            return Ok(Self { sweep: None, whole });
        }
        let wrong = |number: i32, error: &dyn std::fmt::Display| {
            format!("line {number} is not one of a sweep: {error}")
        };
        let first = lines.next().map_or(&[][..], |(line, _)| line);
        let header: Header = serde_json::from_slice(first).map_err(|error| wrong(1, &error))?;
        let mut known = Known::default();
        // The last newline has nothing after it.
        for (line, number) in lines.filter(|(line, _)| !line.is_empty()) {
            let line: Line = serde_json::from_slice(line).map_err(|error| wrong(number, &error))?;
            if !header.seeds.contains(line.seed) {
                return Err(wrong(number, &format!("its seed is {}", line.seed)));
            }
            known.tried.insert(line.seed, line.tried.into());
            known.conditions.join(line.sometimes);
        }
        Ok(Self { sweep: Some((header, known)), whole })
    }
}

/// The file of a shard, open to be appended to. Nobody else appends to it meanwhile.
#[derive(Debug)]
pub struct ShardFile {
    file: File,
    path: PathBuf,
}

impl ShardFile {
    /// Opens or makes the file of this shard, and reads what is known by the seeds that were tried
    /// before. A torn last line is removed.
    ///
    /// # Errors
    /// Says in a sentence why it cannot be gone on with: a file of another sweep, one that somebody
    /// else has open, one that cannot be read or written.
    pub fn open(directory: &Path, shard: Shard, header: &Header) -> Result<(Self, Known), String> {
        let path = directory.join(format!("shard-{}-of-{}.jsonl", shard.index, shard.count));
        let name = path.display().to_string();
        let failed = |error: io::Error| format!("{name}: {error}");
        fs::create_dir_all(directory).map_err(failed)?;
        let mut options = OpenOptions::new();
        let mut file = options.read(true).append(true).create(true).open(&path).map_err(failed)?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => {
                return Err(format!("{name}: another sweep is writing to it"));
            }
            // Some network file systems have no locks: there it is up to the batch system.
            Ok(()) | Err(TryLockError::Error(_)) => {}
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(failed)?;
        let contents = Contents::parse(&bytes).map_err(|error| format!("{name}: {error}"))?;
        let length = contents.whole as u64;
        let known = match contents.sweep {
            None => {
                file.set_len(0).map_err(failed)?;
                append(&mut file, header).map_err(failed)?;
                Known::default()
            }
            Some((found, known)) => {
                if let Some(difference) = found.difference(header) {
                    return Err(format!(
                        "{name} and this are different sweeps, {difference}; give this one a \
                         directory of its own"
                    ));
                }
                file.set_len(length).map_err(failed)?;
                known
            }
        };
        Ok((Self { file, path }, known))
    }

    /// Notes what came of a seed, and what is new of conditions. Once it has returned, only the machine's
    /// end can lose it.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn append(
        &mut self,
        seed: u64,
        outcome: &Outcome,
        sometimes: Sometimes,
    ) -> Result<(), String> {
        append(&mut self.file, &Line { seed, tried: outcome.into(), sometimes })
            .map_err(|error| format!("{}: {error}", self.path.display()))
    }
}

/// Writes a line in one go, so that there is no more than one that can be torn.
fn append(file: &mut File, line: &impl Serialize) -> io::Result<()> {
    let mut bytes = serde_json::to_vec(line)?;
    bytes.push(b'\n');
    file.write_all(&bytes)?;
    file.flush()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command_line::Target;
    use crate::options::Options;
    use crate::simulated::SimulatedNode;
    use crate::workload::registry::named;
    use tempfile::TempDir;

    fn header(seeds: &str, rate: f64) -> Header {
        let mut options = Options::new(named("lin-kv"));
        options.rate = rate;
        let target =
            Target::Simulated(SimulatedNode::new("some", || unreachable!("it is not run")));
        let call = Call { target, options, expect: Vec::new(), args: vec!["--x".to_owned()] };
        Header::new(seeds.parse().unwrap(), Strategy::Independent, &call)
    }

    fn some() -> BTreeMap<u64, Outcome> {
        let failure = "1 read\n\"wrong\" — of 7";
        BTreeMap::from([
            (3, Outcome::Valid),
            (4, Outcome::Unknown("out of time".to_owned())),
            (9, Outcome::invalid(FailureKind::SetUp, failure)),
        ])
    }

    /// What the first seed tells of, and holds with the second.
    fn sometimes(seed: u64) -> Sometimes {
        match seed {
            3 | 4 => Sometimes::of_run(&[("it held".to_owned(), seed - 3)].into()),
            _ => Sometimes::default(),
        }
    }

    /// A file with these seeds.
    fn write(directory: &TempDir, header: &Header) -> PathBuf {
        let (mut file, before) = open(directory, header).unwrap();
        assert_eq!(before, Known::default());
        for (seed, outcome) in some() {
            file.append(seed, &outcome, sometimes(seed)).unwrap();
        }
        file.path
    }

    fn open(directory: &TempDir, header: &Header) -> Result<(ShardFile, Known), String> {
        ShardFile::open(directory.path(), Shard { index: 1, count: 4 }, header)
    }

    #[test]
    fn what_was_tried_is_read_back_wherever_the_writer_was_stopped() {
        let (directory, header) = (TempDir::new().unwrap(), header("0..10", 5.0));
        let path = write(&directory, &header);
        assert!(path.ends_with("shard-1-of-4.jsonl"));
        let all = fs::read(&path).unwrap();
        for length in 0..=all.len() {
            fs::write(&path, &all[..length]).unwrap();
            let whole = all[..length].iter().filter(|byte| **byte == b'\n').count();
            let (mut file, before) = open(&directory, &header).unwrap();
            let expected: BTreeMap<_, _> = some().into_iter().take(whole.max(1) - 1).collect();
            assert_eq!(before.tried, expected, "{length} bytes");
            let held = before.conditions.never().next().is_none();
            assert_eq!(held, before.tried.is_empty() || before.tried.contains_key(&4));
            // It goes on from there, and comes to the same file.
            for (seed, outcome) in some().into_iter().skip(before.tried.len()) {
                file.append(seed, &outcome, sometimes(seed)).unwrap();
            }
            assert_eq!(fs::read(&path).unwrap(), all, "{length} bytes");
        }
    }

    #[test]
    fn a_file_of_another_sweep_or_in_use_is_refused_and_stays_as_it_is() {
        let (directory, first) = (TempDir::new().unwrap(), header("0..10", 5.0));
        let path = write(&directory, &first);
        let before = fs::read(&path).unwrap();
        for (other, says) in [
            (header("0..11", 5.0), "over seeds 0..10 and over 0..11"),
            (header("0..10", 6.0), "--rate 5 --seed 0 -- --x` and of `"),
            (Header { eddy: "9.9.9".to_owned(), ..first.clone() }, "and of eddy 9.9.9"),
            (
                Header { strategy: Strategy::Swarm, ..first.clone() },
                "--strategy independent and swarm",
            ),
            (Header { args: Vec::new(), ..first.clone() }, "--seed 0 -- --x` and of `"),
        ] {
            let refusal = open(&directory, &other).unwrap_err();
            assert!(refusal.contains(says), "{refusal}");
        }
        let in_use = open(&directory, &first).unwrap();
        let refusal = open(&directory, &first).unwrap_err();
        assert!(refusal.ends_with("another sweep is writing to it"), "{refusal}");
        drop(in_use);
        assert!(open(&directory, &first).is_ok());
        assert_eq!(fs::read(&path).unwrap(), before);
    }

    #[test]
    fn a_run_is_repeated_by_a_test_or_by_a_sweep_of_its_seed() {
        let header = header("0..10", 6.0);
        let command = header.command(3);
        assert!(command.starts_with("eddy test "), "{command}");
        let command = Header { strategy: Strategy::Priorities(4), ..header }.command(3);
        let begins = "eddy sweep --seeds 3..4 --strategy priorities:4 --workload lin-kv";
        assert!(command.starts_with(begins) && command.ends_with(" -- --x"), "{command}");
    }

    #[test]
    fn a_whole_line_that_is_none_of_a_sweep_is_named() {
        let header = serde_json::to_string(&header("0..10", 5.0)).unwrap();
        for (text, says) in [
            ("hello\n".to_owned(), "line 1 is"),
            ("{}\n".to_owned(), "line 1 is"),
            (format!("{header}\n{header}\n"), "line 2 is"),
            (format!("{header}\n{{\"seed\":1,\"verdict\":\"valid\"}}\nx\n"), "line 3 is"),
            (format!("{header}\n{{\"seed\":10,\"verdict\":\"valid\"}}\n"), "its seed is 10"),
        ] {
            let refusal = Contents::parse(text.as_bytes()).unwrap_err();
            assert!(refusal.contains(says), "{refusal}");
        }
    }
}
