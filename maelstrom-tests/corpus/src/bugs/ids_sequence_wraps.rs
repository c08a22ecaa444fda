//! The number within a millisecond begins anew when it is used up.

use crate::Bug;
use crate::ids::{self, Rules};

#[derive(Default)]
struct SequenceWraps;

impl Rules for SequenceWraps {
    fn sequence(last: u64) -> Option<u64> {
        Some((last + 1) % 2)
    }
}

pub(super) const BUG: Bug = Bug {
    name: "ids-sequence-wraps",
    what: "the number within a millisecond wraps",
    source: "RFC 9562, section 6.2 (counter rollover)",
    ..ids::bug::<SequenceWraps>()
};
