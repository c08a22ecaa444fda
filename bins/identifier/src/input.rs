//! What is wrong with a request, said in the way that every node says it.

use std::fmt::Display;

use proto::Error;

/// Error 12 that names the field and what is wrong with it.
pub(crate) fn bad_field(field: &str, reason: impl Display) -> Error {
    Error::malformed_request(format!("field `{field}`: {reason}"))
}
