//! Input and output: what the node reads and writes is the supervisor's, the rest the kernel's.

use std::os::fd::AsFd;

use nix::errno::Errno;
use nix::unistd::Pid;
use rustix::event::PollFlags;
use rustix::fs::{FileType, OFlags, Stat};

use super::failure;
use crate::error::Error;
use crate::event::What;
use crate::lines::Piece;
use crate::memory;
use crate::node::Node;
use crate::process::Role;
use crate::stops::Outcome;
use crate::thread::Expiry;

/// The devices `/dev/random` and `/dev/urandom`: major number 1, minor numbers 8 and 9.
const RANDOM_DEVICES: [(u32, u32); 2] = [(1, 8), (1, 9)];
/// The most that one call writes, as with the kernel.
const WRITE_AT_MOST: u64 = 0x7fff_f000;
/// How fast a program can write, so that one which writes without an end gets to the end of a run: about as
/// fast as through a pipe.
const BYTES_PER_NANOSECOND: u64 = 1;
/// A long write is taken in pieces of this length.
const PIECE: u64 = 1 << 20;

impl Node {
    pub(super) fn read(&mut self, id: u32) -> Outcome {
        let Some(thread) = self.thread(id) else { return Outcome::Run };
        let (descriptor, address, length) = (thread.int(0), thread.argument(1), thread.argument(2));
        if self.role(id, descriptor) != Role::Input
            && let Some((stat, _)) = self.look_at(id)
            && FileType::from_raw_mode(stat.st_mode) == FileType::CharacterDevice
        {
            let device = (rustix::fs::major(stat.st_rdev), rustix::fs::minor(stat.st_rdev));
            if RANDOM_DEVICES.contains(&device) {
                self.count_spin(id, false);
                return self.randomize(id, address, length);
            }
        }
        self.receive(id)
    }

    /// Lets a thread take something from a file, once there is something.
    pub(super) fn receive(&mut self, id: u32) -> Outcome {
        let Some(thread) = self.thread(id) else { return Outcome::Run };
        let descriptor = thread.int(0);
        if self.role(id, descriptor) == Role::Input && self.input.has_something() {
            self.boot_is_over();
            self.count_spin(id, false);
            return Outcome::Run;
        }
        let Some((stat, flags)) = self.look_at(id) else { return Outcome::Run };
        let is_input = (stat.st_dev, stat.st_ino) == self.input.identity;
        // Nothing is there, so that it only looks.
        self.count_spin(id, is_input && flags.contains(OFlags::NONBLOCK));
        if is_input {
            self.boot_is_over();
        }
        let kind = FileType::from_raw_mode(stat.st_mode);
        if matches!(kind, FileType::RegularFile | FileType::Directory | FileType::BlockDevice) {
            return Outcome::Run;
        }
        if flags.contains(OFlags::NONBLOCK) {
            return Outcome::Run;
        }
        let expiry = Expiry::Answer(failure(Errno::EAGAIN));
        self.wait_for_files(id, &[(descriptor, PollFlags::IN)], None, expiry)
            .unwrap_or(Outcome::Run)
    }

    /// The file that is a call's first argument.
    fn look_at(&mut self, id: u32) -> Option<(Stat, OFlags)> {
        let thread = self.thread(id)?;
        let (process, descriptor) = (thread.process, thread.int(0));
        self.process(process)?.look(descriptor)
    }

    /// What a descriptor from 0 to 2 is to the node.
    pub(crate) fn role(&mut self, id: u32, descriptor: i32) -> Role {
        let Some(thread) = self.thread(id).filter(|_| (0..3).contains(&descriptor)) else {
            return Role::Own;
        };
        let process = thread.process;
        let pipes = [
            (self.input.identity, Role::Input),
            (self.output.identity, Role::Output),
            (self.error.identity, Role::Error),
        ];
        let Some(process) = self.process(process) else { return Role::Own };
        let known = usize::try_from(descriptor).ok().and_then(|index| process.roles.get(index));
        if let Some(&Some(role)) = known {
            return role;
        }
        let identity = process.look(descriptor).map(|(stat, _)| (stat.st_dev, stat.st_ino));
        let role = pipes
            .iter()
            .find(|&&(pipe, _)| identity == Some(pipe))
            .map_or(Role::Own, |&(_, role)| role);
        if let Ok(index) = usize::try_from(descriptor)
            && let Some(slot) = process.roles.get_mut(index)
        {
            *slot = Some(role);
        }
        role
    }

    /// One of the descriptors 0 to 2 is closed or replaced: look again when it is next used.
    pub(super) fn forget_role(&mut self, id: u32, argument: usize) -> Outcome {
        let Some(thread) = self.thread(id) else { return Outcome::Run };
        let (process, descriptor) = (thread.process, thread.argument(argument));
        self.touched = true;
        if let Some(process) = self.process(process) {
            match usize::try_from(descriptor).ok().and_then(|index| process.roles.get_mut(index)) {
                // `close_range` may close them all.
                Some(_) if argument == 0 => process.roles = [None; 3],
                Some(slot) => *slot = None,
                None => {}
            }
        }
        Outcome::Run
    }

    pub(super) fn write(&mut self, id: u32) -> Outcome {
        let Some(thread) = self.thread(id) else { return Outcome::Run };
        let (tid, descriptor) = (thread.tid, thread.int(0));
        let (address, length) = (thread.argument(1), thread.argument(2));
        let role = self.role(id, descriptor);
        if !matches!(role, Role::Output | Role::Error) {
            return Outcome::Run;
        }
        match self.take(role, (tid, address), length.min(WRITE_AT_MOST)) {
            Ok(taken) => Outcome::Answer(taken as i64),
            Err(errno) => errno.into(),
        }
    }

    /// Takes all of what a thread writes from its memory, as a pipe whose reader is quick does: a program may
    /// count on that. How much it was; less than asked for only where there is no memory.
    fn take(&mut self, role: Role, (tid, address): (Pid, u64), length: u64) -> Result<u64, Errno> {
        let mut taken = 0;
        while taken < length {
            let mut bytes = vec![0; (length - taken).min(PIECE) as usize];
            match memory::read(tid, address.wrapping_add(taken), &mut bytes) {
                Ok(()) => {}
                Err(errno) if taken == 0 => return Err(errno),
                Err(_) => break,
            }
            self.collect(role, &bytes);
            taken += bytes.len() as u64;
        }
        self.local += taken / BYTES_PER_NANOSECOND;
        Ok(taken)
    }

    pub(super) fn writev(&mut self, id: u32) -> Outcome {
        let Some(thread) = self.thread(id) else { return Outcome::Run };
        let (tid, descriptor) = (thread.tid, thread.int(0));
        let (vector, count) = (thread.argument(1), thread.argument(2));
        let role = self.role(id, descriptor);
        if !matches!(role, Role::Output | Role::Error) {
            return Outcome::Run;
        }
        if count > libc::UIO_MAXIOV as u64 {
            return Errno::EINVAL.into();
        }
        let mut taken = 0;
        for index in 0..count {
            let piece = memory::read_pair(tid, vector.wrapping_add(16 * index));
            let piece = piece.and_then(|(address, length)| {
                let length = length.min(WRITE_AT_MOST - taken);
                self.take(role, (tid, address), length).map(|came| (came, came < length))
            });
            match piece {
                Ok((came, is_last)) => {
                    taken += came;
                    if is_last {
                        break;
                    }
                }
                Err(errno) if taken == 0 => return errno.into(),
                Err(_) => break,
            }
        }
        Outcome::Answer(taken as i64)
    }

    /// From file to file inside the kernel: programs that get this answer copy by themselves.
    pub(super) fn sendfile(&mut self, id: u32) -> Outcome {
        match self.role(id, 1) {
            Role::Output | Role::Error => Errno::EINVAL.into(),
            _ => Outcome::Run,
        }
    }

    pub(super) fn socket(&mut self, id: u32) -> Outcome {
        let Some(thread) = self.thread(id) else { return Outcome::Run };
        match thread.int(0) {
            // Libraries ask the kernel about interfaces by it; they live without.
            libc::AF_NETLINK => Errno::EAFNOSUPPORT.into(),
            _ => self.refuse(id, "a network socket", Errno::ENETDOWN),
        }
    }

    /// Bytes for standard output or error.
    pub(crate) fn collect(&mut self, role: Role, bytes: &[u8]) {
        let pipe = if role == Role::Output { &mut self.output } else { &mut self.error };
        let pieces = pipe.lines.feed(bytes);
        self.digest.add_bytes(bytes);
        for piece in pieces {
            self.say(match (role, piece) {
                (Role::Output, Piece::Line(line)) => What::Output(line),
                (Role::Output, Piece::TooLong(start)) => What::LongLine(start),
                (_, Piece::Line(line) | Piece::TooLong(line)) => What::Stderr(line),
            });
        }
    }

    /// Takes what came through a pipe itself: from a descriptor that is a copy of 1 or 2.
    pub(crate) fn collect_stray(&mut self, role: Role) {
        let mut buffer = vec![0; 1 << 16];
        loop {
            let pipe = if role == Role::Output { &self.output } else { &self.error };
            match rustix::io::read(pipe.reader.as_fd(), &mut buffer) {
                Ok(length) if length > 0 => {
                    let bytes = buffer[..length].to_vec();
                    self.collect(role, &bytes);
                }
                _ => return,
            }
        }
    }

    /// Gives the node's input pipe as much as it takes.
    pub(crate) fn push_input(&mut self) -> Result<(), Error> {
        while !self.input.backlog.is_empty() {
            match rustix::io::write(&self.input.writer, &self.input.backlog) {
                Ok(length) => {
                    self.input.backlog.drain(..length);
                    self.input.is_drained.set(false);
                    self.stale = true;
                }
                // Full, or nobody reads any more: then what is written is lost, as on any pipe.
                Err(rustix::io::Errno::AGAIN) => break,
                Err(rustix::io::Errno::PIPE) => self.input.backlog.clear(),
                Err(rustix::io::Errno::INTR) => {}
                Err(errno) => return Err(Error::system("write to a node's input")(errno)),
            }
        }
        Ok(())
    }
}
