//! The network falls into parts.

use serde_json::json;
use simulator::{Cut, CutKind};

use super::{Effect, Kind, Scene, Start};
use crate::world::Fault;

/// How often a cut that cuts nothing is drawn again.
const DRAWS_MAX: usize = 20;

pub(super) const KIND: Kind = Kind::new(Effect::Cuts, start, heal);

fn start(scene: &mut Scene<'_>) -> Start {
    let (kind, cut) = draw(scene);
    let done = scene.tell_cut(&cut);
    Start { fault: Fault::Partition(cut), begun: json!(kind), done }
}

/// One of Maelstrom's kinds, or the primary alone where one is known; not one that happens to
/// cut nothing, as some do in clusters of up to three.
fn draw(scene: &mut Scene<'_>) -> (CutKind, Cut) {
    let mut kinds = CutKind::MAELSTROM.to_vec();
    if scene.primary.is_some() {
        kinds.push(CutKind::Primary);
    }
    let nodes = scene.nodes.len();
    let mut drawn = (CutKind::One, Cut::none(nodes));
    for _ in 0..DRAWS_MAX {
        let kind = *scene.random.pick(&kinds).unwrap_or(&CutKind::One);
        drawn = (kind, kind.draw(nodes, scene.primary, scene.random));
        if !drawn.1.is_none() {
            break;
        }
    }
    drawn
}

/// There is one cut at a time: the end of any kind of partition heals the others as well.
pub(super) fn heal(scene: &Scene<'_>) -> (Fault, &'static str) {
    (Fault::Partition(Cut::none(scene.nodes.len())), "network-healed")
}
