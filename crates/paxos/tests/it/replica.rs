//! A few replicas by hand, message by message.

use std::time::Duration;

use paxos::{
    Accept, Accepted, Apply, Ballot, Config, Entry, Envelope, Message, NodeIndex, ReadId, Replica,
    Restored, Round, Slot, Snapshot, Violation,
};

type Node = Replica<&'static str, ()>;

const T: Duration = Duration::from_millis(300);

fn replica(id: usize, restored: Restored<&'static str, ()>) -> Node {
    let config = Config {
        id: NodeIndex(id),
        nodes: 3,
        election_timeout: T,
        heartbeat_interval: T / 3,
        gather_window: Duration::from_millis(3),
        commands_per_message: 512,
    };
    Replica::new(config, restored, Duration::ZERO, id as u64)
}

fn cluster() -> [Node; 3] {
    [0, 1, 2].map(|id| replica(id, Restored::default()))
}

/// Delivers everything until nobody says anything; what was applied, by node, and the number of
/// messages.
fn settle(
    nodes: &mut [Node; 3],
    now: Duration,
    reaches: impl Fn(usize, usize) -> bool,
) -> (Vec<(usize, Option<&'static str>)>, usize) {
    let (mut applied, mut count) = (Vec::new(), 0);
    loop {
        let mut flying = Vec::new();
        for (from, node) in nodes.iter_mut().enumerate() {
            let output = node.take_output();
            for apply in output.applies {
                if let Apply::Command(_, command) = apply {
                    applied.push((from, command));
                }
            }
            flying.extend(output.messages.into_iter().map(|message| (from, message)));
        }
        if flying.is_empty() {
            return (applied, count);
        }
        count += flying.len();
        for (from, Envelope { to, message }) in flying {
            if reaches(from, to.0) {
                nodes[to.0].step(now, NodeIndex(from), message);
            }
        }
    }
}

/// Node `id` leads by now.
fn elect(nodes: &mut [Node; 3], id: usize) -> Duration {
    let now = nodes[id].next_deadline();
    nodes[id].tick(now);
    settle(nodes, now, |_, _| true);
    assert!(nodes[id].is_leader());
    now
}

#[test]
fn a_stable_leader_needs_phase_two_only() {
    let mut nodes = cluster();
    let mut now = elect(&mut nodes, 0);
    for (slot, command) in [(1, "a"), (2, "b"), (3, "c")] {
        assert_eq!(nodes[0].propose(now, command), Ok(Slot(slot)));
        now = nodes[0].next_deadline();
        nodes[0].tick(now);
        let (applied, messages) = settle(&mut nodes, now, |_, _| true);
        assert!(applied.contains(&(0, Some(command))));
        assert_eq!(messages, 4, "accept to two, accepted from two");
    }
    assert_eq!(nodes[1].propose(now, "d"), Err("d"));
}

#[test]
fn a_new_leader_proposes_again_what_may_be_chosen_and_fills_holes() {
    let accepted = |slot, ballot, command| Entry {
        slot: Slot(slot),
        ballot: Ballot(ballot),
        command: Some(command),
    };
    // Node 0 accepted slots 1 and 3 of ballot 4; node 1 an older value in slot 1.
    let restored = |entries| Restored { promised: Ballot(4), entries, ..Restored::default() };
    let mut nodes = [
        replica(0, restored(vec![accepted(1, 4, "new"), accepted(3, 4, "late")])),
        replica(1, restored(vec![accepted(1, 3, "old")])),
        replica(2, Restored::default()),
    ];
    let now = nodes[1].next_deadline();
    nodes[1].tick(now);
    let (applied, _) = settle(&mut nodes, now, |from, to| from != 2 && to != 2);
    assert!(nodes[1].is_leader() && nodes[1].promised() > Ballot(4));
    let at_leader: Vec<_> = applied.iter().filter(|(node, _)| *node == 1).collect();
    assert_eq!(at_leader, [&(1, Some("new")), &(1, None), &(1, Some("late"))]);
}

#[test]
fn a_violation_says_what_should_hold_and_where_it_does_not() {
    let (node, slot) = (NodeIndex(1), Slot(7));
    let (low, high) = (Ballot(3), Ballot(5));
    for (violation, law) in [
        (Violation::PromiseFell(node, high, low), "monotone promises: "),
        (Violation::BallotProposedTwo(slot, low), "one value a ballot: "),
        (Violation::ChosenTwice(slot, low, high), "agreement: "),
    ] {
        let text = violation.to_string();
        assert!(text.starts_with(law) && text.len() > law.len() + 20, "{text}");
    }
}

#[test]
fn who_hears_no_leader_waits_for_one_to_two_time_outs() {
    let waits = |start: Duration, seed| {
        let config = Config {
            id: NodeIndex(1),
            nodes: 3,
            election_timeout: T,
            heartbeat_interval: T / 3,
            gather_window: Duration::ZERO,
            commands_per_message: 512,
        };
        Node::new(config, Restored::default(), start, seed).next_deadline() - start
    };
    let waits: Vec<_> = (0..200).map(|seed| waits(Duration::from_secs(seed), seed)).collect();
    assert!(waits.iter().all(|wait| (T..=2 * T).contains(wait)), "{waits:?}");
    let (soon, late) = (T + T / 5, 2 * T - T / 5);
    assert!(waits.iter().any(|wait| *wait < soon) && waits.iter().any(|wait| *wait > late));
}

#[test]
fn who_hears_a_leader_would_promise_nobody_else() {
    let mut nodes = cluster();
    let now = elect(&mut nodes, 0);
    // Node 2 hears nothing any more, but is heard.
    let later = nodes[2].next_deadline();
    nodes[0].tick(now + T / 3);
    settle(&mut nodes, later - T / 2, |_, to| to != 2);
    nodes[2].tick(later);
    settle(&mut nodes, later, |_, _| true);
    assert!(nodes[0].is_leader() && !nodes[2].is_leader());
}

#[test]
fn a_leader_that_hears_no_majority_steps_down_and_refuses_its_reads() {
    let mut nodes = cluster();
    let mut now = elect(&mut nodes, 0);
    nodes[0].read(now, ReadId(7));
    while nodes[0].is_leader() {
        now = nodes[0].next_deadline();
        nodes[0].tick(now);
        assert!(now < T * 5);
    }
    assert_eq!(nodes[0].take_output().reads_refused, [ReadId(7)]);
    assert!(nodes[0].is_isolated());
}

#[test]
fn a_read_waits_for_a_round_that_was_sent_after_it_came() {
    let mut nodes = cluster();
    let now = elect(&mut nodes, 0);
    nodes[0].read(now, ReadId(1));
    assert!(nodes[0].take_output().reads_ready.is_empty());
    let now = nodes[0].next_deadline();
    nodes[0].tick(now);
    // The answers of this round confirm it.
    let sent = nodes[0].take_output();
    assert!(sent.reads_ready.is_empty() && sent.messages.len() == 2);
    for Envelope { to, message } in sent.messages {
        assert!(matches!(&message, Message::Accept(accept) if accept.commands.is_empty()));
        nodes[to.0].step(now, NodeIndex(0), message);
    }
    let [answer] = nodes[1].take_output().messages.try_into().unwrap();
    nodes[0].step(now, NodeIndex(1), answer.message);
    assert_eq!(nodes[0].take_output().reads_ready, [ReadId(1)]);
}

#[test]
fn a_ballot_is_heard_from_its_owner_only() {
    let mut nodes = cluster();
    elect(&mut nodes, 0);
    let promised = nodes[1].promised();
    let stranger = Message::Prepare { ballot: Ballot(promised.0 + 3), first: Slot(1) };
    nodes[1].step(Duration::ZERO, NodeIndex(2), stranger);
    assert_eq!(nodes[1].promised(), promised);
}

#[test]
fn who_does_not_answer_gets_bare_heartbeats_and_everything_once_it_does() {
    let mut nodes = cluster();
    let mut now = elect(&mut nodes, 0);
    let mut carried = 0;
    for _ in 0..40 {
        let _ = nodes[0].propose(now, "a");
        now = nodes[0].next_deadline();
        nodes[0].tick(now);
        for Envelope { to, message } in nodes[0].take_output().messages {
            match (to, message) {
                (NodeIndex(2), Message::Accept(accept)) => carried += accept.commands.len(),
                (to, message) => nodes[to.0].step(now, NodeIndex(0), message),
            }
        }
        for Envelope { message, .. } in nodes[1].take_output().messages {
            nodes[0].step(now, NodeIndex(1), message);
        }
        now += T / 10;
    }
    assert!((1..=30).contains(&carried), "{carried} commands sent to nobody");
    assert_eq!(nodes[0].log().chosen_through(), Slot(40));
    now += T / 3;
    nodes[0].tick(now);
    settle(&mut nodes, now, |_, _| true);
    assert_eq!(nodes[2].log().last(), Slot(40));
}

fn accept(ballot: u64, first: u64, command: &'static str) -> Message<&'static str, ()> {
    Message::Accept(Accept {
        ballot: Ballot(ballot),
        round: Round(1),
        chosen_through: Slot(0),
        first: Slot(first),
        commands: vec![Some(command)],
    })
}

#[test]
fn nothing_below_the_promise_is_accepted() {
    // Ballots 4 and 7 are node 1's, 5 is node 2's.
    for too_low in [1, 4] {
        let mut node = replica(0, Restored::default());
        let prepare = Message::Prepare { ballot: Ballot(5), first: Slot(1) };
        node.step(Duration::ZERO, NodeIndex(2), prepare);
        let _ = node.take_output();
        node.step(Duration::ZERO, NodeIndex(1), accept(too_low, 1, "late"));
        assert_eq!(node.log().get(Slot(1)), None);
        let [answer] = node.take_output().messages.try_into().unwrap();
        assert_eq!(answer.message, Message::Refused { promised: Ballot(5) });
        node.step(Duration::ZERO, NodeIndex(1), accept(7, 1, "new"));
        assert_eq!(node.log().get(Slot(1)), Some((Ballot(7), &Some("new"))));
    }
}

#[test]
fn what_was_acknowledged_of_an_earlier_ballot_does_not_count_for_this_one() {
    let mut nodes = cluster();
    let now = elect(&mut nodes, 0);
    let ballot = nodes[0].promised();
    nodes[0].propose(now, "a").unwrap();
    let now = nodes[0].next_deadline();
    nodes[0].tick(now);
    let acknowledged = |ballot| {
        let (round, first) = (Round(1), Slot(1));
        let (count, chosen_through, lacks_next) = (1, Slot(0), false);
        Message::Accepted(Accepted { ballot, round, first, count, chosen_through, lacks_next })
    };
    nodes[0].step(now, NodeIndex(1), acknowledged(Ballot(ballot.0 - 3)));
    assert_eq!(nodes[0].log().chosen_through(), Slot(0));
    nodes[0].step(now, NodeIndex(1), acknowledged(ballot));
    assert_eq!(nodes[0].log().chosen_through(), Slot(1));
}

#[test]
fn a_state_from_the_leader_leaves_what_was_accepted_after_it() {
    let mut node = replica(0, Restored::default());
    node.step(Duration::ZERO, NodeIndex(1), accept(4, 12, "kept"));
    node.step(Duration::ZERO, NodeIndex(1), accept(4, 9, "covered"));
    let snapshot = Snapshot { slot: Slot(10), state: () };
    let install = Message::Install { ballot: Ballot(4), round: Round(2), snapshot };
    node.step(Duration::ZERO, NodeIndex(1), install);
    assert_eq!(node.log().chosen_through(), Slot(10));
    assert_eq!(node.log().get(Slot(12)), Some((Ballot(4), &Some("kept"))));
    assert_eq!(node.log().get(Slot(9)), None);
}
