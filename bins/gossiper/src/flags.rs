//! Values of flags that several nodes have.

use std::time::Duration;

use proto::{Arguments, UsageError};

/// A positive time with its unit, `ms` or `s`.
struct TimeWithUnit(Duration);

impl std::str::FromStr for TimeWithUnit {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        let (number, unit_ms) = match text.strip_suffix("ms") {
            Some(number) => (number, 1.0),
            None => (text.strip_suffix('s').ok_or(())?, 1000.0),
        };
        let number: f64 = number.parse().map_err(|_| ())?;
        let ms = number * unit_ms;
        // A day is more than any run, and less than what overflows.
        if !(1.0..=86_400_000.0).contains(&ms) {
            return Err(());
        }
        Ok(Self(Duration::from_secs_f64(ms / 1000.0)))
    }
}

/// The time that is the value of the current flag.
///
/// # Errors
/// If it is none, or not positive.
pub(crate) fn time(arguments: &mut Arguments) -> Result<Duration, UsageError> {
    Ok(arguments.value::<TimeWithUnit>("a time of at least 1ms, like 500ms or 2s")?.0)
}

/// The number of at least 1 that is the value of the current flag.
///
/// # Errors
/// If it is none.
pub(crate) fn positive(arguments: &mut Arguments) -> Result<usize, UsageError> {
    Ok(arguments.value::<std::num::NonZeroUsize>("a number of at least 1")?.get())
}
