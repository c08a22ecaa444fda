//! Bugs that really happened, as nodes that have them: a table to measure ways of looking for bugs on.
//!
//! Each bug is one file in `bugs/` that shows the change and nothing else: a decision of a small node of
//! its own kind ([`raft`], ...) taken the wrong way, or what a node of this project says and keeps, bent
//! at its edge ([`proto::Edge`]). It names where it was published, and who sees it.

pub mod bend;
pub mod bodies;
mod bugs;
pub mod counter;
pub mod gossip;
pub mod ids;
pub mod logs;
pub mod measure;
mod ours;
pub mod quorum;
pub mod raft;
mod runs;
pub mod table;
pub mod txn;

#[cfg(test)]
mod tests;

use bench::command_line::{Call, Given, Target};
use bench::outcome::FailureKind;
use bench::simulated::SimulatedNode;
use bench::workload::WorkloadName;
use proto::{AnyNode, Invariant, Manual, Program};

pub use bugs::ALL;

/// Nodes without a bug, in the runs in which bugs of their kind are looked for: whatever is found in one of
/// them would be found in each node of its kind, and taken for its bug.
pub const RIGHT: &[Bug] = &[
    Bug { name: "right-raft", ..raft::bug::<raft::Right>(runs::STORE) },
    Bug { name: "right-abd", ..quorum::bug::<quorum::Right>() },
    Bug { name: "right-ids", ..ids::bug::<ids::Right>() },
    Bug { name: "right-gossip", ..gossip::bug::<gossip::Right>() },
    Bug { name: "right-counter", ..counter::bug::<counter::Right>() },
    Bug { name: "right-log", ..logs::bug::<logs::Right>() },
    Bug { name: "right-txn", ..txn::bug::<txn::Right>() },
    Bug { name: "right-store", make: ours::raft, ..ours::on_raft() },
    Bug { name: "right-members", make: ours::raft, ..ours::on_members() },
    Bug { name: "right-paxos", make: ours::multi_paxos, ..ours::on_multi_paxos() },
    Bug { name: "right-pbft", make: ours::pbft, ..ours::on_pbft() },
    Bug {
        name: "right-services",
        make: ours::g_counter_services,
        ..ours::on_services("g-counter", runs::SERVICES)
    },
];

/// A bug.
#[derive(Clone, Copy, Debug)]
pub struct Bug {
    /// Its name, as the first argument of the program.
    pub name: &'static str,
    /// What is wrong, in a line.
    pub what: &'static str,
    /// Where it was published.
    pub source: &'static str,
    /// The checker that shows it, or `invariant`.
    pub seen_by: &'static str,
    /// What clients do.
    pub workload: &'static str,
    /// The flags of the runs in which it is looked for.
    pub run: &'static str,
    /// Whether its nodes have a state directory.
    pub durable: bool,
    /// Makes a node.
    pub make: fn() -> AnyNode,
    /// What must hold of a cluster of so many.
    pub invariant: Option<fn(usize) -> Box<dyn Invariant>>,
}

impl Bug {
    /// What a bug has of which nothing is said.
    const NONE: Self = Self {
        name: "",
        what: "",
        source: "",
        seen_by: "",
        workload: "",
        run: "",
        durable: false,
        make: || unreachable!("each bug has a node"),
        invariant: None,
    };

    /// The run with this seed.
    ///
    /// # Errors
    /// If its flags are wrong.
    pub fn call(&self, seed: u64) -> Result<Call, String> {
        let workload: WorkloadName = self.workload.parse()?;
        let mut given = Given::default();
        let mut words = self.run.split_whitespace();
        while let Some(flag) = words.next() {
            let value =
                words.next().ok_or_else(|| format!("{flag} of {} has no value", self.name))?;
            given.push(flag.trim_start_matches("--"), value);
        }
        let (options, expect) = given.options(workload, seed)?;
        let mut args = vec![self.name.to_owned()];
        if self.durable {
            args.extend(["--state-dir".to_owned(), "{run}".to_owned()]);
        }
        let call = Call { target: Target::Simulated(CORPUS), options, expect, args };
        call.check()?;
        Ok(call)
    }
}

/// Whether a failure shows a bug: what happened is wrong. That little or nothing succeeded under a fault
/// is not.
pub fn shows(kind: FailureKind) -> bool {
    matches!(kind, FailureKind::Panic | FailureKind::Invariant | FailureKind::Workload)
}

/// The program whose nodes are the bugs.
pub const CORPUS: SimulatedNode = SimulatedNode::new("corpus", program);

/// All bugs as nodes of a program, each by its name, and the nodes that have none.
pub fn program() -> Program {
    ALL.iter().chain(RIGHT).fold(
        Program::new("corpus", env!("CARGO_PKG_VERSION")),
        |program, bug| {
            let manual = Manual { name: bug.name, summary: bug.what, usage: "", help: bug.source };
            let make = bug.make;
            let program =
                program.any_node(manual, move |arguments| match arguments.next_flag()? {
                    Some(flag) => Err(arguments.unknown(&flag)),
                    None => Ok(make()),
                });
            match bug.invariant {
                Some(invariant) => program.invariant(invariant),
                None => program,
            }
        },
    )
}
