//! The supervisor with real programs in seven languages.

#![cfg(all(target_os = "linux", target_arch = "x86_64"))]
// A test that cannot set itself up has failed.
#![allow(clippy::unwrap_used)]

mod cluster;
mod container;
mod faults;
mod host;
mod programs;
mod repeat;
mod rule;
