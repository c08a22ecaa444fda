//! Nodes of this project, to be bent at their edge.

use consensus::ConsensusNode;
use consensus::settings::Settings;
use proto::{AnyNode, Invariant, Program};
use raft::membership::Shortcut;

use crate::{Bug, runs};

/// A node of a program, by its arguments, as it should be.
fn node(program: &Program, args: &[&str]) -> AnyNode {
    match program.choose(args) {
        Ok(chosen) => chosen.node,
        Err(error) => unreachable!("these arguments are right: {error}"),
    }
}

/// `consensus lin-kv`, which compacts its log often.
pub(crate) fn raft() -> AnyNode {
    node(&consensus::program(), &["lin-kv", "--compact-after", "20"])
}

/// `consensus lin-kv` that leaves these steps of changes of members out.
pub(crate) fn raft_without(shortcuts: &'static [Shortcut]) -> AnyNode {
    AnyNode::new(ConsensusNode::new(Settings {
        compact_after: 20,
        shortcuts,
        ..Settings::default()
    }))
}

/// `consensus pbft`.
pub(crate) fn pbft() -> AnyNode {
    node(&consensus::program(), &["pbft", "--authenticity", "blake3"])
}

/// `consensus multi-paxos`.
pub(crate) fn multi_paxos() -> AnyNode {
    node(&consensus::program(), &["multi-paxos", "--compact-after", "20"])
}

/// `gossiper g-counter-services`.
pub(crate) fn g_counter_services() -> AnyNode {
    node(&gossiper::program(), &["g-counter-services"])
}

/// `gossiper kafka-services`.
pub(crate) fn kafka_services() -> AnyNode {
    node(&gossiper::program(), &["kafka-services"])
}

/// What must hold of a cluster of this node of `consensus`.
fn invariant(name: &str, nodes: usize) -> Box<dyn Invariant> {
    let program = consensus::program();
    let entry = program.entries().iter().find(|entry| entry.manual.name == name);
    match entry.and_then(|entry| entry.invariant(nodes)) {
        Some(invariant) => invariant,
        None => unreachable!("{name} has an invariant"),
    }
}

/// A bug of our store on Raft, but for what is said of it.
pub(crate) const fn on_raft() -> Bug {
    Bug {
        workload: "lin-kv",
        run: runs::STORE,
        durable: true,
        seen_by: "linearizability or invariant",
        invariant: Some(|nodes| invariant("lin-kv", nodes)),
        ..Bug::NONE
    }
}

/// The same where members come and go.
pub(crate) const fn on_members() -> Bug {
    Bug { run: runs::MEMBERS, ..on_raft() }
}

/// A bug of our store on Multi-Paxos, but for what is said of it.
pub(crate) const fn on_multi_paxos() -> Bug {
    Bug { invariant: Some(|nodes| invariant("multi-paxos", nodes)), ..on_raft() }
}

/// A bug of our store on PBFT, but for what is said of it.
pub(crate) const fn on_pbft() -> Bug {
    Bug { run: runs::BYZANTINE, invariant: Some(|nodes| invariant("pbft", nodes)), ..on_raft() }
}

/// A bug of a node that keeps its state in a service, but for what is said of it.
pub(crate) const fn on_services(workload: &'static str, run: &'static str) -> Bug {
    Bug { workload, run, seen_by: workload, ..Bug::NONE }
}
