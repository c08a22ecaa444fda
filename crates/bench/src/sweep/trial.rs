//! A sweep from a test of one's own: "these nodes, this workload, these faults, these seeds".

use std::io;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::thread;

use proto::Program;

use super::seeds::{SeedRange, Shard};
use super::{Nobody, SHRINK_RUNS_SIMULATED, Simulations, Strategy, Sweep};
use crate::command_line::{Call, Given, STORE_DEFAULT, Target};
use crate::simulated::SimulatedNode;
use crate::workload::{WorkloadName, registry};

/// Nodes that are put to a trial in virtual time. What is not said is as on the command line of
/// `eddy sweep`.
///
/// ```no_run
/// use bench::sweep::Trial;
/// # fn program() -> proto::Program { todo!() }
///
/// Trial::of(program)
///     .workload("unique-ids")
///     .nemesis("partition,pause")
///     .flag("time-limit", 5)
///     .seeds(0..500)
///     .assert_valid();
/// ```
#[derive(Clone, Debug)]
#[must_use = "nothing is tried before `assert_valid` or `run`"]
pub struct Trial {
    node: SimulatedNode,
    workload: String,
    given: Given,
    seeds: Range<u64>,
    strategy: Strategy,
    args: Vec<String>,
    store: PathBuf,
    shrink_runs: usize,
    draw: Option<fn(&Path) -> io::Result<()>>,
}

impl Trial {
    /// A trial of nodes of this program: its first one, unless [`Trial::args`] choose another.
    pub fn of(program: fn() -> Program) -> Self {
        Self {
            node: SimulatedNode::new(program().name, program),
            workload: registry::SIMPLEST.to_owned(),
            given: Given::default(),
            seeds: 0..100,
            strategy: Strategy::default(),
            args: Vec::new(),
            store: PathBuf::from(STORE_DEFAULT),
            shrink_runs: SHRINK_RUNS_SIMULATED,
            draw: None,
        }
    }

    /// What clients do and what is checked.
    pub fn workload(mut self, name: &str) -> Self {
        self.workload = name.to_owned();
        self
    }

    /// Faults that come and go, separated by commas: `partition,kill`.
    pub fn nemesis(self, faults: &str) -> Self {
        self.flag("nemesis", faults)
    }

    /// The seeds to try; 0 to 99 if nothing is said.
    pub fn seeds(mut self, seeds: Range<u64>) -> Self {
        self.seeds = seeds;
        self
    }

    /// How the runs of these seeds differ; by their seed alone if nothing is said, so that each run of a test
    /// is the one that the test describes.
    pub fn strategy(mut self, strategy: Strategy) -> Self {
        self.strategy = strategy;
        self
    }

    /// Any other flag of a run, named without dashes: `node-count`, `rate`, `latency`, `expect`, ...,
    /// and the flags of the workload.
    pub fn flag(mut self, name: &str, value: impl ToString) -> Self {
        self.given.push(name, value);
        self
    }

    /// Arguments for the node.
    pub fn args<'a>(mut self, args: impl IntoIterator<Item = &'a str>) -> Self {
        self.args.extend(args.into_iter().map(str::to_owned));
        self
    }

    /// Where failing runs are kept; `store` if nothing is said.
    pub fn store(mut self, directory: impl Into<PathBuf>) -> Self {
        self.store = directory.into();
        self
    }

    /// How many runs may be spent on making a failing run smaller; 600 if nothing is said.
    pub fn shrink_runs(mut self, most: usize) -> Self {
        self.shrink_runs = most;
        self
    }

    /// Who draws the report of a failing run from its directory, such as `eddy::draw`. Without one
    /// the directory has all that a report is made from.
    pub fn drawn_by(mut self, draw: fn(&Path) -> io::Result<()>) -> Self {
        self.draw = Some(draw);
        self
    }

    /// Tries the seeds.
    ///
    /// # Errors
    /// What is wrong with the trial itself, or with the first seed whose run is not valid: the cause,
    /// the command that repeats it, the smallest run like it, and where their reports are.
    pub fn run(&self) -> Result<(), String> {
        let workload: WorkloadName = self
            .workload
            .parse()
            .map_err(|right| format!("the workload {right}, not `{}`", self.workload))?;
        let (options, expect) = self.given.options(workload, self.seeds.start)?;
        let target = Target::Simulated(self.node);
        let call = Call { target, options, expect, args: self.args.clone() };
        call.check()?;
        if self.seeds.is_empty() {
            return Err("there are no seeds to try".to_owned());
        }
        let sweep = Sweep {
            call: &call,
            seeds: SeedRange { start: self.seeds.start, end: self.seeds.end },
            shard: Shard::default(),
            strategy: self.strategy,
            threads: thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
            keep_going: false,
            out: None,
            shrink_runs: self.shrink_runs,
            runner: &Simulations { store: &self.store, draw: self.draw },
            // The test is no program that could repeat a run.
            repeat: &|call| call.as_started("eddy", &self.store),
        };
        let mut told = Vec::new();
        let counts = sweep.run(&mut told, &mut Nobody).map_err(|error| error.to_string())?;
        if counts.invalid == 0 && counts.unknown == 0 {
            return Ok(());
        }
        let told = String::from_utf8_lossy(&told);
        let report = match self.draw {
            Some(_) => "report.html in each directory is its report",
            None => "`eddy report DIRECTORY` makes the report of each",
        };
        Err(format!("{told}{report}\n"))
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
