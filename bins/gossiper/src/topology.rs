//! Who is in the cluster, and who is whose neighbour.
//!
//! Nodes are numbered in the order of `init`, and the graph is that of the `topology` message taken
//! both ways. Where it has cycles, all nodes cut them at the same edges: [`Topology::spanning_tree`]
//! is a breadth-first tree from the centre of the graph, a function of the graph and the names alone.

use std::collections::{BTreeMap, HashMap, VecDeque};

use proto::NodeId;

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
    /// Only ever asked for one name: its order is of no consequence.
    numbers: HashMap<NodeId, Peer>,
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
        if let Some(peer) = self.numbers.get(id) {
            return Some(*peer);
        }
        let peer = Peer(u16::try_from(self.ids.len()).ok()?);
        self.ids.push(id.clone());
        self.numbers.insert(id.clone(), peer);
        Some(peer)
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
        self.numbers.get(id).copied().filter(|peer| *peer != self.me())
    }

    /// How many nodes there are, this one included.
    pub fn size(&self) -> usize {
        self.ids.len()
    }

    /// All nodes, this one included.
    pub fn all(&self) -> impl DoubleEndedIterator<Item = Peer> + use<> {
        (0..self.ids.len() as u16).map(Peer)
    }

    /// All other nodes.
    pub fn others(&self) -> impl DoubleEndedIterator<Item = Peer> + use<> {
        let me = self.me();
        self.all().filter(move |peer| *peer != me)
    }
}

/// A graph over the nodes: for each one its neighbours, those it lists itself first and in the order
/// of its list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Topology {
    neighbours: Vec<Vec<Peer>>,
}

impl Topology {
    /// Every node beside every other one: what holds until a `topology` comes.
    pub fn complete(cluster: &Cluster) -> Self {
        let neighbours =
            cluster.all().map(|node| cluster.all().filter(|other| *other != node).collect());
        Self { neighbours: neighbours.collect() }
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
        let mut topology = Self { neighbours: vec![Vec::new(); cluster.size()] };
        for (node, neighbour) in &edges {
            topology.connect(*node, *neighbour);
        }
        for (node, neighbour) in edges {
            topology.connect(neighbour, node);
        }
        topology
    }

    fn connect(&mut self, node: Peer, neighbour: Peer) {
        let list = &mut self.neighbours[node.index()];
        if node != neighbour && !list.contains(&neighbour) {
            list.push(neighbour);
        }
    }

    /// The neighbours of a node.
    pub fn neighbours(&self, node: Peer) -> &[Peer] {
        self.neighbours.get(node.index()).map_or(&[], Vec::as_slice)
    }

    /// A tree that connects what the graph connects. A graph without cycles is its own.
    ///
    /// It is grown breadth-first from the node whose farthest other node is nearest, so that paths
    /// are short; of several such nodes from the one whose name comes first.
    pub fn spanning_tree(&self, cluster: &Cluster) -> Self {
        let mut by_name: Vec<_> = cluster.all().collect();
        by_name.sort_by_key(|peer| cluster.id(*peer));
        let mut order: Vec<_> =
            by_name.into_iter().map(|root| (self.breadth_first(root, None).1, root)).collect();
        // Stable: among equals the order of the names stays. Unreached parts get a tree each.
        order.sort_by_key(|(depth, _)| *depth);
        let mut parent = vec![None; cluster.size()];
        let mut reached = vec![false; cluster.size()];
        for (_, root) in order {
            if !reached[root.index()] {
                for (node, from) in self.breadth_first(root, None).0 {
                    reached[node.index()] = true;
                    parent[node.index()] = from;
                }
            }
        }
        let in_tree =
            |a: Peer, b: Peer| parent[a.index()] == Some(b) || parent[b.index()] == Some(a);
        let neighbours = cluster.all().map(|node| {
            self.neighbours(node).iter().copied().filter(|other| in_tree(node, *other)).collect()
        });
        Self { neighbours: neighbours.collect() }
    }

    /// The nodes that `from` reaches only through `neighbour`, that one left out, in the order of
    /// the cluster.
    pub fn behind(&self, from: Peer, neighbour: Peer) -> Vec<Peer> {
        let mut reached = vec![0_u8; self.neighbours.len()];
        for (without, mark) in [(None, 1), (Some(neighbour), 2)] {
            for (node, _) in self.breadth_first(from, without).0 {
                reached[node.index()] |= mark;
            }
        }
        (0..self.neighbours.len() as u16)
            .map(Peer)
            .filter(|node| reached[node.index()] == 1 && *node != neighbour)
            .collect()
    }

    /// The nodes reachable from a root, each with the one it was reached from, and the distance of
    /// the last of them.
    fn breadth_first(
        &self,
        root: Peer,
        without: Option<Peer>,
    ) -> (Vec<(Peer, Option<Peer>)>, usize) {
        let mut reached = vec![false; self.neighbours.len()];
        let mut order = Vec::new();
        let mut queue = VecDeque::from([(root, None, 0)]);
        let mut depth = 0;
        if let Some(place) = reached.get_mut(root.index()) {
            *place = true;
        }
        while let Some((node, from, distance)) = queue.pop_front() {
            depth = distance;
            order.push((node, from));
            for next in self.neighbours(node) {
                if Some(*next) != without && !reached[next.index()] {
                    reached[next.index()] = true;
                    queue.push_back((*next, Some(node), distance + 1));
                }
            }
        }
        (order, depth)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cluster(count: usize) -> Cluster {
        let ids: Vec<_> = (0..count).map(|number| NodeId::new(&format!("n{number}"))).collect();
        Cluster::new(&ids[0], &ids)
    }

    fn topology(cluster: &mut Cluster, lists: &[(u16, &[u16])]) -> Topology {
        let id = |number: &u16| NodeId::new(&format!("n{number}"));
        let lists =
            lists.iter().map(|(node, list)| (id(node), list.iter().map(id).collect())).collect();
        Topology::new(cluster, &lists)
    }

    fn peers(numbers: &[u16]) -> Vec<Peer> {
        numbers.iter().copied().map(Peer).collect()
    }

    #[test]
    fn own_list_comes_first_and_edges_go_both_ways() {
        let mut cluster = cluster(4);
        let graph = topology(&mut cluster, &[(0, &[2, 1]), (1, &[0]), (3, &[0])]);
        assert_eq!(graph.neighbours(Peer(0)), peers(&[2, 1, 3]));
        assert_eq!(graph.neighbours(Peer(2)), peers(&[0]));
        assert_eq!(graph.spanning_tree(&cluster), graph, "no cycles: nothing is cut");
    }

    #[test]
    fn a_grid_becomes_a_tree_from_its_middle() {
        let mut cluster = cluster(9);
        let graph = topology(
            &mut cluster,
            &[
                (0, &[1, 3]),
                (1, &[2, 4]),
                (2, &[5]),
                (3, &[4, 6]),
                (4, &[5, 7]),
                (5, &[8]),
                (6, &[7]),
                (7, &[8]),
            ],
        );
        let tree = graph.spanning_tree(&cluster);
        let edges: usize = cluster.all().map(|node| tree.neighbours(node).len()).sum();
        assert_eq!(edges, 2 * 8);
        assert_eq!(tree.neighbours(Peer(4)).len(), 4);
        assert_eq!(tree.breadth_first(Peer(0), None).0.len(), 9);
    }

    #[test]
    fn behind_a_neighbour_is_what_only_it_connects() {
        let mut cluster = cluster(7);
        let tree = topology(&mut cluster, &[(0, &[1, 2]), (1, &[3, 4]), (2, &[5, 6])]);
        assert_eq!(tree.behind(Peer(0), Peer(1)), peers(&[3, 4]));
        assert_eq!(tree.behind(Peer(3), Peer(1)), peers(&[0, 2, 4, 5, 6]));
        assert_eq!(tree.behind(Peer(0), Peer(2)), peers(&[5, 6]));
        let complete = Topology::complete(&cluster);
        assert_eq!(complete.behind(Peer(0), Peer(1)), []);
    }

    #[test]
    fn parts_that_nothing_connects_get_a_tree_each() {
        let mut cluster = cluster(5);
        let graph = topology(&mut cluster, &[(0, &[1]), (2, &[3, 4]), (3, &[4])]);
        let tree = graph.spanning_tree(&cluster);
        assert_eq!(tree.neighbours(Peer(0)), peers(&[1]));
        assert_eq!(tree.neighbours(Peer(2)), peers(&[3, 4]));
        assert_eq!(tree.neighbours(Peer(3)), peers(&[2]));
    }
}
