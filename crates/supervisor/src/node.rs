//! A node: a tree of processes with one clock, of whose threads one at most runs.

use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::OwnedFd;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::ptrace;
use nix::unistd::Pid;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt as _, SeedableRng as _};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::digest::{Call, Digest};
use crate::durable::Durable;
use crate::error::Error;
use crate::event::{Event, Exit, NodeId, Stream, What};
use crate::lines::Lines;
use crate::mailbox::Mailbox;
use crate::options::{NodeSpec, Options, Preempt, Vdso};
use crate::process::{Process, Role};
use crate::thread::{Cause, Expiry, Resume, State, Thread, Waited};
use crate::vdso::Clocks;
use crate::wait::{Stop, wait};
use crate::watchdog::Watchdog;

/// The most instructions that a thread is let do before it is pre-empted, as a power of two.
const LARGEST_STEPS: u32 = 12;

/// The first number that a process of a node sees as its own.
pub(crate) const FIRST_ID: u32 = 100;

/// A node that runs.
pub(crate) struct Node {
    pub(crate) id: NodeId,
    pub(crate) options: Settings,
    pub(crate) processes: Vec<Process>,
    /// In the order of their numbers.
    pub(crate) threads: Vec<Thread>,
    /// The kernel's numbers of processes and threads, and ours, of the living and the dead.
    pub(crate) pids: BTreeMap<i32, u32>,
    /// Threads that can run, in the order in which they became ready.
    pub(crate) ready: Vec<u32>,
    /// A thread that must run before all others: a signal is on its way to it.
    pub(crate) urgent: Vec<u32>,
    /// The node's time in nanoseconds: never behind that of the run, and a little ahead while busy.
    pub(crate) local: u64,
    /// How far the wall clock is off, in nanoseconds.
    pub(crate) clock_offset: i64,
    /// The first deadline, or an earlier time.
    pub(crate) soonest: u64,
    /// Files may have changed since they were last asked.
    pub(crate) stale: bool,
    pub(crate) next_id: u32,
    pub(crate) arrivals: u64,
    pub(crate) stops: u64,
    pub(crate) forced: u64,
    pub(crate) exit: Option<Exit>,
    pub(crate) input: Input,
    pub(crate) output: Pipe,
    pub(crate) error: Pipe,
    /// Draws what the program asks for.
    pub(crate) draws: Xoshiro256PlusPlus,
    /// Draws which thread runs.
    pub(crate) chance: Xoshiro256PlusPlus,
    /// Whether it has read from its input: until then only the boot seed counts.
    pub(crate) booted: bool,
    /// Whether it runs, or is on its way to where it is copied.
    pub(crate) boot: Boot,
    /// While it boots: the thread whose turn it still is, although the others have had theirs.
    pub(crate) current: Option<u32>,
    /// What a power cut would leave of its files.
    pub(crate) durable: Option<Durable>,
    /// A file that a thread is opening.
    pub(crate) lent: Option<OwnedFd>,
    /// Where it sends its files, if they cannot be had otherwise.
    pub(crate) mailbox: Option<Mailbox>,
    /// One of the standard descriptors was closed or replaced: whether the pipes are still open is to be
    /// looked at.
    pub(crate) touched: bool,
    /// Of which of its pipes it was said that nobody has them open.
    pub(crate) closed: Vec<Stream>,
    pub(crate) events: Vec<Event>,
    pub(crate) digest: Digest,
    pub(crate) record: Option<Vec<Call>>,
}

/// How far a node is let run; see `template.rs`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Boot {
    /// It runs.
    Free,
    /// It runs up to where it reads its input. The number of stops behind which it could last be copied.
    Scout(Option<u64>),
    /// It has come to where it reads its input, and cannot be copied there.
    Scouted(Option<u64>),
    /// It runs up to this stop.
    Until(u64),
    /// It stands there.
    Held,
}

impl Boot {
    pub(crate) const fn goes_on(self) -> bool {
        !matches!(self, Self::Held | Self::Scouted(_))
    }
}

/// The options that a node needs at each stop, as plain numbers.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) seed: u64,
    pub(crate) name: String,
    pub(crate) life: u32,
    pub(crate) wall_clock: u64,
    pub(crate) tick: u64,
    pub(crate) lead: u64,
    pub(crate) preempt: u32,
    pub(crate) deep: bool,
    pub(crate) replace_vdso: bool,
    pub(crate) trap_cpuid: bool,
}

/// What the supervisor keeps of a node's standard input.
pub(crate) struct Input {
    pub(crate) writer: OwnedFd,
    /// Device and number of the pipe.
    pub(crate) identity: (u64, u64),
    /// What the pipe had no room for.
    pub(crate) backlog: Vec<u8>,
    /// How much was delivered.
    pub(crate) delivered: u64,
}

impl Input {
    /// Whether the node would find something to read. Its other end stays open as long as the node runs.
    pub(crate) fn has_something(&self) -> bool {
        self.unread() > 0
    }

    /// Bytes in the pipe.
    pub(crate) fn unread(&self) -> u64 {
        rustix::io::ioctl_fionread(&self.writer).unwrap_or(0)
    }
}

/// What the supervisor keeps of a node's standard output or error.
pub(crate) struct Pipe {
    pub(crate) reader: OwnedFd,
    pub(crate) identity: (u64, u64),
    pub(crate) lines: Lines,
}

/// A generator for one use of a seed: uses draw from unrelated streams.
pub(crate) fn stream(seed: u64, purpose: &str, name: &str, life: u32) -> Xoshiro256PlusPlus {
    let mut hash = Digest::new();
    hash.add(seed);
    hash.add_bytes(purpose.as_bytes());
    hash.add_bytes(name.as_bytes());
    hash.add(u64::from(life));
    Xoshiro256PlusPlus::seed_from_u64(hash.value())
}

impl Settings {
    pub(crate) fn new(options: &Options, spec: &NodeSpec, life: u32) -> Self {
        Self {
            seed: options.seed,
            name: spec.name.clone(),
            life,
            wall_clock: options.wall_clock.as_nanos() as u64,
            tick: options.tick.as_nanos() as u64,
            lead: options.lead.as_nanos() as u64,
            preempt: options.preempt.per_mille(),
            deep: matches!(options.preempt, Preempt::Deep(_)),
            trap_cpuid: options.hide_hardware_random,
            replace_vdso: options.vdso == Vdso::Replaced,
        }
    }
}

impl Node {
    /// Runs its threads until all of them wait or its clock is past `horizon`.
    pub(crate) fn run(&mut self, horizon: u64, watchdog: &Watchdog) -> Result<(), Error> {
        while self.exit.is_none() && self.boot.goes_on() {
            self.expire()?;
            self.notice_signals()?;
            if self.local > horizon && self.urgent.is_empty() {
                break;
            }
            match self.pick() {
                Some(id) => self.turn(id, horizon, watchdog)?,
                None => {
                    if !self.ask_files()? {
                        break;
                    }
                }
            }
        }
        if self.touched && self.exit.is_none() {
            self.touched = false;
            self.look_for_pipes();
        }
        self.push_input()
    }

    /// Says so if no process has the input or the output open any more.
    fn look_for_pipes(&mut self) {
        let mut open = BTreeSet::new();
        for process in &self.processes {
            let directory = format!("/proc/{}/fd", process.pid);
            for file in std::fs::read_dir(directory).into_iter().flatten().flatten() {
                if let Ok(stat) = rustix::fs::stat(file.path()) {
                    open.insert((stat.st_dev, stat.st_ino));
                }
            }
        }
        let pipes = [(Stream::Input, self.input.identity), (Stream::Output, self.output.identity)];
        for (stream, identity) in pipes {
            if !open.contains(&identity) && !self.closed.contains(&stream) {
                self.closed.push(stream);
                self.say(What::Closed(stream));
            }
        }
    }

    /// Whether a thread of it could run now.
    pub(crate) fn is_busy(&self) -> bool {
        let has_ready = !self.ready.is_empty() || !self.urgent.is_empty() || self.current.is_some();
        self.exit.is_none() && (self.stale || has_ready)
    }

    /// The node's time of its next deadline.
    pub(crate) fn due(&self) -> Option<u64> {
        let threads = self.threads.iter().filter_map(Thread::deadline);
        let timers = self.processes.iter().filter_map(|process| process.timers.due());
        threads.chain(timers).min()
    }

    pub(crate) fn thread(&mut self, id: u32) -> Option<&mut Thread> {
        self.threads.iter_mut().find(|thread| thread.id == id)
    }

    pub(crate) fn process(&mut self, id: u32) -> Option<&mut Process> {
        self.processes.iter_mut().find(|process| process.id == id)
    }

    pub(crate) fn say(&mut self, what: What) {
        let time = Duration::from_nanos(self.local);
        self.events.push(Event { node: self.id, time, what });
    }

    /// The program has read its input for the first time: from here on the seed decides.
    pub(crate) fn boot_is_over(&mut self) {
        if !self.booted {
            self.booted = true;
            let Settings { seed, name, life, .. } = &self.options;
            self.draws = stream(*seed, "draws", name, *life);
            self.chance = stream(*seed, "threads", name, *life);
        }
    }

    fn pick(&mut self) -> Option<u32> {
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
    fn turn(&mut self, id: u32, horizon: u64, watchdog: &Watchdog) -> Result<(), Error> {
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

    /// Ends the waits whose time is up, and fires timers.
    pub(crate) fn expire(&mut self) -> Result<(), Error> {
        if self.soonest > self.local {
            return Ok(());
        }
        self.fire_timers()?;
        for index in 0..self.threads.len() {
            let thread = &mut self.threads[index];
            let due = thread.deadline().is_some_and(|deadline| deadline <= self.local);
            if !due {
                continue;
            }
            let State::Waiting(wait) = &thread.state else { continue };
            let done = match wait.expiry {
                Expiry::Answer(value) => thread.answer(value),
                Expiry::Poll { address, count } => {
                    clear_poll(thread.tid, address, count);
                    thread.answer(0)
                }
                Expiry::Select { sets, bytes } => {
                    let zeros = vec![0; bytes];
                    for set in sets.into_iter().filter(|&set| set != 0) {
                        let _ = crate::memory::write(thread.tid, set, &zeros);
                    }
                    thread.answer(0)
                }
                Expiry::Continue => {
                    thread.state = State::Ready(Resume::Continue);
                    Ok(())
                }
            };
            tolerate_death(done)?;
            self.ready.push(self.threads[index].id);
        }
        self.soonest = self.due().unwrap_or(u64::MAX);
        Ok(())
    }

    /// Makes threads ready whose files are, and collects what was written behind our back. Answers
    /// whether a thread became ready.
    pub(crate) fn ask_files(&mut self) -> Result<bool, Error> {
        if !self.stale {
            return Ok(false);
        }
        self.stale = false;
        let mut files = vec![
            PollFd::new(&self.output.reader, PollFlags::IN),
            PollFd::new(&self.error.reader, PollFlags::IN),
        ];
        let mut owners = Vec::new();
        let mut woken = Vec::new();
        let mut has_input = None;
        for thread in &self.threads {
            if let State::Waiting(wait) = &thread.state
                && let Cause::Files(waited) = &wait.cause
            {
                for waited in waited {
                    match waited {
                        Waited::File(file, events) => {
                            files.push(PollFd::new(file, *events));
                            owners.push(thread.id);
                        }
                        Waited::Input => {
                            if *has_input.get_or_insert_with(|| self.input.has_something()) {
                                woken.push(thread.id);
                            }
                        }
                    }
                }
            }
        }
        let none = Timespec { tv_sec: 0, tv_nsec: 0 };
        let found = poll(&mut files, Some(&none)).map_err(Error::rustix("ask files"))?;
        if found == 0 && woken.is_empty() {
            return Ok(false);
        }
        let stray = [Role::Output, Role::Error].into_iter().zip(&files);
        let stray: Vec<Role> = stray
            .filter(|(_, file)| file.revents().contains(PollFlags::IN))
            .map(|(role, _)| role)
            .collect();
        let ready = owners.into_iter().zip(&files[2..]);
        woken.extend(ready.filter(|(_, file)| !file.revents().is_empty()).map(|(owner, _)| owner));
        woken.sort_unstable();
        woken.dedup();
        for role in stray {
            self.collect_stray(role);
        }
        for &id in &woken {
            if let Some(thread) = self.thread(id) {
                thread.state = State::Ready(Resume::Continue);
            }
            self.ready.push(id);
        }
        Ok(!woken.is_empty())
    }
}

fn clear_poll(tid: Pid, address: u64, count: usize) {
    // struct pollfd: descriptor (4), events (2), results (2).
    let mut array = vec![0; count * 8];
    if crate::memory::read(tid, address, &mut array).is_ok() {
        for entry in array.chunks_mut(8) {
            entry[6..].fill(0);
        }
        let _ = crate::memory::write(tid, address, &array);
    }
}

/// A thread may be killed while it is stopped; whoever waits for it next will be told.
pub(crate) fn tolerate_death(result: Result<(), Errno>) -> Result<(), Error> {
    match result {
        Ok(()) | Err(Errno::ESRCH) => Ok(()),
        Err(errno) => Err(Error::system("change a thread's registers")(errno)),
    }
}
