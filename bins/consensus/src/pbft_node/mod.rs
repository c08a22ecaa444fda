//! `consensus pbft`: the linearizable store of `lin-kv` by PBFT, and PBFT step by step (task 7-4-2).
//!
//! The store is [`crate::bft_store`]; the task's messages are answered by [`task`].

use proto::{Error, Manual};
use serde::{Deserialize, Serialize};

use crate::bft_store::node::{BftNode, Protocol, Task};
use crate::bft_store::settings::{USAGE, flags};

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

/// The messages of task 7-4-2, requests and replies.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepMessage {
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
    type Task = Steps;
}

impl Task for Steps {
    type Message = StepMessage;

    fn answer(&mut self, message: StepMessage) -> Option<Result<StepMessage, Error>> {
        Some(match message {
            StepMessage::PbftRequest { operation, client } => self.request(operation, client),
            StepMessage::PbftStatus { sequence_number } => self.status(sequence_number),
            StepMessage::PbftViewChange => self.change_view(),
            // Replies: they never come as requests.
            _ => return None,
        })
    }
}
