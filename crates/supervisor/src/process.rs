//! A process of a node: a node is a tree of them.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;

use nix::unistd::Pid;
use rustix::process::{PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};

use crate::error::Error;
use crate::timers::Timers;

/// What one of a process's descriptors is to its node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Input,
    Output,
    Error,
    /// Something of its own.
    Own,
}

/// A process.
pub(crate) struct Process {
    /// The kernel's number.
    pub(crate) pid: Pid,
    /// The number the program sees.
    pub(crate) id: u32,
    /// The process that started it, by the number the program sees.
    pub(crate) parent: Option<u32>,
    handle: OwnedFd,
    /// What descriptors 0 to 2 are, as far as known.
    pub(crate) roles: [Option<Role>; 3],
    /// Whether its clocks read the supervisor's page.
    pub(crate) has_page: bool,
    /// A signal may be pending for one of its waiting threads.
    pub(crate) signalled: bool,
    pub(crate) timers: Timers,
    /// Files that stand in for timers, by descriptor.
    pub(crate) timer_files: BTreeMap<i32, OwnedFd>,
}

impl Process {
    pub(crate) fn new(pid: Pid, id: u32, parent: Option<u32>) -> Result<Self, Error> {
        let raw = rustix::process::Pid::from_raw(pid.as_raw()).ok_or(Error::NotRunning)?;
        let handle =
            pidfd_open(raw, PidfdFlags::empty()).map_err(Error::system("open a process"))?;
        Ok(Self {
            pid,
            id,
            parent,
            handle,
            roles: [None; 3],
            has_page: false,
            signalled: false,
            timers: Timers::default(),
            timer_files: BTreeMap::new(),
        })
    }

    /// A duplicate of one of its descriptors.
    pub(crate) fn descriptor(&self, number: i32) -> Result<OwnedFd, Unlent> {
        pidfd_getfd(&self.handle, number, PidfdGetfdFlags::empty()).map_err(|errno| match errno {
            rustix::io::Errno::BADF => Unlent::NotOpen,
            _ => Unlent::Refused,
        })
    }
}

/// Why there is no duplicate of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unlent {
    /// There is no such file.
    NotOpen,
    /// The call is not allowed here.
    Refused,
}
