//! Where a node of a cluster in virtual time lives: whatever can be handed messages and woken, and
//! can crash. An engine round a node's logic is one ([`EngineHost`](crate::EngineHost)). Unmodified
//! programs are none: they share one clock and run by turns (`ARCHITECTURE.md` says more).

use std::any::Any;

use proto::{AnyMessage, Aspect, Time};

/// What a node says to the outside.
#[derive(Debug)]
pub enum Output {
    /// A message.
    Send(AnyMessage),
    /// A line for people.
    Log(String),
    /// Something went wrong with it, in words for people: it has ended by itself, for one.
    Trouble(String),
    /// Whether a condition holds that should hold sometimes (see [`proto::Context::sometimes`]).
    Sometimes(&'static str, bool),
}

/// A node and the machine that it runs on.
///
/// Nothing happens to it but by these calls. Each appends what the node says to `out`, in order.
/// Whoever calls looks at [`next_due`](Self::next_due) afterwards.
pub trait Host {
    /// Starts the node, the first time and after each crash. Its `init` comes as a message.
    fn start(&mut self, now: Time, out: &mut Vec<Output>);

    /// Hands it a message.
    fn receive(&mut self, now: Time, message: AnyMessage, out: &mut Vec<Output>);

    /// Lets happen what is due by `now`.
    fn wake(&mut self, now: Time, out: &mut Vec<Output>);

    /// When [`wake`](Self::wake) is to be called next, if nothing comes in before.
    fn next_due(&self) -> Option<Time>;

    /// Kills it: what it had not synced is gone.
    fn crash(&mut self, now: Time);

    /// Stops it in its tracks. No message is handed to it until it resumes.
    fn pause(&mut self, now: Time);

    /// Lets it go on.
    fn resume(&mut self, now: Time, out: &mut Vec<Output>);

    /// Moves its wall clock to so many milliseconds from the true one. Timers do not notice.
    fn set_wall_clock_offset(&mut self, offset_ms: i64);

    /// Has what it draws from now on come from another seed, where its seed is the host's business.
    fn reseed(&mut self, seed: u64) {
        let _ = seed;
    }

    /// As [`proto::Node::aspects`].
    fn aspects(&self, aspects: &mut Vec<Aspect>) {
        let _ = aspects;
    }

    /// Whether it leads the others, as far as can be seen.
    fn is_leader(&self) -> bool {
        false
    }

    /// The node's logic, where there is one to look into.
    fn insides(&self) -> Option<&dyn Any> {
        None
    }
}
