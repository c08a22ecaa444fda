//! Which system calls stop: a program for the kernel's seccomp, assembled by hand.
//!
//! Most calls never stop. A call stops if it reads a clock, waits, takes randomness, tells who the
//! process is, or touches the node's own input and output. Arguments are looked at where that saves
//! stops: a poll that does not wait goes through, and so does a write to a file.
//!
//! The filter is a list of blocks, tried in turn, the busiest first. A block begins with one
//! comparison of the call's number and ends in verdicts, so no jump leaves it. Calls outside the list
//! cost nothing: the kernel remembers by number what is always allowed.

use libc::c_long;
use seccompiler::sock_filter;

const LOAD: u16 = 0x20; // BPF_LD | BPF_W | BPF_ABS
const JUMP_EQUAL: u16 = 0x15; // BPF_JMP | BPF_JEQ | BPF_K
const JUMP_GREATER: u16 = 0x25; // BPF_JMP | BPF_JGT | BPF_K
const RETURN: u16 = 0x06; // BPF_RET | BPF_K

const ALLOW: u32 = 0x7fff_0000; // SECCOMP_RET_ALLOW
const STOP: u32 = 0x7ff0_0000; // SECCOMP_RET_TRACE
const REFUSE: u32 = 0x0005_0000; // SECCOMP_RET_ERRNO, the number in the low half

/// `AUDIT_ARCH_X86_64`.
const ARCHITECTURE: u32 = 0xc000_003e;
/// Numbers from here on belong to the x32 interface.
const X32: u32 = 0x4000_0000;

/// Newer than the `libc` crate's tables, or missing from them.
const SYS_FUTEX_WAKE: c_long = 454;
const SYS_FUTEX_WAIT: c_long = 455;
const SYS_FUTEX_REQUEUE: c_long = 456;

/// Calls that always stop, the busiest first.
const STOPPED: &[c_long] = &[
    libc::SYS_futex,
    libc::SYS_read,
    libc::SYS_clock_gettime,
    libc::SYS_gettimeofday,
    libc::SYS_time,
    libc::SYS_nanosleep,
    libc::SYS_clock_nanosleep,
    libc::SYS_sched_yield,
    libc::SYS_ppoll,
    libc::SYS_select,
    libc::SYS_pselect6,
    libc::SYS_epoll_pwait2,
    libc::SYS_readv,
    libc::SYS_recvfrom,
    libc::SYS_recvmsg,
    libc::SYS_accept,
    libc::SYS_accept4,
    libc::SYS_connect,
    libc::SYS_getrandom,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_getppid,
    libc::SYS_getpgrp,
    libc::SYS_getpgid,
    libc::SYS_getsid,
    libc::SYS_set_tid_address,
    libc::SYS_kill,
    libc::SYS_tkill,
    libc::SYS_tgkill,
    libc::SYS_rt_sigqueueinfo,
    libc::SYS_rt_tgsigqueueinfo,
    libc::SYS_wait4,
    libc::SYS_waitid,
    libc::SYS_getrusage,
    libc::SYS_times,
    libc::SYS_sysinfo,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_clone,
    libc::SYS_fork,
    libc::SYS_vfork,
    libc::SYS_open,
    libc::SYS_openat,
    // After these a process can no longer be copied: see template.rs.
    libc::SYS_epoll_create,
    libc::SYS_epoll_create1,
    libc::SYS_eventfd,
    libc::SYS_eventfd2,
    libc::SYS_pipe,
    libc::SYS_pipe2,
    libc::SYS_socketpair,
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_setaffinity,
    libc::SYS_getcpu,
    libc::SYS_setitimer,
    libc::SYS_getitimer,
    libc::SYS_alarm,
    libc::SYS_timer_create,
    libc::SYS_timer_settime,
    libc::SYS_timer_gettime,
    libc::SYS_timer_getoverrun,
    libc::SYS_timer_delete,
    libc::SYS_timerfd_create,
    libc::SYS_timerfd_settime,
    libc::SYS_timerfd_gettime,
    libc::SYS_pause,
    libc::SYS_rt_sigsuspend,
    libc::SYS_rt_sigtimedwait,
    libc::SYS_restart_syscall,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
];

/// Calls that are answered as if the kernel did not have them.
///
/// Programs fall back to older calls: `clone3` to `clone`, restartable sequences to `getcpu`, the
/// rings to `epoll`.
const MISSING: &[c_long] = &[
    libc::SYS_clone3,
    libc::SYS_rseq,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_futex_waitv,
    SYS_FUTEX_WAKE,
    SYS_FUTEX_WAIT,
    SYS_FUTEX_REQUEUE,
    libc::SYS_pidfd_open,
    libc::SYS_pidfd_getfd,
    libc::SYS_pidfd_send_signal,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_bpf,
    libc::SYS_mq_open,
    libc::SYS_msgget,
    libc::SYS_semget,
];

/// Calls that the node may not make at all: they would set clocks of the machine.
const FORBIDDEN: &[c_long] =
    &[libc::SYS_clock_settime, libc::SYS_settimeofday, libc::SYS_adjtimex, libc::SYS_clock_adjtime];

/// Calls by which data reaches the disk.
const SYNC: &[c_long] =
    &[libc::SYS_fsync, libc::SYS_fdatasync, libc::SYS_sync, libc::SYS_syncfs, libc::SYS_msync];

/// The whole filter. With `watch_sync` the calls that make data durable stop too.
pub(crate) fn program(watch_sync: bool) -> Vec<sock_filter> {
    let mut assembler = Assembler::default();
    // struct seccomp_data: number, architecture, instruction pointer, six arguments of 64 bits.
    assembler.push(LOAD, 0, 0, 4);
    assembler.push(JUMP_EQUAL, 1, 0, ARCHITECTURE);
    assembler.verdict(refuse(libc::ENOSYS));
    assembler.push(LOAD, 0, 0, 0);
    assembler.push(JUMP_GREATER, 0, 1, X32 - 1);
    assembler.verdict(refuse(libc::ENOSYS));

    // A wait that does not wait needs no clock.
    assembler.stop_unless_argument_is(libc::SYS_epoll_wait, 3, 0);
    assembler.stop_unless_argument_is(libc::SYS_epoll_pwait, 3, 0);
    assembler.stop_unless_argument_is(libc::SYS_poll, 2, 0);
    // Standard output and error; who else writes does as it likes.
    for call in [libc::SYS_write, libc::SYS_writev, libc::SYS_sendfile] {
        assembler.stop_if_argument_in(call, 0, 1, 2);
    }
    // What the three standard descriptors are may change.
    assembler.stop_if_argument_in(libc::SYS_close, 0, 0, 2);
    assembler.stop_if_argument_in(libc::SYS_close_range, 0, 0, 2);
    assembler.stop_if_argument_in(libc::SYS_dup2, 1, 0, 2);
    assembler.stop_if_argument_in(libc::SYS_dup3, 1, 0, 2);
    // Local sockets are pipes by another name, the others lead out of the simulation.
    assembler.stop_unless_argument_is(libc::SYS_socket, 0, libc::AF_UNIX as u32);
    // A process that hides from tracers, or reads the counter that the supervisor traps.
    for option in [libc::PR_SET_DUMPABLE, libc::PR_SET_TSC] {
        assembler.stop_if_argument_in(libc::SYS_prctl, 0, option as u32, option as u32);
    }
    // Calls that name a process name a number of ours, unless they mean the caller.
    for call in [
        libc::SYS_prlimit64,
        libc::SYS_setpgid,
        libc::SYS_sched_getparam,
        libc::SYS_sched_getscheduler,
    ] {
        assembler.stop_unless_argument_is(call, 0, 0);
    }
    for &call in STOPPED {
        assembler.always(call, STOP);
    }
    for &call in MISSING {
        assembler.always(call, refuse(libc::ENOSYS));
    }
    for &call in FORBIDDEN {
        assembler.always(call, refuse(libc::EPERM));
    }
    if watch_sync {
        for &call in SYNC {
            assembler.always(call, STOP);
        }
    }
    assembler.verdict(ALLOW);
    assembler.program
}

fn refuse(errno: i32) -> u32 {
    REFUSE | errno as u32
}

#[derive(Default)]
struct Assembler {
    program: Vec<sock_filter>,
}

impl Assembler {
    fn push(&mut self, code: u16, jt: u8, jf: u8, k: u32) {
        self.program.push(sock_filter { code, jt, jf, k });
    }

    fn verdict(&mut self, verdict: u32) {
        self.push(RETURN, 0, 0, verdict);
    }

    /// The low half of an argument: descriptors, options and time-outs are 32 bits wide.
    fn load_argument(&mut self, index: u32) {
        self.push(LOAD, 0, 0, 16 + 8 * index);
    }

    fn always(&mut self, call: c_long, verdict: u32) {
        self.push(JUMP_EQUAL, 0, 1, call as u32);
        self.verdict(verdict);
    }

    fn stop_unless_argument_is(&mut self, call: c_long, index: u32, value: u32) {
        self.push(JUMP_EQUAL, 0, 4, call as u32);
        self.load_argument(index);
        self.push(JUMP_EQUAL, 1, 0, value);
        self.verdict(STOP);
        self.verdict(ALLOW);
    }

    /// Stops if `low <= argument <= high`; else the list goes on, so that a call may have several.
    fn stop_if_argument_in(&mut self, call: c_long, index: u32, low: u32, high: u32) {
        let reload = 1;
        if low == 0 {
            self.push(JUMP_EQUAL, 0, 3 + reload, call as u32);
            self.load_argument(index);
            self.push(JUMP_GREATER, 1, 0, high);
            self.verdict(STOP);
        } else {
            self.push(JUMP_EQUAL, 0, 4 + reload, call as u32);
            self.load_argument(index);
            self.push(JUMP_GREATER, 2, 0, high);
            self.push(JUMP_GREATER, 0, 1, low - 1);
            self.verdict(STOP);
        }
        self.push(LOAD, 0, 0, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the kernel would do: an interpreter for the few instructions in use.
    fn verdict(program: &[sock_filter], number: c_long, arguments: [u64; 6]) -> u32 {
        let mut data = Vec::new();
        data.extend_from_slice(&(number as u32).to_le_bytes());
        data.extend_from_slice(&ARCHITECTURE.to_le_bytes());
        data.extend_from_slice(&0_u64.to_le_bytes());
        arguments.iter().for_each(|argument| data.extend_from_slice(&argument.to_le_bytes()));
        let (mut at, mut accumulator) = (0, 0);
        loop {
            let line = &program[at];
            at += 1;
            let jump = |is_true: bool| usize::from(if is_true { line.jt } else { line.jf });
            match line.code {
                LOAD => {
                    let from = line.k as usize;
                    accumulator = u32::from_le_bytes(data[from..from + 4].try_into().unwrap());
                }
                JUMP_EQUAL => at += jump(accumulator == line.k),
                JUMP_GREATER => at += jump(accumulator > line.k),
                RETURN => return line.k,
                other => panic!("instruction {other:#x}"),
            }
        }
    }

    #[test]
    fn calls_stop_by_number_and_where_it_matters_by_argument() {
        let filter = program(false);
        let ask = |number, arguments| verdict(&filter, number, arguments);
        let with = |index: usize, value: i32| {
            let mut arguments = [77; 6];
            // The upper half of a register is not part of an int.
            arguments[index] = 0xdead_0000_0000 | u64::from(value as u32);
            arguments
        };
        assert_eq!(ask(libc::SYS_futex, [0; 6]), STOP);
        assert_eq!(ask(libc::SYS_mmap, [0; 6]), ALLOW);
        assert_eq!(ask(libc::SYS_clone3, [0; 6]), refuse(libc::ENOSYS));
        assert_eq!(ask(libc::SYS_clock_settime, [0; 6]), refuse(libc::EPERM));
        assert_eq!(ask(c_long::from(X32) + libc::SYS_read, [0; 6]), refuse(libc::ENOSYS));
        for (number, index, stops, passes) in [
            (libc::SYS_poll, 2, vec![-1, 1, 1000], vec![0]),
            (libc::SYS_epoll_wait, 3, vec![-1, 5], vec![0]),
            (libc::SYS_write, 0, vec![1, 2], vec![0, 3, -1]),
            (libc::SYS_close, 0, vec![0, 1, 2], vec![3, -1]),
            (libc::SYS_dup2, 1, vec![0, 2], vec![3, 100]),
            (libc::SYS_socket, 0, vec![libc::AF_INET], vec![libc::AF_UNIX]),
            (
                libc::SYS_prctl,
                0,
                vec![libc::PR_SET_TSC, libc::PR_SET_DUMPABLE],
                vec![libc::PR_SET_NAME, 3, 5, 25, 27],
            ),
        ] {
            for value in stops {
                assert_eq!(ask(number, with(index, value)), STOP, "{number} with {value}");
            }
            for value in passes {
                assert_eq!(ask(number, with(index, value)), ALLOW, "{number} with {value}");
            }
        }
    }

    #[test]
    fn syncs_stop_only_if_they_are_watched() {
        let ask = |watch| verdict(&program(watch), libc::SYS_fdatasync, [0; 6]);
        assert_eq!((ask(false), ask(true)), (ALLOW, STOP));
    }
}
