//! A thread of a node as the supervisor sees it: always stopped, except the one that runs.

use std::os::fd::OwnedFd;

use libc::user_regs_struct;
use nix::errno::Errno;
use nix::sys::ptrace;
use nix::sys::signal::Signal;
use nix::unistd::Pid;
use rustix::event::PollFlags;

/// A thread.
pub(crate) struct Thread {
    /// The kernel's number.
    pub(crate) tid: Pid,
    /// The number the program sees.
    pub(crate) id: u32,
    /// The process it belongs to, by the number the program sees.
    pub(crate) process: u32,
    /// Its registers at the last stop.
    pub(crate) regs: user_regs_struct,
    pub(crate) state: State,
    /// How much processor time it seems to have used, in nanoseconds: its stops' ticks.
    pub(crate) cpu: u64,
    /// What to do when the call that it is in returns.
    pub(crate) at_exit: Option<AtExit>,
    /// The wait that a signal broke into, should the kernel take it up again.
    pub(crate) interrupted: Option<(u64, Option<u64>)>,
    /// How often it was stopped by force since its last call.
    pub(crate) forced: u32,
    /// Looks at clocks and files in a row.
    pub(crate) spin: u32,
}

/// Whether a thread can run.
pub(crate) enum State {
    /// It can.
    Ready(Resume),
    /// It waits inside a call that the supervisor holds back.
    Waiting(Wait),
    /// The kernel holds it: the parent of a `vfork`, a first thread that has left the others.
    Kernel,
    /// It was given up.
    Stuck,
}

/// How a thread is made to run again.
#[derive(Clone, Copy)]
pub(crate) enum Resume {
    /// Until its next stop.
    Continue,
    /// Until the call that it is in returns.
    ToExit,
    /// With this signal delivered.
    Signal(Signal),
    /// Not at all: it stands at the entry of a call that has not been looked at yet.
    Enter,
}

/// What a thread waits for.
pub(crate) struct Wait {
    /// The node's time at which it gives up, in nanoseconds.
    pub(crate) deadline: Option<u64>,
    pub(crate) cause: Cause,
    pub(crate) expiry: Expiry,
    /// The order of arrival within the node: wakes are first come, first served.
    pub(crate) arrival: u64,
}

/// What ends a wait.
pub(crate) enum Cause {
    /// Nothing but time. If a signal breaks it off, the time that is left goes to this address,
    /// unless that is 0.
    Sleep { rest: u64 },
    /// A wake on this address.
    Futex { key: Key, bits: u32, value: u32 },
    /// One of these files.
    Files(Vec<Waited>),
    /// A child's end: then the call is made again.
    Child,
    /// A signal not in this mask; `None` is the thread's own mask.
    Signal { mask: Option<u64> },
}

/// A file that a thread waits for.
pub(crate) enum Waited {
    /// The node's standard input, to be read: the supervisor holds its other end.
    Input,
    /// A duplicate of the thread's own.
    File(OwnedFd, PollFlags),
}

/// A futex: the process, unless memory shared between processes is meant, and the address.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) process: u32,
    pub(crate) shared: bool,
    pub(crate) address: u64,
}

/// How a wait ends whose time is up.
pub(crate) enum Expiry {
    /// The call returns this.
    Answer(i64),
    /// No file is ready: the results in this array of `pollfd` are cleared, and the call returns 0.
    Poll { address: u64, count: usize },
    /// The same for up to three sets of this many bytes.
    Select { sets: [u64; 3], bytes: usize },
    /// The thread goes on as if nothing had been.
    Continue,
}

/// What is left to do when a call returns.
pub(crate) enum AtExit {
    /// The arguments were changed on the way in: restore them.
    Restore(user_regs_struct),
    /// A new thread or process was made: the program shall see this number.
    Born(u32),
    /// `wait4`, which was told not to wait.
    Wait4(user_regs_struct),
    /// `waitid`, likewise.
    WaitId(user_regs_struct),
    /// `select`, which wrote the time that is left: the address, whether its fraction is in
    /// microseconds, and the nanoseconds that it asked for.
    Select { address: u64, micros: bool, left: u64 },
    /// A sleep that was broken off, likewise.
    Sleep { address: u64, left: u64 },
    /// `timerfd_create`, which became `eventfd2`.
    TimerFile(user_regs_struct, TimerClock),
    /// `execve` in a process with several threads.
    Exec,
}

/// Which clock a timer follows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum TimerClock {
    /// Time since the node's machine was started.
    Monotonic,
    /// The date.
    Wall,
    /// Processor time, on which nothing ever falls due.
    Cpu,
}

impl Thread {
    pub(crate) fn new(tid: Pid, id: u32, process: u32, regs: user_regs_struct) -> Self {
        Self {
            tid,
            id,
            process,
            regs,
            state: State::Ready(Resume::Continue),
            cpu: 0,
            at_exit: None,
            interrupted: None,
            forced: 0,
            spin: 0,
        }
    }

    pub(crate) const fn is_ready(&self) -> bool {
        matches!(self.state, State::Ready(_))
    }

    pub(crate) const fn deadline(&self) -> Option<u64> {
        match &self.state {
            State::Waiting(wait) => wait.deadline,
            _ => None,
        }
    }

    /// An argument of the call at which the thread has stopped.
    pub(crate) const fn argument(&self, index: usize) -> u64 {
        match index {
            0 => self.regs.rdi,
            1 => self.regs.rsi,
            2 => self.regs.rdx,
            3 => self.regs.r10,
            4 => self.regs.r8,
            _ => self.regs.r9,
        }
    }

    /// An argument that is an `int`.
    pub(crate) const fn int(&self, index: usize) -> i32 {
        self.argument(index) as i32
    }

    /// Skips the call at whose entry the thread has stopped; it returns `value`.
    pub(crate) fn answer(&mut self, value: i64) -> Result<(), Errno> {
        self.regs.orig_rax = u64::MAX;
        self.regs.rax = value as u64;
        ptrace::setregs(self.tid, self.regs)?;
        self.state = State::Ready(Resume::Continue);
        Ok(())
    }

    /// Makes the call again that the thread has stopped at, whether on its way in or out.
    pub(crate) fn again(&mut self, mut entry: user_regs_struct) -> Result<(), Errno> {
        entry.rip -= 2;
        entry.rax = entry.orig_rax;
        entry.orig_rax = u64::MAX;
        self.regs = entry;
        ptrace::setregs(self.tid, self.regs)?;
        self.state = State::Ready(Resume::Continue);
        Ok(())
    }
}
