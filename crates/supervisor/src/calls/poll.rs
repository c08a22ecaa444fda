//! Waiting for files: `poll`, `select`, `epoll`.
//!
//! The supervisor takes duplicates of the files and asks the kernel itself. If one is ready the call
//! is let through, and comes back at once; if none is, the thread waits here, and the duplicates are
//! asked again whenever something in the node has moved.

use std::os::fd::OwnedFd;

use nix::errno::Errno;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::lend::Stand;
use crate::memory;
use crate::node::Node;
use crate::process::Role;
use crate::stops::Outcome;
use crate::thread::{AtExit, Cause, Expiry, Waited};

/// Descriptors in one call; more is refused by the kernel's usual limit too.
const DESCRIPTORS_AT_MOST: usize = 1 << 16;

impl Node {
    pub(super) fn poll(&mut self, id: u32) -> Outcome {
        let Some(thread) = self.thread(id) else { return Outcome::Run };
        let timeout = thread.int(2);
        let deadline = u64::try_from(timeout).ok().map(|millis| self.local + millis * 1_000_000);
        self.poll_until(id, deadline)
    }

    pub(super) fn ppoll(&mut self, id: u32) -> Outcome {
        let Some(thread) = self.thread(id) else { return Outcome::Run };
        let timeout = thread.argument(2);
        let deadline = match timeout {
            0 => None,
            address => match self.after(id, address) {
                Ok(deadline) => Some(deadline),
                Err(errno) => return errno.into(),
            },
        };
        self.poll_until(id, deadline)
    }

    fn poll_until(&mut self, id: u32, deadline: Option<u64>) -> Outcome {
        let Some(thread) = self.thread(id) else { return Outcome::Run };
        let (tid, address, count) = (thread.tid, thread.argument(0), thread.argument(1));
        let Ok(count) = usize::try_from(count) else { return Errno::EINVAL.into() };
        if count > DESCRIPTORS_AT_MOST {
            return Errno::EINVAL.into();
        }
        let mut array = vec![0; count * 8];
        if let Err(errno) = memory::read(tid, address, &mut array) {
            return errno.into();
        }
        let mut wanted = Vec::new();
        for entry in array.chunks(8) {
            let descriptor = i32::from_le_bytes([entry[0], entry[1], entry[2], entry[3]]);
            let events = u16::from_le_bytes([entry[4], entry[5]]);
            if descriptor >= 0 {
                wanted.push((descriptor, PollFlags::from_bits_retain(events)));
            }
        }
        let expiry = Expiry::Poll { address, count };
        self.wait_for_files(id, &wanted, deadline, expiry).unwrap_or(Outcome::Run)
    }

    pub(super) fn epoll_wait(&mut self, id: u32) -> Outcome {
        let Some(thread) = self.thread(id) else { return Outcome::Run };
        let (descriptor, timeout) = (thread.int(0), thread.int(3));
        let deadline = u64::try_from(timeout).ok().map(|millis| self.local + millis * 1_000_000);
        self.wait_for_files(id, &[(descriptor, PollFlags::IN)], deadline, Expiry::Answer(0))
            .unwrap_or(Outcome::Run)
    }

    pub(super) fn epoll_pwait2(&mut self, id: u32) -> Outcome {
        let Some(thread) = self.thread(id) else { return Outcome::Run };
        let (descriptor, timeout) = (thread.int(0), thread.argument(3));
        let deadline = match timeout {
            0 => None,
            address => match self.after(id, address) {
                Ok(deadline) => Some(deadline),
                Err(errno) => return errno.into(),
            },
        };
        self.wait_for_files(id, &[(descriptor, PollFlags::IN)], deadline, Expiry::Answer(0))
            .unwrap_or(Outcome::Run)
    }

    /// `select`, whose time-out is in microseconds, and `pselect6`, in nanoseconds.
    pub(super) fn select(&mut self, id: u32, micros: bool) -> Outcome {
        let Some(thread) = self.thread(id) else { return Outcome::Run };
        let tid = thread.tid;
        let count = thread.int(0).clamp(0, DESCRIPTORS_AT_MOST as i32) as usize;
        let sets = [thread.argument(1), thread.argument(2), thread.argument(3)];
        let timeout = thread.argument(4);
        let mut asked = None;
        if timeout != 0 {
            let unit = if micros { 1_000 } else { 1 };
            let Ok((seconds, rest)) = memory::read_pair(tid, timeout) else {
                return Errno::EFAULT.into();
            };
            if (seconds as i64) < 0 || (rest as i64) < 0 {
                return Errno::EINVAL.into();
            }
            asked = Some(seconds.saturating_mul(1_000_000_000).saturating_add(rest * unit));
        }
        if asked == Some(0) {
            // The kernel has no time to write down that would be left.
            self.count_spin(id, true);
            return Outcome::Run;
        }
        // The sets are arrays of 64-bit words.
        let bytes = count.div_ceil(64) * 8;
        let meanings = [PollFlags::IN, PollFlags::OUT, PollFlags::PRI];
        let mut wanted = Vec::new();
        for (set, meaning) in sets.into_iter().zip(meanings) {
            if set == 0 {
                continue;
            }
            let mut members = vec![0_u8; bytes];
            if let Err(errno) = memory::read(tid, set, &mut members) {
                return errno.into();
            }
            wanted.extend(
                (0..count)
                    .filter(|&member| members[member / 8] >> (member % 8) & 1 == 1)
                    .map(|member| (member as i32, meaning)),
            );
        }
        let deadline = asked.map(|asked| self.local.saturating_add(asked));
        let expiry = Expiry::Select { sets, bytes };
        match self.wait_for_files(id, &wanted, deadline, expiry) {
            Some(outcome) => outcome,
            // The kernel writes how much time is left, by its own clock: none has passed here.
            None => match asked {
                Some(left) => Outcome::RunTo(AtExit::Select { address: timeout, micros, left }),
                None => Outcome::Run,
            },
        }
    }

    /// Holds a thread back until a file is ready; `None` if one is ready already, or is not open, or
    /// the call does not wait at all.
    pub(super) fn wait_for_files(
        &mut self,
        id: u32,
        wanted: &[(i32, PollFlags)],
        deadline: Option<u64>,
        expiry: Expiry,
    ) -> Option<Outcome> {
        let is_look = deadline.is_some_and(|deadline| deadline <= self.local);
        self.count_spin(id, is_look);
        if is_look {
            return None;
        }
        let mut files = Vec::with_capacity(wanted.len());
        for &(descriptor, events) in wanted {
            let is_input = !events.intersects(!(PollFlags::IN | PollFlags::RDNORM))
                && self.role(id, descriptor) == Role::Input;
            files.push(match is_input {
                true if self.input.has_something() => return None,
                true => Waited::Input,
                false => Waited::File(self.duplicate(id, descriptor, Stand::Entry)?, events),
            });
        }
        if any_is_ready(&files) {
            return None;
        }
        Some(Outcome::Wait { deadline, cause: Cause::Files(files), expiry })
    }
}

/// Whether the kernel would have something to say about one of these files, the input aside.
fn any_is_ready(files: &[Waited]) -> bool {
    let own = files.iter().filter_map(|waited| match waited {
        Waited::File(file, events) => Some(PollFd::new(file, *events)),
        Waited::Input => None,
    });
    let mut asked: Vec<PollFd<'_>> = own.collect();
    if asked.is_empty() {
        return false;
    }
    let none = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut asked, Some(&none)).is_ok_and(|found| found > 0)
}

/// Whether a file can be read without waiting.
pub(super) fn is_readable(file: &OwnedFd) -> bool {
    let none = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut [PollFd::new(file, PollFlags::IN)], Some(&none)).is_ok_and(|found| found > 0)
}
