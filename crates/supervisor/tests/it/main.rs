//! The supervisor with real programs in seven languages.

// A test that cannot set itself up has failed.
#![allow(clippy::unwrap_used)]

mod cluster;
mod container;
mod faults;
mod host;
mod programs;
mod repeat;
mod rule;
