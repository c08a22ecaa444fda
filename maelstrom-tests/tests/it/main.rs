//! `eddy` from outside: its commands, run as a user runs them, and runs in virtual time through the
//! library.

mod report;
mod support;
mod sweep;
mod tasks;
