//! The parameters of a node.

use std::time::Duration;

use raft::membership::Shortcut;

/// How a node is run; the same for all nodes of a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The shortest time without a leader after which a node campaigns; waits
    /// are drawn between one and two of these.
    pub election_timeout: Duration,
    /// A follower that got nothing for this long gets a heartbeat.
    pub heartbeat: Duration,
    /// How long a leader gathers requests before it starts a round; Raft's twice as long where a
    /// second one comes meanwhile.
    pub gather: Duration,
    /// How long a node gathers changes of its clients before they are one request, where the
    /// service can join them; nothing is gathered if it is 0.
    pub batch: Duration,
    /// Applied entries after which the log is compacted, unless the state is
    /// larger than that.
    pub compact_after: u64,
    /// Steps of changes of members that are left out, as no node ever should: for tests that show what
    /// they are there for.
    #[doc(hidden)]
    pub shortcuts: &'static [Shortcut],
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            election_timeout: Duration::from_millis(300),
            heartbeat: Duration::from_millis(100),
            gather: Duration::from_millis(3),
            batch: Duration::ZERO,
            compact_after: 1000,
            shortcuts: &[],
        }
    }
}

impl Settings {
    /// How long a request that no leader has had is held before it is refused.
    #[must_use]
    pub fn patience(&self) -> Duration {
        self.election_timeout * 2
    }
}
