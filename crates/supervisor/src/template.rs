//! Programs that are started once and copied for each run.
//!
//! Most of the time of a short run goes into starting interpreters: the same work each time. A template
//! is a program that has been run up to a point before it first reads its input. There it is held, and for
//! each run it is made to `fork`: a copy costs about a millisecond instead of twenty. Until it reads its
//! input a node's run depends on its name and the boot seed only, so copies behave as if they had been
//! started.
//!
//! A node can be copied when it is one process with one thread and no files but its standard ones, for
//! copies share files with their original, positions included. It is looked whether it is so at each call
//! that ties a program to the rest of the world: one that waits, reads the input, makes a thread, a child,
//! a pipe. If the last of these points is not where it reads its input, it is started again and held there:
//! it comes there again. Python gets to its input, or to its first thread or event loop, and so it does if
//! a wrapper in shell runs other programs before it becomes Python (as those of `pyenv` do). Go, Java and
//! Node.js make their threads at once, and gain nothing. A program that always has other files open (a
//! shell its script) is started anew for each run: slower, and the same.

use std::cell::Cell;
use std::os::fd::{AsFd as _, OwnedFd};
use std::rc::Rc;

use libc::user_regs_struct;
use nix::errno::Errno;
use nix::sys::ptrace;
use nix::unistd::{Pid, setpgid};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_setfl};

use crate::error::Error;
use crate::event::NodeId;
use crate::lend::Stand;
use crate::lines::Lines;
use crate::node::{Boot, FIRST_ID, Input, Node, Pipe, Settings};
use crate::options::{NodeSpec, Options};
use crate::process::{Process, Role};
use crate::start::prepare;
use crate::thread::{Resume, State, Thread};
use crate::wait::{Stop, wait};
use crate::watchdog::Watchdog;

/// A program that has not read its input after so much of its time, in nanoseconds, may never do so.
const BOOT_AT_MOST: u64 = 200_000_000;

/// Programs that were started and wait to be copied; for
/// [`Supervisor::from_templates`](crate::Supervisor::from_templates).
pub struct Templates {
    pub(crate) options: Options,
    /// Without a frozen node the program is started anew each time.
    pub(crate) nodes: Vec<(NodeSpec, Option<Frozen>)>,
    in_use: Rc<Cell<bool>>,
}

/// The right to use the templates' pipes.
pub(crate) struct Lease(Rc<Cell<bool>>);

impl Drop for Lease {
    fn drop(&mut self) {
        self.0.set(false);
    }
}

/// A node that is held at the entry of a call.
pub(crate) struct Frozen {
    node: Node,
    /// The modes of its standard files, which copies may change for all.
    modes: [OFlags; 3],
}

/// Whether a call, with its first two arguments, ties a program to the rest of the world.
const fn binds(number: i64, first: u64, second: u64) -> bool {
    match number {
        libc::SYS_read | libc::SYS_readv => first == 0,
        // To wake nobody binds to nobody: C libraries do it while they start.
        libc::SYS_futex => !matches!(
            second as i32 & libc::FUTEX_CMD_MASK,
            libc::FUTEX_WAKE | libc::FUTEX_WAKE_BITSET
        ),
        libc::SYS_clone
        | libc::SYS_fork
        | libc::SYS_vfork
        | libc::SYS_epoll_create
        | libc::SYS_epoll_create1
        | libc::SYS_eventfd
        | libc::SYS_eventfd2
        | libc::SYS_pipe
        | libc::SYS_pipe2
        | libc::SYS_socket
        | libc::SYS_socketpair
        | libc::SYS_timerfd_create
        | libc::SYS_timer_create
        | libc::SYS_setitimer
        | libc::SYS_alarm
        | libc::SYS_poll
        | libc::SYS_ppoll
        | libc::SYS_select
        | libc::SYS_pselect6
        | libc::SYS_nanosleep
        | libc::SYS_clock_nanosleep
        | libc::SYS_sched_yield
        | libc::SYS_kill
        | libc::SYS_tgkill
        | libc::SYS_pause
        | libc::SYS_rt_sigsuspend
        | libc::SYS_rt_sigtimedwait
        | libc::SYS_wait4
        | libc::SYS_waitid
        | libc::SYS_exit
        | libc::SYS_exit_group => true,
        _ => false,
    }
}

impl Templates {
    /// Starts the programs and runs each to where it can be copied. The seed of `options` does not
    /// matter.
    ///
    /// # Errors
    ///
    /// As [`Supervisor::spawn`](crate::Supervisor::spawn).
    pub fn new(options: Options, specs: Vec<NodeSpec>) -> Result<Self, Error> {
        // Takes the core, if one is named, as any cluster does.
        drop(crate::Supervisor::new(options.clone())?);
        let watchdog = Watchdog::new(options.patience);
        let mut nodes = Vec::new();
        for (index, spec) in specs.into_iter().enumerate() {
            let run = |boot: Boot| {
                let mut node = prepare(&options, &spec, NodeId(index as u32), 0)?;
                node.boot = boot;
                node.clock_offset = spec.clock_offset;
                node.run(BOOT_AT_MOST, &watchdog)?;
                Ok::<_, Error>(node)
            };
            let mut node = run(Boot::Scout(None))?;
            if let Boot::Scout(Some(stop)) | Boot::Scouted(Some(stop)) = node.boot {
                // It went on from there; the next one is held.
                node.destroy()?;
                node = run(Boot::Until(stop))?;
            }
            let frozen = Frozen::new(node)?;
            nodes.push((spec, frozen));
        }
        Ok(Self { options, nodes, in_use: Rc::new(Cell::new(false)) })
    }

    /// How many of the programs are copied; the others are started anew for each run.
    pub fn copied(&self) -> usize {
        self.nodes.iter().filter(|(_, frozen)| frozen.is_some()).count()
    }

    pub(crate) fn lease(&self) -> Result<Lease, Error> {
        if self.in_use.replace(true) {
            return Err(Error::TemplatesInUse);
        }
        Ok(Lease(Rc::clone(&self.in_use)))
    }
}

impl Node {
    /// Whether a thread that is at the entry of a call, on its way to where the node is copied, is to stay
    /// there.
    pub(crate) fn is_held_at(&mut self, id: u32, number: i64, first: u64, second: u64) -> bool {
        match self.boot {
            Boot::Scout(found) if binds(number, first, second) => {
                // Another process of the node may read from something else by the same number.
                let reads = matches!(number, libc::SYS_read | libc::SYS_readv)
                    && self.role(id, 0) == Role::Input;
                self.boot = match (self.can_be_copied(), reads) {
                    (true, true) => Boot::Held,
                    (true, false) => Boot::Scout(Some(self.stops)),
                    (false, true) => Boot::Scouted(found),
                    (false, false) => self.boot,
                };
            }
            Boot::Until(stop) if self.stops == stop => self.boot = Boot::Held,
            _ => {}
        }
        let stays = !self.boot.goes_on();
        if stays && let Some(thread) = self.thread(id) {
            thread.state = State::Ready(Resume::Enter);
        }
        stays
    }

    /// Whether nothing of it would be missing from a copy, or be shared with it.
    fn can_be_copied(&self) -> bool {
        let ([process], [_]) = (&self.processes[..], &self.threads[..]) else { return false };
        let pid = process.pid;
        let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
        self.forced == 0
            && process.timers.all.is_empty()
            && children.map_or(self.next_id == FIRST_ID + 1, |children| children.is_empty())
            && has_standard_files_only(pid)
    }
}

impl Frozen {
    /// Holds a node, if it can be copied; otherwise ends it.
    fn new(mut node: Node) -> Result<Option<Self>, Error> {
        let can_be_copied = node.boot == Boot::Held && node.can_be_copied();
        let modes = [0, 1, 2].map(|number| {
            let file = node.processes.first().and_then(|process| process.look(number));
            file.map(|(_, flags)| flags)
        });
        if let ([Some(input), Some(output), Some(error)], true) = (modes, can_be_copied) {
            return Ok(Some(Self { node, modes: [input, output, error] }));
        }
        node.destroy()?;
        Ok(None)
    }

    /// A copy of the node, for another seed.
    pub(crate) fn thaw(&mut self, options: &Options, spec: &NodeSpec) -> Result<Node, Error> {
        for (number, mode) in self.modes.into_iter().enumerate() {
            let file = self.node.duplicate(FIRST_ID, number as i32, Stand::Entry);
            let Some(file) = file else { continue };
            let _ = fcntl_setfl(&file, mode);
            if number == 0 {
                drain(&file);
            }
        }
        let node = &self.node;
        let (Some(process), Some(thread)) = (node.processes.first(), node.threads.first()) else {
            return Err(Error::NotRunning);
        };
        drain(&node.output.reader);
        drain(&node.error.reader);
        let pid = copy(thread.tid, thread.regs)?;
        // A group of its own, as every node.
        let _ = setpgid(pid, pid);
        let mut made = Process::new(pid, FIRST_ID, None)?;
        made.roles = process.roles;
        made.has_page = process.has_page;
        let mut copied = Thread::new(pid, FIRST_ID, FIRST_ID, thread.regs);
        copied.state = State::Ready(Resume::Enter);
        (copied.cpu, copied.spin) = (thread.cpu, thread.spin);
        let same = |file: &OwnedFd| file.try_clone().map_err(Error::system("copy a pipe"));
        let pipe = |pipe: &Pipe| {
            let reader = same(&pipe.reader)?;
            Ok::<_, Error>(Pipe { reader, identity: pipe.identity, lines: Lines::default() })
        };
        Ok(Node {
            id: node.id,
            options: Settings::new(options, spec, 0),
            processes: vec![made],
            threads: vec![copied],
            pids: [(pid.as_raw(), FIRST_ID)].into(),
            ready: vec![FIRST_ID],
            urgent: Vec::new(),
            local: node.local,
            clock_offset: node.clock_offset,
            soonest: u64::MAX,
            stale: true,
            next_id: node.next_id,
            arrivals: node.arrivals,
            stops: node.stops,
            forced: 0,
            exit: None,
            input: Input {
                writer: same(&node.input.writer)?,
                identity: node.input.identity,
                backlog: Vec::new(),
                delivered: 0,
                is_drained: Cell::new(false),
            },
            output: pipe(&node.output)?,
            error: pipe(&node.error)?,
            draws: node.draws.clone(),
            chance: node.chance.clone(),
            booted: false,
            boot: Boot::Free,
            current: None,
            durable: None,
            lent: None,
            mailbox: None,
            touched: false,
            closed: Vec::new(),
            events: node.events.clone(),
            digest: node.digest,
            record: node.record.clone(),
        })
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        let _ = self.node.destroy();
    }
}

/// Makes a thread that stands at the entry of a call fork instead. It stands there again afterwards, and
/// so does its copy.
fn copy(tid: Pid, entry: user_regs_struct) -> Result<Pid, Error> {
    let failed = || Error::system("copy a program");
    let mut call = entry;
    call.orig_rax = libc::SYS_clone as u64;
    // The copy is a child of the supervisor, not of the template, which would never wait for it.
    call.rdi = (libc::CLONE_PARENT | libc::SIGCHLD) as u64;
    (call.rsi, call.rdx, call.r10, call.r8) = (0, 0, 0, 0);
    ptrace::setregs(tid, call).map_err(failed())?;
    ptrace::syscall(tid, None).map_err(failed())?;
    let unexpected = |_| failed()(Errno::EIO);
    expect(tid, Stop::Event(libc::PTRACE_EVENT_FORK)).map_err(unexpected)?;
    let child = Pid::from_raw(ptrace::getevent(tid).map_err(failed())? as i32);
    expect(child, Stop::Signal(libc::SIGSTOP)).map_err(unexpected)?;
    ptrace::syscall(tid, None).map_err(failed())?;
    expect(tid, Stop::CallEnd).map_err(unexpected)?;
    for who in [tid, child] {
        let mut again = entry;
        again.rip -= 2;
        again.rax = entry.orig_rax;
        again.orig_rax = u64::MAX;
        ptrace::setregs(who, again).map_err(failed())?;
        ptrace::cont(who, None).map_err(failed())?;
        expect(who, Stop::Call).map_err(unexpected)?;
    }
    Ok(child)
}

fn expect(who: Pid, stop: Stop) -> Result<(), ()> {
    match wait(Some(who)) {
        Ok(Some((_, found))) if found == stop => Ok(()),
        _ => Err(()),
    }
}

fn has_standard_files_only(pid: Pid) -> bool {
    let files = std::fs::read_dir(format!("/proc/{pid}/fd"));
    files.is_ok_and(|files| {
        files.flatten().all(|file| matches!(file.file_name().to_str(), Some("0" | "1" | "2")))
    })
}

/// Takes what an earlier copy has left in a pipe.
fn drain(pipe: &OwnedFd) {
    let mut buffer = vec![0; 1 << 16];
    let none = Timespec { tv_sec: 0, tv_nsec: 0 };
    while poll(&mut [PollFd::new(pipe, PollFlags::IN)], Some(&none)).is_ok_and(|found| found > 0)
        && rustix::io::read(pipe.as_fd(), &mut buffer).is_ok_and(|length| length > 0)
    {}
}
