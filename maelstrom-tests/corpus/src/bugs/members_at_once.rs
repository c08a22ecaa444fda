//! A change of members has no joint phase: the new majority decides as soon as a node hears of it, while
//! others still go by the old one.

use proto::{AnyMessage, Edge};

use crate::{Bug, bend, ours};

struct AtOnce;

impl Edge for AtOnce {
    fn enter(&mut self, mut message: AnyMessage, inward: &mut Vec<AnyMessage>) {
        bend::body(&mut message, "append_entries", |append| {
            for entry in append["entries"].as_array_mut().into_iter().flatten() {
                entry["members"].as_object_mut().map(|members| members.remove("outgoing"));
            }
        });
        inward.push(message);
    }
}

pub(super) const BUG: Bug = Bug {
    name: "members-at-once",
    what: "members change without a joint phase",
    source: "Ongaro and Ousterhout (2014), figure 10",
    make: || ours::raft().behind(AtOnce),
    ..ours::on_members()
};
