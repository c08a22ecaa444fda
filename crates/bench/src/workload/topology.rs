//! Who is linked with whom in a broadcast, as Maelstrom lays it out (`maelstrom.workload.broadcast`).

use proto::NodeId;

use crate::world::Topology;

/// How the nodes of a broadcast are told to be linked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TopologyName {
    /// Each node with the one before and the one after it.
    Line,
    /// A square, each node with up to four neighbours.
    Grid,
    /// The same as tree2.
    Tree,
    /// A tree in which every node has two children.
    Tree2,
    /// A tree in which every node has three children.
    Tree3,
    /// A tree in which every node has four children.
    Tree4,
    /// Everyone with everyone.
    Total,
}

impl std::str::FromStr for TopologyName {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "line" => Ok(Self::Line),
            "grid" => Ok(Self::Grid),
            "tree" => Ok(Self::Tree),
            "tree2" => Ok(Self::Tree2),
            "tree3" => Ok(Self::Tree3),
            "tree4" => Ok(Self::Tree4),
            "total" => Ok(Self::Total),
            _ => Err("has to be line, grid, tree, tree2, tree3, tree4 or total".to_owned()),
        }
    }
}

/// The neighbours of every node. The order within a list is Maelstrom's.
pub fn neighbours(name: TopologyName, nodes: &[NodeId]) -> Topology {
    let linked: Vec<Vec<usize>> = match name {
        TopologyName::Line => line(nodes.len()),
        TopologyName::Grid => grid(nodes.len()),
        TopologyName::Tree | TopologyName::Tree2 => tree(nodes.len(), 2),
        TopologyName::Tree3 => tree(nodes.len(), 3),
        TopologyName::Tree4 => tree(nodes.len(), 4),
        TopologyName::Total => {
            let all = 0..nodes.len();
            all.clone().map(|node| all.clone().filter(|other| *other != node).collect()).collect()
        }
    };
    let names = |indices: Vec<usize>| indices.into_iter().map(|at| nodes[at].clone()).collect();
    nodes.iter().cloned().zip(linked.into_iter().map(names)).collect()
}

fn line(count: usize) -> Vec<Vec<usize>> {
    (0..count)
        .map(|node| {
            let before = node.checked_sub(1);
            let after = Some(node + 1).filter(|after| *after < count);
            before.into_iter().chain(after).collect()
        })
        .collect()
}

/// Row by row in a square; below, above, right, left.
fn grid(count: usize) -> Vec<Vec<usize>> {
    let side = (0..=count).find(|side| side * side >= count).unwrap_or(0);
    (0..count)
        .map(|node| {
            let below = Some(node + side).filter(|below| *below < count);
            let above = node.checked_sub(side);
            let right = Some(node + 1).filter(|right| right % side != 0 && *right < count);
            let left = node.checked_sub(1).filter(|_| node % side != 0);
            [below, above, right, left].into_iter().flatten().collect()
        })
        .collect()
}

/// The parent first, then the children.
fn tree(count: usize, children: usize) -> Vec<Vec<usize>> {
    (0..count)
        .map(|node| {
            let parent = node.checked_sub(1).map(|node| node / children);
            let first = node * children + 1;
            parent.into_iter().chain((first..first + children).filter(|at| *at < count)).collect()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::numbered_nodes;

    fn of(name: TopologyName, count: usize, node: &str) -> Vec<String> {
        let topology = neighbours(name, &numbered_nodes(count));
        topology[&NodeId::new(node)].iter().map(ToString::to_string).collect()
    }

    #[test]
    fn layouts_are_maelstroms() {
        // 7 nodes with tree3, as seen in a run of Maelstrom.
        assert_eq!(of(TopologyName::Tree3, 7, "n0"), ["n1", "n2", "n3"]);
        assert_eq!(of(TopologyName::Tree3, 7, "n1"), ["n0", "n4", "n5", "n6"]);
        assert_eq!(of(TopologyName::Line, 3, "n1"), ["n0", "n2"]);
        assert_eq!(of(TopologyName::Grid, 9, "n4"), ["n7", "n1", "n5", "n3"]);
        assert_eq!(of(TopologyName::Grid, 5, "n4"), ["n1", "n3"]);
        assert_eq!(of(TopologyName::Total, 3, "n1"), ["n0", "n2"]);
        assert_eq!(of(TopologyName::Line, 1, "n0"), [""; 0]);
    }

    #[test]
    fn links_go_both_ways_and_every_node_can_be_reached() {
        use TopologyName::{Grid, Line, Total, Tree, Tree2, Tree3, Tree4};
        for name in [Line, Grid, Tree, Tree2, Tree3, Tree4, Total] {
            for count in [1, 2, 3, 5, 7, 16, 25] {
                let topology = neighbours(name, &numbered_nodes(count));
                for (node, others) in &topology {
                    assert!(others.iter().all(|other| topology[other].contains(node)), "{name:?}");
                }
                let mut reached = vec![NodeId::new("n0")];
                let mut at = 0;
                while at < reached.len() {
                    for other in &topology[&reached[at]] {
                        if !reached.contains(other) {
                            reached.push(other.clone());
                        }
                    }
                    at += 1;
                }
                assert_eq!(reached.len(), count, "{name:?} {count}");
            }
        }
    }
}
