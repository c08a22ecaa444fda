//! A snapshot has the values and not the sessions of clients: a request that comes again is carried out
//! once more.

use proto::{AnyMessage, Edge};
use serde_json::json;

use crate::{Bug, bend, ours};

struct SnapshotSessions;

impl Edge for SnapshotSessions {
    fn enter(&mut self, mut message: AnyMessage, inward: &mut Vec<AnyMessage>) {
        bend::body(&mut message, "install_snapshot", |snapshot| {
            snapshot["state"]["sessions"] = json!({});
        });
        inward.push(message);
    }
}

pub(super) const BUG: Bug = Bug {
    name: "store-snapshot-sessions",
    what: "a snapshot lacks what makes requests count once",
    source: "Ongaro's thesis (2014), section 6.3; the Students' Guide to Raft (2016), duplicate detection",
    make: || ours::raft().behind(SnapshotSessions),
    ..ours::on_raft()
};
