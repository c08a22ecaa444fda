//! The partition that a client asks a node to play (task 3-3-5), and how long the nodes take to come
//! together again after it.

use std::time::Duration;

use proto::{Error, NodeId, Time};

use crate::topology::{Cluster, Peer};

/// Whom the node pretends not to reach. Clients are never blocked.
#[derive(Debug, Default)]
pub struct Partition {
    /// As the client named them: ids that are not in the cluster are kept and simply never met.
    blocked: Vec<NodeId>,
    dropped: u64,
    convergence: Convergence,
}

/// What a heal still has to bring about.
#[derive(Debug, Default)]
pub struct Convergence {
    healed_at: Time,
    waiting_for: Vec<Peer>,
    took: Option<Duration>,
}

impl Partition {
    /// Blocks these nodes and no others.
    ///
    /// # Errors
    /// If this node is among them: error 12, and everything stays as it was.
    pub fn block(&mut self, ids: Vec<NodeId>, me: &NodeId) -> Result<(), Error> {
        if ids.contains(me) {
            let text = format!("field `blocked`: {me} is this node, which cannot block itself");
            return Err(Error::malformed_request(text));
        }
        self.blocked.clear();
        for id in ids {
            if !self.blocked.contains(&id) {
                self.blocked.push(id);
            }
        }
        Ok(())
    }

    /// Whom the last request named, each once.
    pub fn blocked(&self) -> &[NodeId] {
        &self.blocked
    }

    /// Whether this id is blocked.
    pub fn blocks(&self, id: &NodeId) -> bool {
        !self.blocked.is_empty() && self.blocked.contains(id)
    }

    /// Counts a message that was not sent or not heard.
    pub fn count_dropped(&mut self) {
        self.dropped += 1;
    }

    /// Messages ever dropped.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// The peers in `cluster` that are blocked.
    pub fn blocked_peers(&self, cluster: &Cluster) -> Vec<Peer> {
        self.blocked.iter().filter_map(|id| cluster.peer(id)).collect()
    }

    /// How the last heal is getting on.
    pub fn convergence(&self) -> &Convergence {
        &self.convergence
    }

    /// Starts the measurement: these peers have been unblocked and may have missed something.
    pub fn unblocked(&mut self, peers: &[Peer], now: Time) {
        if !peers.is_empty() {
            let convergence = &mut self.convergence;
            convergence.healed_at = now;
            for peer in peers {
                if !convergence.waiting_for.contains(peer) {
                    convergence.waiting_for.push(*peer);
                }
            }
        }
    }

    /// Notes that this node and the peer have compared what they have.
    pub fn compared(&mut self, peer: Peer, now: Time) {
        let convergence = &mut self.convergence;
        if let Some(index) = convergence.waiting_for.iter().position(|other| *other == peer) {
            convergence.waiting_for.remove(index);
            if convergence.waiting_for.is_empty() {
                convergence.took = Some(now.since(convergence.healed_at));
            }
        }
    }
}

impl Convergence {
    /// Peers that a heal unblocked and that have not been compared with since.
    pub fn waiting_for(&self) -> &[Peer] {
        &self.waiting_for
    }

    /// How long the last convergence took, from the heal to the last comparison.
    pub fn took(&self) -> Option<Duration> {
        self.took
    }
}
