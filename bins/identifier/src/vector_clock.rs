//! `identifier vector-clock`: a vector clock to be asked (task 2-3-3), and vectors compared
//! (task 2-3-4).

use std::collections::BTreeMap;

use clocks::vector::{Relation as Standing, VectorClock};
use proto::{Caller, Context, Error, Manual, Node, NodeId};
use serde::{Deserialize, Serialize};

use crate::input::bad_field;

/// What the node says about itself.
pub const MANUAL: Manual = Manual {
    name: "vector-clock",
    summary: "a vector clock, and how two vectors stand to each other",
    usage: "",
    help: "\
It answers `vc_tick`, `vc_receive` and `compare`. There are no flags, and nothing outlives the
process.
",
};

/// A vector on the wire: a node that is not named has 0.
pub type Vector = BTreeMap<NodeId, u64>;

/// The messages of `vector-clock`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    /// A local event, or the sending of a message.
    VcTick,
    /// The answer to `vc_tick`.
    VcTickOk {
        /// The event's vector: every node of the cluster, and every other that was heard of.
        vector: Vector,
    },
    /// The receipt of a message.
    VcReceive {
        /// The sender's vector.
        vector: Vector,
    },
    /// The answer to `vc_receive`.
    VcReceiveOk {
        /// The receipt's vector: every node of the cluster, and every other that was heard of.
        vector: Vector,
    },
    /// Compares two vectors, which need not be of this cluster.
    Compare {
        /// The first.
        vc_a: Vector,
        /// The second.
        vc_b: Vector,
    },
    /// The answer to `compare`.
    CompareOk {
        /// How they stand to each other.
        relation: Relation,
    },
}

/// How two vectors stand to each other.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Relation {
    /// The first happened before the second.
    ABeforeB,
    /// The second happened before the first.
    BBeforeA,
    /// Neither did.
    Concurrent,
    /// They are the same.
    Equal,
}

impl From<Standing> for Relation {
    fn from(standing: Standing) -> Self {
        match standing {
            Standing::Before => Self::ABeforeB,
            Standing::After => Self::BBeforeA,
            Standing::Equal => Self::Equal,
            Standing::Concurrent => Self::Concurrent,
        }
    }
}

/// A node with a vector clock.
#[derive(Clone, Debug, Default)]
pub struct VectorClockNode {
    clock: VectorClock<NodeId>,
}

impl VectorClockNode {
    fn tick(&mut self, ctx: &Context<'_, Self>) -> Body {
        self.clock.tick(ctx.id().clone());
        Body::VcTickOk { vector: self.shown(ctx) }
    }

    fn receive(&mut self, vector: Vector, ctx: &Context<'_, Self>) -> Result<Body, Error> {
        let received = vector.into_iter().collect();
        self.clock
            .receive(ctx.id().clone(), &received)
            .map_err(|error| bad_field("vector", error))?;
        Ok(Body::VcReceiveOk { vector: self.shown(ctx) })
    }

    /// The vector with every node of the cluster in it.
    fn shown(&self, ctx: &Context<'_, Self>) -> Vector {
        let cluster = ctx.node_ids().iter().map(|node| (node.clone(), self.clock.get(node)));
        let heard_of = self.clock.iter().map(|(node, counter)| (node.clone(), counter));
        cluster.chain(heard_of).collect()
    }
}

impl Node for VectorClockNode {
    type Body = Body;
    type Token = ();

    fn request(&mut self, from: Caller, body: Body, ctx: &mut Context<'_, Self>) {
        let answer = match body {
            Body::VcTick => Ok(self.tick(ctx)),
            Body::VcReceive { vector } => self.receive(vector, ctx),
            Body::Compare { vc_a, vc_b } => {
                let [a, b] = [vc_a, vc_b].map(|vector| vector.into_iter().collect());
                Ok(Body::CompareOk { relation: VectorClock::relation(&a, &b).into() })
            }
            // Replies: they never come as requests.
            Body::VcTickOk { .. } | Body::VcReceiveOk { .. } | Body::CompareOk { .. } => return,
        };
        match answer {
            Ok(body) => ctx.reply(&from, body),
            Err(error) => ctx.reply_error(&from, error),
        }
    }
}
