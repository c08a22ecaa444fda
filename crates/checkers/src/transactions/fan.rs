//! Edges from many readers to many writers, but from none to itself.
//!
//! If it is only known that some writes came after a version, each of its readers has an
//! anti-dependency on each of these writers: as many edges as there are pairs. The edges lead
//! through two chains of auxiliary nodes instead, one that hands on to every later writer and one
//! that hands on to every earlier writer. A reader that is a writer as well enters the first chain
//! behind itself and the second before itself.

use super::graph::{Edge, label};

/// The writers that come after a version, in ascending order, each once, with what they wrote.
#[derive(Debug)]
pub(super) struct Fan<'w> {
    writers: &'w [(u32, u32)],
    /// The first auxiliary node, once there are any.
    base: Option<u32>,
}

impl<'w> Fan<'w> {
    pub(super) const fn new(writers: &'w [(u32, u32)]) -> Self {
        Self { writers, base: None }
    }

    /// Adds anti-dependencies from `reader`, which read `version`, to all writers but itself.
    pub(super) fn link(
        &mut self,
        reader: u32,
        version: u32,
        edges: &mut Vec<Edge>,
        next_node: &mut u32,
    ) {
        let edge = |to, after| Edge { from: reader, to, label: label::RW, before: version, after };
        if let &[(writer, written)] = self.writers {
            if writer != reader {
                edges.push(edge(writer, written));
            }
            return;
        }
        if self.writers.is_empty() {
            return;
        }
        let base = self.base.unwrap_or_else(|| self.chains(edges, next_node));
        self.base = Some(base);
        let count = self.writers.len() as u32;
        match self.writers.binary_search_by_key(&reader, |&(writer, _)| writer) {
            Err(_) => edges.push(edge(base, super::versions::NONE)),
            Ok(place) => {
                let place = place as u32;
                if place + 1 < count {
                    edges.push(edge(base + place + 1, super::versions::NONE));
                }
                if place > 0 {
                    edges.push(edge(base + count + place - 1, super::versions::NONE));
                }
            }
        }
    }

    /// Makes both chains: node `base + i` leads to the writers from `i` on, node `base + n + i` to
    /// those up to `i`.
    fn chains(&self, edges: &mut Vec<Edge>, next_node: &mut u32) -> u32 {
        let base = *next_node;
        let count = self.writers.len() as u32;
        *next_node += 2 * count;
        for (place, &(writer, written)) in (0..).zip(self.writers) {
            for node in [base + place, base + count + place] {
                let after = written;
                edges.push(Edge { after, ..Edge::plain(node, writer, label::LINK) });
            }
            if place + 1 < count {
                edges.push(Edge::plain(base + place, base + place + 1, label::LINK));
            }
            if place > 0 {
                edges.push(Edge::plain(
                    base + count + place,
                    base + count + place - 1,
                    label::LINK,
                ));
            }
        }
        base
    }
}
