//! `consensus pbft`: the linearizable store of `lin-kv` by PBFT, and PBFT step by step (task 7-4-2).
//!
//! The store is [`crate::bft_store`]; the task's messages are answered by [`task`].

use bft::Stable;
use proto::{Error, Json, Manual};
use serde::{Deserialize, Serialize};

use crate::bft_store::node::{BftNode, Opened, Protocol};
use crate::bft_store::server::Peer;
use crate::bft_store::settings::{USAGE, flags};
use crate::bft_store::value::Request;
use crate::lin_kv::{Answer, KeyValues, Message as LinKv, Operation};
use crate::machine::Service as _;
use crate::peer::SharedState;

pub mod task;

pub use task::{Phase, Steps};

/// What the node says about itself.
pub const MANUAL: Manual = Manual {
    name: "pbft",
    summary: "a linearizable key-value store that bears liars, by PBFT; and PBFT step by step",
    usage: USAGE,
    help: concat!(
        "\
It serves Maelstrom's workload `lin-kv` on 3f+1 nodes of which f may be Byzantine. It also answers
`pbft_request`, `pbft_status` and `pbft_view_change` of task 7-4-2 from four simulated replicas within.

",
        flags!()
    ),
};

/// The node.
pub type PbftNode = BftNode<Pbft>;

/// The protocol of the node.
#[derive(Debug)]
pub struct Pbft;

/// Every message of this node, requests and replies.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    /// `lin-kv`: the value of a key.
    Read {
        /// Any JSON.
        key: Json,
    },
    /// Answer to `read`.
    ReadOk {
        /// The key's value.
        value: Json,
    },
    /// `lin-kv`: sets a key.
    Write {
        /// Any JSON.
        key: Json,
        /// Any JSON.
        value: Json,
    },
    /// Answer to `write`.
    WriteOk,
    /// `lin-kv`: sets a key that has a given value.
    Cas {
        /// Any JSON.
        key: Json,
        /// The value it must have.
        from: Json,
        /// Its new value.
        to: Json,
    },
    /// Answer to `cas`.
    CasOk,

    /// A client's request on its way to all nodes.
    Request {
        /// The request.
        request: Box<Request>,
    },
    /// A message of the protocol.
    Agreement {
        /// Which.
        message: Box<bft::pbft::Message<crate::bft_store::value::Value>>,
    },
    /// A node says where it is, and what it waits for.
    Status {
        /// Where.
        status: bft::pbft::Status,
        /// For what.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        requests: Vec<Request>,
    },
    /// The state at a checkpoint.
    State {
        /// The proof.
        stable: Box<Stable>,
        /// The state.
        state: SharedState<KeyValues>,
    },

    /// A client asks for something.
    PbftRequest {
        /// What.
        operation: String,
        /// Who.
        client: String,
    },
    /// The primary gave it a place.
    PbftRequestOk {
        /// The place, from 1.
        sequence_number: u64,
        /// In which view, from 0.
        view: u64,
        /// How far it is.
        phase: Phase,
    },
    /// Asks how far a request is.
    PbftStatus {
        /// Its place.
        sequence_number: u64,
    },
    /// How far it is at the primary.
    PbftStatusOk {
        /// The phase.
        phase: Phase,
        /// Prepares from backups.
        prepares_received: u64,
        /// Commits, its own included.
        commits_received: u64,
        /// Whether it was executed.
        executed: bool,
    },
    /// The replicas give the primary up. Not in the task, which names no way to do it.
    PbftViewChange,
    /// The next view.
    PbftViewChangeOk {
        /// Its number.
        view: u64,
    },
}

impl Protocol for Pbft {
    type Order = crate::bft_store::pbft::Pbft;
    type Body = Body;
    type Task = Steps;

    fn open(body: Body) -> Opened<Self> {
        match body {
            Body::Read { key } => Opened::Client(Operation::Read { key }),
            Body::Write { key, value } => Opened::Client(Operation::Write { key, value }),
            Body::Cas { key, from, to } => Opened::Client(Operation::Cas { key, from, to }),
            Body::Request { request } => Opened::Peer(Peer::Request(*request)),
            Body::Agreement { message } => Opened::Peer(Peer::Agreement(*message)),
            Body::Status { status, requests } => Opened::Peer(Peer::Status(status, requests)),
            Body::State { stable, state } => Opened::Peer(Peer::State(*stable, state)),
            body => Opened::Task(body),
        }
    }

    fn peer(message: Peer<Self::Order>) -> Body {
        match message {
            Peer::Request(request) => Body::Request { request: Box::new(request) },
            Peer::Agreement(message) => Body::Agreement { message: Box::new(message) },
            Peer::Status(status, requests) => Body::Status { status, requests },
            Peer::State(stable, state) => Body::State { stable: Box::new(stable), state },
        }
    }

    fn answer(answer: Answer) -> Vec<Result<Body, Error>> {
        let body = |reply| match reply {
            LinKv::ReadOk { value } => Body::ReadOk { value },
            LinKv::CasOk => Body::CasOk,
            _ => Body::WriteOk,
        };
        KeyValues::replies(answer).into_iter().map(|reply| reply.map(body)).collect()
    }

    fn task(steps: &mut Steps, body: Body) -> Option<Result<Body, Error>> {
        Some(match body {
            Body::PbftRequest { operation, client } => steps.request(operation, client),
            Body::PbftStatus { sequence_number } => steps.status(sequence_number),
            Body::PbftViewChange => steps.change_view(),
            // Replies: they never come as requests.
            _ => return None,
        })
    }
}
