//! A configuration stays in force although its entry was overwritten.

use raft::membership::Shortcut;

use crate::{Bug, ours};

pub(super) const BUG: Bug = Bug {
    name: "members-no-way-back",
    what: "a configuration outlives its entry",
    source: "andrewjstone/rafter#34; Ongaro's thesis (2014), section 4.1, on falling back to the one before",
    make: || ours::raft_without(&[Shortcut::NoWayBack]),
    ..ours::on_members()
};
