//! A replica does not store what it prepared: after a restart its view changes carry no certificates, and
//! another value can take the place of one that was decided.

use proto::{AnyBody, Edge, Effect};

use crate::{Bug, bend, ours};

struct PreparedNotStored;

impl Edge for PreparedNotStored {
    fn leave(&mut self, effects: &mut Vec<Effect<AnyBody>>) {
        bend::lose_records(effects, |key| key.starts_with(b"prepared/"));
    }
}

pub(super) const BUG: Bug = Bug {
    name: "pbft-prepared-not-stored",
    what: "a view change lacks certificates of what was prepared before a restart",
    source: "Castro and Liskov (OSDI 1999), section 4.4, on what a view change has to carry",
    make: || ours::pbft().behind(PreparedNotStored),
    ..ours::on_pbft()
};
