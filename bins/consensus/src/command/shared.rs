//! Commands as a machine's nodes hand them round.

use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Command;
use crate::machine::Machine;

/// A command, shared between log, messages and snapshots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedCommand<M: Machine>(pub Arc<Command<M::Operation>>);

impl<M: Machine> Serialize for SharedCommand<M> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        M::Wire::from((*self.0).clone()).serialize(serializer)
    }
}

impl<'de, M: Machine> Deserialize<'de> for SharedCommand<M> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        M::Wire::deserialize(deserializer).map(|wire| Self(Arc::new(wire.into())))
    }
}
