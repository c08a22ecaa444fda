//! Futexes, done here altogether.
//!
//! Nobody else runs while the supervisor looks at a futex's word, so there is no race between the
//! look and the wait; who is woken, and in which order, is never the kernel's choice.

use nix::errno::Errno;

use super::failure;
use crate::error::Error;
use crate::memory;
use crate::node::{Node, tolerate_death};
use crate::stops::Outcome;
use crate::thread::{Cause, Expiry, Key, State};

impl Node {
    pub(super) fn futex(&mut self, id: u32) -> Result<Outcome, Error> {
        let Some(thread) = self.thread(id) else { return Ok(Outcome::Run) };
        let (tid, process, operation) = (thread.tid, thread.process, thread.int(1));
        let (address, value) = (thread.argument(0), thread.argument(2) as u32);
        let (fourth, second, third) =
            (thread.argument(3), thread.argument(4), thread.argument(5) as u32);
        let shared = operation & libc::FUTEX_PRIVATE_FLAG == 0;
        let key = |address| Key { process, shared, address };
        let command = operation & libc::FUTEX_CMD_MASK;
        Ok(match command {
            libc::FUTEX_WAIT | libc::FUTEX_WAIT_BITSET => {
                let bits = if command == libc::FUTEX_WAIT { u32::MAX } else { third };
                let word = match memory::read_u32(tid, address) {
                    Ok(word) => word,
                    Err(errno) => return Ok(errno.into()),
                };
                if word != value {
                    return Ok(Errno::EAGAIN.into());
                }
                let deadline = match fourth {
                    0 => None,
                    timeout => match self.futex_deadline(id, operation, timeout) {
                        Ok(deadline) => Some(deadline),
                        Err(errno) => return Ok(errno.into()),
                    },
                };
                Outcome::Wait {
                    deadline,
                    cause: Cause::Futex { key: key(address), bits, value },
                    expiry: Expiry::Answer(failure(Errno::ETIMEDOUT)),
                }
            }
            libc::FUTEX_WAKE => Outcome::Answer(self.wake(key(address), value, u32::MAX)?),
            libc::FUTEX_WAKE_BITSET => Outcome::Answer(self.wake(key(address), value, third)?),
            libc::FUTEX_REQUEUE | libc::FUTEX_CMP_REQUEUE => {
                if command == libc::FUTEX_CMP_REQUEUE {
                    match memory::read_u32(tid, address) {
                        Ok(word) if word == third => {}
                        Ok(_) => return Ok(Errno::EAGAIN.into()),
                        Err(errno) => return Ok(errno.into()),
                    }
                }
                let woken = self.wake(key(address), value, u32::MAX)?;
                let moved = self.requeue(key(address), key(second), fourth as u32);
                let counted = if command == libc::FUTEX_CMP_REQUEUE { moved } else { 0 };
                Outcome::Answer(woken + counted)
            }
            libc::FUTEX_WAKE_OP => {
                let old = match memory::read_u32(tid, second) {
                    Ok(old) => old,
                    Err(errno) => return Ok(errno.into()),
                };
                let (new, also) = wake_operation(third, old);
                if let Err(errno) = memory::write(tid, second, &new.to_le_bytes()) {
                    return Ok(errno.into());
                }
                let mut woken = self.wake(key(address), value, u32::MAX)?;
                if also {
                    woken += self.wake(key(second), fourth as u32, u32::MAX)?;
                }
                Outcome::Answer(woken)
            }
            // Priority inheritance: libraries that ask find that it is missing.
            _ => Errno::ENOSYS.into(),
        })
    }

    fn futex_deadline(&mut self, id: u32, operation: i32, address: u64) -> Result<u64, Errno> {
        let span = self.span(id, address)?;
        if operation & libc::FUTEX_CMD_MASK == libc::FUTEX_WAIT {
            return Ok(self.local.saturating_add(span));
        }
        let clock = if operation & libc::FUTEX_CLOCK_REALTIME == 0 {
            libc::CLOCK_MONOTONIC
        } else {
            libc::CLOCK_REALTIME
        };
        self.when(clock, span).ok_or(Errno::EINVAL)
    }

    /// Wakes up to `most` threads that wait on a futex, the longest waiting first, and counts them.
    fn wake(&mut self, key: Key, most: u32, bits: u32) -> Result<i64, Error> {
        let mut waiting: Vec<(u64, usize, bool)> = Vec::new();
        for (index, thread) in self.threads.iter().enumerate() {
            if let State::Waiting(wait) = &thread.state
                && let Cause::Futex { key: at, bits: of, .. } = wait.cause
                && at.address == key.address
                && at.shared == key.shared
                && of & bits != 0
            {
                let own = at.process == key.process;
                if own || key.shared {
                    waiting.push((wait.arrival, index, own));
                }
            }
        }
        waiting.sort_unstable();
        let mut woken = 0;
        for (_, index, own) in waiting {
            // The same address in another process may be another word: too many wakes are allowed.
            if own && woken >= i64::from(most) {
                continue;
            }
            woken += i64::from(own);
            let thread = &mut self.threads[index];
            tolerate_death(thread.answer(0))?;
            self.ready.push(thread.id);
        }
        Ok(woken)
    }

    fn requeue(&mut self, from: Key, to: Key, most: u32) -> i64 {
        let mut waiting: Vec<(u64, usize)> = Vec::new();
        for (index, thread) in self.threads.iter().enumerate() {
            if let State::Waiting(wait) = &thread.state
                && matches!(wait.cause, Cause::Futex { key, .. } if key == from)
            {
                waiting.push((wait.arrival, index));
            }
        }
        waiting.sort_unstable();
        waiting.truncate(most as usize);
        for &(_, index) in &waiting {
            if let State::Waiting(wait) = &mut self.threads[index].state
                && let Cause::Futex { key, .. } = &mut wait.cause
            {
                *key = to;
            }
        }
        waiting.len() as i64
    }

    /// A thread has ended: the kernel has cleared a word of its and would have woken who waits there.
    pub(crate) fn recheck_futexes(&mut self, process: u32) -> Result<(), Error> {
        for index in 0..self.threads.len() {
            let thread = &self.threads[index];
            if thread.process == process
                && let State::Waiting(wait) = &thread.state
                && let Cause::Futex { key, value, .. } = wait.cause
                && memory::read_u32(thread.tid, key.address).is_ok_and(|word| word != value)
            {
                let thread = &mut self.threads[index];
                tolerate_death(thread.answer(0))?;
                self.ready.push(thread.id);
            }
        }
        Ok(())
    }
}

/// `FUTEX_WAKE_OP`: what the word becomes, and whether its waiters are woken too.
fn wake_operation(code: u32, old: u32) -> (u32, bool) {
    // Twelve bits each, signed.
    let signed = |bits: u32| ((bits << 20) as i32) >> 20;
    let (operation, comparison) = ((code >> 28) & 7, (code >> 24) & 15);
    let mut argument = signed((code >> 12) & 0xfff) as u32;
    if code >> 28 & 8 != 0 {
        argument = 1_u32.wrapping_shl(argument);
    }
    let new = match operation {
        0 => argument,
        1 => old.wrapping_add(argument),
        2 => old | argument,
        3 => old & !argument,
        _ => old ^ argument,
    };
    let (old, with) = (old as i32, signed(code & 0xfff));
    let also = match comparison {
        0 => old == with,
        1 => old != with,
        2 => old < with,
        3 => old <= with,
        4 => old > with,
        _ => old >= with,
    };
    (new, also)
}

#[cfg(test)]
mod tests {
    use super::wake_operation;

    #[test]
    fn a_wake_operation_changes_the_word_and_compares_what_was_there() {
        // What glibc asked for in pthread_cond_signal: set to 0, wake others if it was above 1.
        let code = 4 << 24 | 1;
        assert_eq!(wake_operation(code, 2), (0, true));
        assert_eq!(wake_operation(code, 1), (0, false));
        // Add -1; compare with -1.
        let code = 1 << 28 | 0xfff << 12 | 0xfff;
        assert_eq!(wake_operation(code, 0), (u32::MAX, false));
        assert_eq!(wake_operation(code, u32::MAX), (u32::MAX - 1, true));
        // Set bit 4 by shift.
        assert_eq!(wake_operation((8 | 2) << 28 | 4 << 12, 1).0, 17);
    }
}
