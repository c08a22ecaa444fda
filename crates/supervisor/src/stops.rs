//! What happens when the running thread stops: calls, births, deaths, signals.

use nix::errno::Errno;
use nix::sys::ptrace;
use nix::sys::signal::Signal;
use nix::unistd::Pid;

use crate::digest::Call;
use crate::error::Error;
use crate::event::{Exit, What};
use crate::memory;
use crate::node::{Boot, Node, tolerate_death};
use crate::thread::{AtExit, Cause, Expiry, Resume, State, Thread, Wait};
use crate::vdso::Clocks;
use crate::wait::{Stop, wait};

/// How often a thread may be stopped by force in one run before it is given up.
const FORCED_AT_MOST: u32 = 40;
/// The flag by which the processor stops after each instruction. A program that keeps its flags while it is
/// led step by step keeps this one as well, and takes it back when it goes freely.
const STEPS: u64 = 1 << 8;
/// What a forced stop costs in the node's time, in nanoseconds.
const FORCED_COSTS: u64 = 10_000_000;

impl Node {
    /// Waits until the thread that was let run stops, and answers what it stopped for.
    pub(crate) fn wait_for_stop(
        &mut self,
        id: u32,
        tid: Pid,
        signalled: bool,
    ) -> Result<(), Error> {
        let in_exec = self.thread(id).is_some_and(|t| matches!(t.at_exit, Some(AtExit::Exec)));
        let stop = if in_exec || signalled {
            // A thread that becomes a program takes over its process's number, and the others end.
            // A signal may end them all, and the first thread is reported when the rest are gone.
            self.wait_among_ends(id)?
        } else {
            wait(Some(tid))?.map(|(_, stop)| stop)
        };
        self.stopped(id, tid, stop)
    }

    /// A thread has stopped: counts that, and does what it asks for.
    pub(crate) fn stopped(&mut self, id: u32, tid: Pid, stop: Option<Stop>) -> Result<(), Error> {
        self.stops += 1;
        self.pay(id, tid, self.options.tick);
        let Some(stop) = stop else { return self.bury(id, Exit::Signal(libc::SIGKILL)) };
        let Some(thread) = self.thread(id) else { return Ok(()) };
        match stop {
            Stop::Gone(exit) => return self.bury(id, exit),
            _ => match ptrace::getregs(thread.tid) {
                Ok(regs) => thread.regs = regs,
                // Killed since: by a sibling's death.
                Err(Errno::ESRCH) => return self.await_death(id),
                Err(errno) => return Err(Error::system("read a thread's registers")(errno)),
            },
        }
        match stop {
            Stop::Call => self.enter(id),
            Stop::CallEnd => self.leave(id),
            Stop::Event(event) => self.event(id, event),
            Stop::Signal(signal) => self.signal(id, signal),
            Stop::Gone(_) => Ok(()),
        }
    }

    /// Takes from the node's time what a thread has used: so much, and its looks at clocks.
    pub(crate) fn pay(&mut self, id: u32, tid: Pid, cost: u64) {
        let process = self.thread(id).map_or(0, |thread| thread.process);
        let has_page = self.process(process).is_some_and(|process| process.has_page);
        let reads = if has_page { Clocks::reads(tid) } else { 0 };
        let passed = cost + self.price_of_look(id) * reads;
        self.local += passed;
        if let Some(thread) = self.thread(id) {
            thread.cpu += passed;
            thread.spin = thread.spin.saturating_add(reads as u32);
        }
    }

    /// Writes down what a thread did: part of the digest, and of the list if there is one.
    pub(crate) fn note(&mut self, id: u32, number: i32) {
        let call = Call { node: self.id.0, thread: id, number, nanoseconds: self.local };
        self.digest.add(u64::from(id) << 32 | u64::from(number as u32));
        self.digest.add(self.local);
        if let Some(record) = &mut self.record {
            record.push(call);
        }
    }

    pub(crate) fn enter(&mut self, id: u32) -> Result<(), Error> {
        let Some(thread) = self.thread(id) else { return Ok(()) };
        thread.forced = 0;
        let number = thread.regs.orig_rax as i64;
        let (first, second) = (thread.regs.rdi, thread.regs.rsi);
        if self.boot != Boot::Free && self.is_held_at(id, number, first, second) {
            return Ok(());
        }
        self.note(id, number as i32);
        let outcome = self.call(id, number)?;
        self.apply(id, outcome)
    }

    pub(crate) fn apply(&mut self, id: u32, outcome: Outcome) -> Result<(), Error> {
        let arrival = self.arrivals;
        let Some(thread) = self.thread(id) else { return Ok(()) };
        match outcome {
            Outcome::Answer(value) => tolerate_death(thread.answer(value)),
            Outcome::Run => {
                thread.state = State::Ready(Resume::Continue);
                Ok(())
            }
            Outcome::RunTo(at_exit) => {
                thread.at_exit = Some(at_exit);
                thread.state = State::Ready(Resume::ToExit);
                Ok(())
            }
            Outcome::RunChanged(regs, at_exit) => {
                thread.at_exit = Some(at_exit);
                thread.state = State::Ready(Resume::ToExit);
                tolerate_death(ptrace::setregs(thread.tid, *regs))
            }
            Outcome::Wait { deadline, cause, expiry } => {
                thread.state = State::Waiting(Wait { deadline, cause, expiry, arrival });
                self.arrivals += 1;
                self.soonest = self.soonest.min(deadline.unwrap_or(u64::MAX));
                Ok(())
            }
            Outcome::Settled => Ok(()),
        }
    }

    fn event(&mut self, id: u32, event: i32) -> Result<(), Error> {
        match event {
            libc::PTRACE_EVENT_CLONE | libc::PTRACE_EVENT_FORK | libc::PTRACE_EVENT_VFORK => {
                self.birth(id, event)
            }
            libc::PTRACE_EVENT_EXEC => self.exec(id),
            _ => {
                if let Some(thread) = self.thread(id) {
                    let resume =
                        if thread.at_exit.is_some() { Resume::ToExit } else { Resume::Continue };
                    thread.state = State::Ready(resume);
                }
                Ok(())
            }
        }
    }

    fn signal(&mut self, id: u32, signal: i32) -> Result<(), Error> {
        let Some(thread) = self.thread(id) else { return Ok(()) };
        if signal == libc::SIGSEGV {
            match trapped(thread) {
                Some(Trapped::Counter) => return self.read_counter(id),
                Some(Trapped::Features) => return self.tell_features(id),
                None => {}
            }
        }
        let in_call = thread.at_exit.is_some();
        thread.state = State::Ready(if in_call { Resume::ToExit } else { Resume::Continue });
        match signal {
            libc::SIGSTOP => return self.force(id),
            libc::SIGTRAP if thread.regs.eflags & STEPS != 0 => {
                thread.regs.eflags &= !STEPS;
                tolerate_death(ptrace::setregs(thread.tid, thread.regs))?;
            }
            // Job control makes no sense without a terminal.
            libc::SIGTSTP | libc::SIGTTIN | libc::SIGTTOU => {}
            _ => match Signal::try_from(signal) {
                Ok(known) => thread.state = State::Ready(Resume::Signal(known)),
                Err(_) => {
                    self.say(What::Refused(format!("real-time signal {signal} is not delivered")));
                }
            },
        }
        self.note(id, -signal);
        Ok(())
    }

    /// A thread was stopped by the watchdog: the run goes on, but it need not repeat.
    fn force(&mut self, id: u32) -> Result<(), Error> {
        self.forced += 1;
        let deadline = self.local + FORCED_COSTS;
        let process = self.thread(id).map_or(0, |thread| thread.process);
        let Some(thread) = self.thread(id) else { return Ok(()) };
        thread.forced += 1;
        let (forced, tid) = (thread.forced, thread.tid);
        // Inside a call the number is still there, and the call is taken up again.
        let number = thread.regs.orig_rax as i64;
        let where_to = if number < 0 {
            "computed for too long without a call".to_owned()
        } else {
            format!("slept in call {number}, which is not known to wait")
        };
        let what = format!("thread {id} of process {process} {where_to}");
        let _ = tid;
        if forced > FORCED_AT_MOST {
            thread.state = State::Stuck;
            self.say(What::Stuck(what));
            return Ok(());
        }
        let first = forced == 1;
        let wait = Outcome::Wait {
            deadline: Some(deadline),
            cause: Cause::Sleep { rest: 0 },
            expiry: Expiry::Continue,
        };
        if first {
            self.say(What::Forced(what));
        }
        self.apply(id, wait)
    }
}

/// An instruction on which the processor raises a fault, as it was told to.
enum Trapped {
    /// `rdtsc` or `rdtscp`.
    Counter,
    /// `cpuid`.
    Features,
}

fn trapped(thread: &Thread) -> Option<Trapped> {
    let bytes: [u8; 3] = memory::array(thread.tid, thread.regs.rip).unwrap_or_default();
    match bytes {
        [0x0f, 0x31, _] | [0x0f, 0x01, 0xf9] => Some(Trapped::Counter),
        [0x0f, 0xa2, _] => Some(Trapped::Features),
        _ => None,
    }
}

/// What becomes of a call.
pub(crate) enum Outcome {
    /// It is skipped and returns this.
    Answer(i64),
    /// The kernel does it.
    Run,
    /// The kernel does it, and something is left to do when it returns.
    RunTo(AtExit),
    /// The same with other registers.
    RunChanged(Box<libc::user_regs_struct>, AtExit),
    /// The thread waits.
    Wait {
        /// The node's time at which it gives up.
        deadline: Option<u64>,
        /// What it waits for.
        cause: Cause,
        /// What happens if it gives up.
        expiry: Expiry,
    },
    /// All is done already.
    Settled,
}

impl From<Errno> for Outcome {
    fn from(errno: Errno) -> Self {
        Self::Answer(-i64::from(errno as i32))
    }
}
