//! One node against messages that come late, say what cannot be, or come from who does not count.

use std::collections::BTreeMap;
use std::sync::Arc;

use raft::{
    AppendReply, Ballot, Configuration, Incarnation, LogIndex, MemberId, Message, Payload,
    RequestVote, Restored, Role, Round, Snapshot, Term,
};

use crate::members::with_named_life;
use crate::single::{OTHER, PEER, Said, Single, append, entry, ms, vote};

/// The leader's last order may come when it leads no more, and anybody may send one.
#[test]
fn only_the_leader_of_this_very_term_orders_a_campaign() {
    let mut single = Single::start(Restored::default());
    for term in [1, 2] {
        single.hear(PEER, term, append((0, 0), Vec::new(), 0));
    }
    for (from, term) in [(PEER, 1), (OTHER, 2)] {
        let said = single.hear(from, term, Payload::TimeoutNow);
        assert!(said.messages.is_empty(), "{from:?} of term {term}: {said:?}");
        assert!(matches!(single.node.role(), Role::Follower(_)));
    }
    single.hear(PEER, 2, Payload::TimeoutNow);
    assert!(matches!(single.node.role(), Role::Candidate(_)));
}

#[test]
fn nobody_has_more_than_the_leader_sent() {
    let mut single = Single::with_log(1, vec![entry(1, 1, Some("x"))]);
    single.lead();
    let reached = |single: &Single| {
        let Role::Leader(leader) = single.node.role() else { panic!("it does not lead") };
        leader.progress(PEER).map(|progress| progress.match_index)
    };
    single.acknowledge(PEER, 2, 1, 3);
    assert_eq!((reached(&single), single.node.commit_index()), (Some(LogIndex(0)), LogIndex(0)));
    single.acknowledge(PEER, 2, 1, 2);
    assert_eq!((reached(&single), single.node.commit_index()), (Some(LogIndex(2)), LogIndex(2)));
}

/// Of a node that was added under a new life, the answers of an earlier one keep nobody in office.
#[test]
fn a_leader_that_hears_former_lives_only_stops_leading() {
    let leads_after = |life: u64| {
        let mut single = Single::start(with_named_life());
        single.lead();
        let elected = single.now;
        while single.node.is_leader() && single.now < elected + ms(2000) {
            single.now += ms(50);
            // All are heard; the peer has forgotten what it promised.
            for (from, life) in [(PEER, 99), (OTHER, life)] {
                let payload =
                    Payload::AppendReply(AppendReply { round: Round(1), outcome: Ok(LogIndex(0)) });
                let incarnation = Some(Incarnation(life));
                single.node.step(single.now, from, Message { incarnation, term: Term(2), payload });
            }
            single.node.tick(single.now);
            let _ = single.node.take_output();
        }
        single.node.is_leader()
    };
    assert!(leads_after(12));
    assert!(!leads_after(7));
}

/// What it knows of the members may be undone as long as it is not committed.
#[test]
fn who_is_no_member_is_told_so_only_when_that_is_certain() {
    let request = || {
        Payload::RequestVote(RequestVote {
            ballot: Ballot::PreVote,
            last_log_index: LogIndex(0),
            last_log_term: Term(0),
            incarnations: BTreeMap::new().into(),
        })
    };
    let stranger = MemberId(7);
    let is_told = |said: &Said| {
        said.messages.iter().any(|envelope| {
            envelope.to == stranger && matches!(envelope.message.payload, Payload::AppendEntries(_))
        })
    };
    let mut single = Single::start(Restored::default());
    single.lead();
    // Nothing of its own term is committed yet.
    assert!(!is_told(&single.hear(stranger, 1, request())));
    single.acknowledge(PEER, 1, 1, 1);
    assert!(is_told(&single.hear(stranger, 1, request())));
}

#[test]
fn a_node_says_whether_it_is_a_member_and_whom_it_has_met() {
    let single = Single::start(Restored::default());
    assert!(single.node.is_member());
    let own = BTreeMap::from([(MemberId(0), Incarnation(10))]);
    assert_eq!(*single.node.incarnations(), own);

    let others = Arc::new(Configuration::of([PEER, OTHER]));
    let (index, term) = (LogIndex(5), Term(1));
    let snapshot = Snapshot { index, term, configuration: others, state: "state" };
    let mut single =
        Single::start(Restored { term, snapshot: Some(snapshot), ..Restored::default() });
    assert!(!single.node.is_member());
    single.hear(PEER, 1, vote(false));
    let met = BTreeMap::from([(MemberId(0), Incarnation(10)), (PEER, Incarnation(11))]);
    assert_eq!(*single.node.incarnations(), met);
}
