//! A promise does not say what was accepted: the new leader proposes something else where a value was
//! chosen.

use proto::{AnyBody, Edge, Effect};
use serde_json::json;

use crate::{Bug, bend, ours};

struct PromiseHides;

impl Edge for PromiseHides {
    fn leave(&mut self, effects: &mut Vec<Effect<AnyBody>>) {
        bend::leaving(effects, "promise", |promise| promise["accepted"] = json!([]));
    }
}

pub(super) const BUG: Bug = Bug {
    name: "paxos-promise-hides",
    what: "a promise does not say what was accepted",
    source: "Lamport, Paxos Made Simple (2001), phase 1b",
    make: || ours::multi_paxos().behind(PromiseHides),
    ..ours::on_multi_paxos()
};
