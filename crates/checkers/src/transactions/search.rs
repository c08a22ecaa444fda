//! The search for cycles within one component of the graph.
//!
//! A component with more than one transaction has a cycle, and what remains to be said is of which
//! kinds. Kinds are tried from worst to mildest, and what follows from a kind that was found is not
//! searched, as in Elle. Whether there is a cycle of a kind is decided exactly:
//!
//! - **G0, G1c**: a component over the edges allowed.
//! - **G-nonadjacent-item**: every transaction is split in two, one entered by an anti-dependency
//!   and one entered otherwise, and anti-dependencies leave only the latter: components of that
//!   graph are the cycles in which no two anti-dependencies follow each other.
//! - **G-single-item**: such a component, and an anti-dependency whose target leads back to its
//!   source without another. This alone is not linear in the worst case, since it asks for
//!   reachability; see [`some_connected`].
//! - **G2-item**: a component over all edges, with an anti-dependency inside.
//!
//! Of all cycles of a kind the shortest is wanted. Breadth-first searches look for it from one
//! transaction after another for as long as their work stays proportional to the component; the
//! shortest cycle met until then is reported. So a bound on work may make a cycle longer than it
//! could be. It never changes what is found.

use super::graph::{Components, Edge, Graph, label};
use super::kind::{Kind, Order, Shape};
use super::versions::NONE;
use super::walk::{Path, Walker, Way, some_connected};

/// A step of a cycle: one transaction depends on another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) from: u32,
    pub(super) to: u32,
    pub(super) label: u8,
    pub(super) before: u32,
    pub(super) after: u32,
}

/// A cycle; each step ends where the next begins, and the last where the first begins.
#[derive(Clone, Debug)]
pub(super) struct Cycle {
    pub(super) kind: Kind,
    pub(super) steps: Vec<Step>,
}

/// How many edges one search for shorter cycles may look at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// For each edge of the component.
    pub(super) per_edge: u64,
    /// In any case.
    pub(super) at_least: u64,
}

/// What is enough to find the very shortest cycles of most components.
pub(super) const PATIENCE: Patience = Patience { per_edge: 4, at_least: 100_000 };

/// The kinds of cycles of a component, each with the shortest that was found.
pub(super) fn cycles(graph: &Graph, highest: Order, patience: Patience) -> Vec<Cycle> {
    let mut search = Search {
        graph,
        product: product(graph),
        walker: Walker::new(2 * graph.nodes()),
        patience,
        found: Vec::new(),
    };
    for (order, extra) in [
        (Order::Data, 0),
        (Order::Process, label::PROCESS),
        (Order::Realtime, label::PROCESS | label::REALTIME),
    ] {
        if order <= highest {
            search.run(order, extra | label::LINK);
        }
    }
    search.found
}

/// Every node twice: `2n + 1` if an anti-dependency led there, else `2n`. No anti-dependency leaves
/// the former.
fn product(graph: &Graph) -> Graph {
    let mut edges = Vec::with_capacity(2 * graph.to.len());
    for from in 0..graph.nodes() {
        for edge in graph.edges(from) {
            let to = graph.to[edge];
            let [before, after] = graph.evidence[edge];
            let label = graph.label[edge];
            let mut push = |out, into| {
                edges.push(Edge { from: 2 * from + out, to: 2 * to + into, label, before, after });
            };
            match label {
                label::RW => push(0, 1),
                label::LINK => {
                    push(0, 0);
                    push(1, 1);
                }
                _ => {
                    push(0, 0);
                    push(1, 0);
                }
            }
        }
    }
    Graph::new(2 * graph.transactions, 2 * graph.nodes(), &edges)
}

struct Search<'g> {
    graph: &'g Graph,
    product: Graph,
    walker: Walker,
    patience: Patience,
    found: Vec<Cycle>,
}

/// An anti-dependency from which a cycle may be closed: its source, and its edge.
type Anchor = (u32, usize);

impl Search<'_> {
    /// Looks for cycles that need the edges in `extra`, or none but data.
    fn run(&mut self, order: Order, extra: u8) {
        let dependencies = label::WW | label::WR | extra;
        if !self.is_implied(order, Shape::G0) {
            self.plain(label::WW | extra);
        }
        if !self.is_implied(order, Shape::G1c) {
            self.plain(dependencies);
        }
        if self.is_implied(order, Shape::GSingleItem) {
            return;
        }
        let split = self.product.components(dependencies | label::RW);
        let anchors = self.anchors(dependencies, |from, to| {
            split.of[2 * from as usize] == split.of[2 * to as usize + 1]
        });
        if !anchors.is_empty() {
            self.single(dependencies, &anchors);
            if !self.is_implied(order, Shape::GNonadjacentItem) {
                self.nonadjacent(dependencies, &split, &anchors);
            }
        }
        if !self.is_implied(order, Shape::G2Item) {
            self.adjacent(dependencies | label::RW);
        }
    }

    fn is_implied(&self, order: Order, shape: Shape) -> bool {
        self.found.iter().any(|cycle| {
            matches!(cycle.kind, Kind::Cycle(other, found) if other <= order && found.implies(shape))
        })
    }

    /// The most work to be done before the shortest cycle so far is good enough.
    fn enough(&self) -> u64 {
        let edges = self.graph.to.len() as u64;
        self.walker.work + self.patience.at_least + self.patience.per_edge * edges
    }

    /// Cycles over the edges in `mask`, whatever they are.
    fn plain(&mut self, mask: u8) {
        let mut components = self.graph.components(mask);
        components.cyclic.sort_by_key(Vec::len);
        let enough = self.enough();
        let mut best: Option<(u32, Path)> = None;
        for &node in
            components.cyclic.iter().flatten().filter(|&&node| node < self.graph.transactions)
        {
            let below = best.as_ref().map_or(u32::MAX, |&(length, _)| length);
            if below == 2 || (best.is_some() && self.walker.work > enough) {
                break;
            }
            let way = Way { mask, within: &components.of, below };
            best = self.walker.shortest(self.graph, node, node, way).or(best);
        }
        if let Some((_, path)) = best {
            let steps = steps(self.graph, &path);
            self.record(steps);
        }
    }

    /// The anti-dependencies that may be part of a cycle. Where another dependency leads to the same
    /// place, that one is meant.
    fn anchors(&self, others: u8, may_close: impl Fn(u32, u32) -> bool) -> Vec<Anchor> {
        let others = others & !(label::RW | label::LINK);
        let mut anchors = Vec::new();
        for from in 0..self.graph.transactions {
            for edge in self.graph.edges(from) {
                let to = self.graph.to[edge];
                if self.graph.label[edge] == label::RW
                    && may_close(from, to)
                    && !self.graph.has_edge(from, to, others)
                {
                    anchors.push((from, edge));
                }
            }
        }
        anchors
    }

    /// Cycles with one of the anchors and no other anti-dependency.
    fn single(&mut self, mask: u8, anchors: &[Anchor]) {
        let everywhere = vec![0; self.graph.nodes() as usize];
        let enough = self.enough();
        let mut best = None;
        for (place, &(from, edge)) in anchors.iter().enumerate() {
            let below = best.as_ref().map_or(u32::MAX, |&(length, _)| length);
            if below == 1 {
                break;
            }
            if self.walker.work > enough {
                if best.is_none() {
                    best = self.rest_of_single(mask, &anchors[place..], &everywhere);
                }
                break;
            }
            let way = Way { mask, within: &everywhere, below };
            let back = self.walker.shortest(self.graph, self.graph.to[edge], from, way);
            best = back.map(|(length, path)| (length, closed((from, edge), path))).or(best);
        }
        if let Some((_, path)) = best {
            let steps = steps(self.graph, &path);
            self.record(steps);
        }
    }

    /// Decides whether any of many anchors closes a cycle.
    fn rest_of_single(
        &mut self,
        mask: u8,
        anchors: &[Anchor],
        everywhere: &[u32],
    ) -> Option<(u32, Path)> {
        let pairs: Vec<(u32, u32)> =
            anchors.iter().map(|&(from, edge)| (self.graph.to[edge], from)).collect();
        let components = self.graph.components(mask);
        let (from, edge) = anchors[some_connected(self.graph, mask, &components, &pairs)?];
        let way = Way { mask, within: everywhere, below: u32::MAX };
        let (length, path) = self.walker.shortest(self.graph, self.graph.to[edge], from, way)?;
        Some((length, closed((from, edge), path)))
    }

    /// Cycles with anti-dependencies, but no two in a row.
    fn nonadjacent(&mut self, mask: u8, split: &Components, anchors: &[Anchor]) {
        let enough = self.enough();
        let mut best: Option<(u32, Vec<Step>)> = None;
        for &(from, edge) in anchors {
            let below = best.as_ref().map_or(u32::MAX, |&(length, _)| length);
            if best.is_some() && self.walker.work > enough {
                break;
            }
            let way = Way { mask: mask | label::RW, within: &split.of, below };
            let source = 2 * self.graph.to[edge] + 1;
            let Some((length, path)) = self.walker.shortest(&self.product, source, 2 * from, way)
            else {
                continue;
            };
            let [before, after] = self.graph.evidence[edge];
            let to = self.graph.to[edge];
            let mut steps = vec![Step { from, to, label: label::RW, before, after }];
            extend(&mut steps, &self.product, &path, |node| node / 2);
            if is_simple(&steps) {
                best = Some((length, steps));
            }
        }
        if let Some((_, steps)) = best {
            self.record(steps);
        }
    }

    /// Cycles with anti-dependencies.
    fn adjacent(&mut self, mask: u8) {
        let components = self.graph.components(mask);
        let of = &components.of;
        let anchors = self.anchors(mask, |from, to| of[from as usize] == of[to as usize]);
        let enough = self.enough();
        let mut best = None;
        for (from, edge) in anchors {
            let below = best.as_ref().map_or(u32::MAX, |&(length, _)| length);
            if below == 1 || (best.is_some() && self.walker.work > enough) {
                break;
            }
            let way = Way { mask, within: of, below };
            let back = self.walker.shortest(self.graph, self.graph.to[edge], from, way);
            best = back.map(|(length, path)| (length, closed((from, edge), path))).or(best);
        }
        if let Some((_, path)) = best {
            let steps = steps(self.graph, &path);
            self.record(steps);
        }
    }

    fn record(&mut self, steps: Vec<Step>) {
        let kind = classify(&steps);
        if let Kind::Cycle(order, shape) = kind
            && !self.is_implied(order, shape)
        {
            self.found.push(Cycle { kind, steps });
        }
    }
}

fn closed(anchor: Anchor, path: Path) -> Path {
    let mut all = vec![anchor];
    all.extend(path);
    all
}

fn steps(graph: &Graph, path: &Path) -> Vec<Step> {
    let mut steps = Vec::new();
    extend(&mut steps, graph, path, |node| node);
    steps
}

/// Adds the steps of a path; links become part of the step before them.
fn extend(steps: &mut Vec<Step>, graph: &Graph, path: &Path, name: impl Fn(u32) -> u32) {
    for &(from, edge) in path {
        let [before, after] = graph.evidence[edge];
        let to = name(graph.to[edge]);
        match steps.last_mut() {
            Some(step) if graph.label[edge] == label::LINK => {
                step.to = to;
                if after != NONE {
                    step.after = after;
                }
            }
            _ => steps.push(Step { from: name(from), to, label: graph.label[edge], before, after }),
        }
    }
}

fn is_simple(steps: &[Step]) -> bool {
    let mut from: Vec<u32> = steps.iter().map(|step| step.from).collect();
    from.sort_unstable();
    from.windows(2).all(|pair| pair[0] != pair[1])
}

/// The kind of a cycle, by its edges.
fn classify(steps: &[Step]) -> Kind {
    let is = |step: &Step, label| step.label == label;
    let count = |label| steps.iter().filter(|step| is(step, label)).count();
    let neighbours = steps.iter().zip(steps.iter().cycle().skip(1));
    let shape = match count(label::RW) {
        0 if count(label::WR) == 0 => Shape::G0,
        0 => Shape::G1c,
        1 => Shape::GSingleItem,
        _ if neighbours.clone().any(|(a, b)| is(a, label::RW) && is(b, label::RW)) => Shape::G2Item,
        _ => Shape::GNonadjacentItem,
    };
    let order = if count(label::REALTIME) > 0 {
        Order::Realtime
    } else if count(label::PROCESS) > 0 {
        Order::Process
    } else {
        Order::Data
    };
    Kind::Cycle(order, shape)
}
