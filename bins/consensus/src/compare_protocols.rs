//! `consensus compare-protocols`: Raft beside Multi-Paxos (task 7-3-5).
//!
//! The comparison is the page's. What a change of leader costs is counted in a run of the real
//! thing: of [`raft::Raft`] and of [`paxos::Replica`], among as many nodes as are asked for.

use std::collections::VecDeque;
use std::time::Duration;

use proto::{Caller, Context, Error, Manual, Node};
use serde::{Deserialize, Serialize};

use crate::input::bad_field;

/// What the node says about itself.
pub const MANUAL: Manual = Manual {
    name: "compare-protocols",
    summary: "Raft beside Multi-Paxos, and what a change of leader costs in either",
    usage: "",
    help: "\
It answers `compare_consensus` and `simulate_leader_change_cost`. There are no flags, and nothing
outlives the process.
",
};

/// The most nodes, and the most entries that none of the others has, with which a change of leader is
/// run. What costs more than that is worked out.
const NODES_MAX: u64 = 25;
const ENTRIES_MAX: u64 = 10_000;

const ELECTION_TIMEOUT: Duration = Duration::from_millis(300);
const HEARTBEAT: Duration = Duration::from_millis(100);

/// Every message of this node, requests and replies.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    /// Asks for the comparison.
    CompareConsensus,
    /// The comparison.
    CompareConsensusOk {
        /// By protocol.
        comparison: Comparison,
    },
    /// Asks what a change of leader costs.
    SimulateLeaderChangeCost {
        /// In which protocol.
        protocol: Protocol,
        /// How many entries the new leader has that are not committed.
        uncommitted_entries: u64,
        /// How many nodes there are.
        cluster_size: u64,
    },
    /// What it costs.
    SimulateLeaderChangeCostOk {
        /// Messages.
        messages_needed: u64,
        /// How many of them one after the other.
        rounds_needed: u64,
    },
}

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// Entry by entry.
    Raft,
    /// Phase 1 for all slots at once. It is the only Paxos that has a leader to change.
    #[serde(alias = "paxos")]
    MultiPaxos,
}

/// Both protocols.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the protocols")]
pub struct Comparison {
    pub raft: Properties,
    pub multi_paxos: Properties,
}

/// What the page says of a protocol.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Properties {
    /// How it grows.
    leader_change_cost: String,
    /// Whether a log may have holes.
    log_gaps: bool,
    /// How easy it is to understand.
    understandability: String,
    /// Systems that run it.
    production_users: Vec<String>,
}

impl Properties {
    fn new(cost: &str, log_gaps: bool, understandability: &str, users: [&str; 3]) -> Self {
        Self {
            leader_change_cost: cost.to_owned(),
            log_gaps,
            understandability: understandability.to_owned(),
            production_users: users.map(str::to_owned).into(),
        }
    }
}

fn comparison() -> Comparison {
    let raft_users = ["etcd", "TiKV", "CockroachDB"];
    let paxos_users = ["Chubby", "Spanner", "Megastore"];
    Comparison {
        raft: Properties::new("O(uncommitted_entries)", false, "high", raft_users),
        multi_paxos: Properties::new("O(1) per slot", true, "low", paxos_users),
    }
}

/// What was counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cost {
    messages: u64,
    rounds: u64,
}

/// Raft, with one entry a message as the page counts: node 0 has all of the entries, the others have
/// none, and it becomes leader. The cost is in the messages that carry them, and for each follower
/// they come one after the other.
fn raft_cost(entries: u64, nodes: usize) -> Cost {
    let entry = |index| raft::Entry {
        term: raft::Term(1),
        index: raft::LogIndex(index),
        content: raft::Content::Command(index),
    };
    let restored = |id| raft::Restored {
        term: raft::Term(1),
        entries: if id == 0 { (1..=entries).map(entry).collect() } else { Vec::new() },
        ..raft::Restored::default()
    };
    let config = |id| raft::Config {
        id: raft::MemberId(id as u64),
        members: (0..nodes as u64).map(raft::MemberId).collect(),
        election_timeout: ELECTION_TIMEOUT,
        heartbeat_interval: HEARTBEAT,
        gather_window: Duration::from_millis(1),
        entries_per_message: 1,
        durable: true,
    };
    let mut cluster: Vec<raft::Raft<u64, ()>> = (0..nodes)
        .map(|id| {
            let incarnation = raft::Incarnation(id as u64);
            raft::Raft::new(config(id), incarnation, restored(id), Duration::ZERO, id as u64)
        })
        .collect();
    let mut carried = vec![0; nodes];
    let mut now = Duration::ZERO;
    // It ends when every follower has everything: the leader resends what is missing.
    while cluster.iter().any(|node| node.log().last_index().0 <= entries) {
        now = now.max(cluster[0].next_deadline());
        cluster[0].tick(now);
        let mut flying = VecDeque::new();
        for (id, node) in cluster.iter_mut().enumerate() {
            flying.extend(node.take_output().messages.into_iter().map(|sent| (id, sent)));
        }
        while let Some((from, raft::Envelope { to, message })) = flying.pop_front() {
            if let raft::Payload::AppendEntries(append) = &message.payload {
                let old = append.entries.iter().filter(|entry| entry.index.0 <= entries);
                carried[to.0 as usize] += u64::from(old.count() > 0);
            }
            let to = to.0 as usize;
            cluster[to].step(now, raft::MemberId(from as u64), message);
            let sent = cluster[to].take_output().messages;
            flying.extend(sent.into_iter().map(|sent| (to, sent)));
        }
    }
    Cost {
        messages: carried.iter().sum(),
        rounds: carried.iter().copied().max().unwrap_or_default(),
    }
}

/// Multi-Paxos: node 0 has accepted all of the entries, the others none, and it becomes leader. The
/// cost is phase 1, which is for all slots at once.
fn multi_paxos_cost(entries: u64, nodes: usize) -> Cost {
    let old = paxos::Ballot(1).above(paxos::NodeIndex(0), nodes);
    let entry = |slot| paxos::Entry { slot: paxos::Slot(slot), ballot: old, command: Some(slot) };
    let restored = |id| match id {
        0 => paxos::Restored {
            promised: old,
            snapshot: None,
            entries: (1..=entries).map(entry).collect(),
        },
        _ => paxos::Restored { promised: old, snapshot: None, entries: Vec::new() },
    };
    let config = |id| paxos::Config {
        id: paxos::NodeIndex(id),
        nodes,
        election_timeout: ELECTION_TIMEOUT,
        heartbeat_interval: HEARTBEAT,
        gather_window: Duration::from_millis(1),
        commands_per_message: 512,
    };
    let mut cluster: Vec<paxos::Replica<u64, ()>> = (0..nodes)
        .map(|id| paxos::Replica::new(config(id), restored(id), Duration::ZERO, id as u64))
        .collect();
    let (mut messages, mut prepared) = (0, 0);
    let now = cluster[0].next_deadline();
    cluster[0].tick(now);
    let mut flying: VecDeque<_> =
        cluster[0].take_output().messages.into_iter().map(|sent| (0, sent)).collect();
    while let Some((from, paxos::Envelope { to, message })) = flying.pop_front() {
        match message {
            paxos::Message::Prepare { .. } => {
                messages += 1;
                prepared = 1;
            }
            paxos::Message::Promise(_) => messages += 1,
            _ => {}
        }
        cluster[to.0].step(now, paxos::NodeIndex(from), message);
        let sent = cluster[to.0].take_output().messages;
        flying.extend(sent.into_iter().map(|sent| (to.0, sent)));
    }
    Cost { messages, rounds: prepared }
}

/// What the runs come to, for sizes that take too long to run; nothing where it does not fit.
fn worked_out(protocol: Protocol, entries: u64, nodes: u64) -> Option<Cost> {
    let others = nodes - 1;
    let (messages, rounds) = match protocol {
        Protocol::Raft => (entries.checked_mul(others)?, entries),
        Protocol::MultiPaxos => (others.checked_mul(2)?, 1),
    };
    // Nobody is sent anything in a cluster of one.
    Some(Cost { messages, rounds: if others == 0 { 0 } else { rounds } })
}

fn cost(protocol: Protocol, entries: u64, nodes: u64) -> Result<Body, Error> {
    if nodes == 0 {
        return Err(bad_field("cluster_size", "has to be at least 1"));
    }
    let Cost { messages, rounds } = if entries > ENTRIES_MAX || nodes > NODES_MAX {
        worked_out(protocol, entries, nodes)
            .ok_or_else(|| bad_field("cluster_size", "is too large"))?
    } else {
        match protocol {
            Protocol::Raft => raft_cost(entries, nodes as usize),
            Protocol::MultiPaxos => multi_paxos_cost(entries, nodes as usize),
        }
    };
    Ok(Body::SimulateLeaderChangeCostOk { messages_needed: messages, rounds_needed: rounds })
}

/// A node that compares.
#[derive(Debug, Clone)]
pub struct CompareProtocols;

impl Node for CompareProtocols {
    type Body = Body;
    type Token = ();

    fn request(&mut self, from: Caller, body: Body, ctx: &mut Context<'_, Self>) {
        let answer = match body {
            Body::CompareConsensus => Ok(Body::CompareConsensusOk { comparison: comparison() }),
            Body::SimulateLeaderChangeCost { protocol, uncommitted_entries, cluster_size } => {
                cost(protocol, uncommitted_entries, cluster_size)
            }
            // Replies: they never come as requests.
            Body::CompareConsensusOk { .. } | Body::SimulateLeaderChangeCostOk { .. } => return,
        };
        match answer {
            Ok(body) => ctx.reply(&from, body),
            Err(error) => ctx.reply_error(&from, error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raft_sends_every_entry_to_everybody_and_paxos_prepares_once() {
        for (entries, nodes) in [(50, 5), (0, 5), (1, 3), (7, 4), (30, 1), (200, 2)] {
            let others = nodes as u64 - 1;
            let raft = raft_cost(entries, nodes);
            let rounds = if others == 0 { 0 } else { entries };
            assert_eq!(raft, Cost { messages: entries * others, rounds }, "{entries} {nodes}");
            assert_eq!(worked_out(Protocol::Raft, entries, nodes as u64), Some(raft));
            let rounds = others.min(1);
            let paxos = multi_paxos_cost(entries, nodes);
            assert_eq!(paxos, Cost { messages: 2 * others, rounds }, "{entries} {nodes}");
            assert_eq!(worked_out(Protocol::MultiPaxos, entries, nodes as u64), Some(paxos));
        }
    }

    #[test]
    fn costs_of_any_size_are_told() {
        for (protocol, entries, nodes, expected) in [
            (Protocol::Raft, 50, 100, (4950, 50)),
            (Protocol::Raft, 1_000_000, 5, (4_000_000, 1_000_000)),
            (Protocol::MultiPaxos, 50, 100, (198, 1)),
            (Protocol::MultiPaxos, u64::MAX, 3, (4, 1)),
        ] {
            match cost(protocol, entries, nodes) {
                Ok(Body::SimulateLeaderChangeCostOk { messages_needed, rounds_needed }) => {
                    assert_eq!((messages_needed, rounds_needed), expected, "{protocol:?} {nodes}");
                }
                other => panic!("{protocol:?}, {entries} entries, {nodes} nodes: {other:?}"),
            }
        }
        for (entries, nodes) in [(u64::MAX, 3), (1, 0)] {
            assert!(cost(Protocol::Raft, entries, nodes).is_err(), "{entries} {nodes}");
        }
    }
}
