//! The Consensus track: a linearizable key-value store, replicated by Raft or by Multi-Paxos, and
//! nodes that answer the track's messages step by step.
//!
//! | module | answers the question |
//! |---|---|
//! | [`machine`] | what has a service to bring that is to be replicated? |
//! | [`lin_kv`], [`kafka`], [`txn`], [`lock`] | what is replicated: values, logs, objects of transactions, and locks? |
//! | [`node`], `server` | what does each message lead to? |
//! | [`clients`] | which refusal may a client get, and when? |
//! | [`agreement`] | what does the node need of the protocol that replicates? |
//! | [`replica`] | what becomes of what Raft decides? |
//! | [`store`] | how is no command applied twice? |
//! | [`command`], [`peer`], [`wire`], [`body`] | what goes into the log, and what over the wire? |
//! | [`watch`] | what must hold of a cluster after every event? |
//! | [`members`], [`settings`], [`args`] | who, how, and with which arguments? |
//! | [`partition_test`], [`verify`] | how are the two messages of task 7-2-5 answered? |
//! | [`multi_paxos`] | how does the same store run on Multi-Paxos? |
//! | [`raft_steps`] | how are the messages of tasks 6-1 to 6-5 and 7-2-1 to 7-2-4 answered? |
//! | [`paxos_node`] | how are the messages of tasks 7-3-1 to 7-3-4 answered? |
//! | [`bft_store`] | how does the same store run among nodes of which some lie? |
//! | [`pbft_node`] | ... by PBFT, and how are the messages of task 7-4-2 answered? |
//! | [`tendermint_node`] | ... by Tendermint, and how are the messages of task 7-4-5 answered? |
//! | [`byzantine`] | how are the messages of tasks 7-4-1, 7-4-3 and 7-4-4 answered? |
//! | [`compare_protocols`] | what does a change of leader cost in Raft and in Multi-Paxos (7-3-5)? |

pub mod agreement;
mod alarm;
pub mod args;
pub mod bft_store;
pub mod body;
pub mod byzantine;
pub mod clients;
pub mod command;
pub mod compare_protocols;
mod durable;
mod input;
pub mod jobs;
pub mod kafka;
pub mod lin_kv;
pub mod lock;
pub mod machine;
pub mod members;
pub mod multi_paxos;
pub mod node;
mod pairs;
pub mod partition_test;
pub mod paxos_node;
pub mod pbft_node;
pub mod peer;
pub mod raft_steps;
mod records;
pub mod replica;
pub mod settings;
mod sometimes;
pub mod store;
pub mod tendermint_node;
pub mod token;
pub mod txn;
pub mod verify;
pub mod watch;
pub mod wire;

pub use settings::Settings;

use bft_store::liar::BftLiar;
use bft_store::node::Protocol;
use bft_store::order::Twist;
use bft_store::settings::Settings as BftSettings;
use bft_store::watch::BftWatch;
use byzantine::ByzantineNode;
use compare_protocols::CompareProtocols;
use input::without_flags;
use jobs::Jobs;
use kafka::{KafkaNode, Logs};
use lin_kv::KeyValues;
use lock::{LockNode, Locks};
use multi_paxos::MultiPaxosNode;
use multi_paxos::watch::PaxosWatch;
use node::RaftNode;
use paxos_node::PaxosNode;
use pbft_node::PbftNode;
use proto::{Arguments, Mouth, Program, UsageError};
use raft_steps::RaftSteps;
use tendermint_node::TendermintNode;
use txn::Objects;
use txn::list_append::{self, List, ListAppendNode};
use txn::rw_register::{self, Register, RwRegisterNode};
use watch::SafetyWatch;

/// The node `lin-kv`: a store on Raft, and beside it the two messages of task 7-2-5.
pub type ConsensusNode = RaftNode<KeyValues, Jobs>;

/// The nodes that the program can be.
#[must_use]
pub fn program() -> Program {
    let lin_kv = |arguments: &mut Arguments| Ok(ConsensusNode::new(args::parse(arguments)?));
    let kafka = |arguments: &mut Arguments| Ok(KafkaNode::new(args::parse_batching(arguments)?));
    let lock = |arguments: &mut Arguments| Ok(LockNode::new(args::parse(arguments)?));
    let list_append = |arguments: &mut Arguments| Ok(ListAppendNode::new(args::parse(arguments)?));
    let rw_register = |arguments: &mut Arguments| Ok(RwRegisterNode::new(args::parse(arguments)?));
    let multi_paxos = |arguments: &mut Arguments| Ok(MultiPaxosNode::new(args::parse(arguments)?));
    let pbft = |arguments: &mut Arguments| Ok(PbftNode::new(BftSettings::parse(arguments)?));
    let tendermint =
        |arguments: &mut Arguments| Ok(TendermintNode::new(BftSettings::parse(arguments)?));
    Program::new("consensus", env!("CARGO_PKG_VERSION"))
        .node(args::MANUAL, lin_kv)
        .invariant(SafetyWatch::<KeyValues, Jobs>::new)
        .node(kafka::MANUAL, kafka)
        .invariant(SafetyWatch::<Logs>::new)
        .node(lock::MANUAL, lock)
        .invariant(SafetyWatch::<Locks>::new)
        .node(list_append::MANUAL, list_append)
        .invariant(SafetyWatch::<Objects<List>>::new)
        .node(rw_register::MANUAL, rw_register)
        .invariant(SafetyWatch::<Objects<Register>>::new)
        .node(multi_paxos::MANUAL, multi_paxos)
        .invariant(PaxosWatch::new)
        .node(raft_steps::MANUAL, without_flags(RaftSteps::default))
        .node(paxos_node::MANUAL, without_flags(PaxosNode::default))
        .node(pbft_node::MANUAL, pbft)
        .invariant(BftWatch::<pbft_node::Pbft>::new)
        .liar(liar::<pbft_node::Pbft>)
        .node(tendermint_node::MANUAL, tendermint)
        .invariant(BftWatch::<tendermint_node::Tendermint>::new)
        .liar(liar::<tendermint_node::Tendermint>)
        .node(byzantine::MANUAL, without_flags(ByzantineNode::default))
        .node(compare_protocols::MANUAL, without_flags(|| CompareProtocols))
}

/// How a node of these arguments lies.
fn liar<P: Protocol<Order: Twist>>(
    arguments: &mut Arguments,
    mouth: &Mouth,
) -> Result<BftLiar<P>, UsageError> {
    Ok(BftLiar::new(&BftSettings::parse(arguments)?, mouth))
}
