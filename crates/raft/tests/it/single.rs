//! One node against messages by hand: what it must not take from anybody, and
//! what it may do only once something else is done.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use raft::progress::Mode;
use raft::{
    AppendEntries, AppendReply, Apply, Ballot, Config, Configuration, Conflict, Entry, Incarnation,
    Incarnations, LogIndex, MemberId, Message, Output, Payload, Raft, ReadId, Record, RequestVote,
    Restored, Role, Round, Snapshot, Term, Vote,
};

pub(crate) type Node = Raft<&'static str, &'static str>;
pub(crate) type Said = Output<&'static str, &'static str>;

pub(crate) const PEER: MemberId = MemberId(1);
pub(crate) const OTHER: MemberId = MemberId(2);

pub(crate) fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

pub(crate) fn entry(term: u64, index: u64, command: Option<&'static str>) -> Entry<&'static str> {
    Entry { term: Term(term), index: LogIndex(index), content: command.into() }
}

pub(crate) fn config() -> Config {
    Config {
        id: MemberId(0),
        members: (0..3).map(MemberId).collect(),
        election_timeout: ms(300),
        heartbeat_interval: ms(100),
        gather_window: Duration::ZERO,
        entries_per_message: 512,
        durable: true,
    }
}

/// A node and the time.
pub(crate) struct Single {
    pub(crate) node: Node,
    pub(crate) now: Duration,
}

impl Single {
    /// Node 0 of three that has stored this.
    pub(crate) fn start(restored: Restored<&'static str, &'static str>) -> Self {
        Self::with_config(config(), restored)
    }

    pub(crate) fn with_config(
        config: Config,
        restored: Restored<&'static str, &'static str>,
    ) -> Self {
        Self { node: Raft::new(config, Incarnation(10), restored, ms(0), 1), now: ms(0) }
    }

    pub(crate) fn with_log(term: u64, entries: Vec<Entry<&'static str>>) -> Self {
        Self::start(Restored { term: Term(term), entries, ..Restored::default() })
    }

    pub(crate) fn hear(
        &mut self,
        from: MemberId,
        term: u64,
        payload: Payload<&'static str, &'static str>,
    ) -> Said {
        let incarnation = Some(Incarnation(10 + from.0));
        self.node.step(self.now, from, Message { incarnation, term: Term(term), payload });
        self.node.take_output()
    }

    /// Lets time pass, up to the next deadline.
    pub(crate) fn wake(&mut self) -> Said {
        self.now = self.now.max(self.node.next_deadline());
        self.node.tick(self.now);
        assert!(self.node.next_deadline() > self.now, "a deadline stays due");
        self.node.take_output()
    }

    /// Gets elected by the peer, for the next term.
    pub(crate) fn lead(&mut self) -> Said {
        let term = self.node.term().0 + 1;
        self.wake();
        self.hear(PEER, term, vote(true));
        let said = self.hear(PEER, term, vote(false));
        assert!(self.node.is_leader());
        said
    }

    /// Hears nobody until it leads no more. Bounded, so that a leader that never stops is a failure
    /// and not a test without end.
    pub(crate) fn lose_office(&mut self) {
        for _ in 0..20 {
            if self.node.is_leader() {
                self.wake();
            }
        }
        assert!(!self.node.is_leader(), "it leads without a quorum");
    }

    pub(crate) fn acknowledge(
        &mut self,
        from: MemberId,
        term: u64,
        round: u64,
        index: u64,
    ) -> Said {
        let reply = AppendReply { round: Round(round), outcome: Ok(LogIndex(index)) };
        self.hear(from, term, Payload::AppendReply(reply))
    }
}

pub(crate) fn vote(pre_vote: bool) -> Payload<&'static str, &'static str> {
    Payload::Vote(Vote {
        pre_vote,
        granted: true,
        candidate: Some(Incarnation(10)),
        incarnations: None,
    })
}

pub(crate) fn append(
    prev: (u64, u64),
    entries: Vec<Entry<&'static str>>,
    commit: u64,
) -> Payload<&'static str, &'static str> {
    Payload::AppendEntries(AppendEntries {
        round: Round(1),
        prev_log_index: LogIndex(prev.0),
        prev_log_term: Term(prev.1),
        entries,
        leader_commit: LogIndex(commit),
        incarnations: None,
    })
}

#[test]
fn a_snapshot_is_never_replaced_by_one_of_fewer_entries() {
    let entries = (1..=12).map(|index| entry(1, index, Some("x"))).collect();
    let mut single = Single::with_log(1, entries);
    single.hear(PEER, 1, append((12, 1), Vec::new(), 12));
    let mut compact = |index, retained| {
        single.node.compact(LogIndex(index), "state", retained);
        let records = single.node.take_output().records;
        let snapshot = single.node.log().snapshot().map(|snapshot| snapshot.index.0);
        (records.len(), snapshot, single.node.log().first_index().0)
    };
    assert_eq!(compact(10, 5), (1, Some(10), 6));
    // Entries 6 to 10 are kept for followers only: the stored log begins with 11.
    assert_eq!(compact(7, 0), (0, Some(10), 6));
    assert_eq!(compact(10, 0), (0, Some(10), 6));
    // Not committed, or not there.
    assert_eq!(compact(13, 0), (0, Some(10), 6));
    assert_eq!(compact(11, 5), (1, Some(11), 7));
    assert_eq!(compact(12, 0), (1, Some(12), 13));
}

#[test]
fn a_term_that_none_can_follow_is_garbage() {
    let mut single = Single::start(Restored::default());
    single.hear(PEER, u64::MAX, append((0, 0), Vec::new(), 0));
    let request = RequestVote {
        ballot: Ballot::Vote,
        last_log_index: LogIndex(0),
        last_log_term: Term(0),
        incarnations: Incarnations::default(),
    };
    let said = single.hear(PEER, u64::MAX, Payload::RequestVote(request));
    assert_eq!((single.node.term(), said.messages.len()), (Term(0), 0));
    // The last one that can be followed has no election after it; nothing wraps or panics.
    single.hear(PEER, u64::MAX - 1, append((0, 0), Vec::new(), 0));
    for _ in 0..5 {
        let said = single.wake();
        assert_eq!((single.node.term(), said.messages.len()), (Term(u64::MAX - 1), 0));
    }
}

#[test]
fn entries_with_gaps_and_impossible_indices_are_ignored() {
    for (prev, entries) in [
        ((0, 0), vec![entry(1, 2, None)]),
        ((0, 0), vec![entry(1, 1, None), entry(1, 3, None)]),
        ((0, 0), vec![entry(1, 1, None), entry(1, 1, None)]),
        ((u64::MAX, 1), vec![entry(1, u64::MAX, None)]),
        ((u64::MAX, 1), vec![entry(1, 0, None)]),
    ] {
        let mut single = Single::start(Restored::default());
        let said = single.hear(PEER, 1, append(prev, entries.clone(), 9));
        assert_eq!((said.messages.len(), said.records.len()), (0, 1), "{entries:?}");
        assert!(matches!(said.records[0], Record::Incarnations(_)));
        assert_eq!(single.node.log().last_index(), LogIndex(0));
    }
}

#[test]
fn a_refusal_beyond_the_log_does_not_move_the_leader_there() {
    let mut single = Single::start(Restored::default());
    single.lead();
    single.acknowledge(PEER, 1, 1, 1);
    let conflict = Conflict { rejected: LogIndex(u64::MAX), term: None, index: LogIndex(u64::MAX) };
    let reply = AppendReply { round: Round(1), outcome: Err(conflict) };
    single.hear(PEER, 1, Payload::AppendReply(reply));
    single.node.propose(single.now, "x").unwrap();
    let said = single.wake();
    let sent = said.messages.iter().find_map(|envelope| match &envelope.message.payload {
        Payload::AppendEntries(append) if envelope.to == PEER => Some(append.entries.len()),
        _ => None,
    });
    assert_eq!(sent, Some(1));
}

#[test]
fn a_leader_that_learns_of_its_past_stops_leading() {
    let mut single = Single::start(Restored::default());
    single.lead();
    assert!(!single.node.is_forgetful());
    let past = BTreeMap::from([(MemberId(0), Incarnation(4)), (OTHER, Incarnation(12))]);
    let reminder =
        Vote { pre_vote: true, granted: false, candidate: None, incarnations: Some(past.into()) };
    single.hear(OTHER, 1, Payload::Vote(reminder));
    assert!(!single.node.is_leader() && single.node.is_forgetful());
}

#[test]
fn whom_a_node_meets_is_stored_with_its_answer() {
    let mut single = Single::start(Restored::default());
    let stored = |said: &Said| {
        said.records.iter().find_map(|record| match record {
            Record::Incarnations(known) => Some((**known).clone()),
            _ => None,
        })
    };
    let said = single.hear(PEER, 1, append((0, 0), Vec::new(), 0));
    let expected = BTreeMap::from([(MemberId(0), Incarnation(10)), (PEER, Incarnation(11))]);
    assert_eq!((stored(&said), said.messages.len()), (Some(expected), 1));
    let said = single.hear(PEER, 1, append((0, 0), Vec::new(), 0));
    assert_eq!((stored(&said), said.messages.len()), (None, 1));
}

#[test]
fn who_names_no_incarnation_is_answered_and_does_not_count() {
    let mut single = Single::start(Restored::default());
    single.wake();
    for pre_vote in [true, false] {
        let Payload::Vote(vote) = vote(pre_vote) else { unreachable!() };
        let payload = Payload::Vote(Vote { candidate: None, ..vote });
        let message = Message { incarnation: None, term: Term(1), payload };
        single.node.step(single.now, PEER, message);
        let _ = single.node.take_output();
    }
    assert_eq!((single.node.term(), single.node.is_leader()), (Term(0), false));
    // It has not taken the place of the node that does.
    single.lead();
}

#[test]
fn a_leader_commits_nothing_of_an_earlier_term_by_counting() {
    // The leader of term 3 holds entry 1 of term 1 and its own no-op, entry 2.
    let mut single = Single::with_log(2, vec![entry(1, 1, Some("x"))]);
    single.lead();
    // A majority has entry 1, but not the no-op: a candidate with an entry of term 2 may still
    // replace it (paper, figure 8).
    single.acknowledge(PEER, 3, 1, 1);
    assert_eq!(single.node.commit_index(), LogIndex(0));
    single.acknowledge(PEER, 3, 1, 2);
    assert_eq!(single.node.commit_index(), LogIndex(2));
}

#[test]
fn an_acknowledgement_of_an_earlier_term_does_not_count() {
    // Leader in term 1, with x in its log. Nobody answers, so it steps down.
    let mut single = Single::start(Restored::default());
    single.lead();
    single.node.propose(single.now, "x").unwrap();
    single.lose_office();
    // It leads again. An answer from term 1 arrives: since then the peer may have followed another
    // leader that replaced those entries.
    single.lead();
    single.node.read(single.now, ReadId(1));
    single.wake();
    let said = single.acknowledge(PEER, 1, 2, 3);
    assert_eq!((single.node.commit_index(), said.reads_ready), (LogIndex(0), Vec::new()));
    let said = single.acknowledge(PEER, 2, 2, 3);
    assert_eq!((single.node.commit_index(), said.reads_ready), (LogIndex(3), vec![ReadId(1)]));
}

#[test]
fn what_a_leader_contradicts_is_cut_off_in_the_store_too() {
    let old = vec![entry(1, 1, Some("x")), entry(1, 2, Some("y")), entry(1, 3, Some("z"))];
    let mut single = Single::with_log(1, old);
    let said = single.hear(PEER, 2, append((1, 1), vec![entry(2, 2, None)], 0));
    let log_records: Vec<_> = said
        .records
        .into_iter()
        .filter(|record| matches!(record, Record::Truncate(_) | Record::Append(_)))
        .collect();
    assert_eq!(
        log_records,
        [Record::Truncate(LogIndex(2)), Record::Append(vec![entry(2, 2, None)])]
    );
    // A snapshot of another history replaces all of it.
    let snapshot = Snapshot {
        index: LogIndex(9),
        term: Term(2),
        configuration: Arc::new(Configuration::of((0..3).map(MemberId))),
        state: "state",
    };
    let install = Payload::InstallSnapshot { snapshot: snapshot.clone(), round: Round(1) };
    let said = single.hear(PEER, 2, install);
    assert_eq!(said.records, [Record::Truncate(LogIndex(1)), Record::Snapshot(snapshot)]);
}

#[test]
fn a_leader_without_a_quorum_stops_leading_within_an_election_timeout() {
    let mut single = Single::start(Restored::default());
    single.lead();
    let elected = single.now;
    single.lose_office();
    assert!(single.node.is_isolated());
    assert!(single.now - elected <= ms(300), "{:?}", single.now - elected);
}

/// A leader that this node knows nothing of may have been added since (thesis, 4.1). Whom a host
/// lets speak at all is its own business.
#[test]
fn a_leader_from_outside_is_heard_and_the_node_itself_is_not() {
    let mut single = Single::start(Restored::default());
    let said = single.hear(MemberId(0), 5, append((0, 0), vec![entry(5, 1, None)], 0));
    assert_eq!((single.node.term(), said.messages.len(), said.records.len()), (Term(0), 0, 0));
    let said = single.hear(MemberId(9), 5, append((0, 0), vec![entry(5, 1, None)], 0));
    assert_eq!((single.node.term(), said.messages.len()), (Term(5), 1));
    assert_eq!(single.node.log().last_index(), LogIndex(1));
}

#[test]
fn a_leader_heeds_leaders_of_later_terms_only() {
    let mut single = Single::start(Restored::default());
    single.lead();
    // Two leaders of one term cannot be: whoever sends this is none.
    let said = single.hear(PEER, 1, append((0, 0), vec![entry(1, 1, Some("x"))], 1));
    assert!(single.node.is_leader() && said.messages.is_empty());
    // An earlier leader is told that it is none any more.
    let said = single.hear(PEER, 0, append((0, 0), Vec::new(), 0));
    assert!(single.node.is_leader());
    assert!(matches!(&said.messages[0].message,
        Message { term: Term(1), payload: Payload::AppendReply(reply), .. }
            if reply.outcome.is_err()));
    let said = single.hear(PEER, 2, append((0, 0), vec![entry(2, 1, Some("y"))], 1));
    assert_eq!((single.node.leader(), single.node.term()), (Some(PEER), Term(2)));
    assert_eq!(said.applies, [Apply::Entry(entry(2, 1, Some("y")))]);
}

#[test]
fn only_answers_to_this_very_campaign_count() {
    let granted = |pre_vote| vote(pre_vote);
    let mut single = Single::with_log(4, vec![entry(4, 1, None)]);
    single.wake();
    assert!(matches!(single.node.role(), Role::PreCandidate(_)));
    // A vote of an earlier election, and a pre-vote for a term that has been.
    single.hear(PEER, 4, granted(false));
    single.hear(PEER, 4, granted(true));
    single.hear(PEER, 6, granted(true));
    assert!(matches!(single.node.role(), Role::PreCandidate(_)), "{:?}", single.node.role());
    single.hear(PEER, 5, granted(true));
    assert!(matches!(single.node.role(), Role::Candidate(_)));
    // A pre-vote is no vote.
    single.hear(PEER, 5, granted(true));
    single.hear(PEER, 4, granted(false));
    assert!(matches!(single.node.role(), Role::Candidate(_)));
    single.hear(PEER, 5, granted(false));
    assert!(single.node.is_leader());
}

#[test]
fn a_leader_that_hands_over_takes_nothing_until_it_has_failed() {
    let mut single = Single::start(Restored::default());
    single.lead();
    assert!(!single.node.is_handing_over());
    for nobody in [MemberId(0), MemberId(3)] {
        single.node.transfer_leadership(single.now, nobody);
        assert!(!single.node.is_handing_over());
    }
    single.node.transfer_leadership(single.now, OTHER);
    let began = single.now;
    assert!(single.node.is_handing_over());
    assert_eq!(single.node.propose(single.now, "x"), Err("x"));
    for _ in 0..20 {
        if !single.node.is_handing_over() {
            break;
        }
        // The peer keeps it in office.
        let said = single.wake();
        for round in rounds(&said, PEER) {
            single.acknowledge(PEER, 1, round, 1);
        }
    }
    assert!(single.node.is_leader());
    assert_eq!(single.now - began, ms(300), "an election timeout");
    assert_eq!(single.node.propose(single.now, "x"), Ok(()));
}

/// The rounds of the entries and heartbeats sent to a node.
pub(crate) fn rounds(said: &Said, to: MemberId) -> Vec<u64> {
    let appends = said.messages.iter().filter_map(|envelope| match &envelope.message.payload {
        Payload::AppendEntries(append) if envelope.to == to => Some(append.round.0),
        _ => None,
    });
    appends.collect()
}

#[test]
fn the_fastest_follower_is_asked_first_and_the_other_one_when_it_is_late() {
    // No heartbeat comes in between.
    let slow = Config { heartbeat_interval: ms(900), election_timeout: ms(1800), ..config() };
    let mut single = Single::with_config(slow, Restored::default());
    single.lead();
    single.now += ms(10);
    single.acknowledge(OTHER, 1, 1, 1);
    single.now += ms(10);
    single.acknowledge(PEER, 1, 1, 1);
    for (proposal, answers) in [("x", true), ("y", true), ("z", false)] {
        let began = single.now;
        single.node.propose(single.now, proposal).unwrap();
        single.node.read(single.now, ReadId(9));
        let said = single.wake();
        let [round] = rounds(&said, OTHER)[..] else { panic!("{said:?}") };
        assert_eq!(rounds(&said, PEER), [0; 0], "a quorum is enough");
        if answers {
            single.now += ms(10);
            single.acknowledge(OTHER, 1, round, round);
            continue;
        }
        // Twice its round trip of 10 ms, and a margin of 10 ms.
        let said = single.wake();
        assert_eq!((single.now - began, rounds(&said, PEER)), (ms(30), vec![round]));
        // From now on it is asked only after the one that answers.
        let said = single.acknowledge(PEER, 1, round, round);
        assert_eq!(said.reads_ready, [ReadId(9)], "whoever answers, it is a quorum");
        single.now += ms(1);
        single.node.propose(single.now, "next").unwrap();
        let said = single.wake();
        assert_eq!((rounds(&said, OTHER).len(), rounds(&said, PEER).len()), (0, 1));
    }
}

#[test]
fn a_follower_that_was_behind_gets_all_it_lacks_at_once() {
    let few = Config { entries_per_message: 2, ..config() };
    let log = (1..=7).map(|index| entry(1, index, Some("x"))).collect();
    let restored = Restored { term: Term(1), entries: log, ..Restored::default() };
    let mut single = Single::with_config(few, restored);
    single.lead();
    let sent_to = |single: &mut Single, reply| {
        let reply = AppendReply { round: Round(1), outcome: reply };
        let said = single.hear(PEER, 2, Payload::AppendReply(reply));
        let indices = said.messages.iter().filter_map(|envelope| match &envelope.message.payload {
            Payload::AppendEntries(append) => Some(append.entries.iter().map(|e| e.index.0)),
            _ => None,
        });
        indices.flatten().collect::<Vec<_>>()
    };
    let empty = Conflict { rejected: LogIndex(7), term: None, index: LogIndex(1) };
    // Each answer brings the next message, until there is nothing left.
    assert_eq!(sent_to(&mut single, Err(empty)), [1, 2]);
    assert_eq!(sent_to(&mut single, Ok(LogIndex(2))), [3, 4]);
    assert_eq!(sent_to(&mut single, Ok(LogIndex(4))), [5, 6]);
    assert_eq!(sent_to(&mut single, Ok(LogIndex(6))), [7, 8]);
    assert_eq!(sent_to(&mut single, Ok(LogIndex(8))), [0; 0]);
    assert_eq!(single.node.commit_index(), LogIndex(8));
}

fn request(ballot: Ballot, last: (u64, u64)) -> Payload<&'static str, &'static str> {
    Payload::RequestVote(RequestVote {
        ballot,
        last_log_index: LogIndex(last.0),
        last_log_term: Term(last.1),
        incarnations: Incarnations::default(),
    })
}

/// What was granted by the votes among the messages.
fn granted(said: &Said) -> Vec<bool> {
    let votes = said.messages.iter().filter_map(|envelope| match &envelope.message.payload {
        Payload::Vote(vote) => Some(vote.granted),
        _ => None,
    });
    votes.collect()
}

#[test]
fn who_hears_a_leader_answers_no_candidate_but_its_successor() {
    let mut single = Single::start(Restored::default());
    single.hear(PEER, 1, append((0, 0), Vec::new(), 0));
    single.now = ms(299);
    for ballot in [Ballot::PreVote, Ballot::Vote] {
        let said = single.hear(OTHER, 2, request(ballot, (0, 0)));
        assert_eq!((granted(&said), single.node.term()), (vec![], Term(1)));
    }
    // An election timeout after the last sign of life.
    single.now = ms(300);
    let said = single.hear(OTHER, 2, request(Ballot::PreVote, (0, 0)));
    assert_eq!((granted(&said), single.node.term()), (vec![true], Term(1)));
    // At any time, if the leader has ordered it.
    single.hear(PEER, 1, append((0, 0), Vec::new(), 0));
    let said = single.hear(OTHER, 2, request(Ballot::Transfer, (0, 0)));
    assert_eq!((granted(&said), single.node.voted_for()), (vec![true], Some(OTHER)));
}

#[test]
fn a_candidate_keeps_its_own_vote_in_its_term() {
    let mut single = Single::start(Restored::default());
    single.wake();
    single.hear(PEER, 1, vote(true));
    let said = single.hear(OTHER, 1, request(Ballot::Vote, (9, 1)));
    assert_eq!(granted(&said), [false]);
    assert!(matches!(single.node.role(), Role::Candidate(_)), "{:?}", single.node.role());
    // A later term ends its candidacy, also if that candidate's log is no match for its own.
    let said = single.hear(OTHER, 2, request(Ballot::Vote, (0, 0)));
    assert_eq!((granted(&said), single.node.voted_for()), (vec![true], Some(OTHER)));
}

fn mode(single: &Single, follower: MemberId) -> Mode {
    let Role::Leader(leader) = single.node.role() else { panic!("it does not lead") };
    leader.progress(follower).expect("a follower").mode
}

#[test]
fn what_came_while_the_leader_looked_for_the_right_place_follows_at_once() {
    let mut single = Single::with_log(1, vec![entry(1, 1, Some("w"))]);
    single.lead();
    single.acknowledge(OTHER, 2, 1, 2);
    let conflict = Conflict { rejected: LogIndex(1), term: None, index: LogIndex(1) };
    let refused = AppendReply { round: Round(1), outcome: Err(conflict) };
    let said = single.hear(PEER, 2, Payload::AppendReply(refused));
    assert_eq!((rounds(&said, PEER).len(), mode(&single, PEER)), (1, Mode::Probe));
    single.node.propose(single.now, "x").unwrap();
    let said = single.wake();
    assert_eq!((rounds(&said, OTHER).len(), rounds(&said, PEER).len()), (1, 0));
    // Its answer is about the entries before x.
    let said = single.acknowledge(PEER, 2, 1, 2);
    assert_eq!((rounds(&said, PEER).len(), mode(&single, PEER)), (1, Mode::Replicate));
    // It has everything now: there is nothing to add.
    let said = single.acknowledge(PEER, 2, 2, 3);
    assert_eq!((rounds(&said, PEER).len(), single.node.commit_index()), (0, LogIndex(3)));
}

#[test]
fn a_follower_cannot_take_back_what_it_acknowledged() {
    let mut single = Single::start(Restored::default());
    single.lead();
    single.acknowledge(PEER, 1, 1, 1);
    let conflict = Conflict { rejected: LogIndex(1), term: None, index: LogIndex(1) };
    let reply = AppendReply { round: Round(1), outcome: Err(conflict) };
    let said = single.hear(PEER, 1, Payload::AppendReply(reply));
    assert_eq!((said.messages.len(), mode(&single, PEER)), (0, Mode::Replicate));
}

#[test]
fn a_snapshot_that_comes_again_changes_nothing() {
    let mut single = Single::start(Restored::default());
    let snapshot = Snapshot {
        index: LogIndex(9),
        term: Term(2),
        configuration: Arc::new(Configuration::of((0..3).map(MemberId))),
        state: "state",
    };
    let install = || Payload::InstallSnapshot { snapshot: snapshot.clone(), round: Round(1) };
    let said = single.hear(PEER, 2, install());
    assert_eq!((said.applies, said.messages.len()), (vec![Apply::Restore(snapshot.clone())], 1));
    let said = single.hear(PEER, 2, install());
    assert_eq!((said.records, said.applies, said.messages.len()), (vec![], vec![], 1));
}

#[test]
fn an_output_that_is_done_in_place_is_not_done_again() {
    let mut single = Single::start(Restored::default());
    let message = Message { incarnation: None, term: Term(9), payload: append((0, 0), vec![], 0) };
    single.node.step(single.now, PEER, message.clone());
    assert!(single.node.output_mut().messages.drain(..).count() > 0);
    single.node.output_mut().records.clear();
    assert!(single.node.take_output().is_empty() && !single.node.has_output());
    single.node.step(single.now, PEER, message);
    assert_eq!(single.node.take_output().messages.len(), 1, "and the next one is whole");
}
