//! `eddy test`: runs, checks, keeps and tells.

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use checkers::Verdict;
use serde_json::{Map, Value, json};

use crate::analysis::{Subject, all_options, analyse};
use crate::cli::TestArgs;
use crate::harness::{self, Record};
use crate::options::{FaultKind, Options};
use crate::process::{
    ProcessOptions, ProcessWorld, StartError, check_program, interrupted, note_interrupts,
};
use crate::progress::Progress;
use crate::report;
use crate::report::offence::Offence;
use crate::simulated::{SimulateError, SimulatedNode, simulate};
use crate::store::{Recording, RunDirectory};
use crate::terminal::progress::Display;
use crate::terminal::{self, summary};
use crate::workload::workload;

/// Runs the tests that the arguments ask for. The exit status is that of the first run that is not
/// valid: 1 invalid, 2 unknown or wrong usage.
pub fn run(args: &TestArgs) -> ExitCode {
    let first_seed = args.run.seed.unwrap_or_else(random_seed);
    for count in 0..args.test_count {
        let seed = first_seed.wrapping_add(count);
        match run_once(args, seed) {
            Ok(Verdict::Valid) => {}
            Ok(verdict) => return exit_code(verdict),
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

impl From<SimulateError> for TestError {
    fn from(error: SimulateError) -> Self {
        match error {
            SimulateError::Usage(_) => Self::usage(error.to_string()),
            SimulateError::Setup(_) => Self::invalid(error),
            SimulateError::File(_) => Self::unknown(error),
        }
    }
}

impl From<StartError> for TestError {
    fn from(error: StartError) -> Self {
        match error {
            StartError::NoInit { .. } => Self::invalid(error),
            StartError::Program(_)
            | StartError::Spawn { .. }
            | StartError::File { .. }
            | StartError::Bench { .. }
            | StartError::Interrupted => Self::unknown(error),
        }
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

fn run_once(args: &TestArgs, seed: u64) -> Result<Verdict, TestError> {
    let options = args.run.options(seed).map_err(TestError::usage)?;
    let mut subject = Subject { options: Map::new(), command: args.command(seed) };
    subject.options.insert("args".to_owned(), json!(args.args));
    match (args.simulate, &args.bin) {
        (Some(node), _) => {
            check_simulated(node, &options)?;
            subject.options.insert("simulate".to_owned(), json!(node));
            let directory = RunDirectory::create(&args.store, options.workload.as_str())?;
            let run = |progress: &mut dyn Progress| {
                simulate(node, &args.args, &options, Some(&directory), progress)
                    .map_err(TestError::from)
            };
            run_in(args, &options, &subject, &directory, run)
        }
        (None, Some(bin)) => {
            check_real(&options)?;
            check_program(bin).map_err(|error| TestError::usage(error.to_string()))?;
            subject.options.insert("bin".to_owned(), json!(bin));
            let directory = RunDirectory::create(&args.store, options.workload.as_str())?;
            let run = |progress: &mut dyn Progress| {
                run_processes(args, bin, &options, &directory, progress)
            };
            run_in(args, &options, &subject, &directory, run)
        }
        (None, None) => Err(TestError::usage("--bin FILE says which program to test")),
    }
}

/// Runs, keeping the history as it grows; then checks, keeps the results and tells them.
fn run_in(
    args: &TestArgs,
    options: &Options,
    subject: &Subject,
    directory: &RunDirectory,
    run: impl FnOnce(&mut dyn Progress) -> Result<Record, TestError>,
) -> Result<Verdict, TestError> {
    let is_silent = args.quiet || args.json;
    if !is_silent {
        summary::announce(&mut terminal::stdout(), &announced(options, subject))?;
    }
    let mut history = directory.history()?;
    let mut watching =
        Display::new(terminal::progress::Style::detect(is_silent), options.time_limit);
    let mut recording = Recording { history: &mut history, then: &mut watching };
    let record = run(&mut recording)?;
    history.finish()?;
    watching.phase("checking");
    let results =
        analyse(options, subject, &record, &*workload(options), &args.run.expect, &mut interrupted);
    drop(record);
    watching.phase("writing");
    directory.write_results(&results.json)?;
    let offence = report::write(directory.path())?;
    drop(watching);
    tell(args, &Value::Object(results.json), offence.as_ref(), directory)?;
    Ok(results.verdict)
}

/// As much of the results as is known before the run.
fn announced(options: &Options, subject: &Subject) -> Value {
    json!({ "options": all_options(options, subject) })
}

/// Prints the results in the form that was asked for.
fn tell(
    args: &TestArgs,
    results: &Value,
    offence: Option<&Offence>,
    directory: &RunDirectory,
) -> io::Result<()> {
    let mut out = terminal::stdout();
    if args.json {
        summary::json(&mut out, results)
    } else if args.quiet {
        summary::verdict_line(&mut out, results)
    } else {
        summary::summary(&mut out, results, offence, Some(directory.path()))
    }
}

fn run_processes(
    args: &TestArgs,
    bin: &Path,
    options: &Options,
    directory: &RunDirectory,
    progress: &mut dyn Progress,
) -> Result<Record, TestError> {
    note_interrupts().map_err(TestError::unknown)?;
    let mut world = ProcessWorld::start(&ProcessOptions {
        program: bin.to_path_buf(),
        arguments: node_arguments(&args.args, directory)?,
        nodes: options.nodes.clone(),
        workload: options.workload,
        network: options.network(),
        seed: options.seed,
        directory: Some(directory.path().to_path_buf()),
        log_stderr: args.log_stderr,
        reaper: std::env::current_exe().ok(),
    })?;
    let record = harness::run(&mut world, options, &mut *workload(options), progress);
    world.shut_down(Duration::from_secs_f64(args.grace))?;
    record.map_err(|error| TestError::invalid(error.to_string()))
}

/// The arguments of a node, with `{run}` replaced by a directory that no other run has.
fn node_arguments(args: &[String], directory: &RunDirectory) -> io::Result<Vec<OsString>> {
    // Nodes run in another directory.
    let state = directory.path().canonicalize()?.join("state");
    let state = state.to_string_lossy();
    Ok(args.iter().map(|argument| argument.replace("{run}", &state).into()).collect())
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
