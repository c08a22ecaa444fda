//! Duplicates of a node's open files, by which the supervisor asks whether they are ready.
//!
//! `pidfd_getfd` gives one at once. Docker's default profile refuses it. There the thread that has just
//! stopped is made to send the file itself: it opens a local socket, sends its file to the supervisor's
//! (`SCM_RIGHTS`), and closes the socket, before it comes back to where it stood. Nobody else runs
//! meanwhile, so the program cannot notice; only it takes about as long as six stops.

use std::fs;
use std::os::fd::OwnedFd;

use libc::user_regs_struct;
use nix::sys::ptrace;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rustix::fs::{OFlags, Stat, fcntl_getfl, fstat, stat};
use rustix::process::{PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};

use crate::mailbox::Mailbox;
use crate::node::Node;
use crate::process::{Process, Unlent};
use crate::wait::{Stop, wait};
use crate::{memory, vdso};

/// Where a thread stands that is to send a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stand {
    /// At the entry of a call that the filter stops.
    Entry,
    /// At the end of a call.
    Exit,
}

/// Parts of a message in a program's memory: `struct msghdr`, `struct iovec` with one byte, the file
/// in a `struct cmsghdr`, and the address.
const VECTOR: u64 = 64;
const BYTE: u64 = 80;
const CONTROL: u64 = 96;
const CONTROL_LENGTH: u64 = 24;
const ADDRESS: u64 = 128;
const MESSAGE: usize = 192;
/// What is below the stack's end belongs to the function that runs.
const RED_ZONE: u64 = 128;

/// Whether duplicates of a node's files can be had quickly: Docker's default profile refuses it.
pub fn files_can_be_duplicated() -> bool {
    let this = rustix::process::getpid();
    pidfd_open(this, PidfdFlags::empty())
        .and_then(|handle| pidfd_getfd(&handle, 2, PidfdGetfdFlags::empty()))
        .map_or_else(|errno| errno == rustix::io::Errno::BADF, |_| true)
}

impl Node {
    /// A duplicate of one of a thread's files; the thread has just stopped. `None` if it is not open, or
    /// cannot be had.
    pub(crate) fn duplicate(&mut self, id: u32, number: i32, stand: Stand) -> Option<OwnedFd> {
        let process = self.thread(id)?.process;
        match self.process(process)?.descriptor(number) {
            Ok(file) => return Some(file),
            Err(Unlent::NotOpen) => return None,
            Err(Unlent::Refused) => {}
        }
        let (pid, has_page) = self.process(process).map(|found| (found.pid, found.has_page))?;
        if self.mailbox.is_none() {
            self.mailbox = Some(Mailbox::new()?);
        }
        let wanted = stat(format!("/proc/{pid}/fd/{number}")).ok()?;
        let thread = self.thread(id)?;
        let (tid, regs) = (thread.tid, thread.regs);
        let scratch = match has_page {
            true => vdso::SCRATCH,
            false => (regs.rsp - RED_ZONE - MESSAGE as u64) & !15,
        };
        let sender = Sender { tid, pid, regs, scratch, inside: stand == Stand::Entry };
        let file = sender.send(number, stand, self.mailbox.as_ref()?)?;
        // Whoever finds out the name could send something else.
        let got = fstat(&file).ok()?;
        ((got.st_dev, got.st_ino) == (wanted.st_dev, wanted.st_ino)).then_some(file)
    }
}

impl Process {
    /// What one of its files is and how it was opened; `None` if it has no such file.
    pub(crate) fn look(&self, number: i32) -> Option<(Stat, OFlags)> {
        match self.descriptor(number) {
            Ok(file) => Some((fstat(&file).ok()?, fcntl_getfl(&file).ok()?)),
            Err(Unlent::NotOpen) => None,
            Err(Unlent::Refused) => {
                let found = stat(self.path(number)).ok()?;
                let told =
                    fs::read_to_string(format!("/proc/{}/fdinfo/{number}", self.pid)).ok()?;
                let flags = told.lines().find_map(|line| line.strip_prefix("flags:"))?;
                let flags = u32::from_str_radix(flags.trim(), 8).ok()?;
                Some((found, OFlags::from_bits_retain(flags)))
            }
        }
    }

    /// One of its files, by a name that leads to it.
    pub(crate) fn path(&self, number: i32) -> String {
        format!("/proc/{}/fd/{number}", self.pid)
    }
}

/// A thread that is made to send a file.
struct Sender {
    tid: Pid,
    pid: Pid,
    /// Its registers where it stands.
    regs: user_regs_struct,
    scratch: u64,
    /// It stands inside a call, which can be made another.
    inside: bool,
}

impl Sender {
    fn send(mut self, number: i32, stand: Stand, mailbox: &Mailbox) -> Option<OwnedFd> {
        let mut before = [0; MESSAGE];
        memory::read(self.tid, self.scratch, &mut before).ok()?;
        memory::write(self.tid, self.scratch, &self.message(number, mailbox)).ok()?;
        let socket = [libc::AF_UNIX as u64, libc::SOCK_DGRAM as u64, 0];
        let mut signals = Vec::new();
        let socket = self.call(libc::SYS_socket, socket, &mut signals).filter(|file| *file >= 0);
        let sent = socket.and_then(|socket| {
            let sent = self.call(libc::SYS_sendmsg, [socket as u64, self.scratch, 0], &mut signals);
            self.call(libc::SYS_close, [socket as u64, 0, 0], &mut signals);
            sent
        });
        let restored = memory::write(self.tid, self.scratch, &before).is_ok()
            && self.come_back(stand, &mut signals);
        for signal in signals {
            // It comes again where the program expects it.
            let _ = kill(self.pid, signal);
        }
        (restored && sent == Some(1)).then(|| mailbox.receive())?
    }

    fn message(&self, number: i32, mailbox: &Mailbox) -> [u8; MESSAGE] {
        let at = |offset: u64| self.scratch + offset;
        let mut bytes = [0; MESSAGE];
        let mut put = |offset: u64, part: &[u8]| {
            bytes[offset as usize..offset as usize + part.len()].copy_from_slice(part);
        };
        let header = [
            at(ADDRESS),
            mailbox.address.len() as u64,
            at(VECTOR),
            1,
            at(CONTROL),
            CONTROL_LENGTH,
            0,
        ];
        for (index, word) in header.into_iter().enumerate() {
            put(8 * index as u64, &word.to_le_bytes());
        }
        put(VECTOR, &at(BYTE).to_le_bytes());
        put(VECTOR + 8, &1_u64.to_le_bytes());
        // The length counts what is used, without what fills up to eight bytes.
        put(CONTROL, &20_u64.to_le_bytes());
        put(CONTROL + 8, &libc::SOL_SOCKET.to_le_bytes());
        put(CONTROL + 12, &libc::SCM_RIGHTS.to_le_bytes());
        put(CONTROL + 16, &number.to_le_bytes());
        put(ADDRESS, &mailbox.address);
        bytes
    }

    /// Makes the thread do a call, and answers the result.
    fn call(&mut self, number: i64, arguments: [u64; 3], signals: &mut Vec<Signal>) -> Option<i64> {
        let mut regs = self.regs;
        [regs.rdi, regs.rsi, regs.rdx] = arguments;
        if self.inside {
            regs.orig_rax = number as u64;
        } else {
            regs.rip -= 2;
            regs.rax = number as u64;
            regs.orig_rax = u64::MAX;
        }
        ptrace::setregs(self.tid, regs).ok()?;
        if !self.inside {
            self.next(Stop::CallEnd, signals)?;
        }
        self.inside = false;
        self.next(Stop::CallEnd, signals)?;
        Some(ptrace::getregs(self.tid).ok()?.rax as i64)
    }

    /// Lets it run until it stands again as it stood.
    fn come_back(&self, stand: Stand, signals: &mut Vec<Signal>) -> bool {
        let mut regs = self.regs;
        if stand == Stand::Exit {
            return ptrace::setregs(self.tid, regs).is_ok();
        }
        regs.rip -= 2;
        regs.rax = regs.orig_rax;
        regs.orig_rax = u64::MAX;
        ptrace::setregs(self.tid, regs).is_ok() && self.next(Stop::Call, signals).is_some()
    }

    /// Lets it run to its next stop of this kind. Signals wait.
    fn next(&self, kind: Stop, signals: &mut Vec<Signal>) -> Option<()> {
        loop {
            match kind {
                Stop::Call => ptrace::cont(self.tid, None).ok()?,
                _ => ptrace::syscall(self.tid, None).ok()?,
            }
            match wait(Some(self.tid)).ok()?? {
                (_, stop) if stop == kind => return Some(()),
                (_, Stop::Signal(signal)) => signals.extend(Signal::try_from(signal)),
                // The filter has its say as well.
                (_, Stop::Call) => {}
                _ => return None,
            }
        }
    }
}
