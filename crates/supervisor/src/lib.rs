//! Runs unmodified programs in virtual time, under ptrace and seccomp.
#![forbid(unsafe_code)]

mod calls;
mod digest;
mod error;
mod event;
mod filter;
mod image;
mod launch;
mod lines;
mod lives;
mod memory;
mod node;
mod options;
mod process;
mod stops;
mod supervisor;
mod thread;
mod timers;
mod vdso;
mod watchdog;

pub use digest::{Call, first_difference};
pub use error::Error;
pub use event::{Event, Exit, NodeId, What};
pub use launch::launch;
pub use options::{NodeSpec, Options, Preempt, Vdso};
pub use supervisor::{Counts, Supervisor};
