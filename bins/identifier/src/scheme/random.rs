//! `<node id>-<milliseconds since 1970>-<salt>`: the salt is 128 random bits in hexadecimal.
//!
//! Unique because two equal salts are not to be expected: among a million million ids the chance
//! of one pair is below 2 in 10^15, and that pair would have to share node and millisecond as well.
//! Nothing is remembered from one id to the next, so neither the clock nor a restart matters.
//!
//! Assumed: the random numbers of two starts differ. A node's generator is seeded with 64 bits
//! from the operating system at each start; two lives of the same node with the same seed, within
//! the same millisecond, would repeat each other.

use proto::{Context, Node};
use rand::RngExt;

pub(crate) fn generate<N: Node>(ctx: &mut Context<'_, N>) -> String {
    let salt: u128 = ctx.random().random();
    format!("{}-{}-{salt:032x}", ctx.id(), ctx.wall_clock_ms())
}
