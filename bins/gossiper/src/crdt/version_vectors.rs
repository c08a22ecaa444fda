//! `gossiper version-vectors`: a key-value store that keeps concurrent writes side by side, and the
//! same store as one that does not, to see what is lost.
//!
//! A write says by its *context* what its client has read. In mode `vv` it replaces what its own vector
//! dominates: what was read, and what the same client wrote before; all else stays beside it, as a
//! sibling ([`Siblings`]). In mode `lww` every write claims to have seen whatever this node has, and a
//! read gives the latest of what is left: of two clients that wrote without having read each other both
//! were answered, and one write is gone.
//!
//! The vectors count writes by client. A client that writes at two nodes at once gives two writes the
//! same number: they stay side by side with equal vectors, and whoever has read one of them is taken
//! to have read both.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash, Hasher};

use clocks::version::{Dot, Siblings, Version, show, take_apart};
use crdt::{Lattice, MapOf};
use proto::{Caller, Context, Either, Error, Json, Manual, NodeId};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::key_value::{Message, Seconds, no_such_key};
use super::node::{ReplicaNode, Serves};
use super::replica::Replica;

/// What the node says about itself.
pub const MANUAL: Manual = Manual {
    name: "version-vectors",
    summary: "a key-value store that keeps concurrent writes side by side",
    usage: "[--gossip-interval TIME]",
    help: help!(
        "\
It serves `vv_write`, `vv_read` and `set_mode` of task 3-4-4, and `write` and `kv_read` of task
3-4-3 on the same keys, which go by `lww` in either mode. In mode `vv`, which is that of a node
that has just started, a write replaces what its vector dominates, and stands beside all else; in
mode `lww` it replaces whatever is there. Contexts and vectors count the writes of each client.

"
    ),
};

/// The messages of the node, besides those of [`key_value`](super::key_value), which are served as in mode `lww`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    /// Chooses what becomes of concurrent writes at this node from now on.
    SetMode {
        /// The mode.
        mode: Mode,
    },
    /// Answer to `set_mode`.
    SetModeOk,
    /// Writes a key.
    VvWrite {
        /// The key.
        key: String,
        /// Any JSON.
        value: Json,
        /// What the client has read: the vectors of the values that this write is to replace,
        /// merged. Empty if it has read nothing.
        context: BTreeMap<NodeId, u64>,
    },
    /// Answer to `vv_write`.
    VvWriteOk {
        /// The vector of the new value.
        vc: BTreeMap<NodeId, u64>,
    },
    /// Reads a key.
    VvRead {
        /// The key.
        key: String,
    },
    /// Answer to `vv_read`.
    VvReadOk {
        /// The values, in the order of their writers; none if there never was one.
        values: Vec<Sibling>,
        /// Whether there are several.
        conflict: bool,
    },
}

/// What becomes of concurrent writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// The last writer wins.
    Lww,
    /// Version vectors tell which write has seen which.
    #[default]
    Vv,
}

/// A value that is read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sibling {
    /// The value.
    pub value: Json,
    /// Its vector: the context for a write that is to replace it.
    pub vc: BTreeMap<NodeId, u64>,
}

/// A value and when it was written, by the clock of the node.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Stored {
    at_ms: u64,
    value: Json,
    /// The slots of its context that are 0, which are shown again as they came. They are written as
    /// part of the context.
    #[serde(skip)]
    zeros: BTreeSet<NodeId>,
}

/// A value with its history.
type Kept = Version<NodeId, Stored>;

/// The siblings of one key as a state that merges.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Versions(Siblings<NodeId, Stored>);

/// What is replicated.
pub type Store = MapOf<String, Versions>;

impl Lattice for Versions {
    fn join(&mut self, other: Self) -> bool {
        self.0.merge(other.0)
    }

    /// Siblings go whole or not at all: a vector that says what was seen does not come apart.
    fn beyond(&self, other: &Self) -> Self {
        if other.clone().0.merge(self.0.clone()) { self.clone() } else { Self::default() }
    }
}

impl Hash for Versions {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.seen().hash(state);
        for (dot, version) in self.0.iter() {
            (dot, &version.context, &version.value).hash(state);
        }
    }
}

/// How siblings are written.
#[derive(Serialize, Deserialize)]
struct Written {
    seen: BTreeMap<NodeId, u64>,
    versions: Vec<(NodeId, u64, BTreeMap<NodeId, u64>, Stored)>,
}

impl Serialize for Versions {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let versions = self.0.iter().map(|(dot, version)| {
            let context = show(&version.context, &version.value.zeros);
            (dot.writer.clone(), dot.number, context, version.value.clone())
        });
        Written { seen: show(self.0.seen(), &BTreeSet::new()), versions: versions.collect() }
            .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Versions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Written { seen, versions } = Written::deserialize(deserializer)?;
        let versions = versions.into_iter().map(|(writer, number, context, stored)| {
            let (context, zeros) = take_apart(context);
            (Dot { writer, number }, Version { context, value: Stored { zeros, ..stored } })
        });
        Ok(Self(Siblings::from_parts(seen.into_iter().collect(), versions)))
    }
}

/// The store, served.
#[derive(Debug, Default)]
pub struct Served {
    mode: Mode,
}

/// The node.
pub type VersionVectorsNode = ReplicaNode<Served>;

/// The last of the values of a key, by the clocks of the nodes.
fn last<'a>(store: &'a Store, key: &String) -> Option<(&'a Dot<NodeId>, &'a Kept)> {
    let versions = store.get(key).into_iter().flat_map(|all| all.0.iter());
    versions.max_by_key(|(dot, version)| (version.value.at_ms, *dot))
}

impl Served {
    fn write(
        mode: Mode,
        replica: &mut Replica<Store>,
        client: &NodeId,
        key: String,
        value: Json,
        context: BTreeMap<NodeId, u64>,
        ctx: &mut Context<'_, VersionVectorsNode>,
    ) -> Result<(BTreeMap<NodeId, u64>, u64), Error> {
        let mut at_ms = ctx.wall_clock_ms();
        if mode == Mode::Lww
            && let Some((_, last)) = last(replica.state(), &key)
        {
            // Later than what it replaces, whatever the clock does.
            at_ms = at_ms.max(last.value.at_ms.saturating_add(1));
        }
        let mut versions = replica.state().get(&key).cloned().unwrap_or_default();
        let (mut context, zeros) = take_apart(context);
        if mode == Mode::Lww {
            context.merge(versions.0.seen());
        }
        let stored = Stored { at_ms, value, zeros: zeros.clone() };
        let dot = versions
            .0
            .write(client.clone(), context.clone(), stored)
            .map_err(|error| Error::malformed_request(format!("field `context`: {error}")))?;
        context.raise(&dot.writer, dot.number);
        replica.update(Store::of(key, versions), ctx);
        Ok((show(&context, &zeros), at_ms))
    }

    fn read(&self, store: &Store, key: &String) -> Body {
        let versions = store.get(key).into_iter().flat_map(|all| all.0.iter());
        let sibling = |(dot, version): (&Dot<_>, &Kept)| Sibling {
            value: version.value.value.clone(),
            vc: show(&version.vector(dot), &version.value.zeros),
        };
        let values: Vec<_> = match self.mode {
            Mode::Vv => versions.map(sibling).collect(),
            Mode::Lww => last(store, key).map(sibling).into_iter().collect(),
        };
        let conflict = values.len() > 1;
        Body::VvReadOk { values, conflict }
    }
}

impl Serves for Served {
    type State = Store;
    type Message = Either<Message, Body>;

    fn serve(
        &mut self,
        replica: &mut Replica<Store>,
        from: &Caller,
        message: Self::Message,
        ctx: &mut Context<'_, VersionVectorsNode>,
    ) -> Result<Option<Self::Message>, Error> {
        let body = match message {
            Either::Left(Message::Write { key, value }) => {
                let nothing = BTreeMap::new();
                let (_, at_ms) =
                    Self::write(Mode::Lww, replica, &from.id, key, value, nothing, ctx)?;
                let ts = Seconds::from_ms(at_ms);
                return Ok(Some(Either::Left(Message::WriteOk { ts })));
            }
            Either::Left(Message::KvRead { key }) => {
                let (_, version) = last(replica.state(), &key).ok_or_else(no_such_key)?;
                let Stored { at_ms, value, .. } = version.value.clone();
                let ts = Seconds::from_ms(at_ms);
                return Ok(Some(Either::Left(Message::KvReadOk { key, value, ts })));
            }
            Either::Left(Message::WriteOk { .. } | Message::KvReadOk { .. }) => return Ok(None),
            Either::Right(body) => body,
        };
        Ok(Some(Either::Right(match body {
            Body::SetMode { mode } => {
                self.mode = mode;
                Body::SetModeOk
            }
            Body::VvWrite { key, value, context } => {
                let (vc, _) = Self::write(self.mode, replica, &from.id, key, value, context, ctx)?;
                Body::VvWriteOk { vc }
            }
            Body::VvRead { key } => self.read(replica.state(), &key),
            Body::SetModeOk | Body::VvWriteOk { .. } | Body::VvReadOk { .. } => return Ok(None),
        })))
    }
}
