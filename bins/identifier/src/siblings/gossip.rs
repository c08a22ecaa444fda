//! Who has to be told of which keys: every peer, of everything that changed, until it has
//! acknowledged it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proto::{Context, Json, NodeId};

use super::{Siblings, Token};

/// How long changes are gathered.
const INTERVAL: Duration = Duration::from_millis(50);
/// How long a peer has to acknowledge.
pub(super) const DEADLINE: Duration = Duration::from_millis(500);
/// Most keys in a message.
const KEYS_MAX: usize = 100;

/// What peers are still to be told.
#[derive(Clone, Debug, Default)]
pub(super) struct Gossip {
    peers: BTreeMap<NodeId, Peer>,
    /// Whether a round will come.
    round_is_due: bool,
}

#[derive(Clone, Debug, Default)]
struct Peer {
    /// Keys that changed since they were last put into a message.
    waiting: BTreeSet<Json>,
    /// Keys in a message that is not acknowledged.
    told: BTreeSet<Json>,
}

impl Gossip {
    /// Has all peers told of a key, but the one who told it.
    pub(super) fn tell_all(
        &mut self,
        key: &Json,
        from: Option<&NodeId>,
        ctx: &mut Context<'_, Siblings>,
    ) {
        for peer in ctx.peers().filter(|peer| Some(*peer) != from) {
            self.peers.entry(peer.clone()).or_default().waiting.insert(key.clone());
        }
        self.round_soon(ctx);
    }

    /// Whom to tell of which keys now.
    pub(super) fn round(&mut self, ctx: &mut Context<'_, Siblings>) -> Vec<(NodeId, Vec<Json>)> {
        self.round_is_due = false;
        let mut round = Vec::new();
        for (id, peer) in self.peers.iter_mut().filter(|(_, peer)| peer.told.is_empty()) {
            while peer.told.len() < KEYS_MAX
                && let Some(key) = peer.waiting.pop_first()
            {
                peer.told.insert(key);
            }
            if !peer.told.is_empty() {
                round.push((id.clone(), peer.told.iter().cloned().collect()));
            }
        }
        self.round_soon(ctx);
        round
    }

    /// What a peer was told is acknowledged, or it is not and has to be said again.
    pub(super) fn ended(
        &mut self,
        peer: &NodeId,
        acknowledged: bool,
        ctx: &mut Context<'_, Siblings>,
    ) {
        if let Some(peer) = self.peers.get_mut(peer) {
            let told = std::mem::take(&mut peer.told);
            if !acknowledged {
                peer.waiting.extend(told);
            }
        }
        self.round_soon(ctx);
    }

    /// Sets the timer of the next round, if there is somebody to be told something.
    fn round_soon(&mut self, ctx: &mut Context<'_, Siblings>) {
        let is_wanted = |peer: &Peer| peer.told.is_empty() && !peer.waiting.is_empty();
        if !self.round_is_due && self.peers.values().any(is_wanted) {
            self.round_is_due = true;
            ctx.set_timer(INTERVAL, Token::Gossip);
        }
    }
}
