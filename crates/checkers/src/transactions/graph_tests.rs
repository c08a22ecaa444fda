//! Graphs, paths and fans against plain and slow ways to the same.

use super::fan::Fan;
use super::graph::{Edge, Graph, label};
use super::walk::{Walker, Way, some_connected};

/// A small linear congruential generator: random enough for small graphs.
fn random(seed: &mut u64, below: u64) -> u32 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    ((*seed >> 33) % below) as u32
}

fn random_edges(seed: &mut u64, nodes: u32) -> Vec<Edge> {
    let count = random(seed, 3 * u64::from(nodes));
    let mut draw = || random(seed, u64::from(nodes));
    (0..count).map(|_| Edge::plain(draw(), draw(), label::WW)).filter(|e| e.from != e.to).collect()
}

/// The lengths of shortest paths of at least one edge, by Floyd and Warshall; links weigh nothing.
fn distances(nodes: u32, edges: &[Edge]) -> Vec<Vec<Option<u32>>> {
    let nodes = nodes as usize;
    let mut far = vec![vec![None; nodes]; nodes];
    for edge in edges {
        let weight = u32::from(edge.label != label::LINK);
        let known = &mut far[edge.from as usize][edge.to as usize];
        *known = Some(known.map_or(weight, |known: u32| known.min(weight)));
    }
    for via in 0..nodes {
        for from in 0..nodes {
            for to in 0..nodes {
                if let (Some(a), Some(b)) = (far[from][via], far[via][to]) {
                    far[from][to] = Some(far[from][to].map_or(a + b, |c: u32| c.min(a + b)));
                }
            }
        }
    }
    far
}

#[test]
fn components_are_the_nodes_that_reach_each_other_numbered_against_the_edges() {
    for seed in 0..2_000 {
        let seed = &mut { seed };
        let edges = random_edges(seed, 9);
        let far = distances(9, &edges);
        let components = Graph::new(9, 9, &edges).components(label::WW);
        for (a, from_a) in far.iter().enumerate() {
            for (b, from_b) in far.iter().enumerate() {
                let is_same = a == b || from_a[b].is_some() && from_b[a].is_some();
                assert_eq!(components.of[a] == components.of[b], is_same);
                assert!(from_a[b].is_none() || components.of[a] >= components.of[b]);
            }
            let is_cyclic = components.cyclic.iter().any(|nodes| nodes.contains(&(a as u32)));
            assert_eq!(is_cyclic, from_a[a].is_some());
        }
    }
}

#[test]
fn paths_are_shortest_and_links_weigh_nothing() {
    for seed in 0..2_000 {
        let seed = &mut { seed };
        let mut edges = random_edges(seed, 8);
        for edge in &mut edges {
            // From the upper half of the nodes lead links only.
            if edge.from >= 4 {
                edge.label = label::LINK;
            }
        }
        let far = distances(8, &edges);
        let graph = Graph::new(4, 8, &edges);
        let mut walker = Walker::new(8);
        let way = Way { mask: u8::MAX, within: &[0; 8], below: u32::MAX };
        for from in 0..8 {
            for to in 0..8 {
                let found = walker.shortest(&graph, from, to, way);
                let length = found.as_ref().map(|&(length, _)| length);
                assert_eq!(length, far[from as usize][to as usize]);
                let Some((length, path)) = found else { continue };
                let targets: Vec<u32> = path.iter().map(|&(_, edge)| graph.to[edge]).collect();
                let sources: Vec<u32> = path.iter().map(|&(node, _)| node).collect();
                assert_eq!((sources[0], targets.last()), (from, Some(&to)));
                assert_eq!(sources[1..], targets[..targets.len() - 1]);
                let limited = Way { below: length, ..way };
                assert!(walker.shortest(&graph, from, to, limited).is_none());
            }
        }
    }
}

#[test]
fn of_many_pairs_one_that_is_connected_is_found_if_there_is_any() {
    for seed in 0..500 {
        let seed = &mut { seed };
        let edges = random_edges(seed, 24);
        let far = distances(24, &edges);
        let graph = Graph::new(24, 24, &edges);
        let components = graph.components(label::WW);
        let is_connected = |(a, b): (u32, u32)| a == b || far[a as usize][b as usize].is_some();
        let all = (0..24).flat_map(|a| (0..24).map(move |b| (a, b)));
        let (connected, others): (Vec<_>, Vec<_>) = all.partition(|&pair| is_connected(pair));
        assert_eq!(some_connected(&graph, label::WW, &components, &others), None);
        let mut mixed = others;
        let hidden = connected[random(seed, connected.len() as u64) as usize];
        mixed.insert(random(seed, mixed.len() as u64 + 1) as usize, hidden);
        let found = some_connected(&graph, label::WW, &components, &mixed);
        assert_eq!(found.map(|place| mixed[place]), Some(hidden));
    }
}

#[test]
fn a_fan_leads_from_each_reader_to_all_writers_but_itself() {
    for count in 0..6_u32 {
        // Nodes 0, 2, 4, ... write; all read.
        let writers: Vec<(u32, u32)> = (0..count).map(|place| (2 * place, 100 + place)).collect();
        let mut edges = Vec::new();
        let mut nodes = 12;
        let mut fan = Fan::new(&writers);
        for reader in 0..12 {
            fan.link(reader, 99, &mut edges, &mut nodes);
        }
        let far = distances(nodes, &edges);
        for reader in 0..12_u32 {
            for node in 0..12_u32 {
                let is_writer = writers.iter().any(|&(writer, _)| writer == node);
                let expected = (is_writer && node != reader).then_some(1);
                // Beyond a writer the walk would go on as that writer's own reads.
                let direct = direct(&edges, reader, node);
                assert_eq!(direct, expected.is_some(), "{count}: {reader} {node}");
                assert!(expected.is_none() || far[reader as usize][node as usize] == Some(1));
            }
        }
    }
}

/// Whether one anti-dependency and links lead from one transaction to the other.
fn direct(edges: &[Edge], from: u32, to: u32) -> bool {
    let mut open: Vec<u32> =
        edges.iter().filter(|e| e.from == from && e.label == label::RW).map(|e| e.to).collect();
    let mut seen = open.clone();
    while let Some(node) = open.pop() {
        for edge in edges.iter().filter(|e| e.from == node && e.label == label::LINK) {
            if !seen.contains(&edge.to) {
                seen.push(edge.to);
                open.push(edge.to);
            }
        }
    }
    seen.contains(&to)
}
