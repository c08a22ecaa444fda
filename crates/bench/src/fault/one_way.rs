//! Some links carry messages in one direction only.

use serde_json::json;
use simulator::CutKind;

use super::partition::heal;
use super::{Effect, Kind, Scene, Start};
use crate::world::Fault;

pub(super) const KIND: Kind = Kind::new(Effect::Cuts, start, heal);

fn start(scene: &mut Scene<'_>) -> Start {
    let cut = CutKind::OneWay.draw(scene.nodes.len(), scene.primary, scene.random);
    let done = scene.tell_cut(&cut);
    Start { fault: Fault::Partition(cut), begun: json!(CutKind::OneWay), done }
}
