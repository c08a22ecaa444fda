//! Messages leave before the records are stored that they stand for.

use proto::{AnyBody, Edge, Effect};

use crate::{Bug, ours};

struct RecordsLast;

impl Edge for RecordsLast {
    fn leave(&mut self, effects: &mut Vec<Effect<AnyBody>>) {
        effects.sort_by_key(|effect| matches!(effect, Effect::Persist(_)));
    }
}

pub(super) const BUG: Bug = Bug {
    name: "store-records-last",
    what: "messages leave before their records are stored",
    source: "a mutation of this project's own nodes that its tests once let live; Ongaro and Ousterhout (2014), figure 2",
    make: || ours::raft().behind(RecordsLast),
    ..ours::on_raft()
};
