//! `consensus tendermint`: the linearizable store of `lin-kv` by Tendermint, and rounds of voting step
//! by step (task 7-4-5).
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

pub use task::{Block, Phase, Steps};

/// What the node says about itself.
pub const MANUAL: Manual = Manual {
    name: "tendermint",
    summary: "a linearizable key-value store that bears liars, by Tendermint; and Tendermint step by step",
    usage: USAGE,
    help: concat!(
        "\
It serves Maelstrom's workload `lin-kv` on 3f+1 nodes of which f may be Byzantine. It also answers
`tendermint_propose`, `tendermint_prevote` and `tendermint_status` of task 7-4-5 from four simulated
validators within, n1 to n4 or v1 to v4.

",
        flags!()
    ),
};

/// The node.
pub type TendermintNode = BftNode<Tendermint>;

/// The protocol of the node.
#[derive(Debug)]
pub struct Tendermint;

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
        message: Box<bft::tendermint::Message<crate::bft_store::value::Value>>,
    },
    /// A node says where it is, and what it waits for.
    Status {
        /// Where.
        status: bft::tendermint::Status,
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

    /// A validator proposes a block.
    TendermintPropose {
        /// In which round.
        round: u64,
        /// Who.
        proposer: String,
        /// What.
        block: Block,
    },
    /// What it proposed: a block that had a polka goes before its own.
    TendermintProposeOk {
        /// The round.
        round: u64,
        /// SHA-256 of the block as JSON, in hexadecimal digits.
        block_hash: String,
    },
    /// A validator prevotes.
    TendermintPrevote {
        /// In which round.
        round: u64,
        /// Who.
        validator: String,
        /// For what; null is nil.
        block_hash: Option<String>,
    },
    /// The prevotes so far.
    TendermintPrevoteOk {
        /// Those for the same.
        prevotes_for_block: u64,
        /// All.
        total_prevotes: u64,
        /// How many make a polka.
        threshold: u64,
    },
    /// Asks how far a round is.
    TendermintStatus {
        /// Which.
        round: u64,
    },
    /// How far it is.
    TendermintStatusOk {
        /// The phase.
        phase: Phase,
        /// Whether the round decided.
        block_committed: bool,
        /// Prevotes, for whatever.
        prevote_count: u64,
        /// Precommits, for whatever.
        precommit_count: u64,
    },
}

impl Protocol for Tendermint {
    type Order = crate::bft_store::tendermint::Tendermint;
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
            Body::TendermintPropose { round, proposer, block } => {
                steps.propose(round, &proposer, &block)
            }
            Body::TendermintPrevote { round, validator, block_hash } => {
                steps.prevote(round, &validator, block_hash)
            }
            Body::TendermintStatus { round } => steps.status(round),
            // Replies: they never come as requests.
            _ => return None,
        })
    }
}
