//! Shortest paths, and whether there are any.

use std::collections::VecDeque;

use super::graph::{Components, Graph, label};
use super::versions::NONE;

/// Edges one after the other, each with its source.
pub(super) type Path = Vec<(u32, usize)>;

/// Finds shortest paths in one graph after another query; the memory is kept between queries.
#[derive(Debug)]
pub(super) struct Walker {
    distance: Vec<u32>,
    /// The query in which a node was last reached.
    reached_in: Vec<u32>,
    query: u32,
    via: Vec<(u32, usize)>,
    queue: VecDeque<(u32, u32)>,
    /// How many edges were looked at so far.
    pub(super) work: u64,
}

/// Which way a path may take.
#[derive(Clone, Copy)]
pub(super) struct Way<'a> {
    /// The labels of its edges.
    pub(super) mask: u8,
    /// The components it must not leave, if it can be said in advance.
    pub(super) within: &'a [u32],
    /// It must have fewer steps than this.
    pub(super) below: u32,
}

impl Walker {
    pub(super) fn new(nodes: u32) -> Self {
        Self {
            distance: vec![0; nodes as usize],
            reached_in: vec![0; nodes as usize],
            query: 0,
            via: vec![(NONE, 0); nodes as usize],
            queue: VecDeque::new(),
            work: 0,
        }
    }

    /// The shortest path of at least one edge. Steps are counted: edges but for links.
    pub(super) fn shortest(
        &mut self,
        graph: &Graph,
        from: u32,
        to: u32,
        way: Way<'_>,
    ) -> Option<(u32, Path)> {
        self.query += 1;
        self.queue.clear();
        self.reached_in[from as usize] = self.query;
        self.distance[from as usize] = 0;
        self.queue.push_back((from, 0));
        let mut best = way.below;
        let mut last = None;
        while let Some((node, distance)) = self.queue.pop_front() {
            if distance >= best {
                break;
            }
            if distance > self.distance[node as usize] {
                continue;
            }
            for edge in graph.edges(node) {
                self.work += 1;
                let next = graph.to[edge];
                if graph.label[edge] & way.mask == 0
                    || way.within[next as usize] != way.within[from as usize]
                {
                    continue;
                }
                let is_link = graph.label[edge] == label::LINK;
                let there = distance + u32::from(!is_link);
                if next == to {
                    if there < best {
                        best = there;
                        last = Some((node, edge));
                    }
                    continue;
                }
                let place = next as usize;
                if self.reached_in[place] == self.query && self.distance[place] <= there {
                    continue;
                }
                self.reached_in[place] = self.query;
                self.distance[place] = there;
                self.via[place] = (node, edge);
                if is_link {
                    self.queue.push_front((next, there));
                } else {
                    self.queue.push_back((next, there));
                }
            }
        }
        let mut path = vec![last?];
        let mut node = path[0].0;
        while node != from {
            path.push(self.via[node as usize]);
            node = self.via[node as usize].0;
        }
        path.reverse();
        Some((best, path))
    }
}

/// The place of some pair whose second node can be reached from its first, over edges in `mask`.
/// `components` are those over the same edges.
///
/// Components are numbered against the direction of edges, so a search from one node to another
/// stays between their numbers; 64 pairs that lie close together are decided in one sweep.
pub(super) fn some_connected(
    graph: &Graph,
    mask: u8,
    components: &Components,
    pairs: &[(u32, u32)],
) -> Option<usize> {
    let of = |node: u32| components.of[node as usize] as usize;
    let mut by_component: Vec<u32> = (0..graph.nodes()).collect();
    by_component.sort_by_key(|&node| of(node));
    let mut starts = vec![0_usize; components.count as usize + 1];
    for &node in &by_component {
        starts[of(node) + 1] += 1;
    }
    for component in 1..starts.len() {
        starts[component] += starts[component - 1];
    }
    let mut order: Vec<usize> =
        (0..pairs.len()).filter(|&pair| of(pairs[pair].0) >= of(pairs[pair].1)).collect();
    order.sort_by_key(|&pair| of(pairs[pair].0));
    // For each component, from which pairs of the batch it can be reached.
    let mut reached = vec![0_u64; components.count as usize];
    for batch in order.chunks(64) {
        let (Some(high), Some(low)) = (
            batch.iter().map(|&p| of(pairs[p].0)).max(),
            batch.iter().map(|&p| of(pairs[p].1)).min(),
        ) else {
            continue;
        };
        for (bit, &pair) in batch.iter().enumerate() {
            reached[of(pairs[pair].0)] |= 1 << bit;
        }
        for component in (low..=high).rev() {
            let bits = reached[component];
            if bits == 0 {
                continue;
            }
            for &node in &by_component[starts[component]..starts[component + 1]] {
                for edge in graph.edges(node) {
                    let to = of(graph.to[edge]);
                    if graph.label[edge] & mask != 0 && to >= low {
                        reached[to] |= bits;
                    }
                }
            }
        }
        let found = batch
            .iter()
            .enumerate()
            .find(|&(bit, &pair)| reached[of(pairs[pair].1)] >> bit & 1 == 1)
            .map(|(_, &pair)| pair);
        if found.is_some() {
            return found;
        }
        reached[low..=high].fill(0);
    }
    None
}
