//! Who a process is, and where it runs: numbers that would differ from run to run.

use std::os::unix::fs::FileExt as _;

use nix::errno::Errno;

use crate::node::Node;
use crate::stops::Outcome;
use crate::thread::AtExit;
use crate::{memory, vdso};

impl Node {
    pub(super) fn getpid(&mut self, id: u32) -> Outcome {
        let Some(thread) = self.thread(id) else { return Outcome::Run };
        let process = thread.process;
        self.answer_from_page(id, libc::SYS_getpid, vdso::PROCESS);
        Outcome::Answer(i64::from(process))
    }

    /// Replaces the two instructions that have made this call, `mov $number, %eax` and `syscall`, by one
    /// that loads the answer from the page, so that they never stop again: `asyncio` asks for its
    /// process with each message, Java for the thread. Both are seven bytes, which is why the page is
    /// where it is.
    ///
    /// No other thread may stand between the two. It cannot, for threads lose their turn at calls alone;
    /// where that is not so all stays as it is.
    fn answer_from_page(&mut self, id: u32, number: i64, word: u64) {
        let everybody_stands_at_calls = !self.options.deep && self.forced == 0;
        let Some(thread) = self.thread(id) else { return };
        let (tid, process, after) = (thread.tid, thread.process, thread.regs.rip);
        let has_page = self.process(process).is_some_and(|process| process.has_page);
        let Some(code) = after.checked_sub(7).filter(|_| has_page && everybody_stands_at_calls)
        else {
            return;
        };
        let [n0, n1, ..] = number.to_le_bytes();
        if memory::array(tid, code) != Ok([0xb8, n0, n1, 0, 0, 0x0f, 0x05]) {
            return;
        }
        let [w0, w1, w2, w3, ..] = word.to_le_bytes();
        // mov word, %eax: the address is absolute.
        let load = [0x8b, 0x04, 0x25, w0, w1, w2, w3];
        // Code that cannot be written, as in memory that is shared with others, goes on stopping.
        let _ = std::fs::OpenOptions::new()
            .write(true)
            .open(format!("/proc/{tid}/mem"))
            .and_then(|memory| memory.write_all_at(&load, code));
    }

    /// `gettid`, and `set_tid_address`, which answers the same and must be carried out as well.
    pub(super) fn gettid(&mut self, id: u32, number: i64) -> Outcome {
        if number == libc::SYS_gettid {
            self.answer_from_page(id, number, vdso::THREAD);
            return Outcome::Answer(i64::from(id));
        }
        Outcome::RunTo(AtExit::Born(id))
    }

    /// The node's first process was started by process 1.
    pub(super) fn getppid(&mut self, id: u32) -> Outcome {
        let process = self.thread(id).map_or(0, |thread| thread.process);
        let parent = self.process(process).and_then(|process| process.parent).unwrap_or(1);
        Outcome::Answer(i64::from(parent))
    }

    /// There is one processor, number 0.
    pub(super) fn sched_getaffinity(&mut self, id: u32) -> Outcome {
        let Some(thread) = self.thread(id) else { return Outcome::Run };
        let (length, address) = (thread.argument(1), thread.argument(2));
        if length < 8 || length % 8 != 0 {
            return Errno::EINVAL.into();
        }
        match memory::write(thread.tid, address, &1_u64.to_le_bytes()) {
            Ok(()) => Outcome::Answer(8),
            Err(errno) => errno.into(),
        }
    }

    pub(super) fn getcpu(&mut self, id: u32) -> Outcome {
        let Some(thread) = self.thread(id) else { return Outcome::Run };
        for address in [thread.argument(0), thread.argument(1)] {
            if address != 0
                && let Err(errno) = memory::write(thread.tid, address, &[0; 4])
            {
                return errno.into();
            }
        }
        Outcome::Answer(0)
    }

    /// A call about the process in its first argument: the kernel knows it by another number.
    pub(super) fn of_process(&mut self, id: u32) -> Outcome {
        let Some(thread) = self.thread(id) else { return Outcome::Run };
        let entry = thread.regs;
        let Some(real) = self.real(entry.rdi as i32) else { return Errno::ESRCH.into() };
        let mut regs = entry;
        regs.rdi = real as u64;
        Outcome::RunChanged(Box::new(regs), AtExit::Restore(entry))
    }

    /// The kernel's number of the process or thread with one of ours.
    pub(super) fn real(&self, id: i32) -> Option<i32> {
        let id = u32::try_from(id).ok()?;
        self.threads.iter().find(|thread| thread.id == id).map(|thread| thread.tid.as_raw())
    }

    /// Our number of the process with one of the kernel's, whether it still runs or not.
    pub(super) fn ours(&self, real: i32) -> Option<u32> {
        self.pids.get(&real).copied()
    }
}
