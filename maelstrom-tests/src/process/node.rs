//! One node: its process, the three pipes to it, and what waits to be written to it.

use std::ffi::OsString;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};

use proto::{NodeId, Time};
use rustix::event::{PollFlags, Timespec, poll};
use rustix::io::{ioctl_fionbio, ioctl_fionread};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use simulator::Parcel;
use supervisor::LINE_BYTES_MAX;

use super::descendants;
use super::lines::{Filled, LineBuffer};
use super::reading::Reading;
use super::stderr::Log;
use crate::carrier::message::write_line;

/// Most that may wait to be written to one node, in MiB. What comes on top of it is lost, so that
/// a node that does not read, or one that floods it, cannot take all memory.
pub(super) const BACKLOG_MIB_MAX: usize = 64;
/// What a buffer may keep when it is empty, in bytes.
const IDLE_BYTES_MAX: usize = 256 * 1024;

/// How often a killed process is asked whether it has ended, and how long after each time: 5 s in
/// all. Only what hangs in the operating system itself needs so long.
const KILL_STEPS_MAX: usize = 5000;
const KILL_STEP: Timespec = Timespec { tv_sec: 0, tv_nsec: 1_000_000 };

/// How nodes are started.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) path: PathBuf,
    pub(super) arguments: Vec<OsString>,
    /// The working directory of all nodes.
    pub(super) directory: PathBuf,
    /// What the names of its nodes' lives begin with: see [`super::descendants`].
    pub(super) tag: String,
}

/// A node, running or not.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) id: NodeId,
    pub(super) running: Option<Running>,
    /// How often it was started.
    pub(super) starts: u64,
    /// Whether it is down because it ended by itself.
    pub(super) has_died: bool,
    pub(super) log: Log,
}

/// A process.
#[derive(Debug)]
pub(super) struct Running {
    child: Child,
    /// The name of this life of the node.
    pub(super) tag: String,
    /// Its process group, which it leads.
    pub(super) group: Pid,
    stdin: Option<ChildStdin>,
    stdout: Option<ChildStdout>,
    stderr: Option<ChildStderr>,
    pub(super) outgoing: Outgoing,
    pub(super) lines: LineBuffer,
    pub(super) is_paused: bool,
    /// It was found stopped although the nemesis did not pause it.
    pub(super) is_stopped: bool,
    reading: Reading,
    /// When to complain that a stream is closed although the process lives, and which one.
    pub(super) closed: Option<(Time, &'static str)>,
}

/// The pipes of a process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stream {
    Stdin,
    Stdout,
    Stderr,
}

impl Node {
    pub(super) fn new(id: NodeId, log: Log) -> Self {
        Self { id, running: None, starts: 0, has_died: false, log }
    }

    /// Starts the process, in a process group of its own.
    pub(super) fn spawn(&mut self, program: &Program) -> io::Result<Pid> {
        let tag = format!("{}{}/{}/", program.tag, self.id, self.starts);
        let mut child = Command::new(&program.path)
            .args(&program.arguments)
            .env(descendants::VARIABLE, &tag)
            .current_dir(&program.directory)
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let group = Pid::from_child(&child);
        let (stdin, stdout, stderr) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take());
        // Only our ends of the pipes are affected: the node's are files of their own.
        for pipe in [
            stdin.as_ref().map(AsFd::as_fd),
            stdout.as_ref().map(AsFd::as_fd),
            stderr.as_ref().map(AsFd::as_fd),
        ] {
            pipe.map_or(Ok(()), |pipe| ioctl_fionbio(pipe, true))?;
        }
        self.starts += 1;
        self.has_died = false;
        self.running = Some(Running {
            child,
            tag,
            group,
            stdin,
            stdout,
            stderr,
            outgoing: Outgoing::default(),
            lines: LineBuffer::new(LINE_BYTES_MAX),
            is_paused: false,
            is_stopped: false,
            reading: Reading::default(),
            closed: None,
        });
        Ok(group)
    }

    /// The number of its process group, while it runs.
    pub(super) fn group(&self) -> Option<i32> {
        self.running.as_ref().map(|running| running.group.as_raw_pid())
    }

    /// Reads stderr once.
    pub(super) fn read_stderr(&mut self, now: Time) -> Filled {
        let Some(running) = &mut self.running else { return Filled::End };
        let Some(stderr) = &mut running.stderr else { return Filled::End };
        let filled = self.log.read(stderr, now);
        if filled == Filled::End {
            running.stderr = None;
        }
        filled
    }
}

impl Running {
    /// Sends a signal to the process and all that it started. The process is not reaped yet, so
    /// its number cannot be somebody else's.
    pub(super) fn signal(&self, signal: Signal) {
        let _ = kill_process_group(self.group, signal);
    }

    /// Whether the process has ended; it is not reaped by this.
    pub(super) fn has_ended(&self) -> bool {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        matches!(waitid(WaitId::Pid(self.group), options), Ok(Some(_)))
    }

    /// Whether the process stands still after a SIGSTOP or the like.
    pub(super) fn is_stopped_by_signal(&self) -> bool {
        let options = WaitIdOptions::STOPPED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        matches!(waitid(WaitId::Pid(self.group), options), Ok(Some(_)))
    }

    /// Kills the process and all that it started, as far as that can be found.
    pub(super) fn kill(&self) {
        // It does nothing more while its descendants are looked for.
        self.signal(Signal::STOP);
        let own = self.group.as_raw_pid();
        descendants::kill(&self.tag, |number, _| number == own);
        self.signal(Signal::KILL);
    }

    /// Waits for the end of a process that was killed: a moment, unless the operating system cannot
    /// end it.
    pub(super) fn await_end(&mut self) -> io::Result<ExitStatus> {
        for _ in 0..KILL_STEPS_MAX {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            let _ = poll(&mut [], Some(&KILL_STEP));
        }
        Err(io::ErrorKind::TimedOut.into())
    }

    /// How many bytes it has been sent and has not read, as far as that can be known.
    pub(super) fn unread(&self) -> u64 {
        self.stdin.as_ref().and_then(|pipe| ioctl_fionread(pipe).ok()).unwrap_or(0)
    }

    /// Looks whether the process reads; how many bytes it leaves unread if it has not read for long.
    /// That is told once.
    pub(super) fn stops_reading(&mut self, now: Time) -> Option<u64> {
        let unread = self.unread();
        let read = self.outgoing.written_in_all.saturating_sub(unread);
        if unread == 0 || self.is_paused {
            self.reading.rests(now, read);
            return None;
        }
        self.reading.is_late(now, read).then(|| unread + self.outgoing.len() as u64)
    }

    /// Reads stdout once.
    pub(super) fn read_stdout(&mut self, lines: &mut LineBuffer) -> Filled {
        let Some(stdout) = &mut self.stdout else { return Filled::End };
        let filled = lines.fill(stdout);
        if filled == Filled::End {
            self.stdout = None;
        }
        filled
    }

    /// Whether it can be written to at all.
    pub(super) fn listens(&self) -> bool {
        self.stdin.is_some()
    }

    /// Whether so much waits to be written to it that nothing more is taken.
    pub(super) fn is_full(&self) -> bool {
        self.outgoing.len() > BACKLOG_MIB_MAX << 20
    }

    /// Has a message written at the next [`Running::flush`].
    pub(super) fn deliver(&mut self, parcel: &Parcel, body: &str) {
        let ends = (&parcel.message.src, &parcel.message.dest);
        write_line(&mut self.outgoing.bytes, parcel.number, ends, body);
    }

    /// Writes what waits, as far as the pipe takes it.
    ///
    /// # Errors
    /// If the process has closed its stdin.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.stdin.as_mut().map_or(Ok(()), |stdin| self.outgoing.flush(stdin))
    }

    /// Closes its stdin; what still waits to be written is dropped.
    pub(super) fn close_stdin(&mut self) {
        self.stdin = None;
        self.outgoing = Outgoing::default();
    }

    /// The pipes on which something is awaited.
    pub(super) fn streams(&self) -> impl Iterator<Item = (Stream, BorrowedFd<'_>, PollFlags)> {
        // Without a flag, too, a poll tells that the reader of a pipe is gone.
        let blocked = if self.outgoing.is_blocked { PollFlags::OUT } else { PollFlags::empty() };
        [
            self.stdin.as_ref().map(|pipe| (Stream::Stdin, pipe.as_fd(), blocked)),
            self.stdout.as_ref().map(|pipe| (Stream::Stdout, pipe.as_fd(), PollFlags::IN)),
            self.stderr.as_ref().map(|pipe| (Stream::Stderr, pipe.as_fd(), PollFlags::IN)),
        ]
        .into_iter()
        .flatten()
    }
}

/// Bytes on their way into a pipe.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    bytes: Vec<u8>,
    written: usize,
    /// Bytes that the pipe has taken since the process was started.
    written_in_all: u64,
    /// Whether the pipe took no more the last time.
    pub(super) is_blocked: bool,
}

impl Outgoing {
    fn len(&self) -> usize {
        self.bytes.len() - self.written
    }

    fn flush(&mut self, pipe: &mut impl Write) -> io::Result<()> {
        while self.len() > 0 && !self.is_blocked {
            match pipe.write(&self.bytes[self.written..]) {
                Ok(count) => {
                    self.written += count;
                    self.written_in_all += count as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.is_blocked = true,
                Err(error) => return Err(error),
            }
        }
        if self.len() == 0 {
            self.bytes.clear();
            self.written = 0;
            self.bytes.shrink_to(IDLE_BYTES_MAX);
        } else if self.written > self.bytes.len() / 2 {
            self.bytes.drain(..self.written);
            self.written = 0;
        }
        Ok(())
    }
}
