//! A message is acknowledged that is in memory only, and may not have reached anybody.

use crate::Bug;
use crate::gossip::{self, Rules};

#[derive(Default)]
struct NotStored;

impl Rules for NotStored {
    fn stores() -> bool {
        false
    }
}

pub(super) const BUG: Bug = Bug {
    name: "gossip-not-stored",
    what: "messages are acknowledged and not stored",
    source: "Jepsen, Elasticsearch 1.5.0 (2015); Jepsen, RabbitMQ (2014)",
    ..gossip::bug::<NotStored>()
};
