//! How ids are made: the choice of schemes, each in a file of its own.

use proto::{Context, Error, Node, Records};

pub mod counter;
pub mod random;
pub mod timestamp;

use counter::Counter;
use timestamp::Timestamp;

/// A way to make ids.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Scheme {
    /// See [`counter`].
    #[default]
    Counter,
    /// See [`timestamp`].
    Timestamp,
    /// See [`random`].
    Random,
}

impl Scheme {
    /// All schemes by the names that the command line knows them by.
    pub const NAMED: [(&'static str, Self); 3] =
        [("counter", Self::Counter), ("timestamp", Self::Timestamp), ("random", Self::Random)];
}

/// A scheme at work: what it remembers from one id to the next.
#[derive(Clone, Debug)]
pub(crate) enum Generator {
    Counter(Counter),
    Timestamp(Timestamp),
    Random,
}

impl Generator {
    pub(crate) fn new(scheme: Scheme) -> Self {
        match scheme {
            Scheme::Counter => Self::Counter(Counter::default()),
            Scheme::Timestamp => Self::Timestamp(Timestamp::default()),
            Scheme::Random => Self::Random,
        }
    }

    /// Goes on after everything that an earlier life of the node may have given out.
    pub(crate) fn restore(&mut self, records: &Records) -> Result<(), Error> {
        match self {
            Self::Counter(counter) => counter.restore(records),
            Self::Timestamp(timestamp) => timestamp.restore(records),
            Self::Random => Ok(()),
        }
    }

    /// A new id.
    pub(crate) fn generate<N: Node>(&mut self, ctx: &mut Context<'_, N>) -> String {
        match self {
            Self::Counter(counter) => counter.generate(ctx),
            Self::Timestamp(timestamp) => timestamp.generate(ctx),
            Self::Random => random::generate(ctx),
        }
    }
}
