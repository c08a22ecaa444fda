//! The launcher: what runs in the child between `fork` and the program.
//!
//! A program comes under the supervisor's rule by a process of ours that asks for it itself and then
//! becomes the program by `exec`. So no code of ours runs between `fork` and `exec` in the
//! supervisor's own process, which would need `unsafe`.

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use nix::sys::personality::{self, Persona};
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::{Signal, raise};
use rustix::process::{TimeStampCounterReadability, set_time_stamp_counter_readability};

use crate::filter;

/// `fsync` and its kin are to stop as well.
const WATCH_SYNC: &str = "watch-sync";
/// The process that this one is to be ruled by: `parent=PID`.
const PARENT: &str = "parent=";

/// Becomes the program named in `arguments`, under the rule of the process that started this one.
///
/// The arguments are those that [`Supervisor::spawn`](crate::Supervisor::spawn) puts behind
/// [`Options::launcher`](crate::Options::launcher): a list of flags, the program, its arguments. A
/// binary that starts nodes gives this function a hidden sub-command of its own. It never returns:
/// if the program cannot be started it says why on stderr and exits with 127, as a shell does (126
/// if tracing or the filter is refused).
pub fn launch(arguments: impl IntoIterator<Item = OsString>) -> ! {
    let (code, message) = match prepare_and_exec(arguments) {
        Launch::Refused(what) => (126, what),
        Launch::Failed(what) => (127, what),
    };
    eprintln!("{message}");
    std::process::exit(code)
}

/// What a launcher has to be told of whether `fsync` is watched, and by whom it is started.
pub(crate) fn flags(watch_sync: bool) -> String {
    let parent = format!("{PARENT}{}", std::process::id());
    if watch_sync { format!("{WATCH_SYNC},{parent}") } else { parent }
}

/// Dies with the supervisor from now on; before the supervisor rules this process nothing else would see to
/// that, and whoever adopts it would become its tracer.
fn die_with(parent: Option<&str>) -> Result<(), Launch> {
    nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)
        .map_err(|error| Launch::Refused(format!("cannot die with the supervisor: {error}")))?;
    let now = nix::unistd::getppid().to_string();
    match parent {
        Some(parent) if parent != now => {
            Err(Launch::Failed("launch: the supervisor is gone".to_owned()))
        }
        _ => Ok(()),
    }
}

/// Files that were left open by whoever started the supervisor: the numbers of the program's own files
/// would depend on them.
fn close_inherited_files() {
    let Ok(files) = std::fs::read_dir("/proc/self/fd") else { return };
    let numbers: Vec<i32> =
        files.flatten().filter_map(|file| file.file_name().to_str()?.parse().ok()).collect();
    for number in numbers.into_iter().filter(|&number| number > 2) {
        // The directory's own is closed already.
        let _ = nix::unistd::close(number);
    }
}

/// Why a launch came to nothing.
enum Launch {
    Refused(String),
    Failed(String),
}

fn prepare_and_exec(arguments: impl IntoIterator<Item = OsString>) -> Launch {
    let mut arguments = arguments.into_iter();
    let (Some(flags), Some(program)) = (arguments.next(), arguments.next()) else {
        return Launch::Failed("launch: flags and a program are needed".to_owned());
    };
    let flags = flags.to_string_lossy().into_owned();
    let has = |flag: &str| flags.split(',').any(|given| given == flag);
    if let Err(refusal) = die_with(flags.split(',').find_map(|flag| flag.strip_prefix(PARENT))) {
        return refusal;
    }
    close_inherited_files();
    // A node that crashes leaves no core file behind.
    let _ = setrlimit(Resource::RLIMIT_CORE, 0, 0);
    if let Ok(now) = personality::get() {
        // Refused in some containers; the supervisor looks whether it worked.
        let _ = personality::set(now | Persona::ADDR_NO_RANDOMIZE);
    }
    if let Err(error) =
        set_time_stamp_counter_readability(TimeStampCounterReadability::RaiseSIGSEGV)
    {
        return Launch::Refused(format!("cannot trap the time-stamp counter: {error}"));
    }
    if let Err(error) = nix::sys::ptrace::traceme() {
        return Launch::Refused(format!("ptrace is refused here: {error}"));
    }
    if let Err(error) = raise(Signal::SIGSTOP) {
        return Launch::Refused(format!("cannot stop: {error}"));
    }
    if let Err(error) = seccompiler::apply_filter(&filter::program(has(WATCH_SYNC))) {
        return Launch::Refused(format!("seccomp is refused here: {error}"));
    }
    let error = Command::new(&program).args(arguments).exec();
    Launch::Failed(format!("cannot start {}: {error}", program.display()))
}
