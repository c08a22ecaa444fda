//! Clocks and sleeps.

use nix::errno::Errno;

use crate::memory;
use crate::node::Node;
use crate::stops::Outcome;
use crate::thread::{Cause, Expiry};
use crate::vdso;

/// What `CLOCK_MONOTONIC` shows when a run begins: the node's machine has been up for a while.
pub(crate) const UPTIME: u64 = 1_000_000_000_000;
pub(crate) const SECOND: u64 = 1_000_000_000;

/// After this many looks at clocks and files in a row each costs twice as much, and so on: somebody waits for
/// time to pass, and misses its end by one part in so many at most.
const PATIENT_LOOKS: u32 = 64;
/// The shortest sleep, in nanoseconds. On Linux one of 20 µs takes 70 to 100: it ends up to 50 µs late (the timer
/// slack of `prctl(2)`), and the thread has to get a processor. Who looks round so often, as Go's monitor does,
/// stops less often then.
const SHORTEST_SLEEP: u64 = 100_000;

impl Node {
    /// The wall clock, in nanoseconds since 1970.
    pub(crate) const fn wall(&self) -> u64 {
        (self.options.wall_clock + self.local).saturating_add_signed(self.clock_offset)
    }

    /// The clock that nobody sets, in nanoseconds.
    pub(crate) const fn monotonic(&self) -> u64 {
        UPTIME + self.local
    }

    /// The node's time at which a clock shows `value`; `None` for clocks that do not pass.
    pub(crate) fn when(&self, clock: i32, value: u64) -> Option<u64> {
        match clock {
            libc::CLOCK_REALTIME | libc::CLOCK_REALTIME_ALARM | libc::CLOCK_TAI => {
                Some(self.local.saturating_add(value.saturating_sub(self.wall())))
            }
            libc::CLOCK_MONOTONIC | libc::CLOCK_BOOTTIME | libc::CLOCK_BOOTTIME_ALARM => {
                Some(value.saturating_sub(UPTIME))
            }
            _ => None,
        }
    }

    /// What a look at the clock costs a thread, in nanoseconds. A thread that does nothing else waits for
    /// time to pass, and gets dearer and dearer looks: a second would else take a million.
    pub(crate) fn price_of_look(&mut self, id: u32) -> u64 {
        let Some(thread) = self.thread(id) else { return self.options.tick };
        let process = thread.process;
        // All looks between two stops together should not cost more than nodes may be apart.
        let has_page = self.process(process).is_some_and(|process| process.has_page);
        let looks = if has_page { vdso::LIMIT } else { 1 };
        self.price_up_to(id, self.options.lead / looks)
    }

    fn price_up_to(&mut self, id: u32, dearest: u64) -> u64 {
        let tick = self.options.tick;
        let spin = self.thread(id).map_or(0, |thread| thread.spin);
        if spin <= PATIENT_LOOKS {
            return tick;
        }
        (tick << (spin / PATIENT_LOOKS).min(20)).min(dearest).max(tick)
    }

    /// Counts the calls in a row that look at the clock, or whether a file is ready, and do not wait: by
    /// them a thread shows that it waits for time to pass.
    pub(crate) fn count_spin(&mut self, id: u32, is_look: bool) {
        let Some(thread) = self.thread(id) else { return };
        thread.spin = if is_look { thread.spin.saturating_add(1) } else { 0 };
        self.local += self.price_up_to(id, self.options.lead) - self.options.tick;
    }

    pub(super) fn clock_gettime(&mut self, id: u32) -> Outcome {
        let (wall, monotonic, all) = (self.wall(), self.monotonic(), self.cpu_of(id));
        let Some(thread) = self.thread(id) else { return Outcome::Run };
        let value = match thread.int(0) {
            libc::CLOCK_REALTIME | libc::CLOCK_REALTIME_COARSE | libc::CLOCK_TAI => wall,
            libc::CLOCK_REALTIME_ALARM => wall,
            libc::CLOCK_MONOTONIC
            | libc::CLOCK_MONOTONIC_RAW
            | libc::CLOCK_MONOTONIC_COARSE
            | libc::CLOCK_BOOTTIME
            | libc::CLOCK_BOOTTIME_ALARM => monotonic,
            libc::CLOCK_THREAD_CPUTIME_ID => thread.cpu,
            libc::CLOCK_PROCESS_CPUTIME_ID => all,
            // The processor time of a process or thread that is named by number.
            negative if negative < 0 => all,
            _ => return Errno::EINVAL.into(),
        };
        let address = thread.argument(1);
        match memory::write_pair(thread.tid, address, value / SECOND, value % SECOND) {
            Ok(()) => Outcome::Answer(0),
            Err(errno) => errno.into(),
        }
    }

    pub(super) fn gettimeofday(&mut self, id: u32) -> Outcome {
        let wall = self.wall();
        let Some(thread) = self.thread(id) else { return Outcome::Run };
        let (address, zone) = (thread.argument(0), thread.argument(1));
        let micros = wall % SECOND / 1_000;
        let written = match address {
            0 => Ok(()),
            _ => memory::write_pair(thread.tid, address, wall / SECOND, micros),
        };
        // struct timezone, obsolete: two numbers, both 0.
        let zoned = if zone == 0 { Ok(()) } else { memory::write(thread.tid, zone, &[0; 8]) };
        match written.and(zoned) {
            Ok(()) => Outcome::Answer(0),
            Err(errno) => errno.into(),
        }
    }

    pub(super) fn time(&mut self, id: u32) -> Outcome {
        let seconds = self.wall() / SECOND;
        let Some(thread) = self.thread(id) else { return Outcome::Run };
        let address = thread.argument(0);
        if address != 0
            && let Err(errno) = memory::write(thread.tid, address, &seconds.to_le_bytes())
        {
            return errno.into();
        }
        Outcome::Answer(seconds as i64)
    }

    /// A relative time at `address`, added to the node's time: `Err` for what is no time.
    pub(super) fn after(&mut self, id: u32, address: u64) -> Result<u64, Errno> {
        let local = self.local;
        let nanoseconds = self.span(id, address)?;
        Ok(local.saturating_add(nanoseconds))
    }

    /// The nanoseconds of a `timespec`.
    pub(super) fn span(&mut self, id: u32, address: u64) -> Result<u64, Errno> {
        let thread = self.thread(id).ok_or(Errno::ESRCH)?;
        let (seconds, nanoseconds) = memory::read_pair(thread.tid, address)?;
        if (seconds as i64) < 0 || nanoseconds >= SECOND {
            return Err(Errno::EINVAL);
        }
        Ok(seconds.saturating_mul(SECOND).saturating_add(nanoseconds))
    }

    pub(super) fn nanosleep(&mut self, id: u32) -> Outcome {
        let Some(thread) = self.thread(id) else { return Outcome::Run };
        let (address, rest) = (thread.argument(0), thread.argument(1));
        self.sleep_for(id, address, rest)
    }

    /// A sleep as long as the `timespec` at an address says.
    fn sleep_for(&mut self, id: u32, address: u64, rest: u64) -> Outcome {
        match self.span(id, address) {
            // It only gives the others a turn.
            Ok(0) => sleep_until(self.local, rest),
            Ok(span) => sleep_until(self.local.saturating_add(span.max(SHORTEST_SLEEP)), rest),
            Err(errno) => errno.into(),
        }
    }

    pub(super) fn clock_nanosleep(&mut self, id: u32) -> Outcome {
        let Some(thread) = self.thread(id) else { return Outcome::Run };
        let (clock, flags, address) = (thread.int(0), thread.int(1), thread.argument(2));
        let rest = thread.argument(3);
        if flags & libc::TIMER_ABSTIME == 0 {
            return self.sleep_for(id, address, rest);
        }
        match self.span(id, address) {
            Ok(value) => match self.when(clock, value) {
                Some(deadline) => sleep_until(deadline, 0),
                None => Errno::EINVAL.into(),
            },
            Err(errno) => errno.into(),
        }
    }

    /// Gives the others a turn: it sleeps for one tick.
    pub(super) fn sched_yield(&self) -> Outcome {
        sleep_until(self.local + self.options.tick, 0)
    }

    /// What a process's threads seem to have used.
    fn cpu_of(&mut self, id: u32) -> u64 {
        let process = self.thread(id).map_or(0, |thread| thread.process);
        self.threads
            .iter()
            .filter(|thread| thread.process == process)
            .map(|thread| thread.cpu)
            .sum()
    }

    pub(super) fn times(&mut self, id: u32) -> Outcome {
        // In hundredths of a second: four numbers, of which only the first is not 0.
        let hundredths = self.cpu_of(id) / 10_000_000;
        let uptime = self.monotonic() / 10_000_000;
        let Some(thread) = self.thread(id) else { return Outcome::Run };
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&hundredths.to_le_bytes());
        let address = thread.argument(0);
        if address != 0
            && let Err(errno) = memory::write(thread.tid, address, &bytes)
        {
            return errno.into();
        }
        Outcome::Answer(uptime as i64)
    }

    pub(super) fn getrusage(&mut self, id: u32) -> Outcome {
        let all = self.cpu_of(id);
        let Some(thread) = self.thread(id) else { return Outcome::Run };
        let used = match thread.int(0) {
            libc::RUSAGE_SELF => all,
            libc::RUSAGE_THREAD => thread.cpu,
            _ => 0,
        };
        match memory::write(thread.tid, thread.argument(1), &usage(used)) {
            Ok(()) => Outcome::Answer(0),
            Err(errno) => errno.into(),
        }
    }

    pub(super) fn sysinfo(&mut self, id: u32) -> Outcome {
        let uptime = self.monotonic() / SECOND;
        let Some(thread) = self.thread(id) else { return Outcome::Run };
        const GIB: u64 = 1 << 30;
        // struct sysinfo: uptime, three loads, total and free memory, ..., processes, ..., unit.
        let mut bytes = [0; 112];
        bytes[..8].copy_from_slice(&uptime.to_le_bytes());
        bytes[32..40].copy_from_slice(&(8 * GIB).to_le_bytes());
        bytes[40..48].copy_from_slice(&(4 * GIB).to_le_bytes());
        bytes[80] = 1;
        bytes[104] = 1;
        match memory::write(thread.tid, thread.argument(0), &bytes) {
            Ok(()) => Outcome::Answer(0),
            Err(errno) => errno.into(),
        }
    }
}

/// A `struct rusage`: user time, and a memory that is always the same.
pub(super) fn usage(used: u64) -> [u8; 144] {
    let mut bytes = [0; 144];
    bytes[..8].copy_from_slice(&(used / SECOND).to_le_bytes());
    bytes[8..16].copy_from_slice(&(used % SECOND / 1_000).to_le_bytes());
    // The highest memory in use, in KiB.
    bytes[32..40].copy_from_slice(&(16_u64 << 10).to_le_bytes());
    bytes
}

const fn sleep_until(deadline: u64, rest: u64) -> Outcome {
    Outcome::Wait {
        deadline: Some(deadline),
        cause: Cause::Sleep { rest },
        expiry: Expiry::Answer(0),
    }
}
