//! Who is in the cluster, and who is whose neighbour.
//!
//! Nodes are numbered in the order of `init`, and the graph is that of the `topology` message taken
//! both ways. Where it has cycles, all nodes cut them at the same edges: [`Topology::spanning_tree`]
//! is a breadth-first tree from the centre of the graph, a function of the graph and the names alone.

use std::collections::BTreeMap;

use proto::NodeId;
use rustc_hash::FxHashMap;

/// A node of the cluster by its number; this node has one too.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Peer(pub u16);

impl Peer {
    /// For use as an index.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// The nodes of the cluster.
#[derive(Clone, Debug, Default)]
pub struct Cluster {
    ids: Vec<NodeId>,
    /// How many of the first names [say](NodeId::number) their numbers, as Maelstrom's do: n0, n1 and so
    /// on. They take no table, and no look at the names.
    counted: u16,
    /// The numbers of the others. Only ever asked for one name: its order is of no consequence.
    numbers: FxHashMap<NodeId, Peer>,
    me: Option<Peer>,
}

impl Cluster {
    /// The cluster as `init` describes it.
    pub fn new(me: &NodeId, ids: &[NodeId]) -> Self {
        let mut cluster = Self::default();
        for id in ids {
            cluster.add(id);
        }
        cluster.me = cluster.add(me);
        cluster
    }

    /// The number of a node, a new one if it has none.
    fn add(&mut self, id: &NodeId) -> Option<Peer> {
        if let Some(peer) = self.number(id) {
            return Some(peer);
        }
        let number = u16::try_from(self.ids.len()).ok()?;
        self.ids.push(id.clone());
        if self.counted == number && number < u16::MAX && id.number() == Some(number) {
            self.counted += 1;
        } else {
            self.numbers.insert(id.clone(), Peer(number));
        }
        Some(Peer(number))
    }

    /// The number of a node, if it has one.
    fn number(&self, id: &NodeId) -> Option<Peer> {
        let counted = id.number().filter(|number| *number < self.counted).map(Peer);
        counted.or_else(|| self.numbers.get(id).copied())
    }

    /// This node.
    pub fn me(&self) -> Peer {
        self.me.unwrap_or(Peer(0))
    }

    /// The name of a node.
    pub fn id(&self, peer: Peer) -> &NodeId {
        &self.ids[peer.index()]
    }

    /// The other node of this name, if it is one: clients are none, and neither is this node.
    pub fn peer(&self, id: &NodeId) -> Option<Peer> {
        self.number(id).filter(|peer| *peer != self.me())
    }

    /// How many nodes there are, this one included.
    pub fn size(&self) -> usize {
        self.ids.len()
    }

    /// All nodes, this one included.
    pub fn all(&self) -> impl DoubleEndedIterator<Item = Peer> + use<> {
        (0..self.ids.len() as u16).map(Peer)
    }

    /// All other nodes as they follow this one in a ring.
    pub fn ring(&self) -> impl Iterator<Item = Peer> + use<> {
        let Peer(me) = self.me();
        (me.saturating_add(1)..self.ids.len() as u16).chain(0..me).map(Peer)
    }

    /// All other nodes.
    pub fn others(&self) -> impl DoubleEndedIterator<Item = Peer> + use<> {
        let me = self.me();
        self.all().filter(move |peer| *peer != me)
    }
}

/// A graph over the nodes: for each one its neighbours, those it lists itself first and in the order
/// of its list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topology {
    graph: Graph,
    /// How many of this node's neighbours are in its own list. The others only list it.
    listed: usize,
    /// The nodes that no list names and that have none, in the order of the cluster: they may be
    /// anywhere.
    unplaced: Vec<Peer>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Graph {
    /// The neighbours of each node.
    Lists(Lists),
    /// All nodes, each beside every other one. Lists of that would take the square of their number.
    Complete(Vec<Peer>),
}

/// The neighbours of each node, all of them one after the other: in large clusters lists of their own
/// would take several times the room.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Lists {
    /// Where the neighbours of each node end.
    ends: Vec<u32>,
    peers: Vec<Peer>,
}

impl Lists {
    /// The neighbours of a node.
    fn of(&self, node: Peer) -> &[Peer] {
        let start = node.index().checked_sub(1).and_then(|before| self.ends.get(before));
        let end = self.ends.get(node.index());
        end.map_or(&[], |end| &self.peers[start.map_or(0, |start| *start as usize)..*end as usize])
    }
}

impl FromIterator<Vec<Peer>> for Lists {
    fn from_iter<I: IntoIterator<Item = Vec<Peer>>>(lists: I) -> Self {
        let mut all = Self::default();
        for list in lists {
            all.peers.extend(list);
            all.ends.push(all.peers.len() as u32);
        }
        all
    }
}

/// A node as a search finds it.
#[derive(Clone, Copy, Debug)]
struct Found {
    node: Peer,
    /// The node it was found from.
    from: Option<Peer>,
    /// Steps from the root.
    distance: usize,
}

impl Default for Topology {
    /// Nobody beside anybody.
    fn default() -> Self {
        Self { graph: Graph::Lists(Lists::default()), listed: 0, unplaced: Vec::new() }
    }
}

impl Topology {
    /// Every node beside every other one: what holds until a `topology` comes.
    pub fn complete(cluster: &Cluster) -> Self {
        let listed = cluster.others().count();
        Self { graph: Graph::Complete(cluster.all().collect()), listed, unplaced: Vec::new() }
    }

    /// The graph of a `topology` message. A node that it names but `init` did not joins the cluster.
    pub fn new(cluster: &mut Cluster, lists: &BTreeMap<NodeId, Vec<NodeId>>) -> Self {
        let mut edges = Vec::new();
        for (node, list) in lists {
            for neighbour in list {
                if let (Some(node), Some(neighbour)) = (cluster.add(node), cluster.add(neighbour)) {
                    edges.push((node, neighbour));
                }
            }
        }
        let mut neighbours = vec![Vec::new(); cluster.size()];
        let connect = |neighbours: &mut Vec<Vec<Peer>>, node: Peer, neighbour: Peer| {
            let list = &mut neighbours[node.index()];
            if node != neighbour && !list.contains(&neighbour) {
                list.push(neighbour);
            }
        };
        for (node, neighbour) in &edges {
            connect(&mut neighbours, *node, *neighbour);
        }
        let listed = neighbours.get(cluster.me().index()).map_or(0, Vec::len);
        for (node, neighbour) in &edges {
            connect(&mut neighbours, *neighbour, *node);
        }
        // Whoever a list names has a neighbour by now.
        let is_unplaced = |peer: &Peer| {
            neighbours[peer.index()].is_empty() && !lists.contains_key(cluster.id(*peer))
        };
        let unplaced = cluster.others().filter(is_unplaced).collect();
        Self { graph: Graph::Lists(neighbours.into_iter().collect()), listed, unplaced }
    }

    /// How many nodes there are.
    fn size(&self) -> usize {
        match &self.graph {
            Graph::Lists(lists) => lists.ends.len(),
            Graph::Complete(nodes) => nodes.len(),
        }
    }

    /// The neighbours of a node.
    pub fn neighbours(&self, node: Peer) -> impl Iterator<Item = Peer> {
        let list = match &self.graph {
            Graph::Lists(lists) => lists.of(node),
            Graph::Complete(nodes) => nodes,
        };
        list.iter().copied().filter(move |other| *other != node)
    }

    /// The neighbours in the own list of this node, `me`.
    pub fn listed(&self, me: Peer) -> impl Iterator<Item = Peer> {
        self.neighbours(me).take(self.listed)
    }

    /// A tree that connects what the graph connects. A graph without cycles is its own.
    ///
    /// It is grown breadth-first from the node whose farthest other node is nearest, so that paths
    /// are short; of several such nodes from the one whose name comes first.
    pub fn spanning_tree(&self, cluster: &Cluster) -> Self {
        let mut by_name: Vec<_> = cluster.all().collect();
        by_name.sort_by_key(|peer| cluster.id(*peer));
        let mut parent = vec![None; cluster.size()];
        let mut reached = vec![false; cluster.size()];
        // Parts that nothing connects get a tree each.
        for first in by_name.iter().copied() {
            if reached[first.index()] {
                continue;
            }
            for Found { node, from, .. } in self.breadth_first(self.centre(first, &by_name), None) {
                reached[node.index()] = true;
                parent[node.index()] = from;
            }
        }
        let mut tree = vec![Vec::new(); cluster.size()];
        for node in cluster.all() {
            if let Some(parent) = parent[node.index()] {
                tree[node.index()].push(parent);
                tree[parent.index()].push(node);
            }
        }
        for (node, list) in cluster.all().zip(&mut tree) {
            match &self.graph {
                Graph::Lists(_) => {
                    *list = self.neighbours(node).filter(|other| list.contains(other)).collect();
                }
                Graph::Complete(_) => list.sort_unstable(),
            }
        }
        let me = cluster.me();
        let listed = tree
            .get(me.index())
            .map_or(0, |tree| self.listed(me).filter(|own| tree.contains(own)).count());
        let unplaced = self.unplaced.clone();
        Self { graph: Graph::Lists(tree.into_iter().collect()), listed, unplaced }
    }

    /// The node from which the farthest of those that `member` reaches is nearest; of several such
    /// nodes the first in `order`.
    ///
    /// A search from one node bounds the eccentricity of all others from below: by how far they are
    /// from it, and from what is farthest from it (F. W. Takes and W. A. Kosters, "Computing the
    /// eccentricity distribution of large graphs", 2013). So a few searches do where one from each
    /// node would take the square of the cluster.
    fn centre(&self, member: Peer, order: &[Peer]) -> Peer {
        let mut at_least = vec![usize::MAX; self.size()];
        for found in self.breadth_first(member, None) {
            at_least[found.node.index()] = found.distance;
        }
        loop {
            // The first one of the least.
            let root = order.iter().copied().min_by_key(|peer| at_least[peer.index()]);
            let Some(root) = root else { return member };
            let reached = self.breadth_first(root, None);
            let Some(farthest) = reached.last().copied() else { return root };
            if farthest.distance == at_least[root.index()] {
                return root;
            }
            // What is farthest lies at an end of the graph, and so bounds the others best.
            for search in [&reached, &self.breadth_first(farthest.node, None)] {
                let eccentricity = search.last().map_or(0, |last| last.distance);
                for found in search {
                    let bound = found.distance.max(eccentricity - found.distance);
                    let at_least = &mut at_least[found.node.index()];
                    *at_least = bound.max(*at_least);
                }
            }
        }
    }

    /// The nodes that `from` may reach only through `neighbour`, that one left out, in the order of the
    /// cluster: those that nothing else connects, and those of which no list says where they are.
    pub fn behind(&self, from: Peer, neighbour: Peer) -> Vec<Peer> {
        let mut reached = vec![0_u8; self.size()];
        for (without, mark) in [(None, 1), (Some(neighbour), 2)] {
            for found in self.breadth_first(from, without) {
                reached[found.node.index()] |= mark;
            }
        }
        for node in &self.unplaced {
            reached[node.index()] = 1;
        }
        (0..self.size() as u16)
            .map(Peer)
            .filter(|node| reached[node.index()] == 1 && *node != neighbour)
            .collect()
    }

    /// The nodes reachable from a root, nearest first.
    fn breadth_first(&self, root: Peer, without: Option<Peer>) -> Vec<Found> {
        let mut reached = vec![false; self.size()];
        let mut order = Vec::with_capacity(self.size());
        if let Some(place) = reached.get_mut(root.index()) {
            *place = true;
        }
        order.push(Found { node: root, from: None, distance: 0 });
        let mut next = 0;
        // Once all are found there is nothing to look for.
        while next < order.len() && order.len() < self.size() {
            let Found { node, distance, .. } = order[next];
            next += 1;
            for neighbour in self.neighbours(node) {
                if Some(neighbour) != without && !reached[neighbour.index()] {
                    reached[neighbour.index()] = true;
                    order.push(Found { node: neighbour, from: Some(node), distance: distance + 1 });
                }
            }
        }
        order
    }
}

#[cfg(test)]
mod tests;
