//! Whose turn it is, and how long it lasts.

use nix::errno::Errno;
use nix::sys::ptrace;
use rand::RngExt as _;

use super::Node;
use crate::error::Error;
use crate::thread::{Resume, State};
use crate::vdso::Clocks;
use crate::wait::{Stop, wait};
use crate::watchdog::Watchdog;

/// The most instructions that a thread is let do before it is pre-empted, as a power of two.
const LARGEST_STEPS: u32 = 12;

impl Node {
    /// The thread that is to run next, if one can.
    pub(super) fn pick(&mut self) -> Option<u32> {
        let current = self.current.take();
        if !self.urgent.is_empty() {
            self.ready.extend(current);
            let id = self.urgent.remove(0);
            self.ready.retain(|&ready| ready != id);
            return Some(id);
        }
        if current.is_some() {
            return current;
        }
        match self.ready.len() {
            0 => None,
            1 => self.ready.pop(),
            many => {
                let index = self.chance.random_range(0..many);
                Some(self.ready.remove(index))
            }
        }
    }

    /// Runs one thread until it waits, loses the processor, or time is up.
    pub(super) fn turn(&mut self, id: u32, horizon: u64, watchdog: &Watchdog) -> Result<(), Error> {
        loop {
            let Some(thread) = self.thread(id) else { return Ok(()) };
            let State::Ready(resume) = thread.state else { return Ok(()) };
            match resume {
                Resume::Enter => self.enter(id)?,
                _ => self.resume(id, resume, watchdog)?,
            }
            if self.exit.is_some() || !self.boot.goes_on() {
                return Ok(());
            }
            if self.soonest <= self.local {
                self.expire()?;
            }
            let Some(thread) = self.thread(id) else { return Ok(()) };
            if !thread.is_ready() {
                return Ok(());
            }
            // In the middle of a call it must go on: what it has changed is not yet restored.
            if thread.at_exit.is_some() {
                continue;
            }
            let preempted = self.is_preempted();
            if preempted && self.options.deep {
                self.step(id, watchdog)?;
                if self.exit.is_some() || !self.thread(id).is_some_and(|thread| thread.is_ready()) {
                    return Ok(());
                }
            }
            if !self.booted && !preempted && self.urgent.is_empty() && self.local > horizon {
                // How far the other nodes are must not change the order of its threads: until it reads
                // its input it depends on itself alone.
                self.current = Some(id);
                return Ok(());
            }
            if self.local > horizon || !self.urgent.is_empty() || preempted {
                // What it has written may have woken others.
                self.stale = true;
                self.ask_files()?;
                self.ready.push(id);
                return Ok(());
            }
        }
    }

    fn is_preempted(&mut self) -> bool {
        self.options.preempt > 0
            && self.threads.len() > 1
            && self.chance.random_range(0..1000) < self.options.preempt
    }

    /// Lets a thread do a few instructions, up to its next stop at most: from one to some thousand, small
    /// numbers as likely as large ones.
    fn step(&mut self, id: u32, watchdog: &Watchdog) -> Result<(), Error> {
        let magnitude = self.chance.random_range(0..=LARGEST_STEPS);
        let steps = self.chance.random_range(1..=1_u32 << magnitude);
        let Some(thread) = self.thread(id) else { return Ok(()) };
        let (tid, process) = (thread.tid, thread.process);
        if !matches!(thread.state, State::Ready(Resume::Continue)) || thread.at_exit.is_some() {
            return Ok(());
        }
        if self.process(process).is_some_and(|process| process.has_page) {
            let _ = self.clocks(id).write(tid);
        }
        self.stale = true;
        let leader = self.process(process).map_or(tid, |process| process.pid);
        for _ in 0..steps {
            match ptrace::step(tid, None) {
                Ok(()) | Err(Errno::ESRCH) => {}
                Err(errno) => return Err(Error::system("let a thread take a step")(errno)),
            }
            watchdog.watch(leader, tid);
            let stop = wait(Some(tid))?.map(|(_, stop)| stop);
            watchdog.rest();
            if stop != Some(Stop::Signal(libc::SIGTRAP)) {
                return self.stopped(id, tid, stop);
            }
        }
        self.note(id, -998);
        self.pay(id, tid, 0);
        Ok(())
    }

    fn resume(&mut self, id: u32, resume: Resume, watchdog: &Watchdog) -> Result<(), Error> {
        let Some(thread) = self.thread(id) else { return Ok(()) };
        let tid = thread.tid;
        let process = thread.process;
        if self.process(process).is_some_and(|process| process.has_page) {
            // A process that has been killed has no page.
            let _ = self.clocks(id).write(tid);
        }
        let result = match resume {
            Resume::Continue => ptrace::cont(tid, None),
            Resume::ToExit => ptrace::syscall(tid, None),
            Resume::Signal(signal) => ptrace::cont(tid, signal),
            Resume::Enter => return Ok(()),
        };
        match result {
            // ESRCH: it was killed while it was stopped; waiting for it will tell.
            Ok(()) | Err(Errno::ESRCH) => {}
            Err(errno) => return Err(Error::system("let a thread run")(errno)),
        }
        self.stale = true;
        let leader = self.process(process).map_or(tid, |process| process.pid);
        watchdog.watch(leader, tid);
        let stopped = self.wait_for_stop(id, tid, matches!(resume, Resume::Signal(_)));
        watchdog.rest();
        stopped
    }

    /// What the page says by which programs read clocks.
    fn clocks(&mut self, id: u32) -> Clocks {
        Clocks {
            now: self.local,
            tick: self.price_of_look(id),
            monotonic: self.monotonic() - self.local,
            wall: self.wall().wrapping_sub(self.local),
            process: self.thread(id).map_or(0, |thread| thread.process),
            thread: id,
        }
    }
}
