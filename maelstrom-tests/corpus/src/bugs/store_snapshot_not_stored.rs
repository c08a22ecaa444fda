//! The log is cut on disk, and the snapshot that stands for it is not there.

use proto::{AnyBody, Edge, Effect};

use crate::{Bug, bend, ours};

struct SnapshotNotStored;

impl Edge for SnapshotNotStored {
    fn leave(&mut self, effects: &mut Vec<Effect<AnyBody>>) {
        bend::lose_records(effects, |key| key == b"snapshot");
    }
}

pub(super) const BUG: Bug = Bug {
    name: "store-snapshot-not-stored",
    what: "the log is cut without a snapshot on disk",
    source: "Jepsen, Redis-Raft 1b3fbf6 (2020): all data lost in a fail-over",
    make: || ours::raft().behind(SnapshotNotStored),
    ..ours::on_raft()
};
