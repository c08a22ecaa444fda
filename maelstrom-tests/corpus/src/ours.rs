//! Nodes of this project, to be bent at their edge.

use proto::{AnyNode, Invariant, Program};

use crate::Bug;

/// As somebody would run a store that is said to survive everything but lies.
const STORE: &str = "--node-count 5 --rate 30 --time-limit 10 --latency 10 \
     --nemesis partition,kill,pause,duplicate --nemesis-interval 1 --distinct-values true";
/// The same with members that come and go.
const MEMBERS: &str = "--node-count 5 --rate 30 --time-limit 10 --latency 10 \
     --nemesis partition,kill,membership --nemesis-interval 1 --distinct-values true";
/// As somebody would run what keeps its state in a service.
const SERVICES: &str = "--node-count 3 --rate 20 --time-limit 10 --latency 10 --recovery-time 3 \
     --nemesis partition,kill,pause --nemesis-interval 2";

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
        run: STORE,
        durable: true,
        seen_by: "linearizability or invariant",
        invariant: Some(|nodes| invariant("lin-kv", nodes)),
        ..Bug::NONE
    }
}

/// The same where members come and go.
pub(crate) const fn on_members() -> Bug {
    Bug { run: MEMBERS, ..on_raft() }
}

/// A bug of our store on Multi-Paxos, but for what is said of it.
pub(crate) const fn on_multi_paxos() -> Bug {
    Bug { invariant: Some(|nodes| invariant("multi-paxos", nodes)), ..on_raft() }
}

/// A bug of a node that keeps its state in a service, but for what is said of it.
pub(crate) const fn on_services(workload: &'static str) -> Bug {
    Bug { workload, run: SERVICES, seen_by: workload, ..Bug::NONE }
}
