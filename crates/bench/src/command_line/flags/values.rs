//! How the values of flags are read and written.

use std::time::Duration;

pub(super) fn number(text: &str, what: &str, holds: impl Fn(f64) -> bool) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() && holds(number) => Ok(number),
        _ => Err(format!("has to be {what}")),
    }
}

/// The longest time that an option can give: a year.
pub(super) const SECONDS_MAX: f64 = 31_536_000.0;

pub(super) fn positive_seconds(text: &str) -> Result<Duration, String> {
    number(text, "a number of seconds above 0, and less than a year", |s| {
        s > 0.0 && s < SECONDS_MAX
    })
    .map(Duration::from_secs_f64)
}

/// Reads a number of seconds, 0 or more.
///
/// # Errors
/// Says what would be right.
pub fn seconds(text: &str) -> Result<Duration, String> {
    number(text, "a number of seconds, less than a year", |s| (0.0..SECONDS_MAX).contains(&s))
        .map(Duration::from_secs_f64)
}

pub(super) fn in_seconds(duration: Duration) -> Option<String> {
    Some(duration.as_secs_f64().to_string())
}

pub(super) fn whole(
    text: &str,
    what: &str,
    range: impl std::ops::RangeBounds<u64>,
) -> Result<u64, String> {
    let number = text.parse().ok().filter(|number| range.contains(number));
    number.ok_or_else(|| format!("has to be {what}"))
}

/// Reads a whole number, 0 or more.
///
/// # Errors
/// Says what would be right.
pub fn count(text: &str) -> Result<u64, String> {
    whole(text, "a whole number, 0 or more", ..)
}

pub(super) fn fraction(text: &str, what: &str) -> Result<f64, String> {
    number(text, what, |part| (0.0..=1.0).contains(&part))
}

pub(super) fn probability(text: &str) -> Result<f64, String> {
    fraction(text, "a probability from 0 to 1")
}
