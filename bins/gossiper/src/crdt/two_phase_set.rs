//! `gossiper two-phase-set`: a set whose elements can be removed, for good.

use crdt::{GSet, TwoPhaseSet};
use proto::{Arguments, Caller, Context, Json, Manual, Node, Records, UsageError};
use serde::{Deserialize, Serialize};

use super::replica::{Replica, Replicated, Settings, Step};

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
    /// Between nodes.
    Replicate {
        /// What is said.
        step: Step<TwoPhaseSet<Json>>,
    },
}

/// The node.
#[derive(Debug)]
pub struct TwoPhaseSetNode {
    replica: Replica<TwoPhaseSet<Json>>,
}

impl TwoPhaseSetNode {
    /// A node of these arguments.
    ///
    /// # Errors
    /// If they are wrong.
    pub fn from_arguments(arguments: &mut Arguments) -> Result<Self, UsageError> {
        Ok(Self { replica: Replica::new(Settings::parse(arguments)?) })
    }

    fn join(&mut self, added: Vec<Json>, removed: Vec<Json>, ctx: &mut Context<'_, Self>) {
        let set = |elements: Vec<Json>| elements.into_iter().collect::<GSet<_>>();
        self.replica.update(TwoPhaseSet::from_parts(set(added), set(removed)), ctx);
    }
}

impl Replicated for TwoPhaseSetNode {
    type State = TwoPhaseSet<Json>;

    fn message(step: Step<Self::State>) -> Body {
        Body::Replicate { step }
    }
}

impl Node for TwoPhaseSetNode {
    type Body = Body;
    type Token = ();

    fn init(&mut self, restored: Records, ctx: &mut Context<'_, Self>) {
        self.replica.init(&restored, ctx);
    }

    fn request(&mut self, from: Caller, body: Body, ctx: &mut Context<'_, Self>) {
        if let Some(error) = self.replica.refusal() {
            ctx.reply_error(&from, error.clone());
            return;
        }
        match body {
            Body::Add { element } => {
                self.join(vec![element], Vec::new(), ctx);
                ctx.reply(&from, Body::AddOk);
            }
            Body::Remove { element } => {
                self.join(Vec::new(), vec![element], ctx);
                ctx.reply(&from, Body::RemoveOk);
            }
            Body::Merge { add_set, remove_set } => {
                self.join(add_set, remove_set, ctx);
                ctx.reply(&from, Body::MergeOk);
            }
            Body::Read => {
                let elements = self.replica.state().iter().cloned().collect();
                ctx.reply(&from, Body::ReadOk { elements });
            }
            Body::Replicate { step } => self.replica.receive(&from, step, ctx),
            // Replies: they never come as requests.
            Body::AddOk | Body::RemoveOk | Body::ReadOk { .. } | Body::MergeOk => {}
        }
    }

    fn timer(&mut self, (): (), ctx: &mut Context<'_, Self>) {
        self.replica.timer(ctx);
    }
}
