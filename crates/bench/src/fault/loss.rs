//! Messages between servers are lost at random.

use serde_json::json;

use super::{Effect, Kind, LINK_FAULT_CHANCE, Start};
use crate::world::Fault;

pub(super) const KIND: Kind = Kind::new(
    Effect::Loses,
    |_| Start::new(Fault::Loss(LINK_FAULT_CHANCE), json!(LINK_FAULT_CHANCE)),
    |scene| (Fault::Loss(scene.network.loss), "no more loss"),
);
