//! The number of a machine is a part of its name, which two of them share.

use crate::Bug;
use crate::ids::{self, Rules};

#[derive(Default)]
struct MachinesCollide;

impl Rules for MachinesCollide {
    fn machine(place: usize, _: &str) -> u64 {
        place as u64 % 2
    }
}

pub(super) const BUG: Bug = Bug {
    name: "ids-machines-collide",
    what: "two machines have one number",
    source: "basho/riak_kv#1027 (names by the second); Sonyflake's lower half of a private address",
    ..ids::bug::<MachinesCollide>()
};
