//! The kinds of cycles of small random graphs against all their simple cycles.

use std::collections::BTreeSet;

use super::graph::{Edge, Graph, label};
use super::kind::{Kind, Order, Shape};
use super::search::{PATIENCE, Patience, cycles};

const NODES: u32 = 6;
const LABELS: [u8; 5] = [label::WW, label::WR, label::RW, label::PROCESS, label::REALTIME];

/// A graph without parallel edges; process and real-time order lead to higher numbers only.
fn random_edges(seed: u64, dependencies: u64) -> Vec<Edge> {
    let mut state = seed;
    let mut draw = |below: u64| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let mut edges = Vec::new();
    for from in 0..NODES {
        for to in (0..NODES).filter(|&to| to != from) {
            let kinds = if from < to { 5 } else { 3 };
            let kind = if draw(10) < dependencies { draw(2) } else { draw(kinds) };
            if draw(10) < 3 {
                edges.push(Edge::plain(from, to, LABELS[kind as usize]));
            }
        }
    }
    edges
}

/// The labels of every simple cycle.
fn all_cycles(edges: &[Edge]) -> Vec<Vec<u8>> {
    fn extend(edges: &[Edge], path: &mut Vec<Edge>, all: &mut Vec<Vec<u8>>) {
        let (first, last) = (path[0].from, path[path.len() - 1].to);
        if first == last {
            all.push(path.iter().map(|edge| edge.label).collect());
            return;
        }
        for edge in edges.iter().filter(|edge| edge.from == last && edge.to >= first) {
            if edge.to == first || path.iter().all(|before| before.from != edge.to) {
                path.push(*edge);
                extend(edges, path, all);
                path.pop();
            }
        }
    }
    let mut all = Vec::new();
    for edge in edges.iter().filter(|edge| edge.to > edge.from) {
        extend(edges, &mut vec![*edge], &mut all);
    }
    all
}

fn kind_of(labels: &[u8]) -> Kind {
    let anti: Vec<bool> = labels.iter().map(|&label| label == label::RW).collect();
    let in_a_row = (0..anti.len()).any(|place| anti[place] && anti[(place + 1) % anti.len()]);
    let shape = match anti.iter().filter(|&&is_anti| is_anti).count() {
        0 if labels.contains(&label::WR) => Shape::G1c,
        0 => Shape::G0,
        1 => Shape::GSingleItem,
        _ if in_a_row => Shape::G2Item,
        _ => Shape::GNonadjacentItem,
    };
    let order = match (labels.contains(&label::REALTIME), labels.contains(&label::PROCESS)) {
        (true, _) => Order::Realtime,
        (false, true) => Order::Process,
        (false, false) => Order::Data,
    };
    Kind::Cycle(order, shape)
}

fn follows(kind: Kind, from: Kind) -> bool {
    let (Kind::Cycle(order, shape), Kind::Cycle(other, found)) = (kind, from) else { return false };
    other <= order && found.implies(shape)
}

/// Those that do not follow from another.
fn worst(kinds: &BTreeSet<Kind>) -> BTreeSet<Kind> {
    let is_implied =
        |&kind: &Kind| kinds.iter().any(|&other| other != kind && follows(kind, other));
    kinds.iter().copied().filter(|kind| !is_implied(kind)).collect()
}

#[test]
fn the_worst_kinds_of_all_cycles_are_found_with_any_patience() {
    let mut seen = BTreeSet::new();
    for seed in 0..20_000 {
        let edges = random_edges(seed, seed % 7);
        let all = all_cycles(&edges);
        let expected = worst(&all.iter().map(|labels| kind_of(labels)).collect());
        let graph = Graph::new(NODES, NODES, &edges);
        for patience in [PATIENCE, Patience { per_edge: 0, at_least: 0 }] {
            let found = cycles(&graph, Order::Realtime, patience);
            let kinds: BTreeSet<Kind> = found.iter().map(|cycle| cycle.kind).collect();
            assert_eq!(kinds, expected, "seed {seed}, {patience:?}: {edges:?} {found:?}");
        }
        for cycle in cycles(&graph, Order::Realtime, PATIENCE) {
            let lengths = all.iter().filter(|labels| kind_of(labels) == cycle.kind).map(Vec::len);
            assert_eq!(lengths.min(), Some(cycle.steps.len()), "seed {seed}: {cycle:?} {edges:?}");
        }
        seen.extend(expected);
    }
    assert_eq!(seen.len(), 15, "{seen:?}");
}
