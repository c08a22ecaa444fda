//! The node that leads stops in its tracks and later goes on, believing that it leads; any node, where
//! none is known to lead. Whoever guards something, such as a lock, and was replaced meanwhile, must not
//! go on as if nothing had happened.

use super::{Effect, Kind, Scene, Start};
use crate::world::Fault;

pub(super) const KIND: Kind =
    Kind::new(Effect::Stops, start, |_| (Fault::Resume, "all nodes resumed"));

fn start(scene: &mut Scene<'_>) -> Start {
    let target = match scene.primary {
        Some(primary) => primary,
        None => scene.random.index(scene.nodes.len()),
    };
    let done = scene.tell_nodes(&[target]);
    Start::new(Fault::Pause(vec![target]), done)
}
