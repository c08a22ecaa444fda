//! A node: a tree of processes with one clock, of whose threads one at most runs.

mod turns;
mod waits;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::time::Duration;

use nix::errno::Errno;
use rand::SeedableRng as _;
use rand::rngs::Xoshiro256PlusPlus;

use crate::digest::{Call, Digest};
use crate::durable::Durable;
use crate::error::Error;
use crate::event::{Event, Exit, NodeId, Stream, What};
use crate::lines::Lines;
use crate::mailbox::Mailbox;
use crate::options::{NodeSpec, Options, Preempt, Vdso};
use crate::process::Process;
use crate::thread::Thread;
use crate::watchdog::Watchdog;

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
    /// The pipe was found empty, and nothing was put in since.
    pub(crate) is_drained: Cell<bool>,
}

impl Input {
    /// Whether the node would find something to read. Its other end stays open as long as the node runs.
    pub(crate) fn has_something(&self) -> bool {
        if !self.is_drained.get() {
            self.is_drained.set(self.unread() == 0);
        }
        !self.is_drained.get()
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
            seed: if options.spared.contains(&spec.name) { 0 } else { options.seed },
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
            self.take_seed();
        }
    }

    /// From here on another seed decides, but for what the boot seed does.
    pub(crate) fn reseed(&mut self, seed: u64) {
        self.options.seed = seed;
        if self.booted {
            self.take_seed();
        }
    }

    fn take_seed(&mut self) {
        let Settings { seed, name, life, .. } = &self.options;
        self.draws = stream(*seed, "draws", name, *life);
        self.chance = stream(*seed, "threads", name, *life);
    }
}

/// A thread may be killed while it is stopped; whoever waits for it next will be told.
pub(crate) fn tolerate_death(result: Result<(), Errno>) -> Result<(), Error> {
    match result {
        Ok(()) | Err(Errno::ESRCH) => Ok(()),
        Err(errno) => Err(Error::system("change a thread's registers")(errno)),
    }
}
