//! A sweep from a test of one's own: "these nodes, this workload, these faults, these seeds".

use std::ops::Range;

use proto::Program;

use super::Sweep;
use crate::cli::{Cli, Command, program};
use crate::command_line::quote;
use crate::programs;

/// Nodes that are put to a trial in virtual time. What is not said is as on the command line of
/// `eddy sweep`.
///
/// ```
/// use eddy::sweep::Trial;
///
/// Trial::of(identifier::program)
///     .workload("unique-ids")
///     .nemesis("partition,pause")
///     .flag("time-limit", 5)
///     .seeds(0..3)
///     .assert_valid();
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is tried before `assert_valid` or `run`"]
pub struct Trial {
    words: Vec<String>,
    args: Vec<String>,
}

impl Trial {
    /// A trial of nodes of this program: its first one, unless [`Trial::args`] choose another.
    pub fn of(program: fn() -> Program) -> Self {
        let node = programs::register(program);
        let words = ["eddy", "sweep"].map(str::to_owned).to_vec();
        Self { words, args: Vec::new() }.flag("simulate", node)
    }

    /// What clients do and what is checked.
    pub fn workload(self, name: &str) -> Self {
        self.flag("workload", name)
    }

    /// Faults that come and go, separated by commas: `partition,kill`.
    pub fn nemesis(self, faults: &str) -> Self {
        self.flag("nemesis", faults)
    }

    /// The seeds to try.
    pub fn seeds(self, seeds: Range<u64>) -> Self {
        self.flag("seeds", format!("{}..{}", seeds.start, seeds.end))
    }

    /// Any other flag of `eddy sweep`, named without dashes: `node-count`, `rate`, `store`, ...
    pub fn flag(mut self, name: &str, value: impl ToString) -> Self {
        self.words.extend([format!("--{name}"), value.to_string()]);
        self
    }

    /// Arguments for the node.
    pub fn args<'a>(mut self, args: impl IntoIterator<Item = &'a str>) -> Self {
        self.args.extend(args.into_iter().map(str::to_owned));
        self
    }

    /// Tries the seeds.
    ///
    /// # Errors
    /// What is wrong with the trial itself, or with the first seed whose run is not valid: the cause,
    /// the command that repeats it, the smallest run like it, and the directories with their reports.
    pub fn run(&self) -> Result<(), String> {
        let mut words = self.words.clone();
        words.push("--".to_owned());
        words.extend_from_slice(&self.args);
        let cli = Cli::read(words).map_err(|error| error.to_string())?;
        let Command::Sweep(args) = cli.command else { unreachable!("the command is `sweep`") };
        let sweep = Sweep::new(&args).map_err(|error| error.to_string())?;
        let mut told = Vec::new();
        let counts = sweep.run(&mut told).map_err(|error| error.to_string())?;
        if counts.invalid == 0 && counts.unknown == 0 {
            return Ok(());
        }
        // The test is no program that could repeat a run.
        let told = String::from_utf8_lossy(&told);
        Err(told.replace(&format!("{} test ", quote(&program())), "eddy test "))
    }

    /// Tries the seeds.
    ///
    /// # Panics
    /// With what [`Trial::run`] says, if a run is not valid.
    #[track_caller]
    pub fn assert_valid(&self) {
        if let Err(told) = self.run() {
            panic!("{told}");
        }
    }
}
