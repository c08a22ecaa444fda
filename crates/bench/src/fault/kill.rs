//! Nodes are killed and later started again.

use super::{Effect, Kind, Scene, Start};
use crate::world::Fault;

pub(super) const KIND: Kind = Kind::new(Effect::Kills, start, restart);

fn start(scene: &mut Scene<'_>) -> Start {
    let targets = scene.draw_targets();
    let done = scene.tell_nodes(&targets);
    Start::new(Fault::Kill(targets), done)
}

/// Whatever killed them, all are started.
pub(super) fn restart(_: &Scene<'_>) -> (Fault, &'static str) {
    (Fault::Restart, "all nodes restarted")
}
