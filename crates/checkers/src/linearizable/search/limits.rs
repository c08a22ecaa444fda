//! How far a search may go, and why it went no further.

use std::fmt;

/// How far a search may go.
///
/// Besides the number of configurations its work and its memory are bounded, in proportion: a
/// search that has looked at [`WORK_PER_STATE`] operations for each of `states_max`, or has
/// remembered [`BYTES_PER_STATE`] bytes, is undecided as well, whichever comes first. All three are
/// counted and not measured, so that a verdict is the same on every machine.
///
/// A search that got stuck looks around the place besides, whether it has to step back to the
/// beginning. That visits no more configurations than it has visited itself, at most 4096 at a time,
/// and remembers no more than so many may.
pub struct WorkLimit<'a> {
    /// The most configurations that one search may visit.
    pub states_max: u64,
    /// Asked once in a while; `true` ends the search.
    pub stop: &'a mut dyn FnMut() -> bool,
}

/// How many operations (open ones, and kinds of unknown outcome) a search may look at for each
/// configuration of [`WorkLimit::states_max`].
pub const WORK_PER_STATE: u64 = 200;

/// How many bytes a search may remember for each configuration of [`WorkLimit::states_max`].
pub const BYTES_PER_STATE: u64 = 150;

/// No search has to do with less than this.
pub(super) const BYTES_MIN: u64 = 1 << 20;

/// Why a search has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Undecided {
    /// It had to visit more configurations than [`WorkLimit::states_max`].
    StatesMax,
    /// It had to look at more operations than [`WORK_PER_STATE`] allows.
    WorkMax,
    /// It had to remember more than [`BYTES_PER_STATE`] allows.
    MemoryMax,
    /// [`WorkLimit::stop`] said so.
    Stopped,
    /// More operations were open at once than any search can deal with.
    TooManyOpen,
}

/// What there is to say of it, as a part of a sentence.
impl fmt::Display for Undecided {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::StatesMax => "the search for an order visited as many states as it may",
            Self::WorkMax => "the search for an order looked at as many operations as it may",
            Self::MemoryMax => "the search for an order took as much memory as it may",
            Self::Stopped => "the search for an order was stopped before its end",
            Self::TooManyOpen => "more operations were open at once than a search can deal with",
        })
    }
}

impl Undecided {
    /// Whether a higher [`WorkLimit::states_max`] would let the search go on.
    #[must_use]
    pub const fn is_of_limit(self) -> bool {
        matches!(self, Self::StatesMax | Self::WorkMax | Self::MemoryMax)
    }
}
