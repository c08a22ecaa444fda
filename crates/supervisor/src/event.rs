//! What a run tells its caller.

use std::time::Duration;

/// Longest line of a node that is kept, in bytes: what is written without an end must not fill the memory.
pub const LINE_BYTES_MAX: usize = 64 << 20;

/// A node of a supervisor, numbered in the order of [`Supervisor::spawn`](crate::Supervisor::spawn).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u32);

/// Something that a node did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Which node.
    pub node: NodeId,
    /// When, on the run's clock.
    pub time: Duration,
    /// What.
    pub what: What,
}

/// What a node did.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum What {
    /// A line on standard output, without its end.
    Output(Vec<u8>),
    /// The beginning of a line on standard output that is longer than
    /// [`LINE_BYTES_MAX`](crate::LINE_BYTES_MAX); the rest of it is left out.
    LongLine(Vec<u8>),
    /// A line on standard error, without its end, or the beginning of a longer one.
    Stderr(Vec<u8>),
    /// No process of it has this file open any more, and it goes on: noticed when one of the descriptors
    /// 0 to 2 is closed or replaced.
    Closed(Stream),
    /// Its first process ended; whatever else it had started was killed.
    Exited(Exit),
    /// It asked for something that virtual time cannot give, and got an error: in words.
    Refused(String),
    /// A thread was stopped by force, for it used too much time without a call or slept in a call
    /// that is not known: from here on the run need not repeat.
    Forced(String),
    /// A thread went on like that until it was given up: it is not run again.
    Stuck(String),
}

/// A node's standard input or output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// What is delivered to it.
    Input,
    /// What it writes.
    Output,
}

/// What has become of the bytes that were delivered to a node in its present life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Delivered {
    /// The node has read so many.
    pub read: u64,
    /// So many wait for it.
    pub unread: u64,
}

/// How a node ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It exited with this status.
    Code(i32),
    /// A signal ended it.
    Signal(i32),
}
