//! Timers: `alarm`, `setitimer`, `timer_create`, `timerfd_create`.

use std::os::fd::AsFd as _;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};

use super::clocks::SECOND;
use crate::error::Error;
use crate::lend::Stand;
use crate::memory;
use crate::node::Node;
use crate::process::Process;
use crate::stops::Outcome;
use crate::thread::{AtExit, TimerClock};
use crate::timers::{Notice, Setting, Timer, TimerName};

const MICRO: u64 = 1_000;

impl Node {
    fn own_process(&mut self, id: u32) -> Option<&mut Process> {
        let process = self.thread(id)?.process;
        self.process(process)
    }

    /// Time left and interval of a timer, in nanoseconds.
    fn timer_left(&mut self, id: u32, name: TimerName) -> (u64, u64) {
        let local = self.local;
        self.own_process(id)
            .and_then(|process| process.timers.all.get(&name))
            .map_or((0, 0), |timer| timer.setting.left(local))
    }

    fn set_timer(&mut self, id: u32, name: TimerName, setting: Setting) -> bool {
        self.soonest = self.soonest.min(setting.next.unwrap_or(u64::MAX));
        let timer = self.own_process(id).and_then(|process| process.timers.all.get_mut(&name));
        timer.map(|timer| timer.setting = setting).is_some()
    }

    fn set_real(&mut self, id: u32, setting: Setting) {
        if let Some(process) = self.own_process(id) {
            let notice = Notice::Signal(libc::SIGALRM);
            let timer = Timer { setting: Setting::default(), clock: TimerClock::Monotonic, notice };
            process.timers.all.entry(TimerName::Real).or_insert(timer);
        }
        self.set_timer(id, TimerName::Real, setting);
    }

    pub(super) fn alarm(&mut self, id: u32) -> Outcome {
        let (left, _) = self.timer_left(id, TimerName::Real);
        let Some(thread) = self.thread(id) else { return Outcome::Run };
        let seconds = u64::from(thread.argument(0) as u32);
        let next = (seconds > 0).then(|| self.local + seconds * SECOND);
        self.set_real(id, Setting { next, interval: 0 });
        Outcome::Answer(left.div_ceil(SECOND) as i64)
    }

    pub(super) fn setitimer(&mut self, id: u32) -> Outcome {
        let Some(thread) = self.thread(id) else { return Outcome::Run };
        let (which, new, old) = (thread.int(0), thread.argument(1), thread.argument(2));
        let tid = thread.tid;
        if old != 0
            && let Err(errno) = self.write_itimer(id, which, old)
        {
            return errno.into();
        }
        if new == 0 || which != libc::ITIMER_REAL {
            // Timers on processor time never fall due.
            return Outcome::Answer(0);
        }
        let (Ok(interval), Ok(value)) =
            (memory::read_pair(tid, new), memory::read_pair(tid, new + 16))
        else {
            return Errno::EFAULT.into();
        };
        let span = |(seconds, micros): (u64, u64)| seconds * SECOND + micros * MICRO;
        let next = (span(value) > 0).then(|| self.local + span(value));
        self.set_real(id, Setting { next, interval: span(interval) });
        Outcome::Answer(0)
    }

    pub(super) fn getitimer(&mut self, id: u32) -> Outcome {
        let Some(thread) = self.thread(id) else { return Outcome::Run };
        let (which, address) = (thread.int(0), thread.argument(1));
        match self.write_itimer(id, which, address) {
            Ok(()) => Outcome::Answer(0),
            Err(errno) => errno.into(),
        }
    }

    fn write_itimer(&mut self, id: u32, which: i32, address: u64) -> Result<(), Errno> {
        let (left, interval) = match which {
            libc::ITIMER_REAL => self.timer_left(id, TimerName::Real),
            _ => (0, 0),
        };
        let tid = self.thread(id).ok_or(Errno::ESRCH)?.tid;
        memory::write_pair(tid, address, interval / SECOND, interval % SECOND / MICRO)?;
        memory::write_pair(tid, address + 16, left / SECOND, left % SECOND / MICRO)
    }

    pub(super) fn timer_create(&mut self, id: u32) -> Outcome {
        let Some(thread) = self.thread(id) else { return Outcome::Run };
        let (tid, clock) = (thread.tid, clock(thread.int(0)));
        let (event, address) = (thread.argument(1), thread.argument(2));
        // struct sigevent: value (8), signal (4), kind of notice (4).
        let (signal, kind) = match event {
            0 => (libc::SIGALRM, libc::SIGEV_SIGNAL),
            event => match memory::read_u64(tid, event + 8) {
                Ok(word) => (word as i32, (word >> 32) as i32),
                Err(errno) => return errno.into(),
            },
        };
        let notice = if kind == libc::SIGEV_NONE { Notice::None } else { Notice::Signal(signal) };
        if matches!(notice, Notice::Signal(signal) if Signal::try_from(signal).is_err()) {
            return self.refuse(id, "a timer with a real-time signal", Errno::ENOTSUP);
        }
        let Some(process) = self.own_process(id) else { return Outcome::Run };
        let name = process.timers.name();
        let timer = Timer { setting: Setting::default(), clock, notice };
        process.timers.all.insert(TimerName::Made(name), timer);
        match memory::write(tid, address, &name.to_le_bytes()) {
            Ok(()) => Outcome::Answer(0),
            Err(errno) => errno.into(),
        }
    }

    pub(super) fn timer_settime(&mut self, id: u32) -> Outcome {
        let Some(thread) = self.thread(id) else { return Outcome::Run };
        let name = TimerName::Made(thread.int(0));
        self.set_by_spec(id, name)
    }

    /// `timer_settime` and `timerfd_settime` have the same arguments.
    fn set_by_spec(&mut self, id: u32, name: TimerName) -> Outcome {
        let Some(thread) = self.thread(id) else { return Outcome::Run };
        let (flags, new, old) = (thread.int(1), thread.argument(2), thread.argument(3));
        if old != 0
            && let Err(errno) = self.write_spec(id, name, old)
        {
            return errno.into();
        }
        let known = self.own_process(id).and_then(|process| process.timers.all.get(&name));
        let Some(clock) = known.map(|timer| timer.clock) else { return Errno::EINVAL.into() };
        let (interval, value) = match (self.span(id, new), self.span(id, new + 16)) {
            (Ok(interval), Ok(value)) => (interval, value),
            (Err(errno), _) | (_, Err(errno)) => return errno.into(),
        };
        let next = if value == 0 {
            None
        } else if flags & libc::TFD_TIMER_ABSTIME != 0 {
            let which = match clock {
                TimerClock::Wall => libc::CLOCK_REALTIME,
                _ => libc::CLOCK_MONOTONIC,
            };
            self.when(which, value)
        } else {
            Some(self.local.saturating_add(value))
        };
        self.set_timer(id, name, Setting { next, interval });
        Outcome::Answer(0)
    }

    fn write_spec(&mut self, id: u32, name: TimerName, address: u64) -> Result<(), Errno> {
        let (left, interval) = self.timer_left(id, name);
        let tid = self.thread(id).ok_or(Errno::ESRCH)?.tid;
        memory::write_pair(tid, address, interval / SECOND, interval % SECOND)?;
        memory::write_pair(tid, address + 16, left / SECOND, left % SECOND)
    }

    pub(super) fn timer_gettime(&mut self, id: u32) -> Outcome {
        let Some(thread) = self.thread(id) else { return Outcome::Run };
        let (name, address) = (TimerName::Made(thread.int(0)), thread.argument(1));
        match self.write_spec(id, name, address) {
            Ok(()) => Outcome::Answer(0),
            Err(errno) => errno.into(),
        }
    }

    pub(super) fn timer_delete(&mut self, id: u32) -> Outcome {
        let Some(thread) = self.thread(id) else { return Outcome::Run };
        let name = TimerName::Made(thread.int(0));
        match self.own_process(id).and_then(|process| process.timers.all.remove(&name)) {
            Some(_) => Outcome::Answer(0),
            None => Errno::EINVAL.into(),
        }
    }

    /// A timer's file becomes an event counter, which reads the same: we write to it when due.
    pub(super) fn timerfd_create(&mut self, id: u32) -> Outcome {
        let Some(thread) = self.thread(id) else { return Outcome::Run };
        let entry = thread.regs;
        let mut regs = entry;
        regs.orig_rax = libc::SYS_eventfd2 as u64;
        regs.rdi = 0;
        // Both calls' flags are those of `open`: close-on-exec and non-blocking.
        regs.rsi = entry.rsi;
        let clock = clock(thread.int(0));
        Outcome::RunChanged(Box::new(regs), AtExit::TimerFile(entry, clock))
    }

    pub(super) fn timerfd_created(
        &mut self,
        id: u32,
        entry: libc::user_regs_struct,
        clock: TimerClock,
        result: u64,
    ) -> Result<(), Error> {
        let descriptor = result as i32;
        if descriptor >= 0
            && let Some(file) = self.duplicate(id, descriptor, Stand::Exit)
            && let Some(process) = self.own_process(id)
        {
            process.timer_files.insert(descriptor, file);
            let notice = Notice::File(descriptor);
            let timer = Timer { setting: Setting::default(), clock, notice };
            process.timers.all.insert(TimerName::File(descriptor), timer);
        }
        self.restore(id, entry, result)
    }

    pub(super) fn timerfd_settime(&mut self, id: u32) -> Outcome {
        let Some(thread) = self.thread(id) else { return Outcome::Run };
        let descriptor = thread.int(0);
        // Setting a timer forgets what it has counted.
        if let Some(file) =
            self.own_process(id).and_then(|process| process.timer_files.get(&descriptor))
            && super::poll::is_readable(file)
        {
            let _ = rustix::io::read(file.as_fd(), &mut [0; 8]);
        }
        self.set_by_spec(id, TimerName::File(descriptor))
    }

    pub(super) fn timerfd_gettime(&mut self, id: u32) -> Outcome {
        let Some(thread) = self.thread(id) else { return Outcome::Run };
        let (name, address) = (TimerName::File(thread.int(0)), thread.argument(1));
        match self.write_spec(id, name, address) {
            Ok(()) => Outcome::Answer(0),
            Err(errno) => errno.into(),
        }
    }

    /// Fires what is due.
    pub(crate) fn fire_timers(&mut self) -> Result<(), Error> {
        let local = self.local;
        for process in &mut self.processes {
            for (notice, times) in process.timers.fire(local) {
                match notice {
                    Notice::Signal(signal) => {
                        if let Ok(signal) = Signal::try_from(signal) {
                            let _ = kill(process.pid, signal);
                            process.signalled = true;
                        }
                    }
                    Notice::File(descriptor) => {
                        if let Some(file) = process.timer_files.get(&descriptor) {
                            let _ = rustix::io::write(file, &times.to_le_bytes());
                            self.stale = true;
                        }
                    }
                    Notice::None => {}
                }
            }
        }
        Ok(())
    }
}

fn clock(number: i32) -> TimerClock {
    match number {
        libc::CLOCK_REALTIME | libc::CLOCK_REALTIME_ALARM => TimerClock::Wall,
        libc::CLOCK_MONOTONIC | libc::CLOCK_BOOTTIME | libc::CLOCK_BOOTTIME_ALARM => {
            TimerClock::Monotonic
        }
        _ => TimerClock::Cpu,
    }
}
