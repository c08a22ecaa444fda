//! A read does not store what it found: of two reads the later one may miss it, and see an older value.

use crate::Bug;
use crate::quorum::{self, Rules};

#[derive(Default)]
struct NoWriteBack;

impl Rules for NoWriteBack {
    fn writes_back() -> bool {
        false
    }
}

pub(super) const BUG: Bug = Bug {
    name: "abd-no-write-back",
    what: "a read does not store what it found",
    source: "Attiya, Bar-Noy and Dolev (1995); read repair in the background, as in Dynamo (2007)",
    ..quorum::bug::<NoWriteBack>()
};
