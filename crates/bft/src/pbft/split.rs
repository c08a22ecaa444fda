//! The attack that shows why `3f` nodes are too few (Pease, Shostak and Lamport, 1980).

use std::collections::{BTreeMap, VecDeque};

use super::{Message, Replica, Sequence, Stage, View, Vote};
use crate::types::{Key, NodeIndex, Quorums};

/// The values of the two worlds.
type Worlds = (u8, u8);

/// The first `f` nodes are Byzantine, and one of them is the primary. They show one half of the
/// honest nodes a world in which 0 was requested, and the other half one in which it was 1, and vote
/// in both. The halves hear nothing of each other until it is too late, as nobody can be waited for
/// who might be Byzantine. Gives two decisions of honest replicas that differ, if it comes to that.
///
/// A half has to be a quorum together with the `f`: with quorums of `n - f` that is so exactly when
/// `n` is at most `3f`.
#[must_use]
pub fn split_attack(quorums: Quorums) -> Option<Worlds> {
    let (nodes, faulty) = (quorums.nodes, quorums.faulty.min(quorums.nodes));
    let mut replicas: BTreeMap<usize, Replica<u8>> = (faulty..nodes)
        .map(|id| (id, Replica::new(Key::of(NodeIndex(id)), quorums, |_| true)))
        .collect();
    let liars: Vec<Key> = (0..faulty).map(|id| Key::of(NodeIndex(id))).collect();
    let half = (nodes - faulty) / 2;
    let world = |id: usize| u8::from(id >= faulty + half);
    let mut flying: VecDeque<(usize, Message<u8>)> = VecDeque::new();
    for &to in replicas.keys() {
        let say =
            |stage| Vote { stage, view: View(0), sequence: Sequence(1), value: Some(world(to)) };
        let lies = liars.iter().flat_map(|key| {
            let stages = [Stage::PrePrepare, Stage::Prepare, Stage::Commit];
            stages.map(|stage| (to, Message::Vote(key.sign(say(stage)))))
        });
        flying.extend(lies);
    }
    let mut decided: [Option<u8>; 2] = [None, None];
    while let Some((to, message)) = flying.pop_front() {
        let Some(replica) = replicas.get_mut(&to) else { continue };
        replica.step(message);
        let output = replica.take_output();
        for (_, value) in output.decided {
            decided[usize::from(world(to))] = value;
        }
        for message in output.messages {
            let same_world = (faulty..nodes).filter(|&id| world(id) == world(to));
            flying.extend(same_world.map(|id| (id, message.clone())));
        }
    }
    match decided {
        [Some(one), Some(other)] if one != other => Some((one, other)),
        _ => None,
    }
}
