//! `consensus txn-list-append`: transactions on lists that only grow.

use proto::{Json, Manual};
use serde::{Deserialize, Serialize};

use super::{Function, Object, Objects};
use crate::args::help;
use crate::node::RaftNode;

/// What the node says about itself.
pub const MANUAL: Manual = Manual {
    name: "txn-list-append",
    summary: "strict serializable transactions on lists, replicated by Raft",
    usage: "[--election-timeout MS] [--heartbeat MS] [--gather MS] [--compact-after N]",
    help: help!(
        "\
It serves Maelstrom's workload `txn-list-append`: `txn` with `[\"r\", KEY, null]` and
`[\"append\", KEY, ELEMENT]`. A list that was never appended to reads null.

"
    ),
};

/// The node.
pub type ListAppendNode = RaftNode<Objects<List>>;

/// A list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct List(Vec<Json>);

impl Object for List {
    const WRITE: Function = Function::Append;
    const WRONG: &'static str = "on lists there are `r` and `append`";

    fn write(&mut self, element: Json) {
        self.0.push(element);
    }

    fn value(&self) -> Json {
        let text = serde_json::to_string(self);
        // What is written as JSON is read as JSON.
        text.and_then(|text| Json::parse(&text)).unwrap_or_else(|_| Json::null())
    }
}
