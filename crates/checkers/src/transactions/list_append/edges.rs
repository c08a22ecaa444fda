//! From the order of appends to the graph of dependencies.

use super::History;
use crate::transactions::fan::Fan;
use crate::transactions::graph::{Edge, label};
use crate::transactions::versions::NONE;

/// The order of the versions of all keys, as far as it was seen and without what failed.
pub(super) struct Orders {
    /// The version after each version that was seen; [`NONE`] for the last.
    next: Vec<u32>,
    /// Whether the place of a version in the order is known.
    is_placed: Vec<bool>,
    /// The last version of each key.
    last: Vec<u32>,
    /// Writers of versions after the last, with these versions, by key and writer.
    unseen: Vec<(u32, u32)>,
    /// Where those of each key begin, and at the end where they all end.
    unseen_from: Vec<u32>,
}

impl Orders {
    fn unseen(&self, key: u32) -> &[(u32, u32)] {
        let key = key as usize;
        &self.unseen[self.unseen_from[key] as usize..self.unseen_from[key + 1] as usize]
    }
}

impl<K, V> History<K, V> {
    pub(super) fn orders(&self) -> Orders {
        let versions = &self.versions;
        let mut orders = Orders {
            next: vec![NONE; versions.key.len()],
            is_placed: vec![false; versions.key.len()],
            last: versions.initial.clone(),
            unseen: Vec::new(),
            unseen_from: vec![0],
        };
        let longest = self.longest();
        for (key, trunk) in self.trunks.iter().enumerate() {
            let order = match longest[key] {
                NONE => &trunk.versions,
                place => &self.divergent[place as usize],
            };
            let mut last = versions.initial[key];
            // Versions that failed stand between two others; what follows them follows both.
            let mut waiting = vec![last];
            orders.is_placed[last as usize] = true;
            for &version in order {
                if std::mem::replace(&mut orders.is_placed[version as usize], true) {
                    continue;
                }
                if versions.live_writer(version).is_some() {
                    for before in waiting.drain(..) {
                        orders.next[before as usize] = version;
                    }
                    last = version;
                }
                waiting.push(version);
            }
            orders.last[key] = last;
        }
        self.find_unseen(&mut orders);
        orders
    }

    /// For each key, the longest list that contradicts the trunk and is longer; else [`NONE`].
    fn longest(&self) -> Vec<u32> {
        let mut longest = vec![NONE; self.trunks.len()];
        for (place, list) in self.divergent.iter().enumerate() {
            let Some(&first) = list.first() else { continue };
            let key = self.versions.key[first as usize] as usize;
            let known = match longest[key] {
                NONE => self.trunks[key].versions.len(),
                other => self.divergent[other as usize].len(),
            };
            if list.len() > known {
                longest[key] = place as u32;
            }
        }
        longest
    }

    fn find_unseen(&self, orders: &mut Orders) {
        let versions = &self.versions;
        let mut unseen: Vec<(u32, u32, u32)> = (0..versions.key.len() as u32)
            .filter(|&version| !orders.is_placed[version as usize])
            .filter_map(|version| {
                Some((versions.key[version as usize], versions.live_writer(version)?, version))
            })
            .collect();
        unseen.sort_unstable();
        unseen.dedup_by_key(|&mut (key, writer, _)| (key, writer));
        let mut place = 0;
        for key in 0..versions.initial.len() as u32 {
            while unseen.get(place).is_some_and(|entry| entry.0 == key) {
                place += 1;
            }
            orders.unseen_from.push(place as u32);
        }
        orders.unseen = unseen.into_iter().map(|(_, writer, version)| (writer, version)).collect();
    }

    /// All data dependencies, and the number of nodes with the auxiliary ones.
    pub(super) fn edges(&self, orders: &Orders) -> (Vec<Edge>, u32) {
        let mut edges = Vec::with_capacity(self.versions.key.len() + 2 * self.reads.len());
        self.write_write(orders, &mut edges);
        for read in &self.reads {
            if let Some(writer) = self.versions.live_writer(read.last)
                && writer != read.transaction
            {
                edges.push(Edge {
                    from: writer,
                    to: read.transaction,
                    label: label::WR,
                    before: read.last,
                    after: read.last,
                });
            }
        }
        let nodes = self.read_write(orders, &mut edges);
        (edges, nodes)
    }

    fn write_write(&self, orders: &Orders, edges: &mut Vec<Edge>) {
        let versions = &self.versions;
        let mut link = |before: u32, after: u32| {
            if let (Some(from), Some(to)) =
                (versions.live_writer(before), versions.live_writer(after))
                && from != to
            {
                edges.push(Edge { from, to, label: label::WW, before, after });
            }
        };
        for before in 0..versions.key.len() as u32 {
            if orders.next[before as usize] != NONE {
                link(before, orders.next[before as usize]);
            }
        }
        for (key, &last) in orders.last.iter().enumerate() {
            for &(_, version) in orders.unseen(key as u32) {
                link(last, version);
            }
        }
    }

    fn read_write(&self, orders: &Orders, edges: &mut Vec<Edge>) -> u32 {
        let versions = &self.versions;
        let mut next_node = versions.calls.len() as u32;
        let mut fans: Vec<Fan<'_>> =
            (0..versions.initial.len() as u32).map(|key| Fan::new(orders.unseen(key))).collect();
        for read in &self.reads {
            let last = read.last;
            // What comes after a transaction's own append follows from that append.
            if !orders.is_placed[last as usize]
                || versions.writer[last as usize] == read.transaction
            {
                continue;
            }
            let next = orders.next[last as usize];
            if next == NONE {
                fans[read.key as usize].link(read.transaction, last, edges, &mut next_node);
            } else if let Some(to) = versions.live_writer(next)
                && to != read.transaction
            {
                edges.push(Edge {
                    from: read.transaction,
                    to,
                    label: label::RW,
                    before: last,
                    after: next,
                });
            }
        }
        next_node
    }
}
