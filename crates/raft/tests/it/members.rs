//! One leader and changes of its members, against messages by hand.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use raft::{
    ChangeRefused, Config, Configuration, Content, Entry, Incarnation, LogIndex, MemberId, Message,
    Record, Restored, Role, Snapshot, Term,
};

use crate::single::{OTHER, PEER, Single, append, config, entry, ms, rounds, vote};

fn follows(single: &Single, node: u64) -> bool {
    let Role::Leader(leader) = single.node.role() else { panic!("it does not lead") };
    leader.progress(MemberId(node)).is_some()
}

#[test]
fn who_was_removed_is_told_until_it_is_known_to_know() {
    let five = Config { members: (0..5).map(MemberId).collect(), ..config() };
    let mut single = Single::with_config(five, Restored::default());
    single.wake();
    for pre_vote in [true, false] {
        [PEER, OTHER].into_iter().for_each(|peer| _ = single.hear(peer, 1, vote(pre_vote)));
    }
    [PEER, OTHER].into_iter().for_each(|peer| _ = single.acknowledge(peer, 1, 1, 1));
    let stay: BTreeSet<_> = (0..3).map(MemberId).collect();
    single.node.change_members(single.now, &stay).unwrap();
    let said = single.node.take_output();
    let [joint] = rounds(&said, PEER)[..] else { panic!("{said:?}") };
    // Entry 2 names the old and the new members, entry 3 the new ones.
    single.acknowledge(PEER, 1, joint, 2);
    let said = single.acknowledge(OTHER, 1, joint, 2);
    let [new] = rounds(&said, PEER)[..] else { panic!("{said:?}") };
    let said = single.acknowledge(PEER, 1, new, 3);
    assert_eq!(said.changes, [Ok(())]);
    let told = [3, 4].map(|node| rounds(&said, MemberId(node)));
    let [&[third], &[fourth]] = [&told[0][..], &told[1][..]] else { panic!("{said:?}") };
    // It has all entries, but has not heard that they are committed; and the other way round.
    single.acknowledge(MemberId(3), 1, third - 1, 3);
    single.acknowledge(MemberId(4), 1, fourth, 1);
    assert!(follows(&single, 3) && follows(&single, 4));
    single.acknowledge(MemberId(3), 1, third, 3);
    single.acknowledge(MemberId(4), 1, fourth, 3);
    assert!(!follows(&single, 3) && !follows(&single, 4) && follows(&single, 2));
}

#[test]
fn new_nodes_have_ten_election_timeouts_to_catch_up() {
    // No heartbeat is due when they are over.
    let uneven = Config { heartbeat_interval: ms(70), ..config() };
    let mut single = Single::with_config(uneven, Restored::default());
    single.lead();
    single.acknowledge(PEER, 1, 1, 1);
    let began = single.now;
    single.node.change_members(began, &(0..4).map(MemberId).collect()).unwrap();
    let ended = (0..200).find_map(|_| {
        let said = single.wake();
        rounds(&said, PEER).into_iter().for_each(|round| _ = single.acknowledge(PEER, 1, round, 1));
        said.changes.first().map(|&change| (single.now - began, change))
    });
    assert_eq!(ended, Some((ms(3000), Err(ChangeRefused::TooSlow))));
    assert!(!follows(&single, 3));
}

/// What a node has stored of three members, of which the last was added back as life 12.
pub(crate) fn with_named_life() -> Restored<&'static str, &'static str> {
    let named = [(MemberId(0), None), (PEER, None), (OTHER, Some(Incarnation(12)))];
    let snapshot = Snapshot {
        index: LogIndex(5),
        term: Term(1),
        configuration: Arc::new(Configuration::from_parts(named.into_iter().collect(), None)),
        state: "state",
    };
    Restored { term: Term(1), snapshot: Some(snapshot), ..Restored::default() }
}

/// A node that was added back under a new life (thesis, 4.1, and the module on membership): only
/// that life's votes count, whatever was met before or comes after.
#[test]
fn of_a_node_that_was_added_only_the_life_that_was_named_counts() {
    let incarnations = BTreeMap::from([(OTHER, Incarnation(7))]);
    let mut single = Single::start(Restored { incarnations, ..with_named_life() });
    single.wake();
    for (life, counts) in [(7, false), (99, false), (12, true)] {
        let incarnation = Some(Incarnation(life));
        let message = Message { incarnation, term: Term(2), payload: vote(true) };
        single.node.step(single.now, OTHER, message);
        let is_elected = matches!(single.node.role(), Role::Candidate(_));
        assert_eq!(is_elected, counts, "life {life}");
    }
}

/// Nobody begins a change while another is not committed (thesis, 4.1), nor does a leader that only
/// brings that of an earlier one to its end.
#[test]
fn a_change_that_an_earlier_leader_began_ends_before_the_next_one_begins() {
    let old = Configuration::of((0..3).map(MemberId));
    let joint = old.changed_to([(MemberId(0), None), (PEER, None)].into_iter().collect());
    let content = Content::Configuration(Arc::new(joint));
    let entries = vec![entry(1, 1, None), Entry { term: Term(1), index: LogIndex(2), content }];
    let mut single = Single::with_log(1, entries);
    single.lead();
    let three: BTreeSet<_> = (0..3).map(MemberId).collect();
    let ask = |single: &mut Single| single.node.change_members(single.now, &three);
    assert_eq!(ask(&mut single), Err(ChangeRefused::NotSettled));
    // Entry 3, of this term, commits the joint configuration; entry 4 is the new one alone.
    single.acknowledge(PEER, 2, 1, 3);
    assert_eq!(ask(&mut single), Err(ChangeRefused::Busy));
    single.acknowledge(PEER, 2, 2, 4);
    assert_eq!((single.node.commit_index(), ask(&mut single)), (LogIndex(4), Ok(())));
}

/// The one before it led in this term, and was removed: election safety (the paper's figure 3).
#[test]
fn who_is_the_only_voter_left_leads_at_once_but_in_a_new_term_with_its_own_stored_vote() {
    let alone = Content::Configuration(Arc::new(Configuration::of([MemberId(0)])));
    let removal = Entry { term: Term(1), index: LogIndex(2), content: alone };
    let mut single = Single::with_log(1, vec![entry(1, 1, None)]);
    single.hear(PEER, 1, append((1, 1), vec![removal], 2));
    let said = single.wake();
    assert!(matches!(single.node.role(), Role::Leader(_)));
    assert_eq!(single.node.term(), Term(2));
    let stored = Record::Ballot { term: Term(2), voted_for: Some(MemberId(0)) };
    assert!(said.records.contains(&stored), "{:?}", said.records);
}
