//! A snapshot does not say who the members are: whoever gets it goes by the first ones.

use proto::{AnyMessage, Edge};

use crate::{Bug, bend, ours};

struct SnapshotLacksMembers;

impl Edge for SnapshotLacksMembers {
    fn enter(&mut self, mut message: AnyMessage, inward: &mut Vec<AnyMessage>) {
        bend::body(&mut message, "install_snapshot", |snapshot| {
            snapshot.as_object_mut().map(|fields| fields.remove("members"));
        });
        inward.push(message);
    }
}

pub(super) const BUG: Bug = Bug {
    name: "members-snapshot-lacks-them",
    what: "a snapshot does not say who the members are",
    source: "Ongaro's thesis (2014), section 5.1, on what a snapshot has to hold",
    make: || ours::raft().behind(SnapshotLacksMembers),
    ..ours::on_members()
};
