//! What can be wrong with a history, proved step by step.

use super::graph::label;

/// One anomaly. Transactions go by their numbers, in the order in which the history got them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Anomaly {
    /// The transactions that take part; of a cycle, in its order.
    pub transactions: Vec<usize>,
    /// The key, if it is about one.
    pub key: Option<String>,
    /// The steps of a cycle, which prove that each transaction must come before the next and the
    /// last before the first; empty otherwise.
    pub steps: Vec<Step>,
    /// What happened, in words.
    pub explanation: String,
}

/// Why one transaction must come before another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dependency {
    /// It wrote the version before one that the other wrote (ww).
    WriteWrite,
    /// It wrote a version that the other read (wr).
    WriteRead,
    /// It read a version that the other replaced (rw, anti-dependency).
    ReadWrite,
    /// The same process did it earlier.
    Process,
    /// It had returned when the other began.
    Realtime,
}

impl Dependency {
    /// Elle's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::WriteWrite => "ww",
            Self::WriteRead => "wr",
            Self::ReadWrite => "rw",
            Self::Process => "process",
            Self::Realtime => "realtime",
        }
    }
}

/// A step of a cycle: `from` must come before `to`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The number of the earlier transaction.
    pub from: usize,
    /// The number of the later transaction.
    pub to: usize,
    /// Of what sort the proof is.
    pub dependency: Dependency,
    /// The key that both touched.
    pub key: Option<String>,
    /// The value that `from` wrote or read; `None` for the initial state, or where there is no key.
    pub before: Option<String>,
    /// The value that `to` wrote or read.
    pub after: Option<String>,
    /// The proof in words.
    pub explanation: String,
}

impl From<u8> for Dependency {
    fn from(label: u8) -> Self {
        match label {
            label::WW => Self::WriteWrite,
            label::WR => Self::WriteRead,
            label::RW => Self::ReadWrite,
            label::PROCESS => Self::Process,
            _ => Self::Realtime,
        }
    }
}
