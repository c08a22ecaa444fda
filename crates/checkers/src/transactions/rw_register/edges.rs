//! From the order of versions to the graph of dependencies.

use super::history::History;
use super::version_order::Pair;
use crate::transactions::fan::Fan;
use crate::transactions::graph::{Edge, label};
use crate::transactions::versions::NONE;

impl<K, V> History<K, V> {
    /// All data dependencies, and the number of nodes with the auxiliary ones. `known` is sorted.
    pub(super) fn edges(&self, known: &[Pair]) -> (Vec<Edge>, u32) {
        let mut edges = Vec::with_capacity(known.len() + 2 * self.accesses.len());
        for &(before, after) in known {
            if let (Some(from), Some(to)) = (self.final_writer(before), self.final_writer(after))
                && from != to
            {
                edges.push(Edge { from, to, label: label::WW, before, after });
            }
        }
        let mut reads: Vec<(u32, u32)> = self
            .accesses
            .iter()
            .filter(|access| access.read != NONE)
            .map(|access| (access.read, access.transaction))
            .collect();
        for &(version, reader) in &reads {
            if let Some(from) = self.final_writer(version)
                && from != reader
            {
                edges.push(Edge {
                    from,
                    to: reader,
                    label: label::WR,
                    before: version,
                    after: version,
                });
            }
        }
        reads.sort_unstable();
        let nodes = self.read_write(known, &reads, &mut edges);
        (edges, nodes)
    }

    /// An anti-dependency from each reader of a version to the writer of each that follows it.
    /// `known` and `reads` are sorted by version.
    fn read_write(&self, known: &[Pair], reads: &[(u32, u32)], edges: &mut Vec<Edge>) -> u32 {
        let mut next_node = self.versions.calls.len() as u32;
        let mut writers = Vec::new();
        let mut followers = known.chunk_by(|a, b| a.0 == b.0).peekable();
        for readers in reads.chunk_by(|a, b| a.0 == b.0) {
            let version = readers[0].0;
            while followers.next_if(|group| group[0].0 < version).is_some() {}
            let Some(group) = followers.next_if(|group| group[0].0 == version) else { continue };
            writers.clear();
            writers.extend(
                group.iter().filter_map(|&(_, after)| Some((self.final_writer(after)?, after))),
            );
            writers.sort_unstable();
            writers.dedup_by_key(|&mut (writer, _)| writer);
            let mut fan = Fan::new(&writers);
            for &(_, reader) in readers {
                fan.link(reader, version, edges, &mut next_node);
            }
        }
        next_node
    }
}
