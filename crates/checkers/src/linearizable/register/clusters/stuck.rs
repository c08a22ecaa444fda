//! What there is to be said of a history up to the moment when it has no order any more.

use std::collections::BTreeSet;

use super::blocks::{Block, Blocks, Root};
use super::{NONE, sees, written};
use crate::linearizable::register::{EMPTY, Number, RegisterOperation};
use crate::linearizable::search::LAST_STATES_MAX;

impl Blocks<'_> {
    /// The calls in an order that explains them.
    pub(super) fn order(&self) -> Vec<usize> {
        // The place of each call: its cluster, what comes first there, and the rest in the order of
        // invocation.
        let mut places: Vec<(u32, bool, u32)> = Vec::new();
        let mut place_of = vec![NONE; self.clusters.len()];
        let mut place = 0;
        for block in &self.blocks {
            match block.root {
                Root::Write(call) => places.push((place, false, call)),
                Root::Value(root) => {
                    for value in self.chain(root) {
                        place_of[value as usize] = place;
                        place += 1;
                        if value != EMPTY
                            && let Some(writer) = self.of.writer_of(value)
                        {
                            places.push((place_of[value as usize], false, writer));
                        }
                        let next = self.clusters[value as usize].next;
                        if next != NONE && !self.leads_on(next) {
                            places.push((place, false, next));
                        }
                    }
                }
            }
            place += 1;
        }
        for call in self.calls().filter(|&call| self.is_over(call)) {
            let operation = &self.of.calls[call as usize].operation;
            if let (Some(value), None) = (sees(operation), written(operation)) {
                places.push((place_of[value as usize], true, call));
            }
        }
        places.sort_unstable();
        places.into_iter().map(|(_, _, call)| call as usize).collect()
    }

    /// Whether a compare-and-set leaves something that was seen.
    fn leads_on(&self, cas: u32) -> bool {
        written(&self.of.calls[cas as usize].operation)
            .is_some_and(|value| self.of.is_needed[value as usize])
    }

    /// What the register can hold at the end, as far as somebody could see it; at most
    /// [`LAST_STATES_MAX`] values.
    pub(super) fn last_states(&self) -> Vec<Number> {
        let mut states = BTreeSet::from_iter(self.last_blocks().map(|block| self.left_by(block)));
        if self.blocks.is_empty() {
            states.insert(EMPTY);
        }
        // What was begun and is not over may take effect at the end.
        let mut cas = Vec::new();
        for call in self.calls().filter(|&call| self.is_optional(call)) {
            match self.of.calls[call as usize].operation {
                RegisterOperation::Read(_) => {}
                RegisterOperation::Write(value) => _ = states.insert(value),
                RegisterOperation::Cas(from, to) => cas.push((from, to)),
            }
        }
        cas.sort_unstable();
        let mut reached: Vec<Number> = states.iter().copied().collect();
        while let Some(state) = reached.pop() {
            let start = cas.partition_point(|&(from, _)| from < state);
            let next = cas[start..].iter().take_while(|&&(from, _)| from == state);
            reached.extend(next.map(|&(_, to)| to).filter(|&to| states.insert(to)));
        }
        states.into_iter().take(LAST_STATES_MAX).collect()
    }

    /// The blocks after which no other one has to come.
    fn last_blocks(&self) -> impl Iterator<Item = &Block> {
        let mut starts: Vec<u64> = self.blocks.iter().map(|block| block.last_start).collect();
        starts.sort_unstable_by(|one, other| other.cmp(one));
        self.blocks.iter().filter(move |block| {
            let own = usize::from(starts[0] == block.last_start);
            let last_of_others = starts.get(own);
            last_of_others
                .is_none_or(|&start| block.root != Root::Value(EMPTY) && block.first_end > start)
        })
    }

    /// What a block leaves in the register.
    fn left_by(&self, block: &Block) -> Number {
        let of_call = |call: u32| written(&self.of.calls[call as usize].operation);
        match block.root {
            Root::Write(call) => of_call(call).unwrap_or(EMPTY),
            Root::Value(root) => {
                let last = self.chain(root).last().unwrap_or(root);
                let next = self.clusters[last as usize].next;
                if next == NONE { last } else { of_call(next).unwrap_or(last) }
            }
        }
    }

    /// Whether a call was begun and need not have happened yet, but somebody could see that it did.
    fn is_optional(&self, call: u32) -> bool {
        let of_call = &self.of.calls[call as usize];
        written(&of_call.operation).is_some_and(|value| {
            !self.is_over(call)
                && !self.is_there(value)
                && (of_call.completed.is_some() || self.of.is_needed[value as usize])
        })
    }
}
