//! The blocks of the beginning of a history, and whether they have an order.

use super::{Clusters, NONE, sees, written};
use crate::linearizable::register::{EMPTY, Number};

/// Operations that come one after another in every order: what one write or chain of
/// compare-and-sets left, with all that saw it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Block {
    /// When the first of its operations completed.
    pub(super) first_end: u64,
    /// When the last of them was invoked.
    pub(super) last_start: u64,
    pub(super) root: Root,
}

/// How a block begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Root {
    /// With the write of this value; [`EMPTY`] is there from the beginning.
    Value(Number),
    /// It is one write of a value that nobody sees.
    Write(u32),
}

/// What is known of a value's cluster.
#[derive(Clone, Copy)]
pub(super) struct Cluster {
    first_end: u64,
    last_start: u64,
    /// Something in the cluster certainly happened.
    is_there: bool,
    /// The compare-and-set that finds the value.
    pub(super) next: u32,
}

pub(super) struct Blocks<'a> {
    pub(super) of: &'a Clusters<'a>,
    /// Where the history is cut off: what happens from here on has not happened.
    pub(super) end: u64,
    pub(super) clusters: Vec<Cluster>,
    /// In an order that explains everything, if there is one.
    pub(super) blocks: Vec<Block>,
}

impl<'a> Blocks<'a> {
    /// The blocks of everything before `end`; `None` if the operations of one have no order.
    pub(super) fn new(of: &'a Clusters<'a>, end: u64) -> Option<Self> {
        let none = Cluster { first_end: u64::MAX, last_start: 0, is_there: false, next: NONE };
        let clusters = vec![none; of.values];
        let mut blocks = Self { of, end, clusters, blocks: Vec::new() };
        blocks.put_into_clusters()?;
        blocks.add_what_must_have_happened()?;
        blocks.join()?;
        blocks.blocks.sort_unstable_by_key(|block| {
            (block.root != Root::Value(EMPTY), block.first_end.min(block.last_start))
        });
        Some(blocks)
    }

    /// The calls that were invoked before the end.
    pub(super) fn calls(&self) -> std::ops::Range<u32> {
        0..self.of.calls.partition_point(|call| call.invoked < self.end) as u32
    }

    /// Whether a call was over before the end.
    pub(super) fn is_over(&self, call: u32) -> bool {
        self.completed(call) < self.end
    }

    fn completed(&self, call: u32) -> u64 {
        self.of.calls[call as usize].completed.unwrap_or(u64::MAX)
    }

    /// Puts everything that was over before the end into the cluster of the value that it saw or
    /// wrote, or both.
    fn put_into_clusters(&mut self) -> Option<()> {
        for index in self.calls() {
            let call = &self.of.calls[index as usize];
            let Some(completed) = call.completed.filter(|&completed| completed < self.end) else {
                continue;
            };
            let seen = sees(&call.operation);
            let written = written(&call.operation);
            for value in seen.into_iter().chain(written) {
                let cluster = &mut self.clusters[value as usize];
                cluster.first_end = cluster.first_end.min(completed);
                cluster.last_start = cluster.last_start.max(call.invoked);
                cluster.is_there = true;
            }
            match (seen, written) {
                (None, Some(value)) if !self.of.is_needed[value as usize] => {
                    self.blocks.push(Block {
                        first_end: completed,
                        last_start: call.invoked,
                        root: Root::Write(index),
                    });
                }
                (Some(seen), Some(_)) => self.link(seen, index)?,
                _ => {}
            }
        }
        Some(())
    }

    /// Notes that a compare-and-set finds a value; only one can.
    fn link(&mut self, seen: Number, cas: u32) -> Option<()> {
        let next = &mut self.clusters[seen as usize].next;
        (*next == NONE || *next == cas).then(|| *next = cas)
    }

    /// Adds the writers of what was seen that were not over, or are of unknown outcome.
    fn add_what_must_have_happened(&mut self) -> Option<()> {
        let mut seen: Vec<Number> = (0..self.of.values as Number).collect();
        seen.retain(|&value| value != EMPTY && self.is_there(value));
        while let Some(value) = seen.pop() {
            let writer = self.of.writer_of(value)?;
            let call = &self.of.calls[writer as usize];
            if call.invoked >= self.end {
                return None;
            }
            if self.is_over(writer) {
                continue;
            }
            let start = &mut self.clusters[value as usize].last_start;
            *start = call.invoked.max(*start);
            if let Some(before) = sees(&call.operation) {
                self.link(before, writer)?;
                let cluster = &mut self.clusters[before as usize];
                cluster.last_start = call.invoked.max(cluster.last_start);
                if !std::mem::replace(&mut cluster.is_there, true) && before != EMPTY {
                    seen.push(before);
                }
            }
        }
        Some(())
    }

    /// Whether a value was certainly in the register, and was seen there by then or later.
    pub(super) fn is_there(&self, value: Number) -> bool {
        self.clusters[value as usize].is_there && self.of.is_needed[value as usize]
    }

    /// Joins the clusters that compare-and-sets hold together.
    fn join(&mut self) -> Option<()> {
        let mut clusters = 0;
        for value in 0..self.of.values as Number {
            if !self.is_there(value) {
                continue;
            }
            clusters += 1;
            let begins = value == EMPTY || {
                let writer = &self.of.calls[self.of.writer_of(value)? as usize];
                if self.clusters[value as usize].first_end < writer.invoked {
                    return None;
                }
                sees(&writer.operation).is_none()
            };
            if begins {
                let mut block =
                    Block { first_end: u64::MAX, last_start: 0, root: Root::Value(value) };
                for value in self.chain(value) {
                    clusters -= 1;
                    self.append(&mut block, value)?;
                }
                self.blocks.push(block);
            }
        }
        // Compare-and-sets that are left saw each other's values, in a circle.
        (clusters == 0).then_some(())
    }

    /// Puts a cluster at the end of a block, unless some of its operations have to come earlier.
    fn append(&self, block: &mut Block, value: Number) -> Option<()> {
        let cluster = &self.clusters[value as usize];
        if cluster.first_end < block.last_start {
            return None;
        }
        block.first_end = cluster.first_end.min(block.first_end);
        block.last_start = cluster.last_start.max(block.last_start);
        let is_last = cluster.next == NONE || self.completed(cluster.next) > block.last_start;
        is_last.then_some(())
    }

    /// The values that a block has one after another, from the first of them on; a value at the end
    /// that nobody sees is left out.
    pub(super) fn chain(&self, root: Number) -> impl Iterator<Item = Number> {
        std::iter::successors(Some(root), |&value| {
            let next = self.clusters[value as usize].next;
            let to = written(&self.of.calls.get(next as usize)?.operation)?;
            self.of.is_needed[to as usize].then_some(to)
        })
    }

    /// Whether the blocks have an order. They are sorted by the moment when their first operation
    /// completed or their last one was invoked, whichever comes first; so if a block has to come
    /// before one that is in front of it, it has to come before the one of those that has its last
    /// invocation last, and that one must come before it as well.
    pub(super) fn have_order(&self) -> bool {
        let mut last_start = 0;
        self.blocks.iter().all(|block| {
            let begins_it_all = block.root == Root::Value(EMPTY);
            let is_possible = begins_it_all || block.first_end >= last_start;
            // A block that is open at one moment for all its operations can be put there.
            if begins_it_all || block.first_end < block.last_start {
                last_start = block.last_start;
            }
            is_possible
        })
    }
}
