use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::config::Config;
use crate::membership::Configuration;
use crate::message::{Restored, Snapshot};
use crate::types::Incarnation;

/// A node with entries of these terms and commands. In a cluster of one it
/// leads, and so commits them, at once.
fn node(id: u64, nodes: u64, log: &[(u64, &'static str)]) -> Raft<&'static str, ()> {
    let config = Config {
        id: MemberId(id),
        members: (0..nodes).map(MemberId).collect(),
        election_timeout: Duration::from_millis(300),
        heartbeat_interval: Duration::from_millis(100),
        gather_window: Duration::ZERO,
        entries_per_message: 512,
        durable: true,
    };
    let entries = (1..).zip(log).map(|(index, &(term, command))| Entry {
        term: Term(term),
        index: LogIndex(index),
        content: Content::Command(command),
    });
    let restored = Restored {
        term: log.last().map_or(Term(0), |&(term, _)| Term(term)),
        entries: entries.collect(),
        ..Restored::default()
    };
    Raft::new(config, Incarnation(0), restored, Duration::ZERO, 0)
}

/// What is found when the second node is looked at after the first.
fn second(first: &Raft<&'static str, ()>, second: &Raft<&'static str, ()>) -> Option<Violation> {
    let mut invariants = Invariants::new();
    assert_eq!(invariants.observe(first), Ok(()));
    invariants.restarted(second.id());
    invariants.observe(second).err()
}

#[test]
fn nodes_that_agree_are_left_alone() {
    let log = [(1, "a"), (1, "b")];
    assert_eq!(second(&node(0, 2, &log), &node(1, 2, &log[..1])), None);
}

#[test]
fn logs_that_differ_or_follow_different_entries_are_found() {
    let a = node(0, 2, &[(1, "a")]);
    let differs = Violation::LogsDiffer(MemberId(1), LogIndex(1), Term(1));
    assert_eq!(second(&a, &node(1, 2, &[(1, "b")])), Some(differs));
    let a = node(0, 2, &[(1, "a"), (3, "c")]);
    let parts = Violation::LogsDiffer(MemberId(1), LogIndex(2), Term(3));
    assert_eq!(second(&a, &node(1, 2, &[(2, "b"), (3, "c")])), Some(parts));
}

#[test]
fn a_leader_without_a_committed_entry_is_found() {
    let whole = node(0, 1, &[(1, "a"), (1, "b")]);
    assert_eq!(whole.commit_index(), LogIndex(3));
    let lacking = Violation::LeaderLacksCommitted(MemberId(0), LogIndex(3));
    assert_eq!(second(&whole, &node(0, 1, &[(5, "c")])), Some(lacking));
}

#[test]
fn a_leader_that_takes_office_late_need_not_know_later_terms() {
    let mut invariants = Invariants::<&str>::new();
    invariants.committed = vec![Committed { term: Some(Term(7)), during: Term(7) }];
    let late = node(0, 1, &[]);
    invariants.mirror(MemberId(0)).commit_index = late.commit_index();
    assert_eq!(invariants.observe(&late), Ok(()));
}

#[test]
fn majorities_that_need_not_meet_are_found_at_once() {
    let configuration = |members: std::ops::Range<u64>| {
        Content::<&'static str>::Configuration(Arc::new(Configuration::of(members.map(MemberId))))
    };
    // Of three members to four, which meet; and of those to two others.
    let node = |term, members| {
        let entries = [(Term(1), configuration(0..4)), (term, configuration(members))];
        let entries = (1..).map(LogIndex).zip(entries);
        let entries = entries.map(|(index, (term, content))| Entry { term, index, content });
        let entries = entries.collect();
        let restored = Restored::<_, ()> { term, entries, ..Restored::default() };
        let config = node(0, 3, &[]).core.config;
        Raft::new(config, Incarnation(0), restored, Duration::ZERO, 0)
    };
    let apart = Err(Violation::DisjointMajorities(MemberId(0), LogIndex(2)));
    assert_eq!(Invariants::new().observe(&node(Term(1), 3..5)), apart);
    let mut invariants = Invariants::new();
    assert_eq!(invariants.observe(&node(Term(1), 0..4)), Ok(()));
    // Another leader puts another one in its place.
    assert_eq!(invariants.observe(&node(Term(2), 3..5)), apart);
}

#[test]
fn two_leaders_of_a_term_are_found() {
    let mut invariants = Invariants::<&str>::new();
    invariants.leaders.insert(Term(1), MemberId(1));
    let leader = node(0, 1, &[]);
    let two = Violation::TwoLeaders(Term(1), MemberId(1), MemberId(0));
    assert_eq!(invariants.observe(&leader), Err(two));
}

/// Whatever else stays as it was.
#[test]
fn each_change_of_a_node_is_looked_at() {
    let first = MemberId(0);
    let follower = || node(0, 2, &[(1, "a")]);

    let mut invariants = Invariants::new();
    assert_eq!(invariants.observe(&follower()), Ok(()));
    invariants.committed = vec![Committed { term: Some(Term(7)), during: Term(7) }];
    let mut committed = follower();
    committed.core.commit_index = LogIndex(1);
    let differ = Violation::CommitsDiffer(first, LogIndex(1));
    assert_eq!(invariants.observe(&committed), Err(differ));
    let back = Violation::CommitWentBack(first, LogIndex(0));
    // What does not hold is found each time.
    for _ in 0..2 {
        assert_eq!(invariants.observe(&follower()), Err(back.clone()));
    }

    let mut invariants = Invariants::new();
    assert_eq!(invariants.observe(&node(1, 2, &[(2, "c")])), Ok(()));
    let mut earlier = follower();
    earlier.core.term = Term(2);
    assert_eq!(invariants.observe(&earlier), Ok(()));
    let differs = Violation::LogsDiffer(first, LogIndex(1), Term(2));
    assert_eq!(invariants.observe(&node(0, 2, &[(2, "b")])), Err(differs));

    let mut invariants = Invariants::new();
    assert_eq!(invariants.observe(&node(1, 2, &[(1, "a"), (1, "b")])), Ok(()));
    assert_eq!(invariants.observe(&follower()), Ok(()));
    let differs = Violation::LogsDiffer(first, LogIndex(2), Term(1));
    assert_eq!(invariants.observe(&node(0, 2, &[(1, "a"), (1, "c")])), Err(differs));

    let mut invariants = Invariants::new();
    let mut leader = node(0, 1, &[]);
    let mut former = node(0, 1, &[]);
    former.follow(Duration::ZERO, former.term(), None);
    assert_eq!(invariants.observe(&former), Ok(()));
    invariants.leaders = [1, 9].map(|term| (Term(term), MemberId(1))).into();
    let two = |term| Err(Violation::TwoLeaders(Term(term), MemberId(1), first));
    assert_eq!(invariants.observe(&leader), two(1));
    invariants.leaders.remove(&Term(1));
    assert_eq!(invariants.observe(&leader), Ok(()));
    leader.core.term = Term(9);
    assert_eq!(invariants.observe(&leader), two(9));
}

#[test]
fn different_commits_and_rewritten_logs_are_found() {
    let mut invariants = Invariants::<&str>::new();
    invariants.committed = vec![Committed { term: Some(Term(7)), during: Term(7) }];
    let mut leader = node(0, 1, &[(1, "a")]);
    // The same leader, as the checker believes, so that its past is compared.
    invariants.mirror(MemberId(0)).led = Some(leader.term());
    let differ = Violation::CommitsDiffer(MemberId(0), LogIndex(1));
    assert_eq!(invariants.observe(&leader), Err(differ));
    invariants.committed.clear();
    invariants.mirror(MemberId(0)).terms = vec![Term(1), Term(9), Term(9)];
    leader.propose(Duration::ZERO, "b").unwrap();
    let rewrote = Violation::LeaderRewroteLog(MemberId(0), LogIndex(2));
    assert_eq!(invariants.observe(&leader), Err(rewrote));
}

/// A leader whose log begins after a snapshot of this many entries of term 1.
fn compacted(snapshot: u64) -> Raft<&'static str, ()> {
    let config = node(0, 1, &[]).core.config;
    let snapshot = Snapshot {
        index: LogIndex(snapshot),
        term: Term(1),
        configuration: Arc::new(Configuration::of([MemberId(0)])),
        state: (),
    };
    let restored = Restored { term: Term(1), snapshot: Some(snapshot), ..Restored::default() };
    Raft::new(config, Incarnation(0), restored, Duration::ZERO, 0)
}

#[test]
fn a_log_that_begins_with_a_snapshot_is_followed_from_there() {
    let mut invariants = Invariants::new();
    let mut leader = compacted(10);
    for proposal in 1..=30 {
        assert_eq!(invariants.observe(&leader), Ok(()), "{proposal}");
        assert_eq!(invariants.mirror(MemberId(0)).last_index(), leader.log().last_index());
        leader.propose(Duration::ZERO, "x").unwrap();
    }
    // And it is looked at: an entry that is gone from there is found.
    let mirror = invariants.mirror(MemberId(0));
    assert_eq!((mirror.base, mirror.terms[0]), (LogIndex(10), Term(2)));
    mirror.terms[27..].fill(Term(1));
    let rewrote = Violation::LeaderRewroteLog(MemberId(0), LogIndex(38));
    assert_eq!(invariants.observe(&leader), Err(rewrote));
}

#[test]
fn a_follower_may_replace_what_was_not_committed_also_after_a_snapshot() {
    let mut invariants = Invariants::new();
    let mut mirror = Mirror { base: LogIndex(10), ..Mirror::default() };
    mirror.terms = vec![Term(1); 5];
    *invariants.mirror(MemberId(0)) = mirror;
    // It led no term that was seen, so it may have followed; its log is shorter and another.
    let leader = compacted(10);
    assert_eq!(invariants.observe(&leader), Ok(()));
    assert_eq!(invariants.mirror(MemberId(0)).terms, [Term(2)]);
    assert_eq!(invariants.observe(&leader), Ok(()));
}

#[test]
fn what_all_have_committed_is_forgotten() {
    let mut invariants = Invariants::new();
    let mut leader = node(0, 1, &[]);
    for _ in 0..5000 {
        leader.propose(Duration::ZERO, "x").unwrap();
        let _ = leader.take_output();
        assert_eq!(invariants.observe(&leader), Ok(()));
        assert!(invariants.seen.entries.len() <= 2048, "{}", invariants.seen.entries.len());
        // But no more than that: the last one may be another elsewhere.
        assert!(invariants.seen.from < leader.commit_index());
        assert!(invariants.mirror(MemberId(0)).terms.len() <= 2048);
        assert_eq!(invariants.mirror(MemberId(0)).last_index(), leader.log().last_index());
    }
    // Who begins anew shows all of it again, and it is looked at again.
    assert!(invariants.seen.from > LogIndex(4000));
    invariants.restarted(MemberId(0));
    assert_eq!(invariants.observe(&leader), Ok(()));
    assert_eq!((invariants.seen.from, invariants.seen.entries.len()), (LogIndex(1), 5001));
    invariants.restarted(MemberId(1));
    let differs = Violation::LogsDiffer(MemberId(1), LogIndex(1), Term(1));
    assert_eq!(invariants.observe(&node(1, 2, &[(1, "y")])), Err(differs));
}

#[test]
fn a_violation_names_its_property() {
    let (node, index, term) = (MemberId(1), LogIndex(4), Term(2));
    for (violation, sentence) in [
        (
            Violation::TwoLeaders(term, MemberId(0), node),
            "election safety: nodes 0 and 1 both lead in term 2",
        ),
        (
            Violation::LeaderRewroteLog(node, index),
            "leader append-only: leader 1 changed its log at 4",
        ),
        (
            Violation::LogsDiffer(node, index, term),
            "log matching: entry 4 of term 2 in the log of node 1 is not what another node holds",
        ),
        (
            Violation::LeaderLacksCommitted(node, index),
            "leader completeness: leader 1 lacks committed entry 4",
        ),
        (
            Violation::CommitsDiffer(node, index),
            "state machine safety: node 1 committed another entry 4",
        ),
        (Violation::CommitWentBack(node, index), "node 1 went back to commit index 4"),
    ] {
        assert_eq!(violation.to_string(), sentence);
    }
}

#[test]
fn a_new_leader_is_asked_for_what_was_committed_after_its_snapshot_only() {
    let committed = |count: usize, term| {
        let entry = Committed { term: Some(Term(term)), during: Term(1) };
        let mut invariants = Invariants::<&str>::new();
        invariants.committed = vec![entry; count];
        invariants
    };
    assert_eq!(committed(3, 1).observe(&compacted(10)), Ok(()));
    // The first entry after the snapshot is the leader's own, of term 2.
    let lacking = Violation::LeaderLacksCommitted(MemberId(0), LogIndex(11));
    assert_eq!(committed(11, 1).observe(&compacted(10)), Err(lacking));
}
