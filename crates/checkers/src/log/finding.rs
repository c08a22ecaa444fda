//! What can be wrong with a log.

use serde::Serialize;

/// A kind of finding, by Jepsen's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FindingKind {
    /// Two messages were seen at one offset.
    InconsistentOffsets,
    /// One message was seen at two offsets.
    Duplicate,
    /// A message was polled whose send had failed.
    #[serde(rename = "G1a")]
    AbortedRead,
    /// A message was polled that nobody had sent.
    NeverSent,
    /// A message that was surely sent was polled by nobody, although a later one was.
    LostWrite,
    /// A message that was acknowledged was polled by nobody.
    Unseen,
    /// A process polled a message and next one that is not the one after it.
    PollSkip,
    /// A process polled a message and next the same or an earlier one.
    NonmonotonicPoll,
    /// Within one operation messages were polled that do not follow each other.
    IntPollSkip,
    /// Within one operation a message was polled and then the same or an earlier one.
    IntNonmonotonicPoll,
    /// Within one operation messages were sent that do not follow each other. Allowed: others send
    /// at the same time.
    IntSendSkip,
    /// A process sent a message that was put before the one that it had sent before.
    NonmonotonicSend,
    /// Within one operation a message was put before one that was sent earlier.
    IntNonmonotonicSend,
    /// An operation polled what it had sent itself, before anybody could see it.
    PrecommittedRead,
    /// Operations saw each other's messages in a circle.
    #[serde(rename = "G1c")]
    Circular,
    /// Operations saw each other's messages in a circle that is closed by time: somebody saw a
    /// message before it was sent.
    #[serde(rename = "G1c-realtime")]
    CircularInTime,
}

impl FindingKind {
    /// Whether a log may show this and be valid.
    #[must_use]
    pub const fn is_allowed(self) -> bool {
        matches!(self, Self::IntSendSkip)
    }
}

/// One thing that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Finding<K, V> {
    /// What kind of thing it is.
    #[serde(rename = "type")]
    pub kind: FindingKind,
    /// What it says, in a sentence.
    pub explanation: String,
    /// Of which key; `None` when it is about several.
    pub key: Option<K>,
    /// The messages that it is about.
    pub values: Vec<V>,
    /// Where these are or were seen.
    pub offsets: Vec<u64>,
    /// What lies between these and was left out; at most [`SKIPPED_MAX`] offsets.
    pub skipped: Vec<u64>,
    /// The operations that show it, by their places in the history.
    pub operations: Vec<usize>,
}

/// How many offsets [`Finding::skipped`] has at most.
pub const SKIPPED_MAX: usize = 32;
