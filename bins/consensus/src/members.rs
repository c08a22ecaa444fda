//! Who is in the cluster: names on the wire, indices in Raft.

use std::collections::BTreeSet;

use proto::NodeId;
use raft::NodeIndex;

/// The members, in an order that is the same on every node.
#[derive(Debug, Clone)]
pub struct Members {
    ids: Vec<NodeId>,
    own: NodeIndex,
}

impl Members {
    /// The nodes of `init`; `own` is one of them even if it is not listed.
    #[must_use]
    pub fn new(own: &NodeId, node_ids: &[NodeId]) -> Self {
        let ids: BTreeSet<_> = node_ids.iter().chain([own]).cloned().collect();
        let ids: Vec<_> = ids.into_iter().collect();
        let own = ids.iter().position(|id| id == own).map_or(NodeIndex(0), NodeIndex);
        Self { ids, own }
    }

    /// This node.
    #[must_use]
    pub fn own(&self) -> NodeIndex {
        self.own
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.ids.len()
    }

    /// The name of a member.
    #[must_use]
    pub fn name(&self, index: NodeIndex) -> &NodeId {
        &self.ids[index.0]
    }

    /// The names of all members, in order.
    pub fn names(&self) -> impl Iterator<Item = &NodeId> {
        self.ids.iter()
    }

    /// The member of that name.
    #[must_use]
    pub fn index(&self, id: &NodeId) -> Option<NodeIndex> {
        self.ids.binary_search(id).ok().map(NodeIndex)
    }
}
