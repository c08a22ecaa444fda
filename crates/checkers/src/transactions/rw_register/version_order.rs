//! Which versions of a register follow which, as far as it can be inferred.

use std::fmt::Display;

use rustc_hash::{FxHashMap, FxHashSet};

use super::VersionOrder;
use super::history::{Access, History};
use crate::transactions::call::{Call, Outcome};
use crate::transactions::graph::{Edge, Graph, label};
use crate::transactions::kind::Kind;
use crate::transactions::order::by_invocation;
use crate::transactions::versions::NONE;
use crate::transactions::walk::{Walker, Way};
use crate::transactions::wording::Wording;

/// A version and one that comes later, both of the same key.
pub(super) type Pair = (u32, u32);

impl Access {
    /// The version that shows what came before the transaction.
    const fn first(&self) -> u32 {
        if self.read == NONE { self.written } else { self.read }
    }

    /// The version that it left, or at least saw.
    const fn last(&self) -> u32 {
        if self.written == NONE { self.read } else { self.written }
    }
}

impl<K: Display, V: Display> History<K, V> {
    /// All that can be inferred of the order of versions under the assumptions, sorted.
    pub(super) fn infer_order(&mut self, order: VersionOrder) -> Vec<Pair> {
        let mut known = Vec::new();
        let mut sources = Vec::new();
        if order.writes_follow_reads {
            self.assume(
                "writes follow reads",
                &mut sources,
                &mut known,
                writes_follow_reads(&self.accesses),
            );
        }
        if order.sequential_keys {
            let pairs = sequential_keys(&self.versions.calls, &self.accesses);
            self.assume("keys are sequentially consistent", &mut sources, &mut known, pairs);
        }
        if order.linearizable_keys {
            let pairs = linearizable_keys(&self.versions.calls, &self.accesses);
            self.assume("keys are linearizable", &mut sources, &mut known, pairs);
        }
        self.add_first_versions(&mut known);
        known.sort_unstable();
        known.dedup();
        known
    }

    /// Adds what follows from an assumption, but for keys where it leads in a circle.
    fn assume(
        &mut self,
        source: &'static str,
        sources: &mut Vec<&'static str>,
        known: &mut Vec<Pair>,
        mut pairs: Vec<Pair>,
    ) {
        sources.push(source);
        let mut cyclic_keys = FxHashSet::default();
        for &(before, after) in &pairs {
            let key = self.versions.key[after as usize];
            if self.versions.is_initial(after) && cyclic_keys.insert(key) {
                self.cyclic_versions(&[after, before, after], sources);
            }
        }
        let edges: Vec<Edge> = known
            .iter()
            .chain(&pairs)
            .map(|&(before, after)| Edge::plain(before, after, label::WW))
            .collect();
        let nodes = self.versions.key.len() as u32;
        let graph = Graph::new(nodes, nodes, &edges);
        drop(edges);
        let components = graph.components(label::WW);
        let mut walker = Walker::new(if components.cyclic.is_empty() { 0 } else { nodes });
        for component in &components.cyclic {
            if !cyclic_keys.insert(self.versions.key[component[0] as usize]) {
                continue;
            }
            let way = Way { mask: label::WW, within: &components.of, below: u32::MAX };
            let start = component[0];
            if let Some((_, path)) = walker.shortest(&graph, start, start, way) {
                let mut circle: Vec<u32> = path.iter().map(|&(node, _)| node).collect();
                circle.push(start);
                self.cyclic_versions(&circle, sources);
            }
        }
        pairs.retain(|&(_, after)| !cyclic_keys.contains(&self.versions.key[after as usize]));
        known.append(&mut pairs);
    }

    fn cyclic_versions(&mut self, circle: &[u32], sources: &[&str]) {
        let versions = &self.versions;
        self.findings.add(Kind::CyclicVersions, || {
            let values: Vec<String> = circle
                .iter()
                .map(|&version| {
                    versions.value(version).unwrap_or_else(|| "the initial state".to_owned())
                })
                .collect();
            let writers: Vec<u32> = circle[1..]
                .iter()
                .map(|&version| versions.writer[version as usize])
                .filter(|&writer| writer != NONE)
                .collect();
            let text = format!(
                "Key {}: if {}, its versions follow each other in a circle: {}.",
                versions.key_name(circle[0]),
                sources.join(" and "),
                values.join(", then ")
            );
            Wording::anomaly(versions, circle[0], &writers, text)
        });
    }

    /// The initial version comes before all others: it is enough to say so of those of which no
    /// other predecessor is known.
    fn add_first_versions(&self, known: &mut Vec<Pair>) {
        let versions = &self.versions;
        let mut has_predecessor = vec![false; versions.key.len()];
        for &(before, after) in known.iter() {
            has_predecessor[after as usize] |= self.final_writer(before).is_some();
        }
        for version in 0..versions.key.len() as u32 {
            if !has_predecessor[version as usize] && self.final_writer(version).is_some() {
                known.push((versions.initial[versions.key[version as usize] as usize], version));
            }
        }
    }
}

impl<K, V> History<K, V> {
    /// The transaction that left a version, if it may have happened.
    pub(super) fn final_writer(&self, version: u32) -> Option<u32> {
        self.versions.live_writer(version).filter(|_| !self.versions.is_intermediate(version))
    }
}

fn writes_follow_reads(accesses: &[Access]) -> Vec<Pair> {
    accesses
        .iter()
        .filter(|access| {
            access.read != NONE && access.written != NONE && access.read != access.written
        })
        .map(|access| (access.read, access.written))
        .collect()
}

/// What each process did to a key, one after the other.
fn sequential_keys(calls: &[Call], accesses: &[Access]) -> Vec<Pair> {
    let mut pairs = Vec::new();
    let mut last: FxHashMap<(u64, u32), (u32, u32)> = FxHashMap::default();
    for id in by_invocation(calls) {
        let call = &calls[id as usize];
        let from = accesses.partition_point(|access| access.transaction < id);
        for access in accesses[from..].iter().take_while(|access| access.transaction == id) {
            let place = (call.process, access.key);
            if let Some(&(before, version)) = last.get(&place)
                && calls[before as usize].completed < call.invoked
                && version != access.first()
            {
                pairs.push((version, access.first()));
            }
            if call.outcome == Outcome::Ok {
                last.insert(place, (id, access.last()));
            }
        }
    }
    pairs
}

/// What was done to a key after what had been done to it. Of all pairs only those are taken that no
/// third transaction lies between.
fn linearizable_keys(calls: &[Call], accesses: &[Access]) -> Vec<Pair> {
    let call = |access: &Access| &calls[access.transaction as usize];
    let mut begun: Vec<Access> =
        accesses.iter().copied().filter(|access| call(access).outcome != Outcome::Fail).collect();
    begun.sort_by_key(|access| (access.key, call(access).invoked));
    let mut pairs = Vec::new();
    for group in begun.chunk_by(|a, b| a.key == b.key) {
        let mut returned: Vec<&Access> =
            group.iter().filter(|access| call(access).outcome == Outcome::Ok).collect();
        returned.sort_by_key(|access| call(access).completed);
        let mut returned = returned.into_iter().peekable();
        // Those that returned, and that none of which precedes another.
        let mut frontier: Vec<&Access> = Vec::new();
        for access in group {
            let invoked = call(access).invoked;
            while let Some(done) = returned.next_if(|done| call(done).completed < invoked) {
                frontier.retain(|before| call(before).completed >= call(done).invoked);
                frontier.push(done);
            }
            for before in &frontier {
                if before.last() != access.first() {
                    pairs.push((before.last(), access.first()));
                }
            }
        }
    }
    pairs
}
