//! Requests and replies of clients as they stand on the wire.

pub use crate::process::reply::read;
pub use crate::process::request::write;
