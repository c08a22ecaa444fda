//! Two things at once.

use std::panic::resume_unwind;
use std::thread;

/// Does one thing on another thread and one on this; one after the other where there can be no further thread.
pub(super) fn both<A: Send, B>(aside: impl Fn() -> A + Sync, here: impl FnOnce() -> B) -> (A, B) {
    thread::scope(|scope| {
        let started = thread::Builder::new().spawn_scoped(scope, &aside);
        let here = here();
        let aside = match started {
            Ok(thread) => thread.join().unwrap_or_else(|panic| resume_unwind(panic)),
            Err(_) => aside(),
        };
        (aside, here)
    })
}
