//! A node that starts again does not know which times it has used, and its clock may be behind them.

use crate::Bug;
use crate::ids::{self, Rules};

#[derive(Default)]
struct Restart;

impl Rules for Restart {
    fn notes() -> bool {
        false
    }
}

pub(super) const BUG: Bug = Bug {
    name: "ids-restart",
    what: "a restart forgets which times were used",
    source: "sony/sonyflake and others that keep the last time in memory; RFC 9562, section 6.3",
    ..ids::bug::<Restart>()
};
