//! Who a process is, and where it runs: numbers that would differ from run to run.

use nix::errno::Errno;

use crate::memory;
use crate::node::Node;
use crate::stops::Outcome;
use crate::thread::AtExit;

impl Node {
    pub(super) fn getpid(&mut self, id: u32) -> Outcome {
        let Some(thread) = self.thread(id) else { return Outcome::Run };
        Outcome::Answer(i64::from(thread.process))
    }

    /// `gettid`, and `set_tid_address`, which answers the same and must be carried out as well.
    pub(super) fn gettid(&mut self, id: u32, number: i64) -> Outcome {
        if number == libc::SYS_gettid {
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
