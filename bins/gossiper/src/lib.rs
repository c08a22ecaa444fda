//! The Gossiper: nodes that bring what each of them knows to all of them.
//!
//! The first argument of the program chooses the node:
//!
//! | node | what it is |
//! |---|---|
//! | [`broadcast`] | values for everybody, none lost, by a strategy of one's choice |
//! | [`hybrid`] | values for everybody, along a tree and by gossip |
//! | [`anti-entropy`](anti_entropy) | values for everybody, by rumours and rounds that can be tuned |
//! | [`reach`] | how many nodes a rumour reaches, by formula and by simulation |
//! | [`txn-single`, `txn-read-uncommitted`, `txn-read-committed`](txn) | transactions over registers |
//! | [`g-set`, `g-counter`, `pn-counter`, `two-phase-set`, `lww`, `version-vectors`](crdt) | states that merge |
//! | [`g-counter-services`](g_counter_services) | a counter in Maelstrom's `seq-kv` |
//! | [`kafka-single`](kafka::single), [`kafka-services`](kafka::services) | logs on one node; logs in Maelstrom's `lin-kv` |
//!
//! | what they share | |
//! |---|---|
//! | [`value_set`], [`log`] | values, their index, snapshots for readers |
//! | [`digest`] | comparing two sets of values |
//! | [`topology`] | who is there, neighbours, spanning trees |
//! | [`round_trip`] | how long a peer may take to answer |

#[cfg(test)]
mod alone;
pub mod anti_entropy;
pub mod broadcast;
pub mod crdt;
pub mod digest;
mod flags;
pub mod g_counter_services;
pub mod hybrid;
pub mod kafka;
pub mod log;
mod ratio;
pub mod reach;
mod records;
pub mod round_trip;
pub mod topology;
pub mod txn;
pub mod value_set;

pub use broadcast::{Body, Config, Gossiper, LateValues, StrategyKind};

use proto::{Arguments, Program};

/// The nodes that the program can be.
pub fn program() -> Program {
    let broadcast = |arguments: &mut Arguments| Ok(Gossiper::new(Config::parse(arguments)?));
    use crdt::{g_counter, g_set, lww, pn_counter, two_phase_set, version_vectors};
    Program::new("gossiper", env!("CARGO_PKG_VERSION"))
        .node(broadcast::config::MANUAL, broadcast)
        .node(hybrid::MANUAL, hybrid::HybridNode::from_arguments)
        .node(anti_entropy::MANUAL, anti_entropy::AntiEntropyNode::from_arguments)
        .node(reach::MANUAL, reach::ReachNode::from_arguments)
        .node(g_set::MANUAL, g_set::GSetNode::from_arguments)
        .node(g_counter::MANUAL, g_counter::GCounterNode::from_arguments)
        .node(pn_counter::MANUAL, pn_counter::PnCounterNode::from_arguments)
        .node(two_phase_set::MANUAL, two_phase_set::TwoPhaseSetNode::from_arguments)
        .node(lww::MANUAL, lww::LwwNode::from_arguments)
        .node(version_vectors::MANUAL, version_vectors::VersionVectorsNode::from_arguments)
        .node(txn::single::MANUAL, txn::single::SingleNode::from_arguments)
        .node(
            txn::read_uncommitted::MANUAL,
            txn::read_uncommitted::ReadUncommittedNode::from_arguments,
        )
        .node(txn::read_committed::MANUAL, txn::read_committed::ReadCommittedNode::from_arguments)
        .node(g_counter_services::MANUAL, g_counter_services::CounterNode::from_arguments)
        .node(kafka::single::MANUAL, kafka::single::SingleNode::from_arguments)
        .node(kafka::services::MANUAL, kafka::services::ServicesNode::from_arguments)
}
