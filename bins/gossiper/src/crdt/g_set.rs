//! `gossiper g-set`: a set to which elements are added and from which none is removed.

use crdt::GSet;
use proto::{Arguments, Caller, Context, Error, Json, Manual, UsageError};
use serde::{Deserialize, Serialize};

use super::ascending::ascending;
use super::node::{ReplicaNode, Serves};
use super::replica::Replica;

/// What the node says about itself.
pub const MANUAL: Manual = Manual {
    name: "g-set",
    summary: "a grow-only set that takes elements at every node",
    usage: "[--answer value|elements] [--gossip-interval TIME]",
    help: help!(
        "\
It serves Maelstrom's `g-set` workload (`add`, `read`), and `merge` of task 3-4-1.

  --answer FIELD          the field in which `read_ok` gives the elements: `value`, as in Maelstrom,
                          or `elements`, as in task 3-4-1 (default: value)
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
    /// Answer to `add`.
    AddOk,
    /// Asks for the elements.
    Read,
    /// Answer to `read`: in one of the two fields each element once, in ascending order.
    ReadOk {
        /// As Maelstrom calls it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        value: Option<Vec<Json>>,
        /// As task 3-4-1 calls it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        elements: Option<Vec<Json>>,
    },
    /// Adds all these elements.
    Merge {
        /// Any JSON each.
        elements: Vec<Json>,
    },
    /// Answer to `merge`.
    MergeOk {
        /// How many of them were not there before.
        new_count: u64,
    },
}

/// In which field a read is answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Answer {
    #[default]
    Value,
    Elements,
}

/// A set, served.
#[derive(Debug, Default)]
pub struct Served {
    answer: Answer,
}

/// The node.
pub type GSetNode = ReplicaNode<Served>;

impl Served {
    fn read(&self, set: &GSet<Json>) -> Body {
        let all = ascending(set.iter());
        match self.answer {
            Answer::Value => Body::ReadOk { value: Some(all), elements: None },
            Answer::Elements => Body::ReadOk { value: None, elements: Some(all) },
        }
    }
}

impl Serves for Served {
    type State = GSet<Json>;
    type Message = Body;

    fn flag(&mut self, flag: &str, arguments: &mut Arguments) -> Result<bool, UsageError> {
        let is_answer = flag == "--answer";
        if is_answer {
            let fields = [("value", Answer::Value), ("elements", Answer::Elements)];
            self.answer = arguments.choice(&fields)?;
        }
        Ok(is_answer)
    }

    fn serve(
        &mut self,
        replica: &mut Replica<GSet<Json>>,
        _: &Caller,
        body: Body,
        ctx: &mut Context<'_, GSetNode>,
    ) -> Result<Option<Body>, Error> {
        Ok(Some(match body {
            Body::Add { element } => {
                replica.update([element].into_iter().collect(), ctx);
                Body::AddOk
            }
            Body::Merge { elements } => {
                let news = replica.update(elements.into_iter().collect(), ctx);
                Body::MergeOk { new_count: news.len() as u64 }
            }
            Body::Read => self.read(replica.state()),
            Body::AddOk | Body::ReadOk { .. } | Body::MergeOk { .. } => {
                return Ok(None);
            }
        }))
    }
}
