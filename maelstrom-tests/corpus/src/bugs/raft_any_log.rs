//! A vote is given whatever the candidate's log has, so that a leader can lack what was committed.

use crate::raft::{self, Last, Rules};
use crate::{Bug, runs};

#[derive(Default)]
struct AnyLog;

impl Rules for AnyLog {
    fn is_up_to_date(_: Last, _: Last) -> bool {
        true
    }
}

pub(super) const BUG: Bug = Bug {
    name: "raft-any-log",
    what: "votes are given without comparing logs",
    source: "jgroups-extras/jgroups-raft#14; Ongaro and Ousterhout (2014), section 5.4.1",
    seen_by: "invariant",
    ..raft::bug::<AnyLog>(runs::STORE)
};
