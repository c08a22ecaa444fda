//! Wall clocks jump.

use serde_json::{Map, Value, json};

use super::{Effect, Kind, Place, Scene, Start};
use crate::world::Fault;

/// How far a wall clock is moved at most, in milliseconds either way.
const JUMP_MS_MAX: u64 = 60_000;

pub(super) const KIND: Kind = Kind {
    place: Place::VirtualTime("real processes share the machine's clock"),
    ..Kind::new(Effect::Misleads("with wrong clocks"), start, |scene| {
        (Fault::Clocks(vec![0; scene.nodes.len()]), "clocks set right")
    })
};

fn start(scene: &mut Scene<'_>) -> Start {
    let mut offset =
        |_| scene.random.below_or(2 * JUMP_MS_MAX + 1, JUMP_MS_MAX) as i64 - JUMP_MS_MAX as i64;
    let offsets: Vec<i64> = (0..scene.nodes.len()).map(&mut offset).collect();
    // By the names of the nodes, as in Jepsen's histories.
    let names = scene.nodes.iter().map(ToString::to_string);
    let done: Map<String, Value> = names.zip(offsets.iter().map(|ms| json!(ms))).collect();
    Start::new(Fault::Clocks(offsets), done.into())
}
