//! Members change one at a time, in one step, by a leader that has committed nothing in its term yet: two
//! leaders can each change the same old members, and have majorities that do not meet.

use raft::membership::Shortcut;

use crate::{Bug, ours};

pub(super) const BUG: Bug = Bug {
    name: "members-single-server",
    what: "a new leader changes members before it has committed anything",
    source: "Ongaro, bug in single-server membership changes (raft-dev, 2015)",
    make: || ours::raft_without(&[Shortcut::OneStep, Shortcut::AtOnce]),
    ..ours::on_members()
};
