//! Who is in the cluster: names on the wire and on disk, numbers in the protocols.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proto::NodeId;
use raft::{Configuration, MemberId};

/// The nodes that this one knows.
#[derive(Debug, Clone)]
pub struct Members {
    /// In order of the names.
    names: Vec<NodeId>,
    ids: BTreeMap<MemberId, NodeId>,
    own: NodeId,
    first: Arc<Configuration>,
}

impl Members {
    /// The nodes of `init`; `own` is one of them even if it is not listed.
    #[must_use]
    pub fn new(own: &NodeId, node_ids: &[NodeId]) -> Self {
        let names: BTreeSet<_> = node_ids.iter().chain([own]).cloned().collect();
        let ids: BTreeMap<_, _> =
            names.iter().map(|name| (member_id(name), name.clone())).collect();
        let first = Arc::new(Configuration::of(ids.keys().copied()));
        Self { names: names.into_iter().collect(), ids, own: own.clone(), first }
    }

    /// Says that only these nodes are members at first; the others wait until they are added.
    #[must_use]
    pub fn beginning_with(self, members: &[NodeId]) -> Self {
        let first = Configuration::of(members.iter().filter_map(|name| self.id(name)));
        Self { first: Arc::new(first), ..self }
    }

    /// Who votes at first.
    #[must_use]
    pub fn first(&self) -> &Arc<Configuration> {
        &self.first
    }

    /// This node's number in Raft.
    #[must_use]
    pub fn own(&self) -> MemberId {
        member_id(&self.own)
    }

    /// This node's name.
    #[must_use]
    pub fn own_name(&self) -> &NodeId {
        &self.own
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.names.len()
    }

    /// The names of all nodes, in order.
    pub fn names(&self) -> impl Iterator<Item = &NodeId> {
        self.names.iter()
    }

    /// The numbers of all nodes.
    pub fn ids(&self) -> impl Iterator<Item = MemberId> {
        self.ids.keys().copied()
    }

    /// The name of a node; this node's own for a number that is none's.
    #[must_use]
    pub fn name(&self, id: MemberId) -> &NodeId {
        self.ids.get(&id).unwrap_or(&self.own)
    }

    /// The number of the node of that name.
    #[must_use]
    pub fn id(&self, name: &NodeId) -> Option<MemberId> {
        let id = member_id(name);
        (self.ids.get(&id)? == name).then_some(id)
    }

    /// The place of a name among all of them, in order: what Paxos counts nodes by, whose members
    /// never change.
    #[must_use]
    pub fn rank(&self, name: &NodeId) -> Option<usize> {
        self.names.binary_search(name).ok()
    }

    /// This node's own place among all of them.
    #[must_use]
    pub fn own_rank(&self) -> usize {
        self.rank(&self.own).unwrap_or_default()
    }

    /// The name at a place among all of them, in order.
    #[must_use]
    pub fn at_rank(&self, rank: usize) -> Option<&NodeId> {
        self.names.get(rank)
    }
}

/// The number that stands for a name, on every node and for ever. A name of up to eight bytes is its
/// own number, so that numbers of usual names are in the order of the names. Of longer ones it is a
/// hash of 56 bits (FNV-1a), after a byte that no text begins with.
#[must_use]
pub fn member_id(name: &NodeId) -> MemberId {
    let bytes = name.as_bytes();
    if bytes.len() > 8 || bytes.contains(&0) {
        let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, &byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        return MemberId(0xff << 56 | hash >> 8);
    }
    let packed = bytes.iter().fold(0, |packed, &byte| packed << 8 | u64::from(byte));
    MemberId(packed.unbounded_shl(8 * (8 - bytes.len() as u32)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_has_the_same_number_whoever_else_is_there() {
        let names = ["n1", "n2", "n10", "exactly8", "a-long-name", "another-long-name"];
        let nodes: Vec<_> = names.iter().map(|name| NodeId::new(name)).collect();
        let all = Members::new(&nodes[0], &nodes);
        let few = Members::new(&nodes[5], &nodes[4..]);
        for name in &nodes[4..] {
            assert_eq!(all.id(name), few.id(name));
            assert_eq!(few.name(few.id(name).unwrap()), name);
        }
        assert_eq!((few.id(&nodes[0]), few.count()), (None, 2));
        assert_eq!(all.ids().collect::<BTreeSet<_>>().len(), names.len());
        // The numbers of usual names are in their order.
        let ids: Vec<_> = ["n1", "n10", "n2"].map(|name| member_id(&NodeId::new(name))).into();
        assert!(ids.is_sorted(), "{ids:?}");
        // Bytes that packing could not tell from none.
        assert_ne!(member_id(&NodeId::new("n1\0")), member_id(&NodeId::new("n1")));
    }
}
