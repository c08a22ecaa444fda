//! What each stopped call becomes. One file a family; this one tells which is whose.

mod clocks;
mod files;
mod futex;
mod identity;
mod life;
mod machine;
mod poll;
mod random;
mod signals;
mod sync;
mod timers;

use nix::errno::Errno;
use nix::sys::ptrace;

use crate::error::Error;
use crate::event::What;
use crate::node::{Node, tolerate_death};
use crate::stops::Outcome;
use crate::thread::{AtExit, Resume, State};

/// A call that waits and may be cut short fails with this.
pub(crate) const fn failure(errno: Errno) -> i64 {
    -(errno as i32 as i64)
}

impl Node {
    /// Decides what becomes of the call at whose entry a thread has stopped.
    pub(crate) fn call(&mut self, id: u32, number: i64) -> Result<Outcome, Error> {
        match number {
            libc::SYS_clock_gettime
            | libc::SYS_gettimeofday
            | libc::SYS_time
            | libc::SYS_sched_yield => self.count_spin(id, true),
            // Of these it is seen there whether they wait.
            libc::SYS_read
            | libc::SYS_readv
            | libc::SYS_recvfrom
            | libc::SYS_recvmsg
            | libc::SYS_accept
            | libc::SYS_accept4
            | libc::SYS_poll
            | libc::SYS_ppoll
            | libc::SYS_select
            | libc::SYS_pselect6
            | libc::SYS_epoll_wait
            | libc::SYS_epoll_pwait
            | libc::SYS_epoll_pwait2 => {}
            _ => self.count_spin(id, false),
        }
        Ok(match number {
            libc::SYS_clock_gettime => self.clock_gettime(id),
            libc::SYS_gettimeofday => self.gettimeofday(id),
            libc::SYS_time => self.time(id),
            libc::SYS_nanosleep => self.nanosleep(id),
            libc::SYS_clock_nanosleep => self.clock_nanosleep(id),
            libc::SYS_sched_yield => self.sched_yield(),
            libc::SYS_times => self.times(id),
            libc::SYS_getrusage => self.getrusage(id),
            libc::SYS_sysinfo => self.sysinfo(id),

            libc::SYS_futex => self.futex(id)?,

            libc::SYS_poll => self.poll(id),
            libc::SYS_ppoll => self.ppoll(id),
            libc::SYS_select => self.select(id, true),
            libc::SYS_pselect6 => self.select(id, false),
            libc::SYS_epoll_wait | libc::SYS_epoll_pwait => self.epoll_wait(id),
            libc::SYS_epoll_pwait2 => self.epoll_pwait2(id),

            libc::SYS_read => self.read(id),
            libc::SYS_readv | libc::SYS_recvfrom | libc::SYS_recvmsg => self.receive(id),
            libc::SYS_accept | libc::SYS_accept4 => self.receive(id),
            libc::SYS_open => self.open(id, 0),
            libc::SYS_openat => self.open(id, 1),
            libc::SYS_write => self.write(id),
            libc::SYS_writev => self.writev(id),
            libc::SYS_sendfile => self.sendfile(id),
            libc::SYS_close | libc::SYS_close_range => self.forget_role(id, 0),
            libc::SYS_dup2 | libc::SYS_dup3 => self.forget_role(id, 1),
            libc::SYS_fsync | libc::SYS_fdatasync => self.sync_file(id),
            libc::SYS_sync | libc::SYS_syncfs | libc::SYS_msync => self.sync_all(),
            libc::SYS_socket => self.socket(id),
            libc::SYS_connect => Errno::ECONNREFUSED.into(),

            libc::SYS_getrandom => self.getrandom(id),

            libc::SYS_getpid => self.getpid(id),
            libc::SYS_gettid | libc::SYS_set_tid_address => self.gettid(id, number),
            libc::SYS_getppid => self.getppid(id),
            libc::SYS_getpgrp | libc::SYS_getpgid | libc::SYS_getsid => {
                Outcome::Answer(i64::from(crate::node::FIRST_ID))
            }
            libc::SYS_sched_getaffinity => self.sched_getaffinity(id),
            libc::SYS_sched_setaffinity => Outcome::Answer(0),
            libc::SYS_getcpu => self.getcpu(id),
            libc::SYS_prlimit64
            | libc::SYS_setpgid
            | libc::SYS_sched_getparam
            | libc::SYS_sched_getscheduler => self.of_process(id),
            libc::SYS_prctl => Outcome::Answer(0),
            libc::SYS_ptrace | libc::SYS_process_vm_readv | libc::SYS_process_vm_writev => {
                self.refuse(id, "looking into other processes", Errno::EPERM)
            }

            libc::SYS_kill => self.kill(id)?,
            libc::SYS_tkill | libc::SYS_tgkill => self.tgkill(id, number)?,
            libc::SYS_rt_sigqueueinfo | libc::SYS_rt_tgsigqueueinfo => {
                self.refuse(id, "sending a signal with data", Errno::EPERM)
            }
            libc::SYS_pause => self.pause(),
            libc::SYS_rt_sigsuspend => self.sigsuspend(id),
            libc::SYS_rt_sigtimedwait => self.sigtimedwait(id),
            libc::SYS_restart_syscall => self.restart(id)?,

            libc::SYS_setitimer => self.setitimer(id),
            libc::SYS_getitimer => self.getitimer(id),
            libc::SYS_alarm => self.alarm(id),
            libc::SYS_timer_create => self.timer_create(id),
            libc::SYS_timer_settime => self.timer_settime(id),
            libc::SYS_timer_gettime => self.timer_gettime(id),
            libc::SYS_timer_getoverrun => Outcome::Answer(0),
            libc::SYS_timer_delete => self.timer_delete(id),
            libc::SYS_timerfd_create => self.timerfd_create(id),
            libc::SYS_timerfd_settime => self.timerfd_settime(id),
            libc::SYS_timerfd_gettime => self.timerfd_gettime(id),

            libc::SYS_clone => self.clone_call(id),
            libc::SYS_execve | libc::SYS_execveat => self.execve(id),
            libc::SYS_exit => self.exit(id)?,
            libc::SYS_exit_group => self.exit_group(id)?,
            libc::SYS_wait4 => self.wait4(id),
            libc::SYS_waitid => self.waitid(id),
            _ => Outcome::Run,
        })
    }

    /// What is left to do when a call returns.
    pub(crate) fn leave(&mut self, id: u32) -> Result<(), Error> {
        let Some(thread) = self.thread(id) else { return Ok(()) };
        thread.state = State::Ready(Resume::Continue);
        let Some(at_exit) = thread.at_exit.take() else { return Ok(()) };
        let result = thread.regs.rax;
        match at_exit {
            AtExit::Restore(entry) => self.restore(id, entry, result),
            AtExit::Born(born) => {
                let failed = (result as i64) < 0;
                let regs = thread.regs;
                self.restore(id, regs, if failed { result } else { u64::from(born) })
            }
            AtExit::Wait4(entry) => self.wait4_returns(id, entry, result),
            AtExit::WaitId(entry) => self.waitid_returns(id, entry, result),
            AtExit::Select { address, micros, left } => {
                let unit = if micros { 1_000 } else { 1 };
                let (seconds, rest) = (left / 1_000_000_000, left % 1_000_000_000 / unit);
                let _ = crate::memory::write_pair(thread.tid, address, seconds, rest);
                Ok(())
            }
            AtExit::Sleep { address, left } => {
                let (seconds, rest) = (left / 1_000_000_000, left % 1_000_000_000);
                let _ = crate::memory::write_pair(thread.tid, address, seconds, rest);
                Ok(())
            }
            AtExit::TimerFile(entry, clock) => self.timerfd_created(id, entry, clock, result),
            AtExit::Exec => Ok(()),
        }
    }

    /// Puts a call's arguments back as they were; it returns `result`.
    pub(crate) fn restore(
        &mut self,
        id: u32,
        entry: libc::user_regs_struct,
        result: u64,
    ) -> Result<(), Error> {
        let Some(thread) = self.thread(id) else { return Ok(()) };
        // Where the call returns to is the kernel's business, and so is whether it is restarted.
        let mut regs = thread.regs;
        (regs.rdi, regs.rsi, regs.rdx) = (entry.rdi, entry.rsi, entry.rdx);
        (regs.r10, regs.r8, regs.r9) = (entry.r10, entry.r8, entry.r9);
        regs.rax = result;
        thread.regs = regs;
        tolerate_death(ptrace::setregs(thread.tid, regs))
    }

    /// Says no to a call, and says so to the caller of the supervisor as well.
    pub(crate) fn refuse(&mut self, id: u32, what: &str, errno: Errno) -> Outcome {
        self.say(What::Refused(format!("thread {id}: {what} is not possible in virtual time")));
        errno.into()
    }
}
