//! A client is told that a send failed of which nobody knows.

use crate::Bug;
use crate::logs::{self, Rules};

#[derive(Default)]
struct RefusesUnanswered;

impl Rules for RefusesUnanswered {
    fn refuses_unanswered() -> bool {
        true
    }
}

pub(super) const BUG: Bug = Bug {
    name: "log-refuses-unanswered",
    what: "a send without an answer is said to have failed",
    source: "Jepsen, Redpanda 21.10.1 (2022), redpanda-data/redpanda#3036: aborted reads",
    ..logs::bug::<RefusesUnanswered>()
};
