//! Nodes that are still to catch up count when it is decided what is committed.

use raft::membership::Shortcut;

use crate::{Bug, ours};

pub(super) const BUG: Bug = Bug {
    name: "members-learners-count",
    what: "acknowledgements of learners count",
    source: "Ongaro's thesis (2014), section 4.2.1, on servers that do not vote yet",
    make: || ours::raft_without(&[Shortcut::LearnersCount]),
    ..ours::on_members()
};
