//! What is wrong with a request, said in the way that every node says it.

use std::fmt::Display;

use proto::{Arguments, Error, UsageError};

/// Error 12 that names the field and what is wrong with it.
pub(crate) fn bad_field(field: &str, reason: impl Display) -> Error {
    Error::malformed_request(format!("field `{field}`: {reason}"))
}

/// The constructor of a node that has no flags of its own.
pub(crate) fn without_flags<N>(
    make: impl Fn() -> N,
) -> impl Fn(&mut Arguments) -> Result<N, UsageError> {
    move |arguments| match arguments.next_flag()? {
        Some(flag) => Err(arguments.unknown(&flag)),
        None => Ok(make()),
    }
}
