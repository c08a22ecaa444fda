//! Randomness: drawn from the seed.

use nix::errno::Errno;
use rand::Rng as _;

use crate::memory;
use crate::node::Node;
use crate::stops::Outcome;

/// The most that one call gets: as with the kernel's device, programs ask again.
const AT_MOST: usize = 1 << 20;

/// Bit of `cpuid` leaf 1, ecx.
const RDRAND: u32 = 1 << 30;
/// Bit of `cpuid` leaf 7, ebx.
const RDSEED: u32 = 1 << 18;

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
    /// `cpuid`: what the processor can do, without its random numbers, which no seed rules.
    pub(crate) fn tell_features(&mut self, id: u32) -> Result<(), crate::error::Error> {
        use crate::thread::{Resume, State};
        self.note(id, -997);
        let Some(thread) = self.thread(id) else { return Ok(()) };
        let (leaf, part) = (thread.regs.rax as u32, thread.regs.rcx as u32);
        let mut told = std::arch::x86_64::__cpuid_count(leaf, part);
        match (leaf, part) {
            (1, _) => {
                told.ecx &= !RDRAND;
                // Which processor this is running on.
                told.ebx &= 0x00ff_ffff;
            }
            (7, 0) => told.ebx &= !RDSEED,
            // The topology tells it as well.
            (0x0b | 0x1f, _) => told.edx = 0,
            _ => {}
        }
        thread.regs.rax = u64::from(told.eax);
        thread.regs.rbx = u64::from(told.ebx);
        thread.regs.rcx = u64::from(told.ecx);
        thread.regs.rdx = u64::from(told.edx);
        thread.regs.rip += 2;
        let in_call = thread.at_exit.is_some();
        thread.state = State::Ready(if in_call { Resume::ToExit } else { Resume::Continue });
        crate::node::tolerate_death(nix::sys::ptrace::setregs(thread.tid, thread.regs))
    }
}
