//! identifier.
