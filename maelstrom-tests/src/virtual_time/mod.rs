//! Runs of any program in virtual time: the same workloads, faults and checks as for real processes,
//! and each run repeatable from its seed.
//!
//! The [`supervisor`] crate owns the programs' clocks, chance and threads; what lies between them is the
//! simulator's network. A run waits for nothing: time jumps to the next thing that happens.

pub mod doctor;
mod node;
mod scratch;
mod trace;
mod workbench;
mod world;

use std::cell::RefCell;
use std::fs;
use std::io;
use std::path::Path;
use std::rc::Rc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use proto::NodeId;
use simulator::Fabric;
use supervisor::{NodeSpec, Supervisor};

use self::scratch::Scratch;
use self::world::{NoStart, VirtualWorld};
use crate::command_line::environment;
use crate::harness::Record;
use crate::options::{FaultKind, Options, Preempt, Source};
use crate::process::{full_path, node_arguments, note_interrupts};
use crate::progress::Progress;
use crate::store::{RunDirectory, at};
use crate::workload::{SharedWatch, workload};

pub use self::trace::{Difference, Trace};
pub use self::workbench::Workbench;

/// The first argument with which `eddy` becomes a program under the supervisor's rule.
pub const LAUNCH_ARGUMENT: &str = "launch";

/// With `--preempt deep`: how often of a thousand calls a thread loses its turn.
const DEEP_SHARE: u32 = 20;

/// Why a run in virtual time did not come to an end.
#[derive(Debug, thiserror::Error)]
pub enum VirtualTimeError {
    /// The kernel does not let programs be ruled here, or something else that is needed is refused.
    #[error(
        "virtual time does not work here: {0}; `eddy doctor` tells what it needs and what this machine \
         allows, and without --virtual-time the same test runs with real processes"
    )]
    Supervisor(#[from] supervisor::Error),
    /// A file of the run could not be written.
    #[error("cannot write the run's files: {0}")]
    File(#[from] io::Error),
}

/// How a run is made and kept.
#[derive(Clone, Copy, Debug, Default)]
pub struct Keep<'a> {
    /// Where messages and what nodes say to people go, if they are kept.
    pub directory: Option<&'a RunDirectory>,
    /// Whether what nodes say on stderr is copied to that of the bench.
    pub log_stderr: bool,
    /// Whether a list of all calls is kept in the trace.
    pub record: bool,
}

/// Runs a program in virtual time.
///
/// In its arguments `{run}` becomes a directory that is fresh for this node in this run; what it holds
/// at the end is kept with the run's other files.
///
/// # Errors
/// If this machine does not allow it, or a file cannot be written. A program that fails is no error: it
/// is in the record.
pub fn run(
    program: &Path,
    args: &[String],
    options: &Options,
    keep: Keep<'_>,
    progress: &mut dyn Progress,
) -> Result<(Record, Trace), VirtualTimeError> {
    note_interrupts()?;
    let program = full_path(program).map_err(at(program))?;
    let scratch = Scratch::new()?;
    let specs = specs(&program, args, options, &scratch)?;
    let supervisor = Supervisor::new(supervisor_options(options, keep.record)?)?;
    let (record, trace) = make_run(supervisor, Some(specs), options, keep, progress)?;
    if let Some(directory) = keep.directory {
        directory.note_failure(keep_state(&scratch, directory));
    }
    Ok((record, trace))
}

/// Makes a run with nodes that are to be started, or, without `specs`, are there already.
fn make_run(
    supervisor: Supervisor,
    specs: Option<Vec<NodeSpec>>,
    options: &Options,
    keep: Keep<'_>,
    progress: &mut dyn Progress,
) -> Result<(Record, Trace), VirtualTimeError> {
    let directory = keep.directory;
    let mut fabric = Fabric::new(options.nodes.clone(), options.network(), options.seed);
    if options.cover {
        fabric.cover();
    }
    let journal = directory.map(RunDirectory::messages).transpose()?.map(RefCell::new).map(Rc::new);
    if let Some(journal) = &journal {
        let journal = Rc::clone(journal);
        fabric.observe(move |seen| journal.borrow_mut().note(&seen));
    }
    let watch = SharedWatch::of(options);
    if let Some(observer) = watch.observer() {
        fabric.observe(observer);
    }
    let (mut record, trace) = match VirtualWorld::start(supervisor, specs, fabric, keep) {
        Ok(mut world) => {
            let record = workload(options).run(&mut world, options, progress);
            let (trace, logs) = world.end()?;
            if let Some(directory) = directory {
                directory.note_failure(logs);
            }
            (record, trace)
        }
        Err(NoStart::Node(problem)) => {
            (Record::of_no_run(options, vec![problem]), Trace::default())
        }
        Err(NoStart::Bench(error)) => return Err(error),
    };
    watch.finish(&mut record);
    if let Some(directory) = directory
        && let Some(journal) = journal.and_then(Rc::into_inner)
    {
        let path = directory.path().join("messages.jsonl");
        directory.note_failure(journal.into_inner().finish().map_err(at(&path)));
    }
    Ok((record, trace))
}

/// What the choices of nodes come from, and the names of those whose choices do not.
fn seed_of_nodes(options: &Options) -> (u64, Vec<String>) {
    let is_spared = |place: usize| options.chance.spared(Source::Nodes).contains(place as u64);
    let named = options.nodes.iter().enumerate().filter(|(place, _)| is_spared(*place));
    let spared: Vec<String> = named.map(|(_, id)| id.to_string()).collect();
    (if spared.len() == options.nodes.len() { 0 } else { options.seed }, spared)
}

/// What is the same for all nodes of a run. `record` asks for a list of all calls.
fn supervisor_options(options: &Options, record: bool) -> io::Result<supervisor::Options> {
    let (seed, spared) = seed_of_nodes(options);
    Ok(supervisor::Options {
        seed,
        spared,
        boot_seed: options.boot_seed,
        launcher: vec![std::env::current_exe()?.into(), LAUNCH_ARGUMENT.into()],
        core: core_of_this_thread(),
        preempt: match options.preempt {
            Preempt::Calls(0) => supervisor::Preempt::Never,
            Preempt::Calls(share) => supervisor::Preempt::Calls(share),
            Preempt::Deep => supervisor::Preempt::Deep(DEEP_SHARE),
        },
        record,
        ..supervisor::Options::default()
    })
}

/// The programs of a run as they are to be started.
fn specs(
    program: &Path,
    args: &[String],
    options: &Options,
    scratch: &Scratch,
) -> io::Result<Vec<NodeSpec>> {
    let watches_syncs = options.nemesis.contains(&FaultKind::LoseUnsynced);
    let spec = |id: &NodeId| -> io::Result<NodeSpec> {
        // The nodes are on machines of their own, and share no disk.
        let state = scratch.state().join(id.as_str());
        Ok(NodeSpec {
            name: id.to_string(),
            program: program.to_owned(),
            args: node_arguments(args, &state)?,
            env: environment(),
            cwd: Some(scratch.work()),
            state_dir: watches_syncs.then_some(state),
            ..NodeSpec::default()
        })
    };
    options.nodes.iter().map(spec).collect()
}

/// Keeps what nodes have left in the directories that `{run}` meant.
fn keep_state(scratch: &Scratch, directory: &RunDirectory) -> io::Result<()> {
    match scratch.holds_state()? {
        true => copy(&scratch.state(), &directory.path().join("state")),
        false => Ok(()),
    }
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to).map_err(at(to))?;
    for entry in fs::read_dir(from).map_err(at(from))? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        let kind = entry.file_type()?;
        if kind.is_dir() {
            copy(&entry.path(), &target)?;
        } else if kind.is_file() {
            fs::copy(entry.path(), &target).map_err(at(&target))?;
        }
    }
    Ok(())
}

/// The core on which this thread makes its runs: each thread of a sweep has its own. A supervisor and
/// its nodes take turns, and are several times slower on two.
fn core_of_this_thread() -> Option<usize> {
    static ALLOWED: OnceLock<Vec<usize>> = OnceLock::new();
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static TURN: usize = NEXT.fetch_add(1, Ordering::Relaxed);
    }
    let allowed = ALLOWED.get_or_init(allowed_cores);
    let turn = TURN.with(|turn| *turn);
    (!allowed.is_empty()).then(|| allowed[turn % allowed.len()])
}

/// The cores on which this process may run, the one on which it does first: several benches at once do not
/// all begin with the same.
#[cfg(target_os = "linux")]
fn allowed_cores() -> Vec<usize> {
    use rustix::thread::{CpuSet, sched_getaffinity, sched_getcpu};

    let Ok(set) = sched_getaffinity(None) else { return Vec::new() };
    let mut cores: Vec<_> = (0..CpuSet::MAX_CPU).filter(|core| set.is_set(*core)).collect();
    let here = cores.iter().position(|core| *core == sched_getcpu());
    cores.rotate_left(here.unwrap_or(0));
    cores
}

/// Elsewhere programs have no virtual time, and need no core.
#[cfg(not(target_os = "linux"))]
fn allowed_cores() -> Vec<usize> {
    Vec::new()
}
