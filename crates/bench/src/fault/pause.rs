//! Nodes stop in their tracks and later go on.

use super::{Effect, Kind, Scene, Start};
use crate::world::Fault;

pub(super) const KIND: Kind =
    Kind::new(Effect::Stops, start, |_| (Fault::Resume, "all nodes resumed"));

fn start(scene: &mut Scene<'_>) -> Start {
    let targets = scene.draw_targets();
    let done = scene.tell_nodes(&targets);
    Start::new(Fault::Pause(targets), done)
}
