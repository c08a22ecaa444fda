//! The parameters of a node.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::types::MemberId;

/// The parameters of a node. All nodes of a cluster have the same, but for `id`.
#[derive(Debug, Clone)]
pub struct Config {
    /// This node.
    pub id: MemberId,
    /// The first members of the cluster: in force until the log says otherwise. A
    /// node that is none of them waits to be added.
    pub members: BTreeSet<MemberId>,
    /// The shortest time without a leader after which a follower campaigns;
    /// each wait is drawn between one and two of these.
    pub election_timeout: Duration,
    /// A follower that got nothing for this long gets a heartbeat.
    pub heartbeat_interval: Duration,
    /// How long a leader gathers proposals and reads before it starts a round; twice as long where
    /// a second one comes meanwhile.
    pub gather_window: Duration,
    /// The most entries one message carries.
    pub entries_per_message: usize,
    /// Whether records outlive the node, so that it never forgets its past;
    /// see [`crate::roster`].
    pub durable: bool,
}
