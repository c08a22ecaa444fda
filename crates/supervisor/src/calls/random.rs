//! Randomness: drawn from the seed.

use nix::errno::Errno;
use rand::Rng as _;

use crate::memory;
use crate::node::Node;
use crate::stops::Outcome;

/// The most that one call gets: as with the kernel's device, programs ask again.
const AT_MOST: usize = 1 << 20;

impl Node {
    /// Random bytes from the node's stream.
    pub(crate) fn draw(&mut self, bytes: &mut [u8]) {
        self.draws.fill_bytes(bytes);
    }

    pub(super) fn getrandom(&mut self, id: u32) -> Outcome {
        let Some(thread) = self.thread(id) else { return Outcome::Run };
        let (address, length) = (thread.argument(0), thread.argument(1));
        self.randomize(id, address, length)
    }

    /// Fills memory with random bytes, as `getrandom` and the devices of randomness do.
    pub(super) fn randomize(&mut self, id: u32, address: u64, length: u64) -> Outcome {
        let length = usize::try_from(length).map_or(AT_MOST, |length| length.min(AT_MOST));
        let mut bytes = vec![0; length];
        self.draw(&mut bytes);
        let Some(thread) = self.thread(id) else { return Errno::ESRCH.into() };
        match memory::write(thread.tid, address, &bytes) {
            Ok(()) => Outcome::Answer(length as i64),
            Err(errno) => errno.into(),
        }
    }

    /// `rdtsc`: the node's clock, as if it ticked once a nanosecond.
    pub(crate) fn read_counter(&mut self, id: u32) -> Result<(), crate::error::Error> {
        use crate::thread::{Resume, State};
        self.note(id, -999);
        let counter = self.monotonic();
        let Some(thread) = self.thread(id) else { return Ok(()) };
        let bytes: [u8; 3] = memory::array(thread.tid, thread.regs.rip).unwrap_or_default();
        let with_processor = bytes == [0x0f, 0x01, 0xf9];
        thread.regs.rax = counter & 0xffff_ffff;
        thread.regs.rdx = counter >> 32;
        if with_processor {
            thread.regs.rcx = 0;
        }
        thread.regs.rip += if with_processor { 3 } else { 2 };
        let in_call = thread.at_exit.is_some();
        thread.state = State::Ready(if in_call { Resume::ToExit } else { Resume::Continue });
        crate::node::tolerate_death(nix::sys::ptrace::setregs(thread.tid, thread.regs))
    }
}
