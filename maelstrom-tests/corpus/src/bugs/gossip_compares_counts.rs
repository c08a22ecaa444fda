//! Nodes compare how many messages they have, and not which.

use std::collections::BTreeSet;

use proto::Json;

use crate::Bug;
use crate::gossip::{self, Rules};

#[derive(Default)]
struct ComparesCounts;

impl Rules for ComparesCounts {
    fn repeats() -> bool {
        false
    }

    fn gives(own: &BTreeSet<Json>, theirs: &[Json]) -> bool {
        own.len() > theirs.len()
    }
}

pub(super) const BUG: Bug = Bug {
    name: "gossip-compares-counts",
    what: "nodes compare how many messages they have",
    source: "Demers and others (1987), on checksums of what changes meanwhile",
    ..gossip::bug::<ComparesCounts>()
};
