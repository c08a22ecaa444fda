//! `eddy test`: runs, checks, keeps and tells.

use std::io::{self, Write as _};
use std::process::ExitCode;

use checkers::Verdict;
use serde_json::{Map, json};

use crate::analysis::{Results, Subject, analyse};
use crate::cli::TestArgs;
use crate::options::{FaultKind, Options};
use crate::progress::Silent;
use crate::simulated::{SimulatedNode, simulate};
use crate::store::{Recording, RunDirectory};
use crate::workload::workload;

/// Runs the tests that the arguments ask for. The exit status is that of the first run that is not
/// valid: 1 invalid, 2 unknown or wrong usage.
pub fn run(args: &TestArgs) -> ExitCode {
    let first_seed = args.run.seed.unwrap_or_else(random_seed);
    for count in 0..args.test_count {
        let seed = first_seed.wrapping_add(count);
        match run_once(args, seed) {
            Ok(results) if results.verdict == Verdict::Valid => {}
            Ok(results) => return exit_code(results.verdict),
            Err(error) => {
                let _ = writeln!(io::stderr(), "eddy: {error}");
                return ExitCode::from(error.status);
            }
        }
    }
    ExitCode::SUCCESS
}

/// Why a run did not come to a verdict.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub struct TestError {
    text: String,
    status: u8,
}

impl TestError {
    /// The command line asks for what cannot be.
    fn usage(text: impl Into<String>) -> Self {
        Self { text: text.into(), status: 2 }
    }

    /// The nodes are not fit to be tested.
    fn invalid(text: impl ToString) -> Self {
        Self { text: text.to_string(), status: 1 }
    }

    /// The bench itself failed.
    fn unknown(text: impl ToString) -> Self {
        Self { text: text.to_string(), status: 2 }
    }
}

impl From<io::Error> for TestError {
    fn from(error: io::Error) -> Self {
        Self::unknown(format!("cannot write the run's files: {error}"))
    }
}

fn exit_code(verdict: Verdict) -> ExitCode {
    ExitCode::from(match verdict {
        Verdict::Valid => 0,
        Verdict::Invalid => 1,
        Verdict::Unknown => 2,
    })
}

/// A seed for a run that was given none. It is printed, so that the run can be repeated.
pub(crate) fn random_seed() -> u64 {
    use rand::TryRng as _;
    // Short enough to be typed again.
    u64::from(rand::rngs::SysRng.try_next_u32().unwrap_or_else(|_| std::process::id()))
}

fn run_once(args: &TestArgs, seed: u64) -> Result<Results, TestError> {
    let options = args.run.options(seed).map_err(TestError::usage)?;
    match args.simulate {
        Some(node) => run_simulated(args, node, &options),
        None => {
            check_real(&options)?;
            Err(TestError::usage("real processes are not there yet"))
        }
    }
}

fn run_simulated(
    args: &TestArgs,
    node: SimulatedNode,
    options: &Options,
) -> Result<Results, TestError> {
    check_simulated(node, options)?;
    let directory = RunDirectory::create(&args.store, options.workload.as_str())?;
    let mut history = directory.history()?;
    let mut silent = Silent;
    let mut recording = Recording { history: &mut history, then: &mut silent };
    let record =
        simulate(node, &args.args, options, None, &mut recording).map_err(TestError::invalid)?;
    history.finish()?;
    let mut subject_options = Map::new();
    subject_options.insert("simulate".to_owned(), json!(node));
    subject_options.insert("args".to_owned(), json!(args.args));
    let subject = Subject { options: subject_options, command: args.command(options.seed) };
    let results =
        analyse(options, &subject, &record, &*workload(options), &args.run.expect, &mut || false);
    directory.write_results(&results.json)?;
    Ok(results)
}

/// Whether this node can be put through this run.
pub(crate) fn check_simulated(node: SimulatedNode, options: &Options) -> Result<(), TestError> {
    if !node.workloads().contains(&options.workload) {
        let served: Vec<_> = node.workloads().iter().map(|workload| workload.as_str()).collect();
        return Err(TestError::usage(format!(
            "{} does not serve {}; it serves {}",
            node.as_str(),
            options.workload.as_str(),
            served.join(", ")
        )));
    }
    Ok(())
}

/// Whether real processes can be put through this run.
pub(crate) fn check_real(options: &Options) -> Result<(), TestError> {
    if options.nemesis.contains(&FaultKind::Clock) {
        return Err(TestError::usage(
            "--nemesis clock is for virtual time only: real processes share the machine's clock",
        ));
    }
    Ok(())
}
