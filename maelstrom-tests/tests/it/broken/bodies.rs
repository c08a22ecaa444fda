//! The messages of the workloads as the broken nodes have them: those of clients, and whatever
//! the nodes say to each other.

use std::sync::Arc;

use checkers::Op;
use eddy::world::Topology;
use proto::Json;
use serde::{Deserialize, Serialize};

/// Workload unique-ids.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum IdBody {
    Generate,
    GenerateOk { id: String },
}

impl IdBody {
    pub(super) fn ask(op: &Op<Json>) -> Option<Self> {
        matches!(op, Op::Generate { .. }).then_some(Self::Generate)
    }

    pub(super) fn answer(self, op: &mut Op<Json>) -> bool {
        match (self, op) {
            (Self::GenerateOk { id }, Op::Generate { id: got }) => {
                *got = Some(Json::from(id.as_str()));
                true
            }
            _ => false,
        }
    }
}

/// Workload broadcast.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum SetBody<P> {
    Topology,
    TopologyOk,
    Broadcast {
        message: Json,
    },
    BroadcastOk,
    Read,
    ReadOk {
        messages: Vec<Json>,
    },
    /// Between nodes.
    Peer(P),
}

impl<P> SetBody<P> {
    pub(super) fn topology(_: &Topology) -> Option<Self> {
        Some(Self::Topology)
    }

    pub(super) fn is_topology_ok(&self) -> bool {
        matches!(self, Self::TopologyOk)
    }

    pub(super) fn ask(op: &Op<Json>) -> Option<Self> {
        match op {
            Op::Broadcast { message } => Some(Self::Broadcast { message: message.clone() }),
            Op::ReadSet { .. } => Some(Self::Read),
            _ => None,
        }
    }

    pub(super) fn answer(self, op: &mut Op<Json>) -> bool {
        match (self, op) {
            (Self::BroadcastOk, Op::Broadcast { .. }) => true,
            (Self::ReadOk { messages }, Op::ReadSet { elements }) => {
                *elements = Some(Arc::from(messages));
                true
            }
            _ => false,
        }
    }
}

/// Implements `Simulated` for a node whose body is one of this file's.
macro_rules! simulated {
    ($node:ty, $body:ty $(, $topology:ident)?) => {
        impl eddy::simulated::Simulated for $node {
            type Watcher = ();

            $(fn topology($topology: &eddy::world::Topology) -> Option<$body> {
                <$body>::topology($topology)
            }

            fn is_topology_ok(body: &$body) -> bool {
                body.is_topology_ok()
            })?

            fn ask(op: &checkers::Op<proto::Json>) -> Option<$body> {
                <$body>::ask(op)
            }

            fn answer(body: $body, op: &mut checkers::Op<proto::Json>) -> bool {
                body.answer(op)
            }

            fn watcher(_: usize) {}
        }
    };
}
pub(super) use simulated;

/// Workload g-counter.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum CounterBody {
    Add { delta: i64 },
    AddOk,
    Read,
    ReadOk { value: i64 },
}

impl CounterBody {
    pub(super) fn ask(op: &Op<Json>) -> Option<Self> {
        match op {
            Op::AddDelta { delta } => Some(Self::Add { delta: *delta }),
            Op::ReadCounter { .. } => Some(Self::Read),
            _ => None,
        }
    }

    pub(super) fn answer(self, op: &mut Op<Json>) -> bool {
        match (self, op) {
            (Self::AddOk, Op::AddDelta { .. }) => true,
            (Self::ReadOk { value }, Op::ReadCounter { value: got }) => {
                *got = Some(Json::from(value));
                true
            }
            _ => false,
        }
    }
}

/// Workload lin-kv.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum RegisterBody<P> {
    Read {
        key: Json,
    },
    ReadOk {
        value: Json,
    },
    Write {
        key: Json,
        value: Json,
    },
    WriteOk,
    Cas {
        key: Json,
        from: Json,
        to: Json,
    },
    CasOk,
    /// Between nodes.
    Peer(P),
}

impl<P> RegisterBody<P> {
    pub(super) fn ask(op: &Op<Json>) -> Option<Self> {
        match op.clone() {
            Op::Read { key, .. } => Some(Self::Read { key }),
            Op::Write { key, value } => Some(Self::Write { key, value }),
            Op::Cas { key, from, to } => Some(Self::Cas { key, from, to }),
            _ => None,
        }
    }

    pub(super) fn answer(self, op: &mut Op<Json>) -> bool {
        match (self, op) {
            (Self::ReadOk { value }, Op::Read { value: got, .. }) => {
                *got = Some(Some(value));
                true
            }
            (Self::WriteOk, Op::Write { .. }) | (Self::CasOk, Op::Cas { .. }) => true,
            _ => false,
        }
    }
}
