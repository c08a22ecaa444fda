//! Waiting for traced threads, and how they are found.

use nix::unistd::Pid;
use rustix::process::{WaitOptions, waitpid};

use crate::error::Error;
use crate::event::Exit;

/// `__WALL`: threads as well as processes.
const ALL: u32 = libc::__WALL as u32;
/// `__WNOTHREAD`: only what this thread traces, not what another supervisor of the process does.
const MINE: u32 = libc::__WNOTHREAD as u32;

/// How a thread was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// At the entry of a call that the filter stops.
    Call,
    /// At the end of a call.
    CallEnd,
    /// At one of ptrace's events.
    Event(i32),
    /// A signal is about to reach it.
    Signal(i32),
    /// It is no more.
    Gone(Exit),
}

fn decode(status: i32) -> Stop {
    let low = status & 0x7f;
    if low == 0 {
        return Stop::Gone(Exit::Code((status >> 8) & 0xff));
    }
    if low != 0x7f {
        return Stop::Gone(Exit::Signal(low));
    }
    let signal = (status >> 8) & 0xff;
    match status >> 16 {
        0 if signal == libc::SIGTRAP | 0x80 => Stop::CallEnd,
        0 => Stop::Signal(signal),
        libc::PTRACE_EVENT_SECCOMP => Stop::Call,
        event => Stop::Event(event),
    }
}

/// Blocks until a thread changes its state: this one, or any that the calling thread traces.
/// `None` if there is none to wait for.
pub(crate) fn wait(which: Option<Pid>) -> Result<Option<(Pid, Stop)>, Error> {
    let flags = WaitOptions::from_bits_retain(ALL | MINE);
    let which = which.and_then(|tid| rustix::process::Pid::from_raw(tid.as_raw()));
    loop {
        let changed = match which {
            Some(tid) => waitpid(Some(tid), flags),
            None => rustix::process::wait(flags),
        };
        match changed {
            Ok(Some((pid, status))) => {
                let pid = Pid::from_raw(pid.as_raw_nonzero().get());
                return Ok(Some((pid, decode(status.as_raw()))));
            }
            Ok(None) | Err(rustix::io::Errno::INTR) => {}
            Err(rustix::io::Errno::CHILD) => return Ok(None),
            Err(errno) => return Err(Error::system("wait for a thread")(errno)),
        }
    }
}
