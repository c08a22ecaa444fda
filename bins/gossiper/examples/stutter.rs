//! Runs a program and stops it again and again, as a machine does that has too much to do:
//!
//! ```text
//! stutter RUN_MS STOP_MS PROGRAM ARGUMENTS...
//! ```
//!
//! The program runs for `RUN_MS` milliseconds, is stopped (SIGSTOP) for `STOP_MS`, and so on to its
//! end. Its standard streams are those of this process, so a bench can start `stutter` in its place.

use std::process::{Child, Command, ExitCode};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let mut number = || arguments.next()?.to_str()?.parse().ok().map(Duration::from_millis);
    let (run, stop) = (number(), number());
    let (Some(run), Some(stop), Some(program)) = (run, stop, arguments.next()) else {
        eprintln!("usage: stutter RUN_MS STOP_MS PROGRAM ARGUMENTS...");
        return ExitCode::from(2);
    };
    match Command::new(&program).args(arguments).spawn() {
        Ok(child) => alternate(child, run, stop),
        Err(error) => {
            eprintln!("stutter: cannot start {}: {error}", program.display());
            ExitCode::from(2)
        }
    }
}

/// Lets the child run and stops it by turns until it has ended.
#[expect(clippy::disallowed_methods, reason = "stopping a process for a while is what this is for")]
fn alternate(mut child: Child, run: Duration, stop: Duration) -> ExitCode {
    let pid = Pid::from_child(&child);
    loop {
        std::thread::sleep(run);
        // A child that has ended is not reaped before this, so its id is nobody else's.
        match child.try_wait() {
            Ok(None) => {}
            Ok(Some(status)) if status.success() => return ExitCode::SUCCESS,
            _ => return ExitCode::FAILURE,
        }
        // It may end at any moment, which the next turn finds.
        let _ = kill_process(pid, Signal::STOP);
        std::thread::sleep(stop);
        let _ = kill_process(pid, Signal::CONT);
    }
}
