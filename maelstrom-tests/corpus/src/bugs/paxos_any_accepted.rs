//! Of what others accepted a new leader takes the first it hears of, not that of the highest ballot.

use proto::{AnyMessage, Edge};
use serde_json::json;

use crate::{Bug, bend, ours};

struct AnyAccepted;

impl Edge for AnyAccepted {
    fn enter(&mut self, mut message: AnyMessage, inward: &mut Vec<AnyMessage>) {
        bend::body(&mut message, "promise", |promise| {
            for entry in promise["accepted"].as_array_mut().into_iter().flatten() {
                entry["ballot"] = json!(1);
            }
        });
        inward.push(message);
    }
}

pub(super) const BUG: Bug = Bug {
    name: "paxos-any-accepted",
    what: "a leader takes any accepted value, not the latest",
    source: "Lamport, Paxos Made Simple (2001), phase 2a",
    make: || ours::multi_paxos().behind(AnyAccepted),
    ..ours::on_multi_paxos()
};
