//! What a node has to store is stored when it has fifty records, and everything is acknowledged at once.

use proto::{AnyBody, Edge, Effect};

use crate::{Bug, ours};

struct LazySync(Vec<Effect<AnyBody>>);

impl Edge for LazySync {
    fn leave(&mut self, effects: &mut Vec<Effect<AnyBody>>) {
        let late = effects.extract_if(.., |effect| matches!(effect, Effect::Persist(_)));
        self.0.extend(late);
        if self.0.len() >= 50 {
            effects.append(&mut self.0);
        }
    }
}

pub(super) const BUG: Bug = Bug {
    name: "store-lazy-sync",
    what: "records are written late, and acknowledged at once",
    source: "Jepsen, NATS 2.12.1 (2025); Jepsen, Redis-Raft 1b3fbf6 (2020)",
    make: || ours::raft().behind(LazySync(Vec::new())),
    ..ours::on_raft()
};
