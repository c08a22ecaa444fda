//! The time of an id is that of the clock, also after that was set back: ids come again.

use crate::Bug;
use crate::ids::{self, Rules};

#[derive(Default)]
struct ClockBackward;

impl Rules for ClockBackward {
    fn time(wall_clock_ms: u64, _: u64) -> u64 {
        wall_clock_ms
    }
}

pub(super) const BUG: Bug = Bug {
    name: "ids-clock-backward",
    what: "a clock that goes backward makes ids again",
    source: "the reason why Twitter's Snowflake (2010) refuses while its clock is behind",
    ..ids::bug::<ClockBackward>()
};
