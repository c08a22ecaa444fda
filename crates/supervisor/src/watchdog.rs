//! A second pair of eyes: a thread that computes without a call, or sleeps in a call that nobody
//! knows, would hold the supervisor for ever.
//!
//! The supervisor blocks until the one running thread stops. Beside it a thread of its own looks every
//! few milliseconds whether that has been the same run of the same thread for too long: by the
//! *processor time* it has used, which load on the machine does not change, never by the wall clock.
//! Only a thread that sleeps in the kernel, and so will never use any, is judged by how often it was
//! seen asleep.

use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Between two looks.
const LOOK: Duration = Duration::from_millis(25);
/// How many looks in a row must find a thread asleep.
const ASLEEP: u32 = 40;

/// Stops by force the thread that the supervisor waits for, if that takes too long.
pub(crate) struct Watchdog {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    process: AtomicI32,
    thread: AtomicI32,
    /// Counts the runs: the same thread may run again and again.
    run: AtomicU64,
    /// The run that was stopped by force, if it was.
    barked: AtomicU64,
    over: AtomicBool,
    lock: Mutex<()>,
    bell: Condvar,
}

impl Watchdog {
    pub(crate) fn new(patience: Duration) -> Self {
        let shared = Arc::new(Shared::default());
        let watcher = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("supervisor-watchdog".to_owned())
            .spawn(move || look_on(&watcher, patience))
            .ok();
        Self { shared, thread }
    }

    /// The supervisor begins to wait for this thread.
    pub(crate) fn watch(&self, process: Pid, thread: Pid) {
        self.shared.process.store(process.as_raw(), Ordering::Relaxed);
        self.shared.run.fetch_add(1, Ordering::Relaxed);
        self.shared.thread.store(thread.as_raw(), Ordering::Release);
    }

    /// It has stopped.
    pub(crate) fn rest(&self) {
        self.shared.thread.store(0, Ordering::Release);
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::Release);
        self.shared.bell.notify_all();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn look_on(shared: &Shared, patience: Duration) {
    // The run that was seen first, what the thread had used by then, and looks that found it asleep.
    let mut seen = (0, 0_u64, 0_u32);
    let mut guard = shared.lock.lock().unwrap_or_else(PoisonError::into_inner);
    while !shared.over.load(Ordering::Acquire) {
        guard = shared.bell.wait_timeout(guard, LOOK).unwrap_or_else(PoisonError::into_inner).0;
        let thread = shared.thread.load(Ordering::Acquire);
        let run = shared.run.load(Ordering::Relaxed);
        if thread == 0 || shared.barked.load(Ordering::Relaxed) == run {
            continue;
        }
        let Some((asleep, used)) = state(thread) else { continue };
        if seen.0 != run {
            seen = (run, used, 0);
            continue;
        }
        seen.2 = if asleep { seen.2 + 1 } else { 0 };
        let used = Duration::from_nanos(used.saturating_sub(seen.1));
        if used > patience || seen.2 > ASLEEP {
            // The others of the process are stopped already: the signal finds the one that runs.
            shared.barked.store(run, Ordering::Relaxed);
            let process = Pid::from_raw(shared.process.load(Ordering::Relaxed));
            let _ = kill(process, Signal::SIGSTOP);
        }
    }
}

/// Whether a thread sleeps in the kernel, and the nanoseconds of processor time it has used.
fn state(thread: i32) -> Option<(bool, u64)> {
    let stat = std::fs::read_to_string(format!("/proc/{thread}/stat")).ok()?;
    // The name, in brackets, may contain anything; the state is the first word behind it.
    let asleep = stat.rsplit(')').next()?.trim_start().starts_with('S');
    let used = std::fs::read_to_string(format!("/proc/{thread}/schedstat")).ok()?;
    Some((asleep, used.split(' ').next()?.parse().ok()?))
}
