//! Catching panics without a word on stderr.

use std::any::Any;
use std::cell::Cell;
use std::panic::{self, UnwindSafe};
use std::sync::Once;

thread_local! {
    static IS_QUIET: Cell<bool> = const { Cell::new(false) };
}
static HOOK: Once = Once::new();

/// Runs `work`, and gives what it panicked with. The panic is not reported, as other panics still
/// are: those of other threads, and those of this one before and after.
pub(super) fn catch_panic<T>(work: impl FnOnce() -> T + UnwindSafe) -> Result<T, String> {
    HOOK.call_once(|| {
        let report = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if !IS_QUIET.get() {
                report(panic);
            }
        }));
    });
    IS_QUIET.set(true);
    let result = panic::catch_unwind(work);
    IS_QUIET.set(false);
    result.map_err(|cause| message(&*cause))
}

fn message(cause: &(dyn Any + Send)) -> String {
    let text = cause.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| cause.downcast_ref::<&str>().copied()).unwrap_or("unreadable");
    // A sentence, not a report: assertions print what they compare on lines of their own.
    text.lines().next().unwrap_or("unreadable").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_its_first_line() {
        assert_eq!(catch_panic(|| 7), Ok(7));
        assert_eq!(catch_panic(|| panic!("{} is\nwrong", 7)).unwrap_err(), "7 is");
        assert_eq!(catch_panic(|| panic!("wrong")).unwrap_err(), "wrong");
        assert_eq!(catch_panic(|| panic::panic_any(7)).unwrap_err(), "unreadable");
    }
}
