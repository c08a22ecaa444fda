//! `gossiper two-phase-set`: a set whose elements can be removed, for good.

use crdt::{GSet, TwoPhaseSet};
use proto::{Caller, Context, Error, Json, Manual};
use serde::{Deserialize, Serialize};

use super::ascending::ascending;
use super::node::{ReplicaNode, Serves};
use super::replica::Replica;

/// What the node says about itself.
pub const MANUAL: Manual = Manual {
    name: "two-phase-set",
    summary: "a set whose elements can be removed for good",
    usage: "[--gossip-interval TIME]",
    help: help!(
        "\
It serves `add`, `remove`, `merge` and `read` of task 3-4-2. What was removed once cannot be added
again; an element may be removed before it is added.

"
    ),
};

/// The messages of the node.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    /// Adds an element.
    Add {
        /// Any JSON.
        element: Json,
    },
    /// Answer to `add`, also where the element was removed before and stays so.
    AddOk,
    /// Removes an element for good, whether it is there or not.
    Remove {
        /// Any JSON.
        element: Json,
    },
    /// Answer to `remove`.
    RemoveOk,
    /// Asks for the elements.
    Read,
    /// Answer to `read`.
    ReadOk {
        /// What was added and not removed, each once, in ascending order.
        elements: Vec<Json>,
    },
    /// Adds and removes all these.
    Merge {
        /// What was added elsewhere.
        add_set: Vec<Json>,
        /// What was removed elsewhere.
        remove_set: Vec<Json>,
    },
    /// Answer to `merge`.
    MergeOk,
}

/// A set of two phases, served.
#[derive(Debug, Default)]
pub struct Served;

/// The node.
pub type TwoPhaseSetNode = ReplicaNode<Served>;

/// What adds and removes these.
fn change(added: Vec<Json>, removed: Vec<Json>) -> TwoPhaseSet<Json> {
    let set = |elements: Vec<Json>| elements.into_iter().collect::<GSet<_>>();
    TwoPhaseSet::from_parts(set(added), set(removed))
}

impl Serves for Served {
    type State = TwoPhaseSet<Json>;
    type Message = Body;

    fn serve(
        &mut self,
        replica: &mut Replica<TwoPhaseSet<Json>>,
        _: &Caller,
        body: Body,
        ctx: &mut Context<'_, TwoPhaseSetNode>,
    ) -> Result<Option<Body>, Error> {
        let (change, answer) = match body {
            Body::Add { element } => (change(vec![element], Vec::new()), Body::AddOk),
            Body::Remove { element } => (change(Vec::new(), vec![element]), Body::RemoveOk),
            Body::Merge { add_set, remove_set } => (change(add_set, remove_set), Body::MergeOk),
            Body::Read => {
                let elements = ascending(replica.state().iter());
                return Ok(Some(Body::ReadOk { elements }));
            }
            Body::AddOk | Body::RemoveOk | Body::ReadOk { .. } | Body::MergeOk => return Ok(None),
        };
        replica.update(change, ctx);
        Ok(Some(answer))
    }
}
