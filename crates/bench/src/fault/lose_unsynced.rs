//! Nodes lose power, and with it what they have not synced, and are later started again.

use super::kill::restart;
use super::{Effect, Kind, Place, Scene, Start};
use crate::world::Fault;

pub(super) const KIND: Kind = Kind {
    place: Place::VirtualTime("real processes share the machine's disk"),
    ..Kind::new(Effect::Kills, start, restart)
};

fn start(scene: &mut Scene<'_>) -> Start {
    let targets = scene.draw_targets();
    let done = scene.tell_nodes(&targets);
    Start::new(Fault::PowerCut(targets), done)
}
