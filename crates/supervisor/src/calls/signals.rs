//! Signals: who is meant, and who is woken.
//!
//! The kernel keeps and delivers signals; here it is only noticed that one is pending for a thread
//! that waits. Such a thread is let into its call after all: with a signal pending the kernel returns
//! from it at once, with the very result (`EINTR`, or a restart) that the program would see without
//! us.

use nix::errno::Errno;
use nix::sys::ptrace;

use super::failure;
use crate::error::Error;
use crate::event::Exit;
use crate::memory;
use crate::node::{Node, tolerate_death};
use crate::stops::Outcome;
use crate::thread::{AtExit, Cause, Expiry, Resume, State};

impl Node {
    pub(super) fn kill(&mut self, id: u32) -> Result<Outcome, Error> {
        let Some(thread) = self.thread(id) else { return Ok(Outcome::Run) };
        let (entry, own) = (thread.regs, thread.process);
        let (target, signal) = (entry.rdi as i32, entry.rsi as i32);
        // Groups: all of a node's processes are one group.
        if target <= 0 {
            if target == -1 {
                return Ok(Errno::EPERM.into());
            }
            if signal == libc::SIGKILL {
                return self.kill_self(id);
            }
            for process in &mut self.processes {
                process.signalled = true;
            }
            let mut regs = entry;
            regs.rdi = 0;
            return Ok(Outcome::RunChanged(Box::new(regs), AtExit::Restore(entry)));
        }
        let Ok(number) = u32::try_from(target) else { return Ok(Errno::ESRCH.into()) };
        let Some(process) = self.process(number) else {
            // A child that has ended and was not asked for still exists.
            let ended = self.pids.values().any(|&ours| ours == number);
            return Ok(if ended { Outcome::Answer(0) } else { Errno::ESRCH.into() });
        };
        let pid = process.pid;
        process.signalled = true;
        if signal == libc::SIGKILL {
            if number == own {
                return self.kill_self(id);
            }
            let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL);
            self.bury_process(number, Exit::Signal(libc::SIGKILL), false)?;
            return Ok(Outcome::Answer(0));
        }
        let mut regs = entry;
        regs.rdi = pid.as_raw() as u64;
        Ok(Outcome::RunChanged(Box::new(regs), AtExit::Restore(entry)))
    }

    /// A process kills itself: it never comes back from the call.
    fn kill_self(&mut self, id: u32) -> Result<Outcome, Error> {
        let Some(thread) = self.thread(id) else { return Ok(Outcome::Run) };
        let (process, tid) = (thread.process, thread.tid);
        let pid = self.process(process).map_or(tid, |process| process.pid);
        let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL);
        self.bury_process(process, Exit::Signal(libc::SIGKILL), false)?;
        Ok(Outcome::Settled)
    }

    /// A signal to a thread: the numbers are ours, the kernel needs its own.
    pub(super) fn tgkill(&mut self, id: u32, number: i64) -> Result<Outcome, Error> {
        let Some(thread) = self.thread(id) else { return Ok(Outcome::Run) };
        let entry = thread.regs;
        let with_group = number == libc::SYS_tgkill;
        let (target, signal) = if with_group {
            (entry.rsi as i32, entry.rdx as i32)
        } else {
            (entry.rdi as i32, entry.rsi as i32)
        };
        let found = self.threads.iter().find(|thread| Ok(thread.id) == u32::try_from(target));
        let Some((tid, process)) = found.map(|thread| (thread.tid, thread.process)) else {
            return Ok(Errno::ESRCH.into());
        };
        let own = self.thread(id).is_some_and(|thread| thread.process == process);
        if signal == libc::SIGKILL && own {
            return self.kill_self(id);
        }
        let Some(process) = self.process(process) else { return Ok(Errno::ESRCH.into()) };
        process.signalled = true;
        let mut regs = entry;
        if with_group {
            regs.rdi = process.pid.as_raw() as u64;
            regs.rsi = tid.as_raw() as u64;
        } else {
            regs.rdi = tid.as_raw() as u64;
        }
        Ok(Outcome::RunChanged(Box::new(regs), AtExit::Restore(entry)))
    }

    pub(super) fn pause(&self) -> Outcome {
        Outcome::Wait {
            deadline: None,
            cause: Cause::Signal { mask: None },
            expiry: Expiry::Answer(failure(Errno::EINTR)),
        }
    }

    pub(super) fn sigsuspend(&mut self, id: u32) -> Outcome {
        let Some(thread) = self.thread(id) else { return Outcome::Run };
        let (tid, address, process) = (thread.tid, thread.argument(0), thread.process);
        let Ok(mask) = memory::read_u64(tid, address) else { return Errno::EFAULT.into() };
        if let Some(process) = self.process(process) {
            process.signalled = true;
        }
        Outcome::Wait {
            deadline: None,
            cause: Cause::Signal { mask: Some(mask) },
            expiry: Expiry::Answer(failure(Errno::EINTR)),
        }
    }

    pub(super) fn sigtimedwait(&mut self, id: u32) -> Outcome {
        let Some(thread) = self.thread(id) else { return Outcome::Run };
        let (tid, address, timeout) = (thread.tid, thread.argument(0), thread.argument(2));
        let process = thread.process;
        let Ok(wanted) = memory::read_u64(tid, address) else { return Errno::EFAULT.into() };
        let deadline = match timeout {
            0 => None,
            address => match self.after(id, address) {
                Ok(deadline) => Some(deadline),
                Err(errno) => return errno.into(),
            },
        };
        if let Some(process) = self.process(process) {
            process.signalled = true;
        }
        Outcome::Wait {
            deadline,
            cause: Cause::Signal { mask: Some(!wanted) },
            expiry: Expiry::Answer(failure(Errno::EAGAIN)),
        }
    }

    /// The kernel takes up a wait that a signal without a handler broke into.
    pub(super) fn restart(&mut self, id: u32) -> Result<Outcome, Error> {
        let Some(thread) = self.thread(id) else { return Ok(Outcome::Run) };
        let Some((number, deadline)) = thread.interrupted.take() else {
            return Ok(Errno::EINTR.into());
        };
        thread.regs.orig_rax = number;
        tolerate_death(ptrace::setregs(thread.tid, thread.regs))?;
        let mut outcome = self.call(id, number as i64)?;
        if let Outcome::Wait { deadline: until, .. } = &mut outcome
            && deadline.is_some()
        {
            *until = deadline;
        }
        Ok(outcome)
    }

    /// Wakes waiting threads for which a signal is pending.
    pub(crate) fn notice_signals(&mut self) -> Result<(), Error> {
        for index in 0..self.processes.len() {
            if !std::mem::take(&mut self.processes[index].signalled) {
                continue;
            }
            let process = self.processes[index].id;
            // A signal to the process goes to one thread only.
            let mut taken = 0;
            for thread in self.threads.iter_mut().filter(|thread| thread.process == process) {
                let State::Waiting(wait) = &thread.state else { continue };
                let mask = match wait.cause {
                    Cause::Signal { mask } => mask,
                    _ => None,
                };
                let Some(pending) = pending(thread.tid.as_raw(), mask) else { continue };
                let process_wide = pending.1 & !taken;
                if pending.0 | process_wide == 0 {
                    continue;
                }
                taken |= process_wide;
                let rest = match (&wait.cause, wait.deadline) {
                    (Cause::Sleep { rest }, Some(deadline)) if *rest != 0 => {
                        Some((*rest, deadline))
                    }
                    _ => None,
                };
                thread.interrupted = Some((thread.regs.orig_rax, wait.deadline));
                thread.state = State::Ready(Resume::Continue);
                if let Some((address, deadline)) = rest {
                    let left = deadline.saturating_sub(self.local);
                    thread.at_exit = Some(AtExit::Sleep { address, left });
                    thread.state = State::Ready(Resume::ToExit);
                }
                self.urgent.push(thread.id);
            }
        }
        Ok(())
    }
}

/// Signals that are pending for a thread, and for its process, and are not blocked.
fn pending(tid: i32, mask: Option<u64>) -> Option<(u64, u64)> {
    let status = std::fs::read_to_string(format!("/proc/{tid}/status")).ok()?;
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        u64::from_str_radix(line.trim(), 16).ok()
    };
    let blocked = mask.map_or_else(|| field("SigBlk:"), Some)?;
    Some((field("SigPnd:")? & !blocked, field("ShdPnd:")? & !blocked))
}
