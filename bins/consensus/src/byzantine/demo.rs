//! One Byzantine node in a cluster that is led by it: of Raft or Paxos, which believe everybody, and of
//! PBFT, which believes nobody. A client asks for a value; what do the honest nodes make of it?

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bft::pbft::{Message, Replica, Stage, View, Vote};
use bft::{Key, NodeIndex, Quorums};
use paxos::{Acceptor, Learner, Proposer};

/// What a node does that does not do what it should.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Behavior {
    /// It tells different nodes different things.
    Equivocation,
    /// It tells all of them the same wrong thing.
    Lying,
    /// It tells nobody anything.
    Silence,
}

/// What the client asks for, and what it does not.
const ASKED: u64 = 1;
const FALSE: u64 = 2;

/// How many heartbeats or views the cluster gets.
const PATIENCE: usize = 40;

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Outcome {
    /// Whether every honest node decided something.
    pub(super) reached: bool,
    /// Whether all of it is what the client asked for.
    pub(super) correct: bool,
}

fn outcome(honest: usize, decided: &BTreeMap<usize, u64>) -> Outcome {
    let reached = decided.len() == honest;
    Outcome { reached, correct: reached && decided.values().all(|&value| value == ASKED) }
}

/// What a Byzantine node says to a node, instead of what it should.
fn said(behavior: Behavior, is_last: bool) -> u64 {
    match behavior {
        Behavior::Equivocation if !is_last => ASKED,
        _ => FALSE,
    }
}

/// Raft among so many nodes.
pub(super) fn raft(nodes: usize, liar: usize, behavior: Behavior) -> Outcome {
    let config = |id| raft::Config {
        id: raft::MemberId(id as u64),
        members: (0..nodes as u64).map(raft::MemberId).collect(),
        election_timeout: Duration::from_millis(300),
        heartbeat_interval: Duration::from_millis(100),
        gather_window: Duration::from_millis(1),
        entries_per_message: 512,
        durable: true,
    };
    let mut cluster: Vec<raft::Raft<u64, ()>> = (0..nodes)
        .map(|id| {
            let incarnation = raft::Incarnation(id as u64);
            let restored = raft::Restored::default();
            raft::Raft::new(config(id), incarnation, restored, Duration::ZERO, id as u64)
        })
        .collect();
    let last = if liar + 1 == nodes { nodes.saturating_sub(2) } else { nodes - 1 };
    let mut decided = BTreeMap::new();
    let mut now = Duration::ZERO;
    // The liar's time comes first, so it leads, unless nobody hears it.
    let mut turn = liar;
    let mut asked = None;
    for _ in 0..PATIENCE * nodes {
        if behavior == Behavior::Silence {
            let honest = (0..nodes).filter(|&id| id != liar);
            turn = honest.min_by_key(|&id| cluster[id].next_deadline()).unwrap_or(liar);
        }
        now = now.max(cluster[turn].next_deadline());
        cluster[turn].tick(now);
        if cluster[turn].is_leader() && asked != Some(turn) {
            asked = cluster[turn].propose(now, ASKED).is_ok().then_some(turn);
        }
        let mut flying: VecDeque<_> =
            cluster[turn].take_output().messages.into_iter().map(|sent| (turn, sent)).collect();
        while let Some((from, raft::Envelope { to, mut message })) = flying.pop_front() {
            let to = to.0 as usize;
            if from == liar || to == liar {
                if behavior == Behavior::Silence {
                    continue;
                }
                if let raft::Payload::AppendEntries(append) = &mut message.payload {
                    let commands = append.entries.iter_mut().filter_map(|e| match &mut e.content {
                        raft::Content::Command(command) => Some(command),
                        _ => None,
                    });
                    commands.for_each(|command| *command = said(behavior, to == last));
                }
            }
            cluster[to].step(now, raft::MemberId(from as u64), message);
            let output = cluster[to].take_output();
            for apply in output.applies {
                if let raft::Apply::Entry(raft::Entry {
                    content: raft::Content::Command(command),
                    ..
                }) = apply
                    && to != liar
                {
                    decided.entry(to).or_insert(command);
                }
            }
            flying.extend(output.messages.into_iter().map(|sent| (to, sent)));
        }
        // What a leader of a bare majority applied by itself.
        for (id, node) in cluster.iter_mut().enumerate() {
            for apply in node.take_output().applies {
                if let raft::Apply::Entry(raft::Entry {
                    content: raft::Content::Command(command),
                    ..
                }) = apply
                    && id != liar
                {
                    decided.entry(id).or_insert(command);
                }
            }
        }
    }
    outcome(nodes - 1, &decided)
}

/// Paxos among so many nodes, for one slot: each is acceptor and learner, and one proposes. The liar
/// does so first; what it says to an acceptor nobody can check, and learners count acceptances.
pub(super) fn paxos(nodes: usize, liar: usize, behavior: Behavior) -> Outcome {
    let mut acceptors = vec![Acceptor::default(); nodes];
    let mut learners = vec![Learner::new(nodes); nodes];
    let last = if liar + 1 == nodes { nodes.saturating_sub(2) } else { nodes - 1 };
    // Whoever hears nothing for long enough proposes, with a ballot of its own.
    for (ballot, proposer) in
        (1..).map(paxos::Ballot).zip((0..nodes).cycle().skip(liar)).take(nodes)
    {
        let is_silent = |node: usize| behavior == Behavior::Silence && node == liar;
        if is_silent(proposer) {
            continue;
        }
        let mut state = Proposer::new(ballot, nodes, ASKED);
        let mut value = None;
        for (id, acceptor) in acceptors.iter_mut().enumerate().filter(|(id, _)| !is_silent(*id)) {
            if let Ok(before) = acceptor.prepare(ballot) {
                value = value.or_else(|| state.on_promise(paxos::NodeIndex(id), before));
            }
        }
        let Some(value) = value else { continue };
        for (id, acceptor) in acceptors.iter_mut().enumerate().filter(|(id, _)| !is_silent(*id)) {
            let value = if proposer == liar { said(behavior, id == last) } else { value };
            if acceptor.accept(ballot, value).is_ok() {
                for (to, learner) in learners.iter_mut().enumerate() {
                    let value = if id == liar { said(behavior, to == last) } else { value };
                    learner.on_accepted(paxos::NodeIndex(id), ballot, value);
                }
            }
        }
    }
    let learnt = learners.iter().enumerate().filter(|(id, _)| *id != liar);
    let decided = learnt.filter_map(|(id, learner)| Some((id, learner.chosen()?.1))).collect();
    outcome(nodes - 1, &decided)
}

/// PBFT among so many nodes. The client signed what it asks for, so nothing else is valid, except
/// where the client itself equivocates with the primary: then both values are.
pub(super) fn pbft(nodes: usize, liar: usize, behavior: Behavior) -> Outcome {
    let quorums = Quorums::of(nodes);
    let is_valid: fn(&u64) -> bool = match behavior {
        Behavior::Equivocation => |_| true,
        _ => |value| *value == ASKED,
    };
    // The liar is the first primary.
    let name = |id: usize| (id + nodes - liar) % nodes;
    let key = Key::of(NodeIndex(name(liar)));
    let mut honest: BTreeMap<usize, Replica<u64>> = (1..nodes)
        .map(|id| (id, Replica::new(Key::of(NodeIndex(id)), quorums, is_valid)))
        .collect();
    let mut flying = VecDeque::new();
    for to in honest.keys().filter(|_| behavior != Behavior::Silence) {
        for stage in [Stage::PrePrepare, Stage::Commit] {
            let value = Some(said(behavior, *to + 1 == nodes));
            let sequence = bft::pbft::Sequence(1);
            let vote = Vote { stage, view: View(0), sequence, value };
            flying.push_back((*to, Message::Vote(key.sign(vote))));
        }
    }
    let mut decided = BTreeMap::new();
    for _ in 0..PATIENCE {
        // What is on its way arrives; then whoever leads by now proposes, and that arrives, too.
        for is_asked in [false, true] {
            for replica in honest.values_mut().filter(|r| is_asked && r.is_primary()) {
                replica.propose(ASKED);
                send(replica, nodes, &mut flying);
            }
            while let Some((to, message)) = flying.pop_front() {
                let Some(replica) = honest.get_mut(&to) else { continue };
                replica.step(message);
                for value in send(replica, nodes, &mut flying) {
                    decided.entry(to).or_insert(value);
                }
            }
        }
        if decided.len() + 1 == nodes {
            break;
        }
        for replica in honest.values_mut() {
            replica.suspect();
            send(replica, nodes, &mut flying);
        }
    }
    outcome(nodes - 1, &decided)
}

/// Sends what a replica has to say, and gives what it decided.
fn send(
    replica: &mut Replica<u64>,
    nodes: usize,
    flying: &mut VecDeque<(usize, Message<u64>)>,
) -> Vec<u64> {
    let output = replica.take_output();
    for message in output.messages {
        flying.extend((0..nodes).map(|to| (to, message.clone())));
    }
    output.decided.into_iter().filter_map(|(_, value)| value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raft_and_paxos_bear_silence_and_pbft_bears_lies_whoever_tells_them() {
        let right = Outcome { reached: true, correct: true };
        let wrong = Outcome { reached: true, correct: false };
        for liar in 0..3 {
            assert_eq!(raft(3, liar, Behavior::Silence), right, "{liar}");
            assert_eq!(raft(3, liar, Behavior::Lying), wrong, "{liar}");
            assert_eq!(raft(3, liar, Behavior::Equivocation), wrong, "{liar}");
            assert_eq!(paxos(3, liar, Behavior::Silence), right, "{liar}");
            assert_eq!(paxos(3, liar, Behavior::Lying), wrong, "{liar}");
            assert_eq!(paxos(3, liar, Behavior::Equivocation), wrong, "{liar}");
        }
        for liar in 0..4 {
            for behavior in [Behavior::Silence, Behavior::Lying, Behavior::Equivocation] {
                assert_eq!(pbft(4, liar, behavior), right, "{liar} {behavior:?}");
            }
        }
    }
}
