//! A node that has lost what it added goes on under the same name: others know more of it, and its new
//! additions vanish in that.

use crate::Bug;
use crate::counter::{self, Rules};

#[derive(Default)]
struct NameAgain;

impl Rules for NameAgain {
    fn stores() -> bool {
        false
    }

    fn learns_of_itself() -> bool {
        false
    }
}

pub(super) const BUG: Bug = Bug {
    name: "counter-name-again",
    what: "a replica that forgot goes on under its name",
    source: "basho/riak_kv#679 (2013) and #1094",
    ..counter::bug::<NameAgain>()
};
