//! Programs that are started once and copied for each run.
//!
//! Most of the time of a short run goes into starting interpreters: the same work each time. A template
//! is a program that has been run up to the point where it first does something that ties it to the rest
//! of the world: waits, reads its input, makes a thread, a child, a pipe. There it is held, and for each
//! run it is made to `fork`: a copy costs about a millisecond instead of twenty. Up to that point a
//! node's run depends on its name and the boot seed only, so copies behave as if they had been started.
//!
//! A process can be copied that has one thread and no files but its standard ones, for copies share
//! files with their original, positions included. Python comes far before it makes its first thread or
//! event loop; Go, Java and Node.js make theirs at once, and gain nothing. A program that has other files
//! open at that point (a shell its script) is started anew for each run: slower, and the same.

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
use crate::node::{FIRST_ID, Input, Node, Pipe, Settings};
use crate::options::{NodeSpec, Options};
use crate::process::Process;
use crate::start::prepare;
use crate::stops::{Stop, wait};
use crate::thread::{Resume, State, Thread};
use crate::watchdog::Watchdog;

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

/// Whether a call, with its first two arguments, is where a template must stop at the latest.
pub(crate) const fn ends_boot(number: i64, first: u64, second: u64) -> bool {
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
            let mut node = prepare(&options, &spec, NodeId(index as u32), 0)?;
            node.freezing = true;
            node.clock_offset = spec.clock_offset;
            node.run(u64::MAX, &watchdog)?;
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

impl Frozen {
    /// Holds a node, if it can be copied; otherwise ends it.
    fn new(mut node: Node) -> Result<Option<Self>, Error> {
        let can_be_copied = node.is_frozen()
            && node.forced == 0
            && node.threads.len() == 1
            && node.processes.len() == 1
            && has_standard_files_only(node.processes[0].pid);
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
        let same = |file: &OwnedFd| file.try_clone().map_err(Error::io("copy a pipe"));
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
            },
            output: pipe(&node.output)?,
            error: pipe(&node.error)?,
            draws: node.draws.clone(),
            chance: node.chance.clone(),
            booted: false,
            freezing: false,
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
