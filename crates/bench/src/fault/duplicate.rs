//! Messages between servers arrive twice at random.

use serde_json::json;

use super::{Effect, Kind, LINK_FAULT_CHANCE, Start};
use crate::world::Fault;

pub(super) const KIND: Kind = Kind::new(
    Effect::Doubles,
    |_| Start::new(Fault::Duplicate(LINK_FAULT_CHANCE), json!(LINK_FAULT_CHANCE)),
    |scene| (Fault::Duplicate(scene.network.duplicate), "no more duplicates"),
);
