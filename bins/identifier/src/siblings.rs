//! `identifier siblings`: a key-value store that keeps what was written without knowledge of each
//! other side by side (task 2-3-5), replicated over the nodes of the cluster.
//!
//! A write names as `context` what its client has seen: the vectors of the values it read, and of
//! its own writes, merged. It replaces what its own vector dominates, as the task wants it: the values
//! of which it has seen all that they saw, and what the same client wrote there before, unless it had
//! seen more then. Nothing else. So no acknowledged write is lost but by one that saw it, or by a later
//! one of its own client, whatever becomes of the network (see [`clocks::version::Siblings`]).
//!
//! Who counts in the vectors? The sample of the task says: the client. A client that goes from node
//! to node is more than one sequence of writes, though, and two of its writes must never look the
//! same. So its slot is its name at the first node of the cluster (`c1`, as in the sample), and its
//! name and the node elsewhere (`c1@n2`). A node's own name in the slot would make shorter vectors;
//! but then a client that goes on from the answer to its write would claim to have seen the writes
//! of other clients at that node. Assumed: no name has an `@` in it.
//!
//! What changes at a node is told to all peers, in batches (`gossip`), until each has acknowledged
//! it; where states agree nobody says anything. With a state directory an object is stored before
//! the write is acknowledged. Without one a node that is killed forgets how far its clients' slots
//! have counted, and nothing is claimed.

use std::collections::BTreeMap;

use clocks::version::{Dot, Siblings as Versions, Version, show, take_apart};
use proto::{Caller, Context, Error, Json, Manual, Node, NodeId, Outcome, Records};
use serde::{Deserialize, Serialize};

use crate::input::bad_field;

mod gossip;
mod object;

use gossip::Gossip;
pub use object::Object;
use object::Value;

/// What the node says about itself.
pub const MANUAL: Manual = Manual {
    name: "siblings",
    summary: "a replicated key-value store that keeps concurrent writes side by side",
    usage: "",
    help: "\
It answers `vc_write` and `vc_read`. No acknowledged write is lost but by one that saw it, or by a
later one of the same client.

  --state-dir DIR  keep the values in DIR/<node id>/, stored before a client hears of them; without
                   it nothing is promised of a node that is killed
",
};

/// Highest counter that a context may claim: it leaves room to count on.
const COUNTER_MAX: u64 = u64::MAX / 2;

/// A vector on the wire.
pub type Vector = BTreeMap<NodeId, u64>;

/// The messages of `siblings`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    /// Writes a value.
    VcWrite {
        /// Where.
        key: Json,
        /// What.
        value: Json,
        /// What the client has seen of the key; nothing if it is left out.
        #[serde(default)]
        context: Vector,
    },
    /// The answer to `vc_write`.
    VcWriteOk {
        /// Where.
        key: Json,
        /// The vector of the write: the context, and one more for the writer.
        vc: Vector,
    },
    /// Reads a key.
    VcRead {
        /// Which.
        key: Json,
    },
    /// The answer to `vc_read`.
    VcReadOk {
        /// All values that no other one's writer has seen, in the order of their writers.
        values: Vec<Sibling>,
        /// How many they are.
        siblings: usize,
    },
    /// From one node to another: what I have of these keys.
    VcMerge {
        /// The keys and all about them.
        objects: Vec<Object>,
    },
    /// The answer to `vc_merge`: it is taken in, and stored.
    VcMergeOk,
}

/// One of the values of a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sibling {
    /// The value.
    pub value: Json,
    /// What whoever reads it has seen.
    pub vc: Vector,
}

/// What an open call or a timer is about.
#[derive(Clone, Debug)]
pub enum Token {
    /// Time to tell peers what they have not acknowledged.
    Gossip,
    /// This peer was told something.
    Told(NodeId),
}

/// A node of the store.
#[derive(Clone, Debug)]
pub struct Siblings {
    /// What there is, or why nothing can be said about it.
    objects: Result<BTreeMap<Json, Versions<NodeId, Value>>, Error>,
    gossip: Gossip,
}

impl Default for Siblings {
    fn default() -> Self {
        Self { objects: Ok(BTreeMap::new()), gossip: Gossip::default() }
    }
}

impl Siblings {
    /// The values of a key.
    pub fn values(&self, key: &Json) -> Vec<Sibling> {
        let versions = self.objects.as_ref().ok().and_then(|objects| objects.get(key));
        let sibling = |(dot, version): (&Dot<NodeId>, &Version<NodeId, Value>)| Sibling {
            value: version.value.json.clone(),
            vc: show(&version.vector(dot), &version.value.zeros),
        };
        versions.into_iter().flat_map(Versions::iter).map(sibling).collect()
    }

    fn write(
        &mut self,
        client: &NodeId,
        key: Json,
        value: Json,
        context: Vector,
        ctx: &mut Context<'_, Self>,
    ) -> Result<Body, Error> {
        if let Some((slot, counter)) = context.iter().find(|(_, counter)| **counter > COUNTER_MAX) {
            let reason = format!("`{slot}` is {counter}, which is more than {COUNTER_MAX}");
            return Err(bad_field("context", reason));
        }
        let writer = writer(client, ctx);
        let (mut vector, zeros) = take_apart(context);
        let objects = self.objects.as_mut().map_err(|error| error.clone())?;
        let versions = objects.entry(key.clone()).or_default();
        let written = Value { json: value, zeros: zeros.clone() };
        let dot = versions
            .write(writer, vector.clone(), written)
            .map_err(|error| bad_field("context", error))?;
        vector.raise(&dot.writer, dot.number);
        let vc = show(&vector, &zeros);
        self.changed(&key, None, ctx);
        Ok(Body::VcWriteOk { key, vc })
    }

    fn merge(
        &mut self,
        from: &NodeId,
        received: Vec<Object>,
        ctx: &mut Context<'_, Self>,
    ) -> Result<Body, Error> {
        for object in received {
            let objects = self.objects.as_mut().map_err(|error| error.clone())?;
            let (key, received) = object.into_parts();
            if objects.entry(key.clone()).or_default().merge(received) {
                self.changed(&key, Some(from), ctx);
            }
        }
        Ok(Body::VcMergeOk)
    }

    /// Stores a key, and has all peers told but the one it comes from.
    fn changed(&mut self, key: &Json, from: Option<&NodeId>, ctx: &mut Context<'_, Self>) {
        if let Some(object) = self.object(key)
            && let Ok(record) = serde_json::to_vec(&object)
        {
            // The key as it was first written: there is one record for all ways to write it.
            ctx.put(object.key().text().as_bytes(), record);
        }
        self.gossip.tell_all(key, from, ctx);
    }

    /// A key and all that is known of it.
    fn object(&self, key: &Json) -> Option<Object> {
        let (key, versions) = self.objects.as_ref().ok()?.get_key_value(key)?;
        Some(Object::new(key.clone(), versions))
    }
}

impl Node for Siblings {
    type Body = Body;
    type Token = Token;

    fn init(&mut self, restored: Records, ctx: &mut Context<'_, Self>) {
        self.objects = restore(&restored);
        match &self.objects {
            Err(error) => ctx.log(format!("nothing can be read or written: {}", error.text)),
            // Who acknowledged what is not stored: everybody is told everything once more.
            Ok(objects) => objects.keys().for_each(|key| self.gossip.tell_all(key, None, ctx)),
        }
    }

    fn request(&mut self, from: Caller, body: Body, ctx: &mut Context<'_, Self>) {
        let answer = match body {
            Body::VcWrite { key, value, context } => self.write(&from.id, key, value, context, ctx),
            Body::VcRead { key } => match &self.objects {
                Ok(_) => {
                    let values = self.values(&key);
                    Ok(Body::VcReadOk { siblings: values.len(), values })
                }
                Err(error) => Err(error.clone()),
            },
            Body::VcMerge { objects } => self.merge(&from.id, objects, ctx),
            // Replies: they never come as requests.
            Body::VcWriteOk { .. } | Body::VcReadOk { .. } | Body::VcMergeOk => return,
        };
        match answer {
            Ok(body) => ctx.reply(&from, body),
            Err(error) => ctx.reply_error(&from, error),
        }
    }

    fn timer(&mut self, _: Token, ctx: &mut Context<'_, Self>) {
        for (peer, keys) in self.gossip.round(ctx) {
            let objects = keys.iter().filter_map(|key| self.object(key)).collect();
            let told = Token::Told(peer.clone());
            ctx.call(&peer, Body::VcMerge { objects }, gossip::DEADLINE, told);
        }
    }

    fn outcome(&mut self, token: Token, outcome: Outcome<Body>, ctx: &mut Context<'_, Self>) {
        if let Token::Told(peer) = token {
            let acknowledged = matches!(outcome, Outcome::Reply(Body::VcMergeOk));
            self.gossip.ended(&peer, acknowledged, ctx);
        }
    }
}

/// The slot of a client's writes at this node; see the module.
fn writer(client: &NodeId, ctx: &Context<'_, Siblings>) -> NodeId {
    match ctx.node_ids().first() {
        Some(first) if first != ctx.id() => NodeId::new(&format!("{client}@{}", ctx.id())),
        _ => client.clone(),
    }
}

/// What an earlier life stored.
fn restore(records: &Records) -> Result<BTreeMap<Json, Versions<NodeId, Value>>, Error> {
    let object = |record: &Vec<u8>| Ok(serde_json::from_slice::<Object>(record)?.into_parts());
    let objects: Result<_, serde_json::Error> = records.values().map(object).collect();
    objects.map_err(|error| {
        let reason = format_args!("a record of an earlier life is unreadable: {error}");
        Error::unusable_records(reason)
    })
}
