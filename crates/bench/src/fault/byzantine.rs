//! Some nodes lie: the same ones each time, for what they have said stays said.

use super::{Effect, Kind, Place, Scene, Start};
use crate::world::Fault;

pub(super) const KIND: Kind = Kind {
    place: Place::Simulation("the node itself says how it lies"),
    // Liars need others to lie to, of whom one may be wrong.
    nodes_min: 4,
    ..Kind::new(Effect::Misleads("while some lied"), start, |_| {
        (Fault::Lie(Vec::new()), "all nodes honest")
    })
};

fn start(scene: &mut Scene<'_>) -> Start {
    Start::new(Fault::Lie(scene.liars.to_vec()), scene.tell_nodes(scene.liars))
}
