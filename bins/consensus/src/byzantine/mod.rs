//! `consensus byzantine`: nodes that lie (tasks 7-4-1, 7-4-3 and 7-4-4).
//!
//! Each answer is the outcome of a run: of Raft or PBFT led by a Byzantine node (`demo`), of PBFT
//! whose primary equivocates, or of an attack on a cluster of the given size.

use std::collections::BTreeMap;

use bft::Quorums;
use bft::pbft::split_attack;
use proto::{Caller, Context, Error, Manual, Node};
use serde::{Deserialize, Serialize};

use crate::input::bad_field;

mod demo;
pub mod equivocation;
#[cfg(test)]
mod tests;

use demo::{Behavior, Outcome};
use equivocation::{Caught, Sent, Simulated};

/// What the node says about itself.
pub const MANUAL: Manual = Manual {
    name: "byzantine",
    summary: "nodes that lie: kinds of faults, equivocation, and how many nodes it takes",
    usage: "",
    help: "\
It answers `classify_fault`, `byzantine_examples`, `cft_failure_demo`, `simulate_equivocation`,
`equivocation_report`, `bft_threshold` and `bft_test_insufficient` from simulated clusters within.
There are no flags, and nothing outlives the process.
",
};

/// How many nodes there are in the clusters of 7-4-1: one may fail.
const CFT_NODES: usize = 3;
const PBFT_NODES: usize = 4;

/// The largest cluster that is attacked: messages grow with its square. Of larger ones the outcome is
/// worked out.
const ATTACKED_MAX: usize = 301;

/// Every message of this node, requests and replies.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    /// What kind of fault is this?
    ClassifyFault {
        /// What happens.
        scenario: String,
    },
    /// This kind.
    ClassifyFaultOk {
        /// Whether something false is said.
        fault_type: FaultType,
        /// Whether Raft led by such a node does what the client asked for.
        cft_handles: bool,
        /// Whether PBFT does.
        bft_handles: bool,
    },
    /// Asks for examples.
    ByzantineExamples,
    /// Examples.
    ByzantineExamplesOk {
        /// Of things that happen.
        examples: Vec<Example>,
    },
    /// Runs an algorithm led by a faulty node.
    CftFailureDemo {
        /// Which.
        algorithm: Algorithm,
        /// Which node is faulty.
        byzantine_node: String,
        /// How.
        behavior: String,
    },
    /// What became of it.
    CftFailureDemoOk {
        /// Whether all honest nodes decided.
        consensus_reached: bool,
        /// Whether all did what the client asked for.
        value_correct: bool,
        /// Why.
        reason: String,
    },
    /// A node tells different nodes different things.
    SimulateEquivocation {
        /// Which.
        byzantine_node: String,
        /// Where in the order of requests.
        sequence: u64,
        /// What to whom.
        messages_sent: BTreeMap<String, Sent>,
    },
    /// What became of it.
    SimulateEquivocationOk(Simulated),
    /// Who was caught?
    EquivocationReport,
    /// These.
    EquivocationReportOk {
        /// Sorted.
        byzantine_nodes_detected: Vec<String>,
        /// How many simulations showed one that contradicted itself.
        total_equivocations: u64,
    },
    /// How many nodes does it take?
    BftThreshold {
        /// The Byzantine ones.
        f: u64,
    },
    /// So many.
    BftThresholdOk(Threshold),
    /// Are these enough?
    BftTestInsufficient {
        /// All nodes.
        n: u64,
        /// The Byzantine ones.
        f: u64,
    },
    /// Yes or no.
    BftTestInsufficientOk {
        /// Whether there are quorums that are safe and live.
        sufficient: bool,
        /// The inequality.
        reason: String,
        /// Whether the Byzantine ones made two honest nodes disagree, or can keep clients waiting.
        attack_possible: bool,
    },
}

/// A kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultType {
    /// Silence.
    Crash,
    /// Anything else.
    Byzantine,
}

/// What runs in `cft_failure_demo`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Algorithm {
    /// It bears crashes.
    Raft,
    /// As Raft.
    Paxos,
    /// Paxos for each slot of a log; what is shown needs one.
    MultiPaxos,
    /// It bears lies.
    Pbft,
}

/// An example of a Byzantine fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Example {
    name: String,
    description: String,
    fault_type: FaultType,
}

/// The sizes that `f` Byzantine nodes need.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Threshold {
    f: u64,
    /// The smallest cluster.
    min_n: u64,
    /// Its quorums.
    quorum_size: u64,
    /// Those of a quorum who do not lie, at least.
    honest_in_quorum: u64,
    /// Whether two such quorums have an honest node in common.
    safe: bool,
}

/// A node that answers about nodes that lie.
#[derive(Debug, Default)]
pub struct ByzantineNode {
    caught: Caught,
    /// In how many simulations one was.
    equivocations: u64,
}

/// What a description says that a node does, by how its words begin. Faults are described in many
/// wordings, and this is enough to tell them apart. Who is silent and lies as well is a liar, so lies
/// come first.
const SIGNS: [(Behavior, &[&str]); 3] = [
    (
        Behavior::Equivocation,
        &[
            "equivoc differ conflict contradict inconsist twice doubl",
            // What it tells some and keeps from others.
            "selectiv",
            // Whoever rules such a node can have it do the worst.
            "byzantin malic compromis attack hack bug",
        ],
    ),
    (
        Behavior::Lying,
        &[
            "lie lying false fake wrong incorrect invalid arbitrar garbage corrupt flip forg tamper",
            "alter impersonat spoof stale replay",
        ],
    ),
    (
        Behavior::Silence,
        &[
            "crash silen stop fail not never unrespons down offline die dead hang halt restart",
            "reboot power timeout slow delay omi ignor drop los",
            // A node that is cut off says nothing that anybody hears, and nothing false.
            "partition isolat disconnect unreachable",
        ],
    ),
];

const EXAMPLES: [(&str, &str); 3] = [
    (
        "hardware_bit_flip",
        "A bit that flips in memory makes a node send a value that nobody wrote.",
    ),
    ("compromised_node", "Somebody who broke into a node makes it tell every peer something else."),
    ("software_bug", "A defect makes a node vote twice, or for something that it never checked."),
];

/// What a description of a fault is about.
fn behavior(field: &str, description: &str) -> Result<Behavior, Error> {
    let description = description.to_ascii_lowercase();
    let words = description.split(|c: char| !c.is_ascii_alphanumeric());
    let says = |sign: &str| words.clone().any(|word| word.starts_with(sign));
    let found = SIGNS
        .iter()
        .find(|(_, signs)| signs.iter().flat_map(|signs| signs.split_whitespace()).any(says));
    found.map(|(behavior, _)| *behavior).ok_or_else(|| {
        bad_field(field, "has to say what a node does, such as equivocation, lying or silence")
    })
}

fn classify(scenario: &str) -> Result<Body, Error> {
    let behavior = behavior("scenario", scenario)?;
    let fault_type = match behavior {
        Behavior::Silence => FaultType::Crash,
        Behavior::Equivocation | Behavior::Lying => FaultType::Byzantine,
    };
    Ok(Body::ClassifyFaultOk {
        fault_type,
        cft_handles: demo::raft(CFT_NODES, 0, behavior).correct,
        bft_handles: demo::pbft(PBFT_NODES, 0, behavior).correct,
    })
}

fn fail(algorithm: Algorithm, node: &str, description: &str) -> Result<Body, Error> {
    let behavior = behavior("behavior", description)?;
    let (algorithm_name, nodes) = match algorithm {
        Algorithm::Raft => ("raft", CFT_NODES),
        Algorithm::Paxos => ("paxos", CFT_NODES),
        Algorithm::MultiPaxos => ("multi_paxos", CFT_NODES),
        Algorithm::Pbft => ("pbft", PBFT_NODES),
    };
    // The faulty node leads, whatever it is called; a name that none of them has is the first one's.
    let liar = (0..nodes).find(|liar| format!("n{}", liar + 1) == node).unwrap_or(0);
    let Outcome { reached, correct } = match algorithm {
        Algorithm::Raft => demo::raft(nodes, liar, behavior),
        Algorithm::Paxos | Algorithm::MultiPaxos => demo::paxos(nodes, liar, behavior),
        Algorithm::Pbft => demo::pbft(nodes, liar, behavior),
    };
    let reason = match (reached, correct) {
        (true, true) => format!("{algorithm_name}_bears_{description}"),
        (true, false) => format!("{algorithm_name}_trusted_byzantine_node_response"),
        (false, _) => format!("{algorithm_name}_did_not_decide"),
    };
    Ok(Body::CftFailureDemoOk { consensus_reached: reached, value_correct: correct, reason })
}

fn threshold(f: u64) -> Result<Body, Error> {
    let too_large = || bad_field("f", "is too large");
    let min_n = f.checked_mul(3).and_then(|n| n.checked_add(1)).ok_or_else(too_large)?;
    let quorums = Quorums::of(usize::try_from(min_n).map_err(|_| too_large())?);
    let quorum_size = quorums.decide as u64;
    // Doubling a quorum must not overflow.
    let safe = quorum_size <= u64::MAX / 2 && quorums.is_safe() && quorums.is_live();
    let honest_in_quorum = quorum_size - f;
    Ok(Body::BftThresholdOk(Threshold { f, min_n, quorum_size, honest_in_quorum, safe }))
}

fn test(n: u64, f: u64) -> Result<Body, Error> {
    if n == 0 {
        return Err(bad_field("n", "has to be at least 1"));
    }
    let needed = 3 * u128::from(f) + 1;
    let sufficient = u128::from(n) >= needed;
    let relation = if sufficient { ">=" } else { "<" };
    Ok(Body::BftTestInsufficientOk {
        sufficient,
        reason: format!("{n} {relation} 3*{f}+1 = {needed}"),
        attack_possible: attack(n, f),
    })
}

/// Whether the Byzantine nodes can do harm. A client believes what f + 1 nodes say, so where no more
/// than f are honest, silence is enough. Otherwise two honest ones have to be made to disagree.
fn attack(n: u64, f: u64) -> bool {
    n.saturating_sub(f) <= f || can_split(n, f)
}

/// Whether two honest nodes can be made to disagree: by an attack, unless the cluster is too large
/// for that.
fn can_split(n: u64, f: u64) -> bool {
    let honest = n.saturating_sub(f);
    match (usize::try_from(n), usize::try_from(f)) {
        (Ok(nodes), Ok(faulty)) if nodes <= ATTACKED_MAX && honest > 0 => {
            split_attack(Quorums::sized(nodes, faulty, nodes - faulty)).is_some()
        }
        // Both halves of the honest nodes have to be quorums together with the others.
        _ => honest >= 2 && honest.div_ceil(2) <= f,
    }
}

impl Node for ByzantineNode {
    type Body = Body;
    type Token = ();

    fn request(&mut self, from: Caller, body: Body, ctx: &mut Context<'_, Self>) {
        let answer = match body {
            Body::ClassifyFault { scenario } => classify(&scenario),
            Body::ByzantineExamples => {
                let example = |(name, description): (&str, &str)| Example {
                    name: name.to_owned(),
                    description: description.to_owned(),
                    fault_type: FaultType::Byzantine,
                };
                Ok(Body::ByzantineExamplesOk { examples: EXAMPLES.map(example).into() })
            }
            Body::CftFailureDemo { algorithm, byzantine_node, behavior } => {
                fail(algorithm, &byzantine_node, &behavior)
            }
            Body::SimulateEquivocation { byzantine_node, sequence, messages_sent } => {
                let caught = &mut self.caught;
                let simulated =
                    equivocation::simulate(caught, &byzantine_node, sequence, &messages_sent);
                let detected = |simulated: &Simulated| simulated.equivocation_detected;
                self.equivocations += u64::from(simulated.as_ref().is_ok_and(detected));
                simulated.map(Body::SimulateEquivocationOk)
            }
            Body::EquivocationReport => {
                let byzantine_nodes_detected = equivocation::names(&self.caught);
                let total_equivocations = self.equivocations;
                Ok(Body::EquivocationReportOk { byzantine_nodes_detected, total_equivocations })
            }
            Body::BftThreshold { f } => threshold(f),
            Body::BftTestInsufficient { n, f } => test(n, f),
            // Replies: they never come as requests.
            Body::ClassifyFaultOk { .. }
            | Body::ByzantineExamplesOk { .. }
            | Body::CftFailureDemoOk { .. }
            | Body::SimulateEquivocationOk(_)
            | Body::EquivocationReportOk { .. }
            | Body::BftThresholdOk(_)
            | Body::BftTestInsufficientOk { .. } => return,
        };
        match answer {
            Ok(body) => ctx.reply(&from, body),
            Err(error) => ctx.reply_error(&from, error),
        }
    }
}
