//! A key and its values as they are kept, told to peers, stored and shown.

use std::collections::BTreeSet;

use clocks::version::{Dot, Siblings, Version, show, take_apart};
use proto::{Json, NodeId};
use serde::{Deserialize, Serialize};

use super::Vector;

/// A value as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Value {
    pub(super) json: Json,
    /// The slots of its context that are 0. They say nothing, and are shown again as they came.
    pub(super) zeros: BTreeSet<NodeId>,
}

/// A key and all that a node knows of it, on the wire and on disk.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Object {
    key: Json,
    seen: Vector,
    versions: Vec<WireVersion>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct WireVersion {
    writer: NodeId,
    number: u64,
    context: Vector,
    value: Json,
}

impl Object {
    pub(super) fn new(key: Json, versions: &Siblings<NodeId, Value>) -> Self {
        let version = |(dot, version): (&Dot<NodeId>, &Version<NodeId, Value>)| WireVersion {
            writer: dot.writer.clone(),
            number: dot.number,
            context: show(&version.context, &version.value.zeros),
            value: version.value.json.clone(),
        };
        Self {
            key,
            seen: show(versions.seen(), &BTreeSet::new()),
            versions: versions.iter().map(version).collect(),
        }
    }

    /// The key as it was first written.
    pub(super) fn key(&self) -> &Json {
        &self.key
    }

    pub(super) fn into_parts(self) -> (Json, Siblings<NodeId, Value>) {
        let version = |WireVersion { writer, number, context, value }| {
            let (context, zeros) = take_apart(context);
            (Dot { writer, number }, Version { context, value: Value { json: value, zeros } })
        };
        let versions = self.versions.into_iter().map(version);
        (self.key, Siblings::from_parts(self.seen.into_iter().collect(), versions))
    }
}
