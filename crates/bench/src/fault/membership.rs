//! Members are removed from the cluster and added back, by the nodes' own messages.

use super::{Effect, Kind, Scene, Start};
use crate::world::Fault;

pub(super) const KIND: Kind = Kind::new(Effect::ChangesMembers, start, stop);

fn start(scene: &mut Scene<'_>) -> Start {
    let targets = scene.draw_few();
    let done = scene.tell_nodes(&targets);
    Start::new(Fault::RemoveMembers(targets), done)
}

fn stop(_: &Scene<'_>) -> (Fault, &'static str) {
    (Fault::AddMembers, "all nodes to be added back")
}
