//! What was appended is stored twice a second, and acknowledged at once.

use std::time::Duration;

use crate::Bug;
use crate::logs::{self, Rules};

#[derive(Default)]
struct LazySync;

impl Rules for LazySync {
    fn stores_every() -> Option<Duration> {
        Some(Duration::from_millis(500))
    }
}

pub(super) const BUG: Bug = Bug {
    name: "log-lazy-sync",
    what: "messages are acknowledged and stored later",
    source: "Jepsen, NATS 2.12.1 (2025): a sync every two minutes; Apache Kafka's default",
    ..logs::bug::<LazySync>()
};
