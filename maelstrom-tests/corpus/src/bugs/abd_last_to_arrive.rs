//! A node keeps whatever came last, also an older write that was on its way for long.

use crate::Bug;
use crate::quorum::{self, Rules};

#[derive(Default)]
struct LastToArrive;

impl Rules for LastToArrive {
    fn replaces(_: (u64, &str), _: (u64, &str)) -> bool {
        true
    }
}

pub(super) const BUG: Bug = Bug {
    name: "abd-last-to-arrive",
    what: "the write that comes last wins, whatever its stamp",
    source: "Attiya, Bar-Noy and Dolev (1995), a replica that does not compare stamps",
    ..quorum::bug::<LastToArrive>()
};
