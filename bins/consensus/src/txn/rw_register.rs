//! `consensus txn-rw-register`: transactions on registers.

use proto::{Json, Manual};
use serde::{Deserialize, Serialize};

use super::{Function, Object, Objects};
use crate::args::help;
use crate::node::RaftNode;

/// What the node says about itself.
pub const MANUAL: Manual = Manual {
    name: "txn-rw-register",
    summary: "strict serializable transactions on registers, replicated by Raft",
    usage: "[--election-timeout MS] [--heartbeat MS] [--gather MS] [--compact-after N]",
    help: help!(
        "\
It serves Maelstrom's workload `txn-rw-register`: `txn` with `[\"r\", KEY, null]` and
`[\"w\", KEY, VALUE]`. A register that was never written reads null.

"
    ),
};

/// The node.
pub type RwRegisterNode = RaftNode<Objects<Register>>;

/// A register.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Register(Json);

impl Default for Register {
    fn default() -> Self {
        Self(Json::null())
    }
}

impl Object for Register {
    const WRITE: Function = Function::Write;
    const WRONG: &'static str = "on registers there are `r` and `w`";

    fn write(&mut self, value: Json) {
        self.0 = value;
    }

    fn value(&self) -> Json {
        self.0.clone()
    }
}
