//! Runs unmodified programs in virtual time: a Python, Go or Java program, as it is, repeated exactly
//! from a number.
//!
//! # Why anybody would want that
//!
//! A distributed system fails in ways that depend on *when* things happen: this message overtook that
//! one, the time-out fired just before the answer came, two threads ran in an unlucky order. Run the
//! same test again and the moment is gone. *Deterministic simulation* is the cure: if time, chance and
//! the order of things are all taken from one number, the **seed**, then a run can be repeated, exactly,
//! as often as one likes. A failure that shows in one run of a thousand becomes a seed, and a seed can
//! be replayed, looked at and mended. And because nobody has to wait while a program sleeps, an hour of
//! its life may pass in a second.
//!
//! Usually this asks for programs that are written for it. Here the program is not changed, nor linked
//! with anything, nor need it be in any particular language. It is run under the eye of a **supervisor**
//! which answers, in the kernel's place, every question by which a program could tell one run from
//! another.
//!
//! # How
//!
//! A program on Linux touches the world by *system calls* only: to learn the time, to sleep, to read its
//! input, to wait for another thread. The kernel can stop a program at each call of a chosen kind and
//! tell another process, the *tracer* (`ptrace` is the mechanism of debuggers; `seccomp` is the filter
//! that chooses). The supervisor is a tracer:
//!
//! - **Time** stands still while anybody has something to do. Only when every thread of every node waits
//!   does the clock jump to the next deadline, or to the caller's next delivery. A sleep of an hour is a
//!   jump. (So that a loop which looks at the clock until it moves comes to an end, each stop costs its
//!   node a microsecond.)
//! - **One thread at a time**, of the whole cluster, runs. Locks (futexes), waits for files and sleeps
//!   are carried out by the supervisor, so it knows exactly who could run, and chooses by the seed. With
//!   [`Preempt`] a thread may lose its turn at any call, also by the seed.
//! - **Chance** is drawn from the seed: `getrandom`, `/dev/urandom`, the bytes that the kernel gives each
//!   program for its hash tables.
//! - **The machine** is always the same: one processor, fixed memory, process numbers that begin at 100,
//!   addresses that are not randomised, a time-stamp counter that follows the virtual clock.
//! - **Input and output** are the caller's: it delivers lines, and is told of lines that are written,
//!   with their times. What lies between, the network with its delays and faults, is not this crate's
//!   business.
//!
//! ```no_run
//! use std::time::Duration;
//! use supervisor::{NodeSpec, Options, Supervisor, What};
//!
//! # fn main() -> Result<(), supervisor::Error> {
//! // The launcher is a program of ours whose `main` calls `supervisor::launch`.
//! let launcher = vec!["/usr/bin/eddy".into(), "launch".into()];
//! let mut cluster = Supervisor::new(Options { seed: 7, launcher, ..Options::default() })?;
//! let node = cluster.spawn(NodeSpec {
//!     name: "n1".to_owned(),
//!     program: "./node.py".into(),
//!     ..NodeSpec::default()
//! })?;
//! cluster.deliver(node, b"{\"type\":\"init\"}\n")?;
//! for event in cluster.run_until(Duration::from_secs(3600))? {
//!     if let What::Output(line) = event.what {
//!         println!("{:?} {}", event.time, String::from_utf8_lossy(&line));
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! A sweep over many seeds need not start its programs again for each: [`Templates`] are started once and
//! copied.
//!
//! # What is promised
//!
//! The same seed, program, machine kind and kernel give the same run: output, times, and every call of
//! every thread, whatever else the machine does meanwhile. [`Supervisor::digest`] is a hash of all that;
//! run twice and compare it, and with [`Options::record`] [`first_difference`] says where two runs part.
//! Another machine or another version of the program may give another run.
//!
//! No privilege is needed, no kernel module, no performance counter. When the supervisor dies, be it by
//! `kill -9`, what it has started dies with it.
//!
//! # What is not
//!
//! | Limit | Why | A way round |
//! |---|---|---|
//! | Races between two threads *within* a stretch without calls are not explored | threads change places at calls only | [`Preempt::Deep`]: instruction by instruction now and then |
//! | A loop that makes no call is stopped by force, and the run says [`What::Forced`] | without performance counters nobody can stop a program after exactly so many instructions | look at a clock, or yield, in the loop; raise [`Options::patience`] |
//! | Computing costs no virtual time | time is counted in calls | – |
//! | `rdrand` and `rdseed` (C++ `std::random_device`) are not ruled | instructions, not calls, and they do not trap | [`Options::hide_hardware_random`], where the processor has `cpuid_fault`; `getrandom` |
//! | Sockets to the network: `ENETDOWN`, and [`What::Refused`]. Local pairs work, connections to local services do not | the other end would live in real time | talk on standard input and output |
//! | `io_uring`, System V and POSIX message queues and semaphores: not there | they wait inside the kernel, unseen | runtimes fall back to `epoll` and futexes |
//! | Real-time signals are not delivered, so `pthread_cancel` does nothing | the safe interface to `ptrace` knows the classic 31 | – |
//! | Priority-inheriting and robust mutexes: not there, or not recovered when their owner dies | the kernel does them by its own numbers of threads | ordinary mutexes |
//! | `SIGSTOP` and job control have no effect inside a node | a stopped process is what the tracer itself uses | [`Supervisor::pause`] |
//! | A timer on processor time never fires (`ITIMER_PROF`, profilers) | processor time is counted in calls | – |
//! | `/proc/<pid>` goes by the kernel's numbers; `/proc/self` works, but memory and fault counts in it are real | files are not rewritten, except those about the machine | – |
//! | Files are real: what a program finds on the disk, another may have put there | only waits and writes to standard output are ruled | a directory of its own. Java: `-XX:-UsePerfData` (and `-XX:TieredStopAtLevel=1`, for twice the speed) |
//! | Where containers forbid to fix addresses, Node.js and Ruby need not repeat; [`Supervisor::layout_is_fixed`] tells | `personality` is refused by Docker's default profile | allow `personality(0x40000)` |
//! | Where `pidfd_getfd` is refused (Docker's default profile) waits for files other than standard input cost about six stops more | each file is sent by the node's own thread instead (`lend.rs`) | allow it, or the capability `SYS_PTRACE` |
//! | x86-64 Linux with kernel 5.6 or later; elsewhere the crate compiles, and says so when asked to start something | registers, the filter and the clocks' code are written for it (`elsewhere.rs` says what others would need) | – |
//!
//! # Where to look
//!
//! `launch.rs` and `filter.rs`: how a program comes under the supervisor's rule. `stops.rs`: what happens
//! at a stop. `calls/`: what becomes of each call. `node.rs`: which thread runs. `supervisor.rs`: which
//! node, and when. `vdso/`: clocks without a stop. `lend.rs`: a node's open files. `watchdog.rs`: who
//! does not stop.

#![forbid(unsafe_code)]
// There nothing of what rules programs is compiled, and what serves it is not used.
#![cfg_attr(not(all(target_os = "linux", target_arch = "x86_64")), allow(dead_code))]

mod digest;
mod error;
mod event;
mod options;

// What works on x86-64 Linux alone.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod calls;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod durable;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod filter;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod image;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod launch;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod lend;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod lines;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod lives;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod mailbox;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod memory;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod node;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod process;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod start;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod stops;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod supervisor;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod template;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod thread;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod timers;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod vdso;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod wait;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod watchdog;

#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
mod elsewhere;

pub use digest::{Call, first_difference};
pub use error::Error;
pub use event::{Delivered, Event, Exit, LINE_BYTES_MAX, NodeId, Stream, What};
pub use options::{NodeSpec, Options, Preempt, Vdso};

#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
pub use elsewhere::{Counts, Supervisor, Templates, files_can_be_duplicated, launch};
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
pub use {
    launch::launch,
    lend::files_can_be_duplicated,
    supervisor::{Counts, Supervisor},
    template::Templates,
};
