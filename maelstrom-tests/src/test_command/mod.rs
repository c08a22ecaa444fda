//! `eddy test`: runs, checks, keeps and tells.

mod args;

use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use bench::run::{self, TestError};
use checkers::Verdict;

use crate::analysis::all_options;
use crate::command_line::{Call, Target};
use crate::fault::{FaultKind, Place};
use crate::harness::Record;
use crate::journal::LoggedMessages;
use crate::options::Preempt;
use crate::process::{
    ProcessOptions, ProcessWorld, StartError, check_program, interrupted, node_arguments,
    note_interrupts,
};
use crate::progress::{Progress, Silent};
use crate::report;
use crate::report::messages::Follower;
use crate::report::offence::Offence;
use crate::results::Results;
use crate::run_args::program;
use crate::simulated::simulate;
use crate::store::{RunDirectory, at};
use crate::terminal::progress::Display;
use crate::terminal::{self, summary};
use crate::virtual_time::{self, Trace, VirtualTimeError};
use crate::workload::{SharedWatch, workload};

pub use self::args::TestArgs;

/// Runs the tests that the arguments ask for. The exit status is that of the first run that is not
/// valid: 1 invalid, 2 unknown or wrong usage.
pub fn run(args: &TestArgs) -> ExitCode {
    for flag in args.without_meaning.given() {
        let _ = writeln!(io::stderr(), "{flag} has no meaning for eddy and is passed over");
    }
    let first_seed = args.run.seed.unwrap_or_else(random_seed);
    for count in 0..args.test_count {
        let seed = first_seed.wrapping_add(count);
        match run_once(args, seed) {
            Ok(Verdict::Valid) => {}
            Ok(verdict) => return exit_code(verdict),
            Err(error) => {
                let _ = writeln!(io::stderr(), "eddy: {error}");
                return ExitCode::from(if error.is_invalid() { 1 } else { 2 });
            }
        }
    }
    ExitCode::SUCCESS
}

impl From<VirtualTimeError> for TestError {
    fn from(error: VirtualTimeError) -> Self {
        Self::unknown(error)
    }
}

pub(crate) fn exit_code(verdict: Verdict) -> ExitCode {
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
    let call = args.call(seed).map_err(TestError::usage)?;
    check(&call)?;
    let console = Console {
        store: &args.store,
        log_stderr: args.log_stderr,
        logged_messages: LoggedMessages { sent: args.log_net_send, received: args.log_net_recv },
        grace: args.grace,
        verify: args.verify,
    };
    let is_silent = args.quiet || args.json;
    if !is_silent {
        let options = all_options(&call.options, &call.subject());
        let known = Results { options, ..Results::default() };
        let _ = summary::announce(&mut terminal::stdout(), &known);
    }
    let style = terminal::progress::Style::detect(is_silent);
    let mut display = Display::new(style, call.options.time_limit);
    let finished = run_call(&call, &console, &mut display)?;
    drop(display);
    // A verdict that cannot be repeated is no verdict to whoever asked.
    let verdict = match finished.is_verified {
        Some(false) => Verdict::Unknown,
        _ => finished.results.verdict(),
    };
    let warning = finished.directory.failure().map(str::to_owned);
    // Whoever reads our output may have read enough; the verdict stands.
    let _ = tell(args, &call, finished);
    if let Some(warning) = warning {
        let _ = writeln!(io::stderr(), "eddy: not all of this run could be kept: {warning}");
    }
    Ok(verdict)
}

/// What concerns how a run is made and kept, not what it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Console<'a> {
    /// Where runs are kept.
    pub(crate) store: &'a Path,
    /// Whether what nodes say on stderr is copied.
    pub(crate) log_stderr: bool,
    /// Which messages are copied to stderr.
    pub(crate) logged_messages: LoggedMessages,
    /// How long nodes may take to end by themselves.
    pub(crate) grace: Duration,
    /// Whether a run in virtual time is made twice and held against itself.
    pub(crate) verify: bool,
}

/// A run that came to a verdict.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) results: Results,
    pub(crate) directory: RunDirectory,
    /// Whether a second run was the same, if there was one.
    is_verified: Option<bool>,
    /// The first offending operation, if there is one.
    offence: Option<Offence>,
}

/// Makes a run, keeping its files as they grow; then checks it and keeps the results.
pub(crate) fn run_call(
    call: &Call,
    console: &Console<'_>,
    watching: &mut dyn Progress,
) -> Result<Finished, TestError> {
    note_interrupts().map_err(TestError::unknown)?;
    let options = &call.options;
    let directory = RunDirectory::create(console.store, options.workload.as_str())?
        .with_logged_messages(console.logged_messages);
    let mut is_verified = None;
    let mut make = |directory: &RunDirectory, progress: &mut dyn Progress| match &call.target {
        Target::Simulated(node) => {
            Ok(simulate(*node, &call.args, options, Some(directory), progress)?)
        }
        Target::Program(bin) => run_processes(call, bin, console, directory, progress),
        Target::Virtual(bin) => {
            let keep = virtual_time::Keep {
                directory: Some(directory),
                log_stderr: console.log_stderr,
                record: console.verify,
            };
            let (mut record, first) = virtual_time::run(bin, &call.args, options, keep, progress)?;
            if console.verify {
                progress.phase("running again");
                match verify(call, bin, &first)? {
                    Some((sameness, note)) => {
                        is_verified = Some(sameness);
                        record.notes.push(note);
                    }
                    None => {
                        record.notes.push("not verified: it was ended before its time".to_owned())
                    }
                }
            }
            Ok(record)
        }
    };
    // The report needs the whole journal, which takes as long to read as to write: so it is read while the
    // run goes on, unless its nodes need the processors, or else while the history is checked.
    let mut follower = None;
    let make_followed = |directory: &RunDirectory, progress: &mut dyn Progress| {
        let start = || Follower::start(directory.path()).ok();
        if matches!(call.target, Target::Simulated(_)) {
            follower = start();
        }
        let record = make(directory, progress)?;
        follower = follower.take().or_else(start);
        follower.iter().for_each(Follower::end);
        Ok(record)
    };
    let run::Finished { results, directory } =
        run::run_and_keep(call, directory, watching, &mut interrupted, make_followed)?;
    let run_dir = directory.path();
    let written = match follower {
        Some(follower) => report::write_with_journal(run_dir, |zero| follower.journal(zero)),
        None => report::write(run_dir),
    };
    let offence = written.unwrap_or_else(|error| {
        directory.note_failure(Err(error));
        None
    });
    Ok(Finished { results, directory, is_verified, offence })
}

/// Makes a run in virtual time once more; whether it was the same, and that in words. `None` if the user
/// ended one of the two.
fn verify(call: &Call, bin: &Path, first: &Trace) -> Result<Option<(bool, String)>, TestError> {
    if interrupted() {
        return Ok(None);
    }
    let keep = virtual_time::Keep { record: true, ..virtual_time::Keep::default() };
    let (_, second) = virtual_time::run(bin, &call.args, &call.options, keep, &mut Silent)?;
    if interrupted() {
        return Ok(None);
    }
    Ok(Some(match first.difference(&second) {
        None => {
            (true, format!("verified: a second run was the same (digest {:016x})", first.digest))
        }
        Some(difference) => (
            false,
            format!("this program cannot be replayed from its seed: of two runs, {difference}"),
        ),
    }))
}

/// Prints the results in the form that was asked for.
fn tell(args: &TestArgs, call: &Call, finished: Finished) -> io::Result<()> {
    let mut out = terminal::stdout();
    let Finished { results, directory, offence, .. } = finished;
    if args.json {
        summary::json(&mut out, &results)
    } else if args.quiet {
        summary::verdict_line(&mut out, &results, offence.as_ref())
    } else {
        let again = call.as_started(&program(), &args.store);
        let run_dir = directory.path();
        let has_report = run_dir.join(report::FILE).exists();
        let told = summary::Told { run_dir, has_report, is_announced: true, again: &again };
        summary::summary(&mut out, &results, offence.as_ref(), told)
    }
}

fn run_processes(
    call: &Call,
    bin: &Path,
    console: &Console<'_>,
    directory: &RunDirectory,
    progress: &mut dyn Progress,
) -> Result<Record, TestError> {
    let options = &call.options;
    let world = ProcessWorld::start(&ProcessOptions {
        program: bin.to_path_buf(),
        // Nodes run in another directory.
        arguments: node_arguments(&call.args, &directory.path().canonicalize()?.join("state"))?,
        nodes: options.nodes.clone(),
        network: options.network(),
        seed: options.seed,
        directory: Some(directory.path().to_path_buf()),
        logged_messages: console.logged_messages,
        log_stderr: console.log_stderr,
        reaper: std::env::current_exe().ok(),
        adopts: true,
    });
    let mut world = match world {
        Ok(world) => world,
        // A run that cannot begin has a verdict and its files like any other.
        Err(StartError::Interrupted) => return Ok(Record::of_no_run(options, Vec::new())),
        Err(error) => {
            let problem = error.problem().ok_or_else(|| TestError::unknown(&error))?;
            return Ok(Record::of_no_run(options, vec![problem]));
        }
    };
    let watch = SharedWatch::of(options);
    if let Some(observer) = watch.observer() {
        world.observe(observer);
    }
    let mut record = workload(options).run(&mut world, options, progress);
    watch.finish(&mut record);
    let journal = directory.path().join("messages.jsonl");
    directory.note_failure(world.shut_down(console.grace).map_err(at(&journal)));
    Ok(record)
}

/// Whether faults of this kind can be brought to what is run.
fn check_place(kind: FaultKind, target: &Target) -> Result<(), TestError> {
    let (place, why) = match (kind.place(), target) {
        (Place::VirtualTime(why), Target::Program(_)) => ("virtual time", why),
        (Place::Simulation(why), Target::Program(_) | Target::Virtual(_)) => ("--simulate", why),
        _ => return Ok(()),
    };
    let name = kind.as_str();
    Err(TestError::usage(format!("--nemesis {name} is for {place} only: {why}")))
}

/// Whether a run can be made at all.
pub(crate) fn check(call: &Call) -> Result<(), TestError> {
    let options = &call.options;
    call.check().map_err(TestError::usage)?;
    let steers_threads = options.preempt != Preempt::default() || options.boot_seed != 0;
    options.nemesis.iter().try_for_each(|kind| check_place(*kind, &call.target))?;
    match &call.target {
        Target::Simulated(_) | Target::Program(_) if steers_threads => Err(TestError::usage(
            "--preempt and --boot-seed are for programs in virtual time: --bin FILE --virtual-time",
        )),
        Target::Simulated(_) => Ok(()),
        Target::Program(bin) | Target::Virtual(bin) => {
            check_program(bin).map(drop).map_err(|error| TestError::usage(error.to_string()))
        }
    }
}
