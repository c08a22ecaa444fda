//! Task 7-4-3: a Byzantine primary tells every replica something, and what PBFT makes of it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bft::pbft::{Message, Replica, Sequence, Stage, View, Vote};
use bft::{Detector, Key, NodeIndex, Quorums, Statement};
use proto::Error;
use serde::{Deserialize, Serialize};

use crate::input::bad_field;

/// How many peers it may send to.
const PEERS_MAX: usize = 30;
/// How many peers there are at least: PBFT needs 3f + 1 nodes.
const PEERS_LEAST: usize = 3;

/// What was sent to a peer: the value by phase.
pub type Sent = BTreeMap<String, Said>;

/// What a message says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// The value.
    pub value: String,
}

/// The contradiction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// Who contradicted itself.
    pub node: String,
    /// What it said, sorted.
    pub conflicting_values: Vec<String>,
}

/// The answer to `simulate_equivocation`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Simulated {
    /// Whether there is a contradiction.
    pub equivocation_detected: bool,
    /// It; null if there is none.
    pub evidence: Option<Evidence>,
    /// Whether no two honest replicas decided differently.
    pub consensus_safe: bool,
    /// What they decided; null for nothing.
    pub chosen_value: Option<String>,
    /// Why.
    pub reason: String,
}

/// Something that a node said, as it is kept for the report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Heard {
    node: String,
    sequence: u64,
    phase: String,
    value: String,
}

impl Statement for Heard {
    type Place = (String, u64, String);

    fn place(&self) -> Self::Place {
        (self.node.clone(), self.sequence, self.phase.clone())
    }
}

/// All that was ever caught.
pub(super) type Caught = Detector<Heard>;

/// Who was caught, sorted.
pub(super) fn names(caught: &Caught) -> Vec<String> {
    let names = caught.evidence().flatten().map(|heard| heard.statement().node.clone());
    let names: BTreeSet<String> = names.collect();
    names.into_iter().collect()
}

/// The values that the peers got, and in which phase.
fn read(sent: &BTreeMap<String, Sent>) -> Result<(String, Vec<String>), Error> {
    let bad = |reason: String| bad_field("messages_sent", reason);
    if !(1..=PEERS_MAX).contains(&sent.len()) {
        return Err(bad(format!("has to name 1 to {PEERS_MAX} peers")));
    }
    let mut phase = None;
    let mut values = Vec::new();
    for (peer, said) in sent {
        if peer.strip_prefix("to_").is_none_or(str::is_empty) {
            return Err(bad(format!("`{peer}` is not `to_` and a node")));
        }
        let [(name, Said { value })] = Vec::from_iter(said)[..] else {
            return Err(bad(format!("`{peer}` has to get one phase")));
        };
        if !["pre-prepare", "prepare", "commit"].contains(&name.as_str()) {
            return Err(bad(format!("there is no phase `{name}`")));
        }
        if phase.get_or_insert(name) != &name {
            return Err(bad("has more than one phase".to_owned()));
        }
        values.push(value.clone());
    }
    Ok((phase.cloned().unwrap_or_default(), values))
}

/// The Byzantine node is the primary, and asks every peer for the value that it told it; then it is
/// silent. The peers go through as many views as they need. Where it sends to fewer peers than a
/// cluster has, the others hear nothing from it.
pub(super) fn simulate(
    caught: &mut Caught,
    node: &str,
    sequence: u64,
    sent: &BTreeMap<String, Sent>,
) -> Result<Simulated, Error> {
    if sequence == 0 {
        return Err(bad_field("sequence", "is counted from 1"));
    }
    if sent.contains_key(&format!("to_{node}")) {
        return Err(bad_field("byzantine_node", "is one of those it sends to"));
    }
    let (phase, values) = read(sent)?;
    let key = Key::of(NodeIndex(0));
    let hear = |value: &String| {
        let (node, phase, value) = (node.to_owned(), phase.clone(), value.clone());
        key.sign(Heard { node, sequence, phase, value })
    };
    let heard: Vec<_> = values.iter().map(hear).collect();
    let mut detector = Detector::default();
    for heard in &heard {
        detector.record(heard.clone());
    }
    let said: BTreeSet<String> = values.iter().cloned().collect();
    let evidence = detector.evidence().next().map(|_| Evidence {
        node: node.to_owned(),
        conflicting_values: said.iter().cloned().collect(),
    });
    if evidence.is_some() {
        // Two runs in each of which a node said one thing are no contradiction, even of one sequence.
        for heard in heard {
            caught.record(heard);
        }
    }
    let decided = decide(&key, &values);
    let distinct: BTreeSet<_> = decided.values().collect();
    let consensus_safe = distinct.len() <= 1;
    let chosen_value = distinct.first().and_then(|value| (*value).clone());
    let reason = match (&chosen_value, &evidence) {
        _ if !consensus_safe => "honest_nodes_disagree".to_owned(),
        (Some(value), Some(_)) => format!("majority_agreed_on_{value}"),
        (Some(value), None) => format!("all_agreed_on_{value}"),
        (None, _) => "no_value_had_a_quorum".to_owned(),
    };
    let equivocation_detected = evidence.is_some();
    Ok(Simulated { equivocation_detected, evidence, consensus_safe, chosen_value, reason })
}

/// What each peer decides in the first place.
fn decide(key: &Key, values: &[String]) -> BTreeMap<usize, Option<String>> {
    let nodes = values.len().max(PEERS_LEAST) + 1;
    // One node is Byzantine however many there are. The smallest quorums of which any two have an honest
    // node in common are those that the peers of a majority make together with it.
    let quorums = Quorums::sized(nodes, 1, nodes.div_ceil(2) + 1);
    let mut replicas: BTreeMap<usize, Replica<String>> = (1..nodes)
        .map(|id| (id, Replica::new(Key::of(NodeIndex(id)), quorums, |_| true)))
        .collect();
    let place = Sequence(1);
    let mut flying: VecDeque<(usize, Message<String>)> = VecDeque::new();
    for (to, value) in (1..).zip(values) {
        let (stage, value) = (Stage::PrePrepare, Some(value.clone()));
        let vote = Vote { stage, view: View(0), sequence: place, value };
        flying.push_back((to, Message::Vote(key.sign(vote))));
    }
    let mut decided = BTreeMap::new();
    for _ in 0..=nodes {
        while let Some((to, message)) = flying.pop_front() {
            let Some(replica) = replicas.get_mut(&to) else { continue };
            replica.step(message);
            let output = replica.take_output();
            let first = output.decided.into_iter().filter(|(sequence, _)| *sequence == place);
            decided.extend(first.map(|(_, value)| (to, value)));
            for message in output.messages {
                flying.extend((1..nodes).map(|to| (to, message.clone())));
            }
        }
        if decided.len() == replicas.len() {
            break;
        }
        for replica in replicas.values_mut() {
            // A primary that finds nothing prepared has nothing to propose: no client asked it.
            replica.suspect();
            for message in replica.take_output().messages {
                flying.extend((1..nodes).map(|to| (to, message.clone())));
            }
        }
    }
    decided
}
