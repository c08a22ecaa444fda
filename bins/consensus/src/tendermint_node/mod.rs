//! `consensus tendermint`: the linearizable store of `lin-kv` by Tendermint, and rounds of voting step
//! by step (task 7-4-5).
//!
//! The store is [`crate::bft_store`]; the task's messages are answered by [`task`].

use proto::{Error, Manual, NodeId};
use serde::{Deserialize, Serialize};

use crate::bft_store::node::{BftNode, Protocol, Task};
use crate::bft_store::settings::{USAGE, flags};

mod height;
pub mod task;
#[cfg(test)]
mod tests;

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
validators within, n1 to n4 or v1 to v4; where `init` names four nodes or more, from those nodes,
whatever they are called.

",
        flags!()
    ),
};

/// The node.
pub type TendermintNode = BftNode<Tendermint>;

/// The protocol of the node.
#[derive(Debug)]
pub struct Tendermint;

/// The messages of task 7-4-5, requests and replies.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepMessage {
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
        /// For what; null, `"nil"` and the empty string are nil.
        block_hash: Option<String>,
    },
    /// The prevotes so far.
    TendermintPrevoteOk {
        /// Those for the same block; at one for nil, for the block that most are for.
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
    type Task = Steps;
}

impl Task for Steps {
    type Message = StepMessage;

    fn begin(&mut self, nodes: Vec<NodeId>) {
        self.set_nodes(nodes);
    }

    fn answer(&mut self, message: StepMessage) -> Option<Result<StepMessage, Error>> {
        Some(match message {
            StepMessage::TendermintPropose { round, proposer, block } => {
                self.propose(round, &proposer, &block)
            }
            StepMessage::TendermintPrevote { round, validator, block_hash } => {
                // No block has such a hash.
                let value = block_hash.filter(|hash| !hash.is_empty() && hash != "nil");
                self.prevote(round, &validator, value)
            }
            StepMessage::TendermintStatus { round } => Ok(self.status(round)),
            // Replies: they never come as requests.
            _ => return None,
        })
    }
}
