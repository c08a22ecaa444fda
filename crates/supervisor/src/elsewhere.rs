//! On other machines than x86-64 Linux: the same interface, by which nothing can be started.
//!
//! What would have to be written for `aarch64`: the registers of a call in `thread.rs` and `calls/`
//! (`x8`, `x0` to `x5`; the result overwrites the first argument, and `NT_ARM_SYSTEM_CALL` changes the
//! number), the step back to a call (four bytes), `filter.rs` (its architecture; `open`, `fork`, `poll`
//! and other old calls do not exist there), and the clocks' code (`__kernel_clock_gettime`). The counter
//! `cntvct_el0` traps with `PR_SET_TSC` in recent kernels only, and only until the next `execve`.

use std::convert::Infallible;
use std::ffi::OsString;
use std::marker::PhantomData;
use std::time::Duration;

use crate::{Call, Delivered, Error, Event, NodeId, NodeSpec, Options};

/// What a run has come to, in numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// How often a thread stopped.
    pub stops: u64,
    /// How often one had to be stopped by force: above 0 the run need not repeat.
    pub forced: u64,
}

/// A cluster of programs in virtual time: there can be none here.
#[derive(Debug)]
pub struct Supervisor {
    never: Infallible,
    bound: PhantomData<*const ()>,
}

/// Programs that were started and wait to be copied: there can be none here.
#[derive(Debug)]
pub struct Templates {
    never: Infallible,
    bound: PhantomData<*const ()>,
}

/// Says that nothing can be launched here, and exits with 126.
pub fn launch(_: impl IntoIterator<Item = OsString>) -> ! {
    eprintln!("{}", Error::Elsewhere);
    std::process::exit(126)
}

/// Whether duplicates of a node's files can be had quickly: nothing can be had here.
pub fn files_can_be_duplicated() -> bool {
    false
}

#[allow(missing_docs, clippy::missing_errors_doc)]
impl Supervisor {
    pub fn new(_: Options) -> Result<Self, Error> {
        Err(Error::Elsewhere)
    }

    pub fn from_templates(
        _: u64,
        _: Vec<String>,
        templates: &mut Templates,
    ) -> Result<Self, Error> {
        match templates.never {}
    }

    pub fn reseed(&mut self, _: u64) {
        match self.never {}
    }

    pub fn spawn(&mut self, _: NodeSpec) -> Result<NodeId, Error> {
        match self.never {}
    }

    pub fn now(&self) -> Duration {
        match self.never {}
    }

    pub fn deliver(&mut self, _: NodeId, _: &[u8]) -> Result<(), Error> {
        match self.never {}
    }

    pub fn delivered(&mut self, _: NodeId) -> Result<Delivered, Error> {
        match self.never {}
    }

    pub fn run_until(&mut self, _: Duration) -> Result<Vec<Event>, Error> {
        match self.never {}
    }

    pub fn next_due(&self) -> Option<Duration> {
        match self.never {}
    }

    pub fn kill(&mut self, _: NodeId) -> Result<(), Error> {
        match self.never {}
    }

    pub fn power_cut(&mut self, _: NodeId) -> Result<(), Error> {
        match self.never {}
    }

    pub fn restart(&mut self, _: NodeId) -> Result<(), Error> {
        match self.never {}
    }

    pub fn pause(&mut self, _: NodeId) -> Result<(), Error> {
        match self.never {}
    }

    pub fn resume(&mut self, _: NodeId) -> Result<(), Error> {
        match self.never {}
    }

    pub fn jump_clock(&mut self, _: NodeId, _: i64) -> Result<(), Error> {
        match self.never {}
    }

    pub fn is_running(&self, _: NodeId) -> bool {
        match self.never {}
    }

    pub fn digest(&self) -> u64 {
        match self.never {}
    }

    pub fn record(&self) -> &[Call] {
        match self.never {}
    }

    pub fn counts(&self) -> Counts {
        match self.never {}
    }

    pub fn layout_is_fixed(&self) -> bool {
        match self.never {}
    }
}

#[allow(missing_docs, clippy::missing_errors_doc)]
impl Templates {
    pub fn new(_: Options, _: Vec<NodeSpec>) -> Result<Self, Error> {
        Err(Error::Elsewhere)
    }

    pub fn copied(&self) -> usize {
        match self.never {}
    }
}
