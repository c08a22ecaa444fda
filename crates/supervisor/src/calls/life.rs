//! Birth and death of threads and processes.

use nix::errno::Errno;
use nix::sys::ptrace;

use super::clocks::usage;
use crate::error::Error;
use crate::event::Exit;
use crate::memory;
use crate::node::{Node, tolerate_death};
use crate::stops::Outcome;
use crate::thread::{AtExit, Cause, Expiry, State};

/// `CLONE_UNTRACED`: a child out of our sight.
const UNTRACED: u64 = libc::CLONE_UNTRACED as u64;

impl Node {
    pub(super) fn clone_call(&mut self, id: u32) -> Outcome {
        let Some(thread) = self.thread(id) else { return Outcome::Run };
        if thread.argument(0) & UNTRACED != 0 {
            return self.refuse(id, "a child that is not traced", Errno::EPERM);
        }
        Outcome::Run
    }

    pub(super) fn execve(&mut self, id: u32) -> Outcome {
        let Some(thread) = self.thread(id) else { return Outcome::Run };
        let process = thread.process;
        if let Some(process) = self.process(process) {
            // What was to be closed at exec is closed.
            process.roles = [None; 3];
        }
        let threads = self.threads.iter().filter(|thread| thread.process == process).count();
        if threads > 1 { Outcome::RunTo(AtExit::Exec) } else { Outcome::Run }
    }

    /// A thread leaves. The first thread of a process is reported only after all others, so nobody
    /// waits for it until then.
    pub(super) fn exit(&mut self, id: u32) -> Result<Outcome, Error> {
        let Some(thread) = self.thread(id) else { return Ok(Outcome::Run) };
        let (process, tid) = (thread.process, thread.tid);
        let others = self.threads.iter().any(|other| other.process == process && other.id != id);
        if id != process || !others {
            return Ok(Outcome::Run);
        }
        tolerate_death(ptrace::cont(tid, None))?;
        if let Some(thread) = self.thread(id) {
            thread.state = State::Kernel;
        }
        while !is_zombie(tid.as_raw()) {
            std::thread::yield_now();
        }
        self.recheck_futexes(process)?;
        Ok(Outcome::Settled)
    }

    /// A whole process leaves.
    pub(super) fn exit_group(&mut self, id: u32) -> Result<Outcome, Error> {
        let Some(thread) = self.thread(id) else { return Ok(Outcome::Run) };
        let (process, tid, code) = (thread.process, thread.tid, thread.int(0) & 0xff);
        tolerate_death(ptrace::cont(tid, None))?;
        self.bury_process(process, Exit::Code(code), false)?;
        Ok(Outcome::Settled)
    }

    /// Waiting for a child is asking for one without waiting, again after each child's end.
    pub(super) fn wait4(&mut self, id: u32) -> Outcome {
        let Some(thread) = self.thread(id) else { return Outcome::Run };
        let entry = thread.regs;
        let mut regs = entry;
        regs.rdx |= libc::WNOHANG as u64;
        let which = entry.rdi as i32;
        if which > 0 {
            match self.real_child(which) {
                Some(real) => regs.rdi = real as u64,
                None => return Errno::ECHILD.into(),
            }
        } else if which < -1 {
            regs.rdi = u64::MAX;
        }
        Outcome::RunChanged(Box::new(regs), AtExit::Wait4(entry))
    }

    pub(super) fn wait4_returns(
        &mut self,
        id: u32,
        entry: libc::user_regs_struct,
        result: u64,
    ) -> Result<(), Error> {
        let child = result as i64;
        if child == 0 && entry.rdx as i32 & libc::WNOHANG == 0 {
            return self.wait_for_child(id, entry);
        }
        if child <= 0 {
            return self.restore(id, entry, result);
        }
        let number = self.ours(child as i32).map_or(result, u64::from);
        if entry.r10 != 0
            && let Some(thread) = self.thread(id)
        {
            let _ = memory::write(thread.tid, entry.r10, &usage(0));
        }
        self.restore(id, entry, number)
    }

    pub(super) fn waitid(&mut self, id: u32) -> Outcome {
        let Some(thread) = self.thread(id) else { return Outcome::Run };
        let (entry, tid) = (thread.regs, thread.tid);
        let mut regs = entry;
        regs.r10 |= libc::WNOHANG as u64;
        if entry.rdi as u32 == libc::P_PID {
            match self.real_child(entry.rsi as i32) {
                Some(real) => regs.rsi = real as u64,
                None => return Errno::ECHILD.into(),
            }
        }
        if entry.rdx != 0 {
            // Without a child the kernel writes zeros, by which we shall know.
            let _ = memory::write(tid, entry.rdx, &[0; 32]);
        }
        Outcome::RunChanged(Box::new(regs), AtExit::WaitId(entry))
    }

    pub(super) fn waitid_returns(
        &mut self,
        id: u32,
        entry: libc::user_regs_struct,
        result: u64,
    ) -> Result<(), Error> {
        let Some(thread) = self.thread(id) else { return Ok(()) };
        let tid = thread.tid;
        // siginfo_t: signal, error, code, padding (4 each), child (4), user (4), status (8), times (16).
        let child = match entry.rdx {
            0 => 0,
            info => memory::read_u32(tid, info + 16).unwrap_or(0) as i32,
        };
        if result == 0 && child == 0 && entry.r10 as i32 & libc::WNOHANG == 0 && entry.rdx != 0 {
            return self.wait_for_child(id, entry);
        }
        if child > 0 {
            let number = self.ours(child).unwrap_or(child as u32);
            let _ = memory::write(tid, entry.rdx + 16, &number.to_le_bytes());
            let _ = memory::write(tid, entry.rdx + 32, &[0; 16]);
        }
        self.restore(id, entry, result)
    }

    fn wait_for_child(&mut self, id: u32, entry: libc::user_regs_struct) -> Result<(), Error> {
        if let Some(thread) = self.thread(id) {
            thread.regs = entry;
        }
        let wait = Outcome::Wait { deadline: None, cause: Cause::Child, expiry: Expiry::Continue };
        self.apply(id, wait)
    }

    /// The kernel's number of a child that may have ended already.
    fn real_child(&self, id: i32) -> Option<i32> {
        let id = u32::try_from(id).ok()?;
        self.pids.iter().find(|&(_, &ours)| ours == id).map(|(&real, _)| real)
    }
}

fn is_zombie(tid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{tid}/stat")).unwrap_or_default();
    stat.rsplit(')')
        .next()
        .is_none_or(|rest| matches!(rest.trim_start().chars().next(), None | Some('Z' | 'X')))
}
