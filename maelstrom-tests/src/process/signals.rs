//! Signals to the bench itself: the end of a child, and the user's wish to stop.

use std::io::{self, ErrorKind, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use signal_hook::SigId;
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGTERM};

/// Signals by which a user ends a run, with the exit codes that shells give to them.
const ENDING: [(i32, i32); 3] = [(SIGHUP, 129), (SIGINT, 130), (SIGTERM, 143)];

/// Whether the user wants the bench to end; one flag for the whole process.
static INTERRUPTED: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// From now on the first Ctrl-C (or SIGTERM, or SIGHUP) is only noted, so that what a run has found
/// so far can be told; a second one ends the process at once.
///
/// # Errors
/// If the operating system refuses.
pub fn note_interrupts() -> io::Result<()> {
    if INTERRUPTED.get().is_some() {
        return Ok(());
    }
    let flag = Arc::new(AtomicBool::new(false));
    if INTERRUPTED.set(Arc::clone(&flag)).is_err() {
        return Ok(());
    }
    for (signal, exit_code) in ENDING {
        // In this order: the second signal finds the flag that the first one has set.
        signal_hook::flag::register_conditional_shutdown(signal, exit_code, Arc::clone(&flag))?;
        signal_hook::flag::register(signal, Arc::clone(&flag))?;
    }
    Ok(())
}

/// Whether the user wanted the bench to end since [`note_interrupts`].
pub fn interrupted() -> bool {
    INTERRUPTED.get().is_some_and(|flag| flag.load(Ordering::Relaxed))
}

/// Something to poll that becomes readable when a child may have ended or the user wants to stop.
pub(super) struct Signals {
    wake: UnixStream,
    registered: Vec<SigId>,
}

impl Signals {
    pub(super) fn new() -> io::Result<Self> {
        note_interrupts()?;
        let (wake, write) = UnixStream::pair()?;
        wake.set_nonblocking(true)?;
        let mut signals = Self { wake, registered: Vec::new() };
        for signal in [SIGCHLD].into_iter().chain(ENDING.map(|(signal, _)| signal)) {
            let id = signal_hook::low_level::pipe::register(signal, write.try_clone()?)?;
            signals.registered.push(id);
        }
        Ok(signals)
    }

    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.wake.as_fd()
    }

    /// Forgets the signals so far. What they tell has to be looked at after this, not before.
    pub(super) fn clear(&mut self) {
        let mut sink = [0; 64];
        loop {
            match self.wake.read(&mut sink) {
                Ok(count) if count == sink.len() => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                _ => return,
            }
        }
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        for id in self.registered.drain(..) {
            signal_hook::low_level::unregister(id);
        }
    }
}
