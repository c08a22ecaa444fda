//! An acceptor answers that it has accepted what is in its memory only.

use proto::{AnyBody, Edge, Effect};

use crate::{Bug, bend, ours};

struct AcceptedNotStored;

impl Edge for AcceptedNotStored {
    fn leave(&mut self, effects: &mut Vec<Effect<AnyBody>>) {
        bend::lose_records(effects, |key| key.starts_with(b"entry/"));
    }
}

pub(super) const BUG: Bug = Bug {
    name: "paxos-accepted-not-stored",
    what: "what is accepted is not stored",
    source: "Chandra, Griesemer and Redstone, Paxos Made Live (PODC 2007), on corrupt disks",
    make: || ours::multi_paxos().behind(AcceptedNotStored),
    ..ours::on_multi_paxos()
};
