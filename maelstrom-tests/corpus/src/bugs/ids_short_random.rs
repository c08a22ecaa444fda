//! Ids are random numbers of 30 bits: some thousand of them are enough for two that are the same.

use crate::Bug;
use crate::ids::{self, Rules};

#[derive(Default)]
struct ShortRandom;

impl Rules for ShortRandom {
    fn random_bits() -> Option<u32> {
        Some(30)
    }
}

pub(super) const BUG: Bug = Bug {
    name: "ids-short-random",
    what: "random ids of 30 bits",
    source: "RFC 9562, section 6.7 (collision resistance)",
    ..ids::bug::<ShortRandom>()
};
