//! The run as a whole: nodes, and the one clock that they share.

use std::io::Read as _;
use std::marker::PhantomData;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::sched::{CpuSet, sched_setaffinity};
use nix::sys::ptrace;
use nix::unistd::Pid;
use rand::RngExt as _;
use rand::rngs::Xoshiro256PlusPlus;
use rustix::fs::{OFlags, fcntl_setfl, fstat};
use rustix::pipe::{PipeFlags, fcntl_setpipe_size, pipe_with};

use crate::digest::{Call, Digest};
use crate::durable::Durable;
use crate::error::Error;
use crate::event::{Event, NodeId};
use crate::lines::Lines;
use crate::node::{FIRST_ID, Input, Node, Pipe, Settings, stream};
use crate::options::{NodeSpec, Options};
use crate::process::Process;
use crate::stops::{Stop, wait};
use crate::thread::Thread;
use crate::watchdog::Watchdog;
use crate::{image, launch};

/// Room in a node's output pipes, for what does not pass through the supervisor's hands.
const PIPE_ROOM: usize = 1 << 20;

/// A cluster of programs in virtual time.
///
/// All of it happens on the thread that made it: the kernel answers a tracer's thread only. What the
/// supervisor has started dies with it, even if it is killed itself.
pub struct Supervisor {
    options: Options,
    now: u64,
    slots: Vec<Slot>,
    watchdog: Watchdog,
    chance: Xoshiro256PlusPlus,
    digest: Digest,
    record: Vec<Call>,
    counts: Counts,
    layout_is_fixed: bool,
    events: Vec<Event>,
    /// Not to be sent to another thread.
    bound: PhantomData<*const ()>,
}

/// What a run has come to, in numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// How often a thread stopped.
    pub stops: u64,
    /// How often one had to be stopped by force: above 0 the run need not repeat.
    pub forced: u64,
}

/// A place for a node, whether it runs or not.
struct Slot {
    spec: NodeSpec,
    /// How often it was started.
    lives: u32,
    clock_offset: i64,
    paused: bool,
    /// While it does not run: what a power cut would have left of its files.
    durable: Option<Durable>,
    node: Option<Node>,
}

impl Supervisor {
    /// A cluster without nodes, its clock at 0.
    ///
    /// # Errors
    ///
    /// If the core that `options` names is not to be had.
    pub fn new(options: Options) -> Result<Self, Error> {
        if let Some(core) = options.core {
            let mut cores = CpuSet::new();
            cores.set(core).map_err(Error::system("name a core"))?;
            sched_setaffinity(Pid::from_raw(0), &cores).map_err(Error::system("take a core"))?;
        }
        Ok(Self {
            chance: stream(options.seed, "nodes", "", 0),
            watchdog: Watchdog::new(options.patience),
            options,
            now: 0,
            slots: Vec::new(),
            digest: Digest::new(),
            record: Vec::new(),
            counts: Counts::default(),
            layout_is_fixed: true,
            events: Vec::new(),
            bound: PhantomData,
        })
    }

    /// Starts a program as a node. It runs when time does.
    ///
    /// # Errors
    ///
    /// If the program cannot be started, or the kernel does not let us trace it.
    pub fn spawn(&mut self, spec: NodeSpec) -> Result<NodeId, Error> {
        let id = NodeId(self.slots.len() as u32);
        let clock_offset = spec.clock_offset;
        let durable = match &spec.state_dir {
            Some(directory) => Some(Durable::new(directory).map_err(Error::io("read the state"))?),
            None => None,
        };
        let slot = Slot { spec, lives: 0, clock_offset, paused: false, durable, node: None };
        self.slots.push(slot);
        match self.start(id) {
            Ok(()) => Ok(id),
            Err(error) => {
                self.slots.pop();
                Err(error)
            }
        }
    }

    /// The run's clock: how much virtual time has passed.
    pub fn now(&self) -> Duration {
        Duration::from_nanos(self.now)
    }

    /// Appends bytes to a node's standard input; a line's end is the caller's to add. A node that
    /// does not run never gets them.
    ///
    /// # Errors
    ///
    /// If there is no such node.
    pub fn deliver(&mut self, node: NodeId, bytes: &[u8]) -> Result<(), Error> {
        if let Some(node) = &mut self.slot(node)?.node {
            node.input.backlog.extend_from_slice(bytes);
            node.push_input()?;
        }
        Ok(())
    }

    /// Lets time pass until `limit`, or until something has happened of which the caller should know.
    ///
    /// With events it returns as soon as every thread waits, before the clock moves on: what they
    /// cause can be delivered in time. Without, the clock stands at `limit`. Events are in the order
    /// of their times, which may be a little ahead of the clock.
    ///
    /// # Errors
    ///
    /// If the kernel refuses something that it did not refuse before.
    pub fn run_until(&mut self, limit: Duration) -> Result<Vec<Event>, Error> {
        let limit = limit.as_nanos() as u64;
        let lead = self.options.lead.as_nanos() as u64;
        loop {
            let now = self.now;
            let able: Vec<usize> = (0..self.slots.len())
                .filter(|&index| self.slots[index].can_run(now, lead))
                .collect();
            if let Some(&index) = able.get(self.choose(able.len())) {
                self.run_node(index, now + lead)?;
                continue;
            }
            if !self.events.is_empty() {
                let mut events = std::mem::take(&mut self.events);
                events.sort_by_key(|event| event.time);
                return Ok(events);
            }
            match self.due() {
                Some(due) if due <= limit => self.now = self.now.max(due),
                _ => {
                    self.now = self.now.max(limit);
                    return Ok(Vec::new());
                }
            }
        }
    }

    /// The next time at which a node has something to do if nothing is delivered; `None` if all of
    /// them wait for input alone.
    pub fn next_due(&self) -> Option<Duration> {
        self.due().map(Duration::from_nanos)
    }

    /// Ends a node as `kill -9` would: what it has not written is lost.
    ///
    /// # Errors
    ///
    /// If there is no such node.
    pub fn kill(&mut self, node: NodeId) -> Result<(), Error> {
        let slot = self.slot(node)?;
        if let Some(mut node) = slot.node.take() {
            slot.durable = node.durable.take();
            node.destroy()?;
            self.collect(&mut node);
        }
        Ok(())
    }

    /// Ends a node as a loss of power would: of what it has written to files below
    /// [`NodeSpec::state_dir`] only that is left which it has synced.
    ///
    /// # Errors
    ///
    /// If there is no such node, or its files cannot be put back.
    pub fn power_cut(&mut self, node: NodeId) -> Result<(), Error> {
        if let Some(node) = &mut self.slot(node)?.node {
            node.sync_synchronous_files();
        }
        self.kill(node)?;
        match &self.slot(node)?.durable {
            Some(durable) => durable.cut().map_err(Error::io("put files back")),
            None => Ok(()),
        }
    }

    /// Starts a node again that was killed or has exited: the same program with a clock of its own
    /// machine that has gone on.
    ///
    /// # Errors
    ///
    /// As [`Supervisor::spawn`]; and if the node still runs it is killed first.
    pub fn restart(&mut self, node: NodeId) -> Result<(), Error> {
        self.kill(node)?;
        self.slot(node)?.paused = false;
        self.start(node)
    }

    /// Holds a node while the others go on. Its clocks go on as well.
    ///
    /// # Errors
    ///
    /// If there is no such node.
    pub fn pause(&mut self, node: NodeId) -> Result<(), Error> {
        self.slot(node)?.paused = true;
        Ok(())
    }

    /// Lets a paused node go on.
    ///
    /// # Errors
    ///
    /// If there is no such node.
    pub fn resume(&mut self, node: NodeId) -> Result<(), Error> {
        self.slot(node)?.paused = false;
        Ok(())
    }

    /// Moves a node's wall clock by so many nanoseconds, for good: a restart does not mend it. Waits
    /// that have begun end when they would have.
    ///
    /// # Errors
    ///
    /// If there is no such node.
    pub fn jump_clock(&mut self, node: NodeId, nanoseconds: i64) -> Result<(), Error> {
        let slot = self.slot(node)?;
        slot.clock_offset = slot.clock_offset.saturating_add(nanoseconds);
        if let Some(node) = &mut slot.node {
            node.clock_offset = slot.clock_offset;
        }
        Ok(())
    }

    /// Whether a node runs.
    pub fn is_running(&self, node: NodeId) -> bool {
        self.slots.get(node.0 as usize).is_some_and(|slot| slot.node.is_some())
    }

    /// A hash of all calls of all threads so far, their times, and all that was written.
    pub fn digest(&self) -> u64 {
        let mut digest = self.digest;
        for node in self.slots.iter().filter_map(|slot| slot.node.as_ref()) {
            digest.add(node.digest.value());
        }
        digest.value()
    }

    /// All calls so far, if [`Options::record`] asked for them.
    pub fn record(&self) -> &[Call] {
        &self.record
    }

    /// Stops so far.
    pub fn counts(&self) -> Counts {
        let mut counts = self.counts;
        for node in self.slots.iter().filter_map(|slot| slot.node.as_ref()) {
            counts.stops += node.stops;
            counts.forced += node.forced;
        }
        counts
    }

    /// Whether the address layout of the nodes is the same in every run. Some containers forbid to fix
    /// it; then programs whose behaviour depends on addresses (Node.js, Ruby) need not repeat.
    pub fn layout_is_fixed(&self) -> bool {
        self.layout_is_fixed
    }

    fn slot(&mut self, node: NodeId) -> Result<&mut Slot, Error> {
        self.slots.get_mut(node.0 as usize).ok_or(Error::NoSuchNode)
    }

    fn choose(&mut self, many: usize) -> usize {
        if many > 1 { self.chance.random_range(0..many) } else { 0 }
    }

    fn due(&self) -> Option<u64> {
        let lead = self.options.lead.as_nanos() as u64;
        self.slots.iter().filter_map(|slot| slot.due(self.now, lead)).min()
    }

    fn run_node(&mut self, index: usize, horizon: u64) -> Result<(), Error> {
        let slot = &mut self.slots[index];
        let Some(node) = &mut slot.node else { return Ok(()) };
        node.local = node.local.max(self.now);
        node.run(horizon, &self.watchdog)?;
        self.events.append(&mut node.events);
        if let Some(record) = &mut node.record {
            self.record.append(record);
        }
        if node.exit.is_some()
            && let Some(mut node) = slot.node.take()
        {
            slot.durable = node.durable.take();
            self.collect(&mut node);
        }
        Ok(())
    }

    /// A node has ended: its numbers are added to the run's.
    fn collect(&mut self, node: &mut Node) {
        self.digest.add(node.digest.value());
        self.counts.stops += node.stops;
        self.counts.forced += node.forced;
        self.events.append(&mut node.events);
        if let Some(record) = &mut node.record {
            self.record.append(record);
        }
    }

    fn start(&mut self, id: NodeId) -> Result<(), Error> {
        let index = id.0 as usize;
        let slot = &mut self.slots[index];
        let mut node = prepare(&self.options, &slot.spec, id, slot.lives)?;
        node.local = self.now;
        node.clock_offset = slot.clock_offset;
        node.durable = slot.durable.take();
        self.layout_is_fixed &= layout_is_fixed(&node);
        slot.lives += 1;
        slot.node = Some(node);
        Ok(())
    }
}

impl Slot {
    fn can_run(&self, now: u64, lead: u64) -> bool {
        !self.paused
            && self.node.as_ref().is_some_and(|node| {
                let is_due = node.soonest <= now.max(node.local);
                (node.is_busy() || is_due) && node.local <= now + lead
            })
    }

    fn due(&self, now: u64, lead: u64) -> Option<u64> {
        let node = self.node.as_ref().filter(|_| !self.paused)?;
        if node.is_busy() {
            return Some(now.max(node.local.saturating_sub(lead)));
        }
        node.due().map(|due| due.max(now).max(node.local.saturating_sub(lead)))
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        for slot in &mut self.slots {
            if let Some(mut node) = slot.node.take() {
                let _ = node.destroy();
            }
        }
    }
}

/// Brings a program to its first instruction.
fn prepare(options: &Options, spec: &NodeSpec, id: NodeId, life: u32) -> Result<Node, Error> {
    let failed = |why: String| Error::Launch { program: spec.program.display().to_string(), why };
    let Some((launcher, first)) = options.launcher.split_first() else {
        return Err(failed("no launcher is given".to_owned()));
    };
    let pipe = || pipe_with(PipeFlags::CLOEXEC).map_err(Error::rustix("make a pipe"));
    let (input_reader, input_writer) = pipe()?;
    let (output_reader, output_writer) = pipe()?;
    let (error_reader, error_writer) = pipe()?;
    for ours in [&input_writer, &output_reader, &error_reader] {
        fcntl_setfl(ours, OFlags::NONBLOCK).map_err(Error::rustix("change a pipe"))?;
    }
    for roomy in [&output_reader, &error_reader] {
        // A limit of the user's may forbid it.
        let _ = fcntl_setpipe_size(roomy, PIPE_ROOM);
    }
    let identity = |file: &std::os::fd::OwnedFd| {
        fstat(file).map(|stat| (stat.st_dev, stat.st_ino)).map_err(Error::rustix("look at a pipe"))
    };
    let input =
        Input { identity: identity(&input_reader)?, writer: input_writer, backlog: Vec::new() };
    let output = Pipe {
        identity: identity(&output_reader)?,
        reader: output_reader,
        lines: Lines::default(),
    };
    let error =
        Pipe { identity: identity(&error_reader)?, reader: error_reader, lines: Lines::default() };

    let mut command = Command::new(launcher);
    command
        .args(first)
        .arg(if spec.state_dir.is_some() { launch::WATCH_SYNC } else { launch::PLAIN })
        .arg(&spec.program)
        .args(&spec.args)
        .env_clear()
        .envs(spec.env.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::from(input_reader))
        .stdout(Stdio::from(output_writer))
        .stderr(Stdio::from(error_writer))
        .process_group(0);
    if let Some(directory) = &spec.cwd {
        command.current_dir(directory);
    }
    let child = command.spawn().map_err(|error| failed(format!("the launcher: {error}")))?;
    // The pipes' other ends are the child's alone.
    drop(command);
    let pid = Pid::from_raw(child.id() as i32);
    if let Err(why) = reach_program(pid)? {
        let mut said = String::new();
        let mut error = std::fs::File::from(error.reader);
        let _ = error.read_to_string(&mut said);
        let said = said.trim();
        return Err(failed(if said.is_empty() { why } else { said.to_owned() }));
    }

    let mut draws = stream(options.boot_seed, "boot draws", &spec.name, life);
    let mut random = [0; 16];
    rand::Rng::fill_bytes(&mut draws, &mut random);
    let settings = Settings::new(options, spec, life);
    let mut process = Process::new(pid, FIRST_ID, None)?;
    process.has_page = image::prepare(pid, &random, settings.replace_vdso)
        .map_err(Error::system("prepare a program"))?;
    let regs = ptrace::getregs(pid).map_err(Error::system("read a program's registers"))?;
    Ok(Node {
        id,
        options: settings,
        processes: vec![process],
        threads: vec![Thread::new(pid, FIRST_ID, FIRST_ID, regs)],
        pids: [(pid.as_raw(), FIRST_ID)].into(),
        ready: vec![FIRST_ID],
        urgent: Vec::new(),
        local: 0,
        clock_offset: 0,
        soonest: u64::MAX,
        stale: true,
        next_id: FIRST_ID + 1,
        arrivals: 0,
        stops: 0,
        forced: 0,
        exit: None,
        input,
        output,
        error,
        draws,
        chance: stream(options.boot_seed, "boot threads", &spec.name, life),
        booted: false,
        durable: None,
        lent: None,
        events: Vec::new(),
        digest: Digest::new(),
        record: options.record.then(Vec::new),
    })
}

/// From the launcher's first stop to the program's. The inner error is what became of it instead.
fn reach_program(pid: Pid) -> Result<Result<(), String>, Error> {
    let options = ptrace::Options::PTRACE_O_EXITKILL
        | ptrace::Options::PTRACE_O_TRACESYSGOOD
        | ptrace::Options::PTRACE_O_TRACESECCOMP
        | ptrace::Options::PTRACE_O_TRACECLONE
        | ptrace::Options::PTRACE_O_TRACEFORK
        | ptrace::Options::PTRACE_O_TRACEVFORK
        | ptrace::Options::PTRACE_O_TRACEVFORKDONE
        | ptrace::Options::PTRACE_O_TRACEEXEC;
    let mut is_set = false;
    loop {
        let Some((_, stop)) = wait(Some(pid))? else {
            return Ok(Err("it vanished".to_owned()));
        };
        match stop {
            Stop::Gone(how) => return Ok(Err(format!("the launcher ended: {how:?}"))),
            Stop::Event(libc::PTRACE_EVENT_EXEC) => return Ok(Ok(())),
            _ => {}
        }
        if !is_set {
            ptrace::setoptions(pid, options).map_err(Error::system("trace a program"))?;
            is_set = true;
        }
        ptrace::cont(pid, None).map_err(Error::system("let a program start"))?;
    }
}

fn layout_is_fixed(node: &Node) -> bool {
    let Some(process) = node.processes.first() else { return false };
    let personality = std::fs::read_to_string(format!("/proc/{}/personality", process.pid));
    personality
        .ok()
        .and_then(|text| u32::from_str_radix(text.trim(), 16).ok())
        .is_some_and(|bits| bits & libc::ADDR_NO_RANDOMIZE as u32 != 0)
}
