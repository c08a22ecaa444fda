//! The graph of dependencies: compressed rows, parallel edges kept, and Tarjan's components.

use super::versions::NONE;

/// The kinds of edges, as bits of a label.
pub(super) mod label {
    /// The target wrote the version after one that the source wrote.
    pub(in super::super) const WW: u8 = 1;
    /// The target read a version that the source wrote.
    pub(in super::super) const WR: u8 = 2;
    /// The target wrote the version after one that the source read (anti-dependency).
    pub(in super::super) const RW: u8 = 4;
    /// The same process did the source before the target.
    pub(in super::super) const PROCESS: u8 = 8;
    /// The source had returned before the target began.
    pub(in super::super) const REALTIME: u8 = 16;
    /// Continues the edge that led to an auxiliary node. No step of its own: it weighs nothing, and
    /// may be followed wherever the edge before it may.
    pub(in super::super) const LINK: u8 = 32;
}

/// An edge, with the versions that prove it: the one the source wrote or read, and the one the
/// target wrote. Either may be [`NONE`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Edge {
    pub(super) from: u32,
    pub(super) to: u32,
    pub(super) label: u8,
    pub(super) before: u32,
    pub(super) after: u32,
}

impl Edge {
    /// An edge that no version stands for.
    pub(super) const fn plain(from: u32, to: u32, label: u8) -> Self {
        Self { from, to, label, before: NONE, after: NONE }
    }
}

/// A directed graph. Nodes from `transactions` on are auxiliary: many edges would lead from one set
/// of transactions to another, and are drawn through them instead.
#[derive(Clone, Debug)]
pub(super) struct Graph {
    pub(super) transactions: u32,
    /// Where the edges of each node begin, and at the end where they all end.
    offsets: Vec<u32>,
    /// Target, label and evidence of each edge, by source.
    pub(super) to: Vec<u32>,
    pub(super) label: Vec<u8>,
    pub(super) evidence: Vec<[u32; 2]>,
}

impl Graph {
    /// A graph of `nodes` nodes. Edges of one source keep the order in which they are given.
    pub(super) fn new(transactions: u32, nodes: u32, edges: &[Edge]) -> Self {
        let mut offsets = vec![0_u32; nodes as usize + 2];
        for edge in edges {
            offsets[edge.from as usize + 2] += 1;
        }
        for node in 2..offsets.len() {
            offsets[node] += offsets[node - 1];
        }
        let mut to = vec![0; edges.len()];
        let mut label = vec![0; edges.len()];
        let mut evidence = vec![[NONE; 2]; edges.len()];
        for edge in edges {
            let place = &mut offsets[edge.from as usize + 1];
            to[*place as usize] = edge.to;
            label[*place as usize] = edge.label;
            evidence[*place as usize] = [edge.before, edge.after];
            *place += 1;
        }
        offsets.pop();
        Self { transactions, offsets, to, label, evidence }
    }

    pub(super) fn nodes(&self) -> u32 {
        self.offsets.len() as u32 - 1
    }

    /// The numbers of the edges out of a node.
    pub(super) fn edges(&self, node: u32) -> std::ops::Range<usize> {
        self.offsets[node as usize] as usize..self.offsets[node as usize + 1] as usize
    }

    /// Whether an edge with one of the labels in `mask` leads from one node directly to the other.
    pub(super) fn has_edge(&self, from: u32, to: u32, mask: u8) -> bool {
        self.edges(from).any(|edge| self.to[edge] == to && self.label[edge] & mask != 0)
    }

    /// The part of the graph inside a component, renumbered: `nodes` in ascending order, so that
    /// transactions stay before auxiliary nodes. `local` has [`NONE`] for every node, before and after.
    pub(super) fn induced(&self, nodes: &[u32], local: &mut [u32]) -> Self {
        for (place, &node) in nodes.iter().enumerate() {
            local[node as usize] = place as u32;
        }
        let transactions = nodes.partition_point(|&node| node < self.transactions) as u32;
        let mut edges = Vec::new();
        for (place, &node) in nodes.iter().enumerate() {
            for edge in self.edges(node) {
                let to = local[self.to[edge] as usize];
                if to != NONE {
                    let [before, after] = self.evidence[edge];
                    let label = self.label[edge];
                    edges.push(Edge { from: place as u32, to, label, before, after });
                }
            }
        }
        for &node in nodes {
            local[node as usize] = NONE;
        }
        Self::new(transactions, nodes.len() as u32, &edges)
    }

    /// The strongly connected components over the edges with a label in `mask`.
    pub(super) fn components(&self, mask: u8) -> Components {
        Tarjan::new(self, mask).run()
    }
}

/// Which component each node is in. Components are numbered so that edges lead from a component
/// only to itself or to one with a lower number.
#[derive(Clone, Debug)]
pub(super) struct Components {
    pub(super) of: Vec<u32>,
    pub(super) count: u32,
    /// The components of more than one node, each in ascending order of its nodes.
    pub(super) cyclic: Vec<Vec<u32>>,
}

/// Tarjan's algorithm (1972) with a stack of its own instead of recursion.
struct Tarjan<'g> {
    graph: &'g Graph,
    mask: u8,
    /// When each node was first reached, 1 and up; 0 if it was not.
    reached: Vec<u32>,
    low: Vec<u32>,
    /// The component of a node, or [`NONE`] while it is unknown.
    of: Vec<u32>,
    open: Vec<u32>,
    cyclic: Vec<Vec<u32>>,
    count: u32,
    clock: u32,
}

impl<'g> Tarjan<'g> {
    fn new(graph: &'g Graph, mask: u8) -> Self {
        let nodes = graph.nodes() as usize;
        Self {
            graph,
            mask,
            reached: vec![0; nodes],
            low: vec![0; nodes],
            of: vec![NONE; nodes],
            open: Vec::new(),
            cyclic: Vec::new(),
            count: 0,
            clock: 0,
        }
    }

    fn run(mut self) -> Components {
        // A node on the way, and its next edge.
        let mut path: Vec<(u32, usize)> = Vec::new();
        for root in 0..self.graph.nodes() {
            if self.reached[root as usize] != 0 {
                continue;
            }
            self.enter(root, &mut path);
            while let Some(&mut (node, ref mut next)) = path.last_mut() {
                let end = self.graph.edges(node).end;
                if *next < end {
                    let edge = *next;
                    *next += 1;
                    if self.graph.label[edge] & self.mask == 0 {
                        continue;
                    }
                    let to = self.graph.to[edge];
                    if self.reached[to as usize] == 0 {
                        self.enter(to, &mut path);
                    } else if self.of[to as usize] == NONE {
                        let reached = self.reached[to as usize];
                        self.low[node as usize] = self.low[node as usize].min(reached);
                    }
                } else {
                    path.pop();
                    self.leave(node, path.last().map(|&(parent, _)| parent));
                }
            }
        }
        Components { of: self.of, count: self.count, cyclic: self.cyclic }
    }

    fn enter(&mut self, node: u32, path: &mut Vec<(u32, usize)>) {
        self.clock += 1;
        self.reached[node as usize] = self.clock;
        self.low[node as usize] = self.clock;
        self.open.push(node);
        path.push((node, self.graph.edges(node).start));
    }

    fn leave(&mut self, node: u32, parent: Option<u32>) {
        let low = self.low[node as usize];
        if low == self.reached[node as usize] {
            self.close(node);
        }
        if let Some(parent) = parent {
            self.low[parent as usize] = self.low[parent as usize].min(low);
        }
    }

    /// The open nodes from `node` on are a component.
    fn close(&mut self, node: u32) {
        let mut start = self.open.len();
        loop {
            start -= 1;
            self.of[self.open[start] as usize] = self.count;
            if self.open[start] == node {
                break;
            }
        }
        self.count += 1;
        if self.open.len() - start > 1 {
            let mut nodes = self.open[start..].to_vec();
            nodes.sort_unstable();
            self.cyclic.push(nodes);
        }
        self.open.truncate(start);
    }
}
