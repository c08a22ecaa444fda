//! The Consensus track: a linearizable key-value store, replicated by Raft.
//!
//! | module | answers the question |
//! |---|---|
//! | [`node`], `server` | what does each message lead to? |
//! | [`clients`] | which refusal may a client get, and when? |
//! | [`replica`] | what becomes of what Raft decides? |
//! | [`store`] | what does applying a command change, and how is none applied twice? |
//! | [`command`], [`body`], [`wire`] | what goes into the log, and what over the wire? |
//! | [`members`], [`settings`], [`args`] | who, how, and with which arguments? |
//! | [`simulated`], [`recorder`], [`load`] | how is a cluster of these nodes run, judged and measured in virtual time? |
//! | [`partition_test`], [`verify`] | how are the two messages of task 7-2-5 answered? |

pub mod args;
pub mod body;
pub mod clients;
pub mod command;
mod durable;
mod jobs;
pub mod load;
pub mod members;
pub mod node;
pub mod partition_test;
pub mod recorder;
pub mod replica;
mod server;
pub mod settings;
pub mod simulated;
pub mod store;
pub mod verify;
pub mod wire;

pub use node::ConsensusNode;
pub use settings::Settings;

use proto::{Arguments, Program};

/// The nodes that the program can be.
#[must_use]
pub fn program() -> Program {
    let lin_kv = |arguments: &mut Arguments| Ok(ConsensusNode::new(args::parse(arguments)?));
    Program::new("consensus", env!("CARGO_PKG_VERSION"))
        .node(args::MANUAL, lin_kv)
        .invariant(simulated::SafetyWatch::new)
}
