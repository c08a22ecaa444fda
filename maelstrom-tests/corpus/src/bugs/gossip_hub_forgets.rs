//! All tell the hub, which tells those that have joined it: after a restart it knows of none.

use crate::Bug;
use crate::gossip::{self, Rules};

#[derive(Default)]
struct HubForgets;

impl Rules for HubForgets {
    fn knows_all() -> bool {
        false
    }

    fn compares() -> bool {
        false
    }
}

pub(super) const BUG: Bug = Bug {
    name: "gossip-hub-forgets",
    what: "a hub that was restarted forgets its spokes",
    source: "a defect of this project's own star",
    ..gossip::bug::<HubForgets>()
};
