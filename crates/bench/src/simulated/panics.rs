//! Panics of simulated logic: what was said, and where.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind, set_hook, take_hook};
use std::sync::Once;

thread_local! {
    /// The last panic of this thread, for people.
    static LAST: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Does something in which foreign logic may panic; then says where it did, and what it said. The
/// panic's place is known to the process's hook only, so the first call puts one in front of it.
pub(super) fn caught<T>(act: impl FnOnce() -> T) -> Result<T, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let earlier = take_hook();
        set_hook(Box::new(move |info| {
            LAST.set(Some(describe(info)));
            earlier(info);
        }));
    });
    catch_unwind(AssertUnwindSafe(act))
        .map_err(|_| LAST.take().unwrap_or_else(|| "somewhere".to_owned()))
}

fn describe(info: &PanicHookInfo<'_>) -> String {
    let place = info.location().map_or_else(|| "somewhere".to_owned(), ToString::to_string);
    let message = info.payload_as_str().unwrap_or("no message");
    format!("{place}: {message}")
}
