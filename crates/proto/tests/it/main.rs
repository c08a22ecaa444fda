//! The contracts of a node, driven from the outside: as a real process on its stdin and stdout,
//! and in virtual time by a script.

#![expect(clippy::unwrap_used, reason = "a test fails where it finds nothing")]

mod bad_input;
mod calls;
mod end_of_input;
mod idle;
mod order;
mod process;
mod records;
mod values;
